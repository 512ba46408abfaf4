"""Numbers that tell whether transport agrees with public tables: ranges, losses, decays, photons, showers (ours).

Each function makes its own particles in argon without end, all from one point along x, and measures them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit
from scipy.stats import gamma

from panda_lartpc.simulation.argon import ELECTRON_MASS, MUON_MASS, RADIATION_LENGTH_MM, SPEED_OF_LIGHT
from panda_lartpc.simulation.physics import Physics
from panda_lartpc.simulation.tracks import Process, Tracks
from panda_lartpc.simulation.transport import Outcome, transport

PDG = {"muon": -13, "pion": 211, "proton": 2212, "electron": 11, "photon": 22}
MICHEL_END_MEV = MUON_MASS / 2
SMOOTH = Physics(hadronic=False, decay_in_flight=False)  # what range tables describe
# All ionisation stays on the track, as in tables of the total stopping power.
NO_DELTAS = Physics(hadronic=False, decay_in_flight=False, delta_cut_mev=1e6)


@dataclass(frozen=True)
class Estimate:
    """A mean and its standard error."""

    value: float
    error: float

    @classmethod
    def mean(cls, values: NDArray) -> "Estimate":
        """Of independent values (N,), N >= 2."""
        return cls(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


def send(
    kinds: Sequence[tuple[str, float]], n: int, rng: np.random.Generator, physics: Physics, box_mm: float | None = None
) -> Outcome:
    """Transport `n` equal particles of each kind along x, each its own event, from the middle of a face of the box.

    kinds   names of PDG and kinetic energies in MeV; the particles of kind k are tracks k n to (k + 1) n - 1
    box_mm  edge of a box that they are followed in; None: argon without end, from the origin
    """
    total = n * len(kinds)
    primaries = Tracks(
        event=np.arange(total, dtype=np.int32),
        interaction=np.zeros(total, dtype=np.int32),
        parent=np.full(total, -1, dtype=np.int32),
        pdg=np.repeat([PDG[particle] for particle, _ in kinds], n).astype(np.int32),
        process=np.full(total, Process.PRIMARY, dtype=np.int8),
        kinetic_mev=np.repeat([float(kinetic) for _, kinetic in kinds], n),
        direction=np.tile([1.0, 0.0, 0.0], (total, 1)),
        position_mm=np.tile([0.0, 0.5, 0.5], (total, 1)) * (box_mm or 0),
        time_ns=np.zeros(total),
    )
    return transport(primaries, box_mm, rng, physics)


def ranges_cm(kinds: Sequence[tuple[str, float]], n: int, rng: np.random.Generator) -> list[Estimate]:
    """Mean path length of each kind of particle if it only ionises and scatters until it stops."""
    path_cm = send(kinds, n, rng, SMOOTH).path_mm[: n * len(kinds)] / 10
    return [Estimate.mean(paths) for paths in path_cm.reshape(len(kinds), n)]


def stopping_power(
    particle: str, kinetic_mev: float, edges_cm: NDArray, n: int, rng: np.random.Generator
) -> tuple[NDArray, NDArray]:
    """Mean dE/dx (MeV/cm) in bins of residual range, and its standard error.

    edges_cm  (K + 1,) ascending residual ranges; returns two (K,)
    """
    outcome = send([(particle, kinetic_mev)], n, rng, NO_DELTAS)
    deposits = outcome.deposits
    own = np.flatnonzero(deposits.track < n)
    own = own[np.argsort(deposits.track[own], kind="stable")]  # deposits of one track are in the order of their making
    track, energy = deposits.track[own], deposits.energy_mev[own]
    length = np.linalg.norm(deposits.end_mm - deposits.start_mm, axis=1)[own] / 10
    travelled = np.cumsum(length)
    before = np.append(0.0, travelled)[np.searchsorted(track, track)]
    total = np.bincount(track, length, n)
    residual = total[track] - (travelled - before) + length / 2  # at the middle of the step
    place = np.searchsorted(edges_cm, residual) - 1
    inside = (place >= 0) & (place < len(edges_cm) - 1)
    cell = track[inside] * (len(edges_cm) - 1) + place[inside]
    shape = (n, len(edges_cm) - 1)
    lost, run = (
        np.bincount(cell, values[inside], shape[0] * shape[1]).reshape(shape)  # (n, K)
        for values in (energy, length)
    )
    mean = lost.sum(0) / run.sum(0)
    return mean, (lost - mean * run).std(0) * np.sqrt(n) / run.sum(0)


def michel_energies(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Total energies (MeV) of the positrons from `n` positive muons that stop."""
    tracks = send([("muon", 5.0)], n, rng, Physics()).tracks
    parent = np.maximum(tracks.parent, 0)
    michel = (tracks.process == Process.DECAY) & (np.abs(tracks.pdg) == 11) & (np.abs(tracks.pdg[parent]) == 13)
    return tracks.kinetic_mev[michel] + ELECTRON_MASS


def michel_density(energy_mev: NDArray) -> NDArray[np.float64]:
    """Spectrum of Michel electrons (1/MeV) without radiation and electron mass: 2x²(3 - 2x) with x = E / 52.83 MeV."""
    x = np.asarray(energy_mev) / MICHEL_END_MEV
    return np.where((x >= 0) & (x <= 1), 2 * x**2 * (3 - 2 * x) / MICHEL_END_MEV, 0.0)


def photon_depths(energies_mev: Sequence[float], n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Distances (cm) to the first interaction of `n` photons of each energy (K,); returns (K, n)."""
    outcome = send([("photon", energy) for energy in energies_mev], n, rng, Physics())
    total = n * len(energies_mev)
    child = np.flatnonzero((outcome.tracks.parent >= 0) & (outcome.tracks.parent < total))
    local = np.flatnonzero(outcome.deposits.track < total)  # electrons too slow to be tracks
    photon = np.concatenate([outcome.tracks.parent[child], outcome.deposits.track[local]])
    time_ns = np.concatenate([outcome.tracks.time_ns[child], outcome.deposits.time_ns[local]])
    first = np.full(total, np.inf)
    np.minimum.at(first, photon, time_ns)
    return first.reshape(len(energies_mev), n) * SPEED_OF_LIGHT / 10


@dataclass(frozen=True, eq=False)
class Showers:
    """Electron showers of one energy.

    depth         (K,) centres of bins, in radiation lengths
    longitudinal  (K,) mean share of the energy per radiation length, with its standard error (K,)
    radius_cm     (R,) and `contained` (R,), mean share of the energy within that distance from the axis, with its error
    peak          depth of the maximum of the gamma distribution that fits the profile best (PDG equation 34.36)
    closure       (deposited + escaped + spent energy) / kinetic energy
    """

    depth: NDArray[np.float64]
    longitudinal: NDArray[np.float64]
    longitudinal_error: NDArray[np.float64]
    radius_cm: NDArray[np.float64]
    contained: NDArray[np.float64]
    contained_error: NDArray[np.float64]
    peak: Estimate
    closure: Estimate


def electron_showers(kinetic_mev: float, n: int, rng: np.random.Generator) -> Showers:
    """Profiles of `n` showers along and across the direction of their electron."""
    outcome = send([("electron", kinetic_mev)], n, rng, Physics())
    deposits = outcome.deposits
    event = outcome.tracks.event[deposits.track]
    middle = (deposits.start_mm + deposits.end_mm) / 2
    share = deposits.energy_mev / kinetic_mev
    edges = np.arange(0, 20.01, 0.5)
    along = np.histogram2d(event, middle[:, 0] / RADIATION_LENGTH_MM, (np.arange(n + 1), edges), weights=share)[0] / 0.5
    radius_cm = np.array([0, 1, 2, 3, 5, 7, 9.04, 12, 15, 20, 25, 30])
    across = np.hypot(middle[:, 1], middle[:, 2]) / 10
    within = np.histogram2d(event, across, (np.arange(n + 1), radius_cm), weights=share)[0].cumsum(1)
    within = np.column_stack([np.zeros(n), within]) / np.bincount(event, share, n)[:, None]
    depth = (edges[1:] + edges[:-1]) / 2
    balance = outcome.escaped_mev + outcome.spent_mev
    total = np.bincount(event, deposits.energy_mev, n) + np.bincount(outcome.tracks.event, balance, n)
    return Showers(
        depth=depth,
        longitudinal=along.mean(0),
        longitudinal_error=along.std(0, ddof=1) / np.sqrt(n),
        radius_cm=radius_cm,
        contained=within.mean(0),
        contained_error=within.std(0, ddof=1) / np.sqrt(n),
        peak=_gamma_peak(depth, along, rng),
        closure=Estimate.mean(total / kinetic_mev),
    )


def _gamma_peak(depth: NDArray, profiles: NDArray, rng: np.random.Generator) -> Estimate:
    """Peak of the gamma distribution fitted to the mean profile; its error from 20 resamplings of the showers."""

    def peak(rows: NDArray) -> float:
        (a, b, _), _ = curve_fit(
            lambda t, a, b, norm: norm * gamma.pdf(t, a, scale=1 / b), depth, rows.mean(0), (2, 0.5, 1)
        )
        return (a - 1) / b

    n = len(profiles)
    return Estimate(peak(profiles), float(np.std([peak(profiles[rng.integers(0, n, n)]) for _ in range(20)])))


def delta_rates(thresholds_mev: NDArray, n: int, rng: np.random.Generator) -> list[Estimate]:
    """Electrons knocked out by a 1 GeV muon above each threshold, per metre, on half a metre."""
    tracks = send([("muon", 1000.0)], n, rng, SMOOTH, box_mm=500.0).tracks
    own = (tracks.parent >= 0) & (tracks.parent < n) & (tracks.process == Process.IONISATION)
    energy = tracks.kinetic_mev[own & (tracks.position_mm[:, 0] < 500)]
    counts = [int((energy > threshold).sum()) for threshold in thresholds_mev]
    return [Estimate(count / (0.5 * n), float(np.sqrt(max(count, 1))) / (0.5 * n)) for count in counts]
