"""Per-species tables of what a charged particle does per mm, on one grid in ln(kinetic energy), for fast look-up."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.simulation import bremsstrahlung, stopping
from panda_lartpc.simulation.argon import BETHE_PER_MM, CHARGED_PDG, ELECTRON, MASS, POSITRON, RADIATION_LENGTH_MM
from panda_lartpc.simulation.decays import decay_rate
from panda_lartpc.simulation.hadrons import interaction_rate
from panda_lartpc.simulation.physics import Physics

_GRID = np.linspace(np.log(1e-3), np.log(1e6), 1801)  # ln(MeV): 200 points a decade
LARGEST_MOLLER = 1.125  # bound of stopping.hard_shape


@dataclass(frozen=True, eq=False)
class ChargedTables:
    """What happens to each species of argon.CHARGED_PDG, (9, 1801) each, row-major flat for look-up.

    loss        mean energy loss (MeV/mm) without hard collisions and hard photons
    range_mm    distance to rest at that loss
    hard, photon, nuclear, decay   upper bounds of the rates (1/mm) of the discrete processes, in this order in `rates`
    """

    loss: NDArray[np.float64]
    range_mm: NDArray[np.float64]
    rates: NDArray[np.float64]  # (4, 9 * 1801)

    def locate(self, species: NDArray, kinetic: NDArray) -> tuple[NDArray, NDArray]:
        """Flat index of the grid point below each energy, and the fraction of the way to the next (both (N,))."""
        x = (np.log(kinetic) - _GRID[0]) / (_GRID[1] - _GRID[0])
        np.clip(x, 0, len(_GRID) - 1.001, out=x)
        below = x.astype(np.int64)
        return below + species * len(_GRID), x - below

    @staticmethod
    def read(table: NDArray, at: tuple[NDArray, NDArray]) -> NDArray:
        """Values of `table` (..., 9 * 1801) at what `locate` returned, linearly interpolated; (..., N)."""
        low = table[..., at[0]]
        return low + at[1] * (table[..., at[0] + 1] - low)


def rutherford_rate(kinetic: NDArray, species: int, cut: float) -> NDArray:
    """Upper bound of the hard collisions per mm: Rutherford's spectrum above `cut`. kinetic (N,); returns (N,)."""
    squared = stopping.beta_gamma_squared(kinetic, MASS[species])
    front = 0.5 * BETHE_PER_MM * (1 + squared) / squared
    top = stopping.largest_transfer(kinetic, np.full(len(kinetic), species))
    if species == ELECTRON:  # both electrons of the collision: 1/T² from the cut to E - cut, folded at E/2
        top = np.maximum(kinetic - cut, cut)
        front = LARGEST_MOLLER * front
    return front * np.maximum(1 / cut - 1 / np.maximum(top, cut), 0)


@lru_cache(maxsize=8)
def charged_tables(physics: Physics) -> ChargedTables:
    """Tables for the cuts and switches of `physics`; made once each (about a second)."""
    kinetic = np.exp(_GRID)
    n_species, none = len(CHARGED_PDG), np.zeros_like(kinetic)
    loss, rates = np.zeros((n_species, len(_GRID))), np.zeros((4, n_species, len(_GRID)))
    for species in range(n_species):
        hard_loss, _ = stopping.hard_loss_and_rate(kinetic, species, physics.delta_cut_mev)
        loss[species] = stopping.collision_loss(kinetic, species) - hard_loss
        rates[0, species] = rutherford_rate(kinetic, species, physics.delta_cut_mev)
        if species in (ELECTRON, POSITRON):
            loss[species] += bremsstrahlung.soft_loss(kinetic, physics.photon_cut_mev)
            log_span = np.log(np.maximum(kinetic / physics.photon_cut_mev, 1))
            rates[1, species] = bremsstrahlung.LARGEST_SHAPE / RADIATION_LENGTH_MM * log_span
        rates[2, species] = interaction_rate(kinetic, species) if physics.hadronic else none
        rates[3, species] = decay_rate(kinetic, species) if physics.decay_in_flight else none
    slowness = kinetic / loss  # dR/d ln T
    steps = 0.5 * (slowness[:, 1:] + slowness[:, :-1]) * (_GRID[1] - _GRID[0])
    range_mm = np.concatenate([0 * slowness[:, :1], np.cumsum(steps, axis=1)], axis=1) + kinetic[0] / loss[:, :1]
    return ChargedTables(loss.ravel(), range_mm.ravel(), rates.reshape(4, -1))
