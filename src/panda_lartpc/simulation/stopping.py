"""Mean energy loss of charged particles in liquid argon, and its hard collisions above a cut.

Everything is a formula evaluated on a grid once: Bethe with Sternheimer's density effect (PDG, "Passage of particles
through matter"), Berger and Seltzer for electrons and positrons (ICRU Report 37), Møller and Bhabha collisions.
Lengths in mm, energies in MeV. `species` is a row of `argon.CHARGED_PDG`.
"""

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.simulation.argon import (
    ATOMIC_NUMBER,
    BETHE_PER_MM,
    ELECTRON,
    ELECTRON_MASS,
    MASS,
    MEAN_EXCITATION_MEV,
    MU_MINUS,
    MU_PLUS,
    POSITRON,
    density_effect,
)


def beta_gamma_squared(kinetic: NDArray, mass: float | NDArray) -> NDArray:
    """(βγ)² of particles of the kinetic energy and mass given, in MeV; arrays broadcast."""
    return kinetic * (kinetic + 2 * mass) / mass**2


def largest_transfer(kinetic: NDArray, species: NDArray) -> NDArray:
    """Most kinetic energy (MeV) that one atomic electron can receive; half for electrons, which are identical.

    kinetic (N,) MeV; species (N,); returns (N,).
    """
    mass = MASS[species]
    gamma = 1 + kinetic / mass
    heavy = 2 * ELECTRON_MASS * (gamma**2 - 1) / (1 + 2 * gamma * ELECTRON_MASS / mass + (ELECTRON_MASS / mass) ** 2)
    return np.where(species == ELECTRON, kinetic / 2, np.where(species == POSITRON, kinetic, heavy))


def collision_loss(kinetic: NDArray, species: int) -> NDArray:
    """Mean collision loss -dE/dx (MeV/mm), hard collisions included. kinetic (N,) MeV > 0; returns (N,).

    Below 2e-3 of the mass (protons: 1.9 MeV, 0.1 mm left) Bethe's formula fails; there the loss grows as 1/velocity
    to a plateau, which follows PSTAR to about 10 %. No voxel can tell.
    """
    if species in (ELECTRON, POSITRON):
        return _electron_collision_loss(kinetic, species)
    slowest = 2e-3 * MASS[species]
    velocity = np.maximum(kinetic, slowest)
    squared = beta_gamma_squared(velocity, MASS[species])
    beta2 = squared / (1 + squared)
    transfer = largest_transfer(velocity, np.full(len(kinetic), species))
    log = 0.5 * np.log(2 * ELECTRON_MASS * squared * transfer / MEAN_EXCITATION_MEV**2)
    if species in (MU_MINUS, MU_PLUS):  # spin ½ (Groom, Mokhov, Striganov 2001); in hadrons form factors undo it
        log = log + transfer**2 / (8 * (velocity + MASS[species]) ** 2)
    bracket = log - beta2 - 0.5 * density_effect(np.sqrt(squared)) - _shell_correction(squared)
    return BETHE_PER_MM / beta2 * bracket * np.sqrt(slowest / np.maximum(kinetic, slowest / 20)).clip(1)


def _shell_correction(beta_gamma2: NDArray) -> NDArray:
    """C/Z of Barkas and Berger's fit (ICRU Report 37; PDG), frozen below βγ = 0.13 where the fit ends."""
    w = 1 / np.maximum(beta_gamma2, 0.13**2)
    excitation_ev = MEAN_EXCITATION_MEV * 1e6
    quadratic = (0.422377 * w + 0.0304043 * w**2 - 0.00038106 * w**3) * 1e-6 * excitation_ev**2
    cubic = (3.858019 * w - 0.1667989 * w**2 + 0.00157955 * w**3) * 1e-9 * excitation_ev**3
    return (quadratic + cubic) / ATOMIC_NUMBER


def _electron_collision_loss(kinetic: NDArray, species: int) -> NDArray:
    """Berger and Seltzer's formula (ICRU Report 37, equations 2.13 and 2.15)."""
    tau = kinetic / ELECTRON_MASS
    beta2 = tau * (tau + 2) / (tau + 1) ** 2
    if species == ELECTRON:
        shape = (1 - beta2) * (1 + tau**2 / 8 - (2 * tau + 1) * np.log(2))
    else:
        shape = 2 * np.log(2) - beta2 / 12 * (23 + 14 / (tau + 2) + 10 / (tau + 2) ** 2 + 4 / (tau + 2) ** 3)
    log = 2 * np.log(kinetic / MEAN_EXCITATION_MEV) + np.log1p(tau / 2)
    return 0.5 * BETHE_PER_MM / beta2 * (log + shape - density_effect(np.sqrt(tau * (tau + 2))))


def hard_shape(transfer: NDArray, kinetic: NDArray, species: NDArray) -> NDArray:
    """Hard-collision spectrum divided by Rutherford's ½ K Z/A ρ / (β² T²), at transfer T; 1 for T → 0.

    For electrons Rutherford's spectrum is that of both electrons after the collision, 1/T² + 1/(E-T)² (Møller).
    transfer, kinetic (N,) MeV with transfer <= largest_transfer; species (N,); returns (N,) in [0, 1.125].
    """
    mass = MASS[species]
    gamma = 1 + kinetic / mass
    beta2 = 1 - 1 / gamma**2
    spin = np.where((species == MU_MINUS) | (species == MU_PLUS), 0.5 * (transfer / (kinetic + mass)) ** 2, 0.0)
    heavy = 1 - beta2 * transfer / largest_transfer(kinetic, species) + spin
    share = np.minimum(transfer / kinetic, 1.0)
    shape = np.where(species == ELECTRON, _moller(np.minimum(share, 0.5), gamma), heavy)
    return np.where(species == POSITRON, _bhabha(share, gamma, beta2), shape)


def _moller(share: NDArray, gamma: NDArray) -> NDArray:
    """Møller's spectrum over its Rutherford part (Geant4 Physics Reference Manual, "Ionisation"; PDG)."""
    rutherford = 1 / share**2 + 1 / (1 - share) ** 2
    exchange = ((gamma - 1) ** 2 - (2 * gamma - 1) * (1 / share + 1 / (1 - share))) / gamma**2
    return 1 + exchange / rutherford


def _bhabha(share: NDArray, gamma: NDArray, beta2: NDArray) -> NDArray:
    """Bhabha's spectrum over Rutherford's (same source)."""
    y = 1 / (gamma + 1)
    b4 = (1 - 2 * y) ** 3
    b3 = b4 + (1 - 2 * y) ** 2
    b2 = (1 - 2 * y) * (3 + y**2)
    b1 = 2 - y**2
    return 1 - beta2 * (b1 * share - b2 * share**2 + b3 * share**3 - b4 * share**4)


def hard_loss_and_rate(kinetic: NDArray, species: int, cut: float) -> tuple[NDArray, NDArray]:
    """Mean loss (MeV/mm) and number (1/mm) of collisions that transfer more than `cut` MeV.

    kinetic (N,) MeV; returns two (N,), zero where no transfer reaches the cut. Integrated on 200 points in ln T.
    """
    top = largest_transfer(kinetic, np.full(len(kinetic), species))
    ratio = np.maximum(top / cut, 1.0)
    transfer = cut * ratio[:, None] ** np.linspace(0, 1, 200)  # (N, 200)
    wide = np.broadcast_to(kinetic[:, None], transfer.shape)
    spectrum = hard_shape(np.minimum(transfer, top[:, None]), wide, np.full(transfer.shape, species)) / transfer**2
    if species == ELECTRON:
        spectrum = spectrum * (1 + (transfer / np.maximum(wide - transfer, transfer)) ** 2)
    squared = beta_gamma_squared(kinetic, MASS[species])
    front = np.where(top > cut, 0.5 * BETHE_PER_MM * (1 + squared) / squared, 0.0)
    log = np.log(transfer)
    return front * np.trapezoid(spectrum * transfer**2, log, axis=1), front * np.trapezoid(spectrum * transfer, log)
