"""From straight energy deposits to voxels: one sum per track and voxel, and the charge that escapes recombination."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.detector import VOXEL_PITCH_MM
from panda_lartpc.geometry.voxels import voxelise
from panda_lartpc.simulation.argon import DENSITY
from panda_lartpc.simulation.tracks import Deposits, Tracks

# Modified box recombination (ArgoNeuT, arXiv:1306.1712) at the usual drift field.
BOX_ALPHA = 0.93
BOX_BETA = 0.212  # (kV/cm) (g/cm2) / MeV
FIELD_KV_CM = 0.5
IONISATION_WORK_MEV = 23.6e-6  # per electron-ion pair
# A local deposit has no length; these are typical dE/dx (MeV/cm) below 0.1 MeV (electron) and 5 MeV (proton, nucleus).
LOCAL_DEDX_ELECTRON = 20.0
LOCAL_DEDX_HEAVY = 200.0


@dataclass(frozen=True, eq=False)
class Voxels:
    """R rows, each the share of one track in one voxel, sorted by track, then by cell.

    track       (R,) int32, row in the table of tracks
    cell        (R,) int64, (x * n + y) * n + z with the voxel's indices in [0, n)
    energy_mev  (R,) float64, > 0
    electrons   (R,) float64, ionisation electrons that survive recombination
    time_ns     (R,) float64, of the earliest deposit
    length_cm   (R,) float64, path length inside the voxel
    """

    track: NDArray[np.int32]
    cell: NDArray[np.int64]
    energy_mev: NDArray[np.float64]
    electrons: NDArray[np.float64]
    time_ns: NDArray[np.float64]
    length_cm: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.track)


def sum_in_voxels(deposits: Deposits, tracks: Tracks, n_voxels: int) -> Voxels:
    """Share each step among the voxels it crosses and add up per track and voxel (ours).

    deposits  straight steps of any length; what lies outside the box is left out
    tracks    the tracks that `deposits.track` points to
    n_voxels  voxels along each edge of the box
    """
    index, step, fraction = _pieces(deposits)
    inside = ((index >= 0) & (index < n_voxels)).all(1)
    index, step, fraction = index[inside], step[inside], fraction[inside]

    length_cm = np.linalg.norm(deposits.end_mm - deposits.start_mm, axis=1) / 10
    electrons = ionisation_electrons(deposits.energy_mev, length_cm, tracks.pdg[deposits.track])

    cell = (index[:, 0] * n_voxels + index[:, 1]) * n_voxels + index[:, 2]
    track = deposits.track[step]
    key = track * np.int64(n_voxels) ** 3 + cell
    order = np.argsort(key, kind="stable")
    step, fraction, key = step[order], fraction[order], key[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    if len(first) == 0:
        return Voxels(track, cell, *(np.zeros(0) for _ in range(4)))
    return Voxels(
        track=track[order][first],
        cell=cell[order][first],
        energy_mev=np.add.reduceat(fraction * deposits.energy_mev[step], first),
        electrons=np.add.reduceat(fraction * electrons[step], first),
        time_ns=np.minimum.reduceat(deposits.time_ns[step], first),
        length_cm=np.add.reduceat(fraction * length_cm[step], first),
    )


def _pieces(deposits: Deposits) -> tuple[NDArray, NDArray, NDArray]:
    """Voxel index (K, 3), row of the step (K,) and share of the step (K,) of each part of a step inside one voxel."""
    first, last = (np.floor(end / VOXEL_PITCH_MM).astype(np.int64) for end in (deposits.start_mm, deposits.end_mm))
    crosses = (first != last).any(1)
    stays, crosses = np.flatnonzero(~crosses), np.flatnonzero(crosses)  # most steps stay inside one voxel
    index, row, share = voxelise(
        deposits.start_mm[crosses], deposits.end_mm[crosses], np.ones(len(crosses)), VOXEL_PITCH_MM
    )
    return (
        np.concatenate([first[stays], index]),
        np.concatenate([stays, crosses[row]]),
        np.concatenate([np.ones(len(stays)), share]),
    )


def ionisation_electrons(energy_mev: NDArray, length_cm: NDArray, pdg: NDArray) -> NDArray:
    """Electrons that escape recombination, by the modified box model (arXiv:1306.1712) at 0.5 kV/cm.

    energy_mev, length_cm, pdg  (D,) of each deposit; a deposit of no length takes a typical dE/dx of its particle
    returns                     (D,) float64
    """
    light = np.isin(np.abs(pdg), (11, 22))
    local = np.where(light, LOCAL_DEDX_ELECTRON, LOCAL_DEDX_HEAVY)
    dedx = np.divide(energy_mev, length_cm, out=local, where=length_cm > 0)
    ionisation = BOX_BETA * dedx / (DENSITY * FIELD_KV_CM)
    # Below the range of the fit (dE/dx of a fraction of a minimum ionising particle) the logarithm would turn negative.
    recombination = np.log(BOX_ALPHA + np.maximum(ionisation, 0.3)) / np.maximum(ionisation, 0.3)
    return recombination * energy_mev / IONISATION_WORK_MEV
