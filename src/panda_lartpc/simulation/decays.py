"""Decays of muons, pions and kaons, at rest and in flight, and the annihilation of positrons at rest.

Masses, lifetimes and branching ratios: PDG 2024. Polarisation is ignored: decay products are isotropic at rest.
"""

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.simulation.argon import (
    CHARGED_PDG,
    ELECTRON_MASS,
    GAMMA,
    K_MINUS,
    K_PLUS,
    KAON_MASS,
    LIFETIME_NS,
    MASS,
    MU_MINUS,
    MU_PLUS,
    MUON_MASS,
    NEUTRAL_PION,
    NEUTRAL_PION_MASS,
    PION_MASS,
    SPEED_OF_LIGHT,
)
from panda_lartpc.simulation.ledger import Flight, Ledger
from panda_lartpc.simulation.scattering import isotropic
from panda_lartpc.simulation.tracks import Process

MICHEL_ENDPOINT_MEV = (MUON_MASS**2 + ELECTRON_MASS**2) / (2 * MUON_MASS)  # 52.83, total energy
KAON_TO_MUON = 0.754  # 0.6356 / (0.6356 + 0.2067): K → μν and K → ππ⁰ alone; three-body modes are left out

_MICHEL_X = np.linspace(0, 1, 2001)
_MICHEL_CDF = 2 * _MICHEL_X**3 - _MICHEL_X**4  # of dN/dx = 2 x² (3 - 2x)


def michel_energy(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Total energies (n,) MeV of electrons from muons at rest, without radiative corrections."""
    energy = MICHEL_ENDPOINT_MEV * np.interp(rng.random(n), _MICHEL_CDF, _MICHEL_X)
    return np.maximum(energy, ELECTRON_MASS * 1.001)


def decay_rate(kinetic: NDArray, species: int) -> NDArray:
    """Decays in flight per mm: m / (p c τ). kinetic (N,) MeV; returns (N,), zero for stable particles."""
    momentum = np.sqrt(kinetic * (kinetic + 2 * MASS[species]))
    return MASS[species] / (momentum * SPEED_OF_LIGHT * LIFETIME_NS[species])


def _two_body_energy(mass: float | NDArray, mass1: float, mass2: float) -> float | NDArray:
    """Total energy (MeV) of the first product of a two-body decay at rest, for each `mass` of the parent."""
    return (mass**2 + mass1**2 - mass2**2) / (2 * mass)


def _boost(
    energy: NDArray, direction: NDArray, mass: float, parent: Flight, parent_mass: float | NDArray
) -> tuple[NDArray, NDArray]:
    """Kinetic energy (N,) and direction (3, N) in the laboratory of a product known in its parent's rest frame.

    energy (N,) total and direction (3, N), unit, of the product in that frame; mass: the product's.
    """
    gamma = 1 + parent.kinetic_mev / parent_mass
    beta_gamma = np.sqrt(gamma**2 - 1)
    momentum = np.sqrt(np.maximum(energy**2 - mass**2, 0))
    along = momentum * (direction * parent.direction).sum(axis=0)
    total = gamma * energy + beta_gamma * along
    vector = momentum * direction + parent.direction * ((gamma - 1) * along + beta_gamma * energy)
    return total - mass, vector / np.sqrt((vector**2).sum(axis=0))


def _emit(
    parent: Flight,
    parent_mass: float | NDArray,
    pdg: NDArray | int,
    energy: NDArray,
    mass: float,
    direction: NDArray,
    ledger: Ledger,
) -> None:
    """Spawn a decay product and credit the parent's account with its kinetic energy; arguments as for `_boost`."""
    kinetic, lab = _boost(energy, direction, mass, parent, parent_mass)
    ledger.spawn(parent, pdg, Process.DECAY, kinetic, lab)
    ledger.spend(parent.row, -kinetic)


def decay(parent: Flight, ledger: Ledger, rng: np.random.Generator) -> None:
    """Decay charged muons, pions and kaons with the kinetic energy that they have; neutrinos are not followed.

    The parent's kinetic energy counts as spent, and what the charged products get counts as set free.
    """
    ledger.spend(parent.row, parent.kinetic_mev)
    muon = np.isin(parent.kind, (MU_MINUS, MU_PLUS))
    to_pions = np.isin(parent.kind, (K_MINUS, K_PLUS)) & (rng.random(len(parent)) > KAON_TO_MUON)
    _to_electrons(parent.take(muon), ledger, rng)
    _to_muons(parent.take(~muon & ~to_pions), ledger, rng)
    _to_pions(parent.take(to_pions), ledger, rng)


def _to_electrons(parent: Flight, ledger: Ledger, rng: np.random.Generator) -> None:
    """μ → e ν ν."""
    pdg = 11 * np.sign(CHARGED_PDG[parent.kind])
    energy = michel_energy(len(parent), rng)
    _emit(parent, MUON_MASS, pdg, energy, ELECTRON_MASS, isotropic(len(parent), rng), ledger)


def _to_muons(parent: Flight, ledger: Ledger, rng: np.random.Generator) -> None:
    """π → μ ν and K → μ ν. The muon of a positive meson has a negative PDG code."""
    pdg = -13 * np.sign(CHARGED_PDG[parent.kind])
    energy = _two_body_energy(MASS[parent.kind], MUON_MASS, 0.0)
    _emit(parent, MASS[parent.kind], pdg, energy, MUON_MASS, isotropic(len(parent), rng), ledger)


def _to_pions(parent: Flight, ledger: Ledger, rng: np.random.Generator) -> None:
    """K → π π⁰."""
    pdg = 211 * np.sign(CHARGED_PDG[parent.kind])
    way = isotropic(len(parent), rng)
    charged = np.full(len(parent), _two_body_energy(KAON_MASS, PION_MASS, NEUTRAL_PION_MASS))
    _emit(parent, KAON_MASS, pdg, charged, PION_MASS, way, ledger)
    _emit(parent, KAON_MASS, NEUTRAL_PION, KAON_MASS - charged, NEUTRAL_PION_MASS, -way, ledger)


def decay_neutral_pions(parent: Flight, ledger: Ledger, rng: np.random.Generator) -> None:
    """π⁰ → 2 γ where it was made (98.8 %; the Dalitz mode is left out); ends the tracks."""
    way = isotropic(len(parent), rng)
    half = np.full(len(parent), NEUTRAL_PION_MASS / 2)
    ledger.spend(parent.row, parent.kinetic_mev)
    _emit(parent, NEUTRAL_PION_MASS, GAMMA, half, 0.0, way, ledger)
    _emit(parent, NEUTRAL_PION_MASS, GAMMA, half, 0.0, -way, ledger)
    ledger.end(parent, at_rest=False)


def annihilate(positron: Flight, ledger: Ledger, rng: np.random.Generator) -> None:
    """Two photons of 511 keV, back to back, for each positron at rest."""
    way = isotropic(len(positron), rng)
    energy = np.full(len(positron), ELECTRON_MASS)
    for direction in (way, -way):
        ledger.spawn(positron, GAMMA, Process.ANNIHILATION, energy, direction)
    ledger.spend(positron.row, -2 * energy)
