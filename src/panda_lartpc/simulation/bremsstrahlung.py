"""Bremsstrahlung of electrons and positrons in liquid argon.

Bethe and Heitler's spectrum with Tsai's screening functions (Rev. Mod. Phys. 46 (1974) 815; Butcher and Messel's fits),
normalised to the radiation length. Lengths in mm, energies in MeV. The Landau-Pomeranchuk-Migdal effect is negligible
below 10 GeV in argon and left out.
"""

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.simulation.argon import ATOMIC_NUMBER, ELECTRON_MASS, RADIATION_LENGTH_MM

_LN_Z_THIRD = np.log(ATOMIC_NUMBER) / 3
_RADIATION_LOG = np.log(184.15) - _LN_Z_THIRD
LARGEST_SHAPE = 4 / 3 + 1 / (9 * _RADIATION_LOG)  # of `photon_shape`, at k → 0 and complete screening


def screening(delta: NDArray) -> tuple[NDArray, NDArray]:
    """Screening functions φ1/4 - ln(Z)/3 and φ2/4 - ln(Z)/3 at δ (Butcher and Messel 1960, as in EGS4 and Geant4).

    delta  (N,) 0 for complete screening, large for none; returns two (N,), never negative.
    """
    far = 21.12 - 4.184 * np.log(delta + 0.952)
    phi1 = np.where(delta > 1, far, 20.867 - 3.242 * delta + 0.625 * delta**2)
    phi2 = np.where(delta > 1, far, 20.209 - 1.930 * delta - 0.086 * delta**2)
    return np.maximum(phi1 / 4 - _LN_Z_THIRD, 0), np.maximum(phi2 / 4 - _LN_Z_THIRD, 0)


def photon_shape(photon: NDArray, kinetic: NDArray) -> NDArray:
    """Number spectrum of photons times k X0: 4/3 - 4y/3 + y² at complete screening, with y = k / total energy.

    photon, kinetic (N,) MeV, photon <= kinetic; returns (N,) in [0, LARGEST_SHAPE].
    """
    energy = kinetic + ELECTRON_MASS
    y = photon / energy
    delta = 136 * np.exp(-_LN_Z_THIRD) * ELECTRON_MASS * photon / (energy * (energy - photon))
    f1, f2 = screening(delta)
    return ((1 + (1 - y) ** 2) * f1 - 2 / 3 * (1 - y) * f2) / _RADIATION_LOG


def soft_loss(kinetic: NDArray, cut: float) -> NDArray:
    """Mean loss (MeV/mm) to photons below `cut` MeV. kinetic (N,) MeV; returns (N,)."""
    top = np.minimum(kinetic, cut)
    photon = top[:, None] * np.linspace(0.0025, 0.9975, 200)  # (N, 200), midpoints
    return photon_shape(photon, kinetic[:, None]).mean(axis=1) * top / RADIATION_LENGTH_MM


def photon_rate(kinetic: NDArray, cut: float) -> NDArray:
    """Photons above `cut` MeV per mm. kinetic (N,) MeV; returns (N,), zero at or below the cut."""
    log_span = np.log(np.maximum(kinetic / cut, 1.0))
    photon = cut * np.exp(log_span[:, None] * np.linspace(0.0025, 0.9975, 200))
    photon = np.minimum(photon, kinetic[:, None])
    return photon_shape(photon, kinetic[:, None]).mean(axis=1) * log_span / RADIATION_LENGTH_MM
