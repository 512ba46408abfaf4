"""Photon interactions in liquid argon: attenuation coefficients and final states.

Compton scattering on free electrons (Klein and Nishina 1929); pair production by Urban's fit to the evaluated cross
sections of Hubbell, Gimm and Øverbø (Geant4 Physics Reference Manual, "Gamma conversion"); photoelectric absorption by
a polynomial in ln E through xraylib's argon values from 10 keV to 0.8 MeV. Rayleigh scattering, which deposits nothing,
is left out. Lengths in mm, energies in MeV.
"""

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.simulation.argon import ATOMIC_NUMBER, DENSITY, ELECTRON_MASS, ELECTRONS_PER_MM3, NUCLEI_PER_MM3
from panda_lartpc.simulation.bremsstrahlung import screening

_TWO_PI_RADIUS2 = 2 * np.pi * (2.8179403262e-12) ** 2  # 2π r_e², mm²
_BARN = 1e-22  # mm²

# Urban's F1 + F2 Z + F3/Z in microbarn, powers of ln(E/m_e) from the fifth down to the zeroth.
_PAIR_FIT = np.array([
    [-2.8333e-1, 1.2575e1, -2.0028e2, 1.2949e3, -1.9625e3, 8.7842e2],
    [2.3586e-3, -9.0815e-2, 1.3063, -8.2381, 1.7692e1, -1.0342e1],
    [6.5372e-1, -2.0467e1, 2.1773e2, -8.6749e2, 1.1161e3, -4.5263e2],
])  # fmt: skip
_PAIR_POLYNOMIAL = np.array([1, ATOMIC_NUMBER, 1 / ATOMIC_NUMBER]) @ _PAIR_FIT
_PAIR_FIT_FROM = 1.5  # MeV; below, the fit's value here falls with the square of the energy above threshold

_PHOTOELECTRIC_KEV = np.array([10, 15, 20, 30, 50, 80, 100, 150, 200, 300, 500, 800])
_PHOTOELECTRIC_CM2_PER_G = np.array(
    [62.32, 19.27, 8.207, 2.403, 0.4946, 0.1128, 0.05564, 0.01544, 0.006281, 0.001831, 0.0004345, 0.0001381]
)
_PHOTOELECTRIC_POLYNOMIAL = np.polyfit(np.log(_PHOTOELECTRIC_KEV * 1e-3), np.log(_PHOTOELECTRIC_CM2_PER_G), 5)


def compton_attenuation(energy: NDArray) -> NDArray:
    """Compton scatterings per mm of photons of `energy` (N,) MeV (Klein and Nishina)."""
    a = energy / ELECTRON_MASS
    log = np.log1p(2 * a)
    whole = (1 + a) / a**2 * (2 * (1 + a) / (1 + 2 * a) - log / a) + log / (2 * a) - (1 + 3 * a) / (1 + 2 * a) ** 2
    return ELECTRONS_PER_MM3 * _TWO_PI_RADIUS2 * whole


def pair_attenuation(energy: NDArray) -> NDArray:
    """Pair productions per mm of photons of `energy` (N,) MeV; zero below 2 m_e."""
    threshold = 2 * ELECTRON_MASS
    fit = np.polyval(_PAIR_POLYNOMIAL, np.log(np.maximum(energy, _PAIR_FIT_FROM) / ELECTRON_MASS))
    onset = np.clip((energy - threshold) / (_PAIR_FIT_FROM - threshold), 0, 1) ** 2
    return NUCLEI_PER_MM3 * ATOMIC_NUMBER * (ATOMIC_NUMBER + 1) * fit * 1e-6 * _BARN * onset


def photoelectric_attenuation(energy: NDArray) -> NDArray:
    """Photoelectric absorptions per mm of photons of `energy` (N,) MeV; fitted from 10 keV to 0.8 MeV, 1/E above."""
    fitted = np.clip(energy, 0.01, 0.8)
    per_gram = np.exp(np.polyval(_PHOTOELECTRIC_POLYNOMIAL, np.log(fitted)))
    return per_gram * DENSITY * 0.1 * fitted / np.maximum(energy, fitted)


def scatter_compton(energy: NDArray, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Energy of the scattered photon and cosine of its angle, from Klein and Nishina's cross section.

    energy (N,) MeV; returns two (N,). Kahn-free rejection as in EGS4: 1/ε and ε parts, then 1 - ε sin²θ/(1 + ε²).
    """
    scattered, cosine = np.empty_like(energy), np.empty_like(energy)
    waiting = np.arange(len(energy))
    while len(waiting):
        a = energy[waiting] / ELECTRON_MASS
        least = 1 / (1 + 2 * a)
        u = rng.random((3, len(waiting)))
        weight1, weight2 = -np.log(least), 0.5 * (1 - least**2)
        first = u[0] * (weight1 + weight2) < weight1
        fraction = np.where(first, least ** u[1], np.sqrt(least**2 + (1 - least**2) * u[1]))
        t = (1 - fraction) / (a * fraction)  # 1 - cos θ
        kept = u[2] < 1 - fraction * t * (2 - t) / (1 + fraction**2)
        done = waiting[kept]
        scattered[done], cosine[done] = energy[done] * fraction[kept], 1 - t[kept]
        waiting = waiting[~kept]
    return scattered, cosine


def split_pair(energy: NDArray, rng: np.random.Generator) -> NDArray:
    """Fraction of the photon's energy that the electron of a pair gets, rest mass included.

    Bethe and Heitler's spectrum with screening (Tsai 1974), which is flat near threshold and favours uneven pairs at
    high energy. energy (N,) MeV > 2 m_e; returns (N,) above m_e/E and below 1 - m_e/E.
    """
    fraction = np.empty_like(energy)
    waiting = np.arange(len(energy))
    while len(waiting):
        least = (ELECTRON_MASS + 1e-4) / energy[waiting]  # 0.1 keV at least for each
        u = rng.random((2, len(waiting)))
        x = least + (1 - 2 * least) * u[0]
        at_half = 4 * 136 * ATOMIC_NUMBER ** (-1 / 3) * least
        f1, f2 = screening(at_half / (4 * x * (1 - x)))
        b1, _ = screening(at_half)
        kept = u[1] * b1 * 1.001 < (x**2 + (1 - x) ** 2) * f1 + 2 / 3 * x * (1 - x) * f2
        kept |= b1 <= 0
        fraction[waiting[kept]] = x[kept]
        waiting = waiting[~kept]
    return fraction
