"""Transport of particles through liquid argon: all tracks of a batch of events, one numpy step at a time.

What it does well: mean energy loss (Bethe, Berger-Seltzer), its fluctuations, delta electrons, bremsstrahlung, Compton
scattering, pair production and photoelectric absorption agree with tables of PDG, NIST and Geant4 to a few per cent.
What is approximate: nuclear interactions of pions, kaons, protons and neutrons, and the capture of stopped negative
particles, are tables of rough shares and energies that give the right topologies, not a cascade model; multiple
scattering is Gaussian without single large-angle scatters (Highland's formula, its logarithm taken at the residual
range); muons do not radiate (2 % of the loss at 10 GeV) and decay without polarisation; positrons annihilate at rest
only; neutrons have one mean free path; kaons have two decay modes and make no hyperons; K⁰ and heavier particles,
Rayleigh scattering, atomic relaxation, photonuclear reactions and the Landau-Pomeranchuk-Migdal effect are left out.
There is no electric field, recombination or readout.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.simulation import argon
from panda_lartpc.simulation.charged import step_charged
from panda_lartpc.simulation.charged_tables import ChargedTables, charged_tables
from panda_lartpc.simulation.decays import annihilate, decay, decay_neutral_pions
from panda_lartpc.simulation.hadrons import MU_CAPTURE, capture_at_rest
from panda_lartpc.simulation.ledger import Flight, Ledger
from panda_lartpc.simulation.neutrons import fly_neutrons, interact_neutrons
from panda_lartpc.simulation.photon_steps import deposit_here, fly_photons, interact_photons
from panda_lartpc.simulation.physics import Physics
from panda_lartpc.simulation.tracks import Deposits, Tracks

MU_MINUS_LIFETIME_NS = 570.0  # in argon, shortened by capture; measurements lie between 540 and 620 ns
_FOLLOWED = (*argon.CHARGED_PDG, argon.GAMMA, argon.NEUTRON, argon.NEUTRAL_PION)
_CAPTURED = (argon.PI_MINUS, argon.K_MINUS)  # always, when stopped
_BY_CODE = np.argsort(argon.CHARGED_PDG)
_NEAR_MM = 10.0  # charged particles this near to the box may still be scattered back into it


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of the primaries.

    tracks       T rows: primaries in the order given, then secondaries, parents before their children
    deposits     all ionisation, inside the box and outside
    escaped_mev  (T,) kinetic energy with which a track left the box or the region that is followed
    spent_mev    (T,) energy that went into rest mass, neutrinos and nuclear binding; negative where set free. Of each
                 track: kinetic_mev = its deposits + kinetic_mev of its children + escaped_mev + spent_mev
    end_mm       (T, 3) where the track ended or left
    path_mm      (T,) length of its path up to there
    at_rest      (T,) bool, it came to rest, and neither escaped nor ended in flight
    """

    tracks: Tracks
    deposits: Deposits
    escaped_mev: NDArray[np.float64]
    spent_mev: NDArray[np.float64]
    end_mm: NDArray[np.float64]
    path_mm: NDArray[np.float64]
    at_rest: NDArray[np.bool_]


def transport(
    primaries: Tracks, box_mm: float | None, rng: np.random.Generator, physics: Physics | None = None
) -> Outcome:
    """Follow `primaries` and all that they make until everything has stopped or escaped.

    primaries  tracks of any number of events, all with parent -1; μ±, π±, π⁰, K±, p, e±, γ, n
    box_mm     edge of the cube [0, box_mm]³ whose deposits matter; None: argon without end
    rng        the only source of randomness
    Raises ValueError for a PDG code that is not followed, a kinetic energy that is not positive, or a parent.
    """
    physics = physics or Physics()
    _check(primaries)
    tables = charged_tables(physics)
    ledger = Ledger(primaries)
    charged = photon = neutron = Flight.empty()
    while True:
        charged, photon, neutron = _admit(charged, photon, neutron, ledger, rng)
        if not len(charged) + len(photon) + len(neutron):
            break
        if len(charged):
            charged, resting = step_charged(charged, tables, physics, ledger, rng)
            _come_to_rest(resting, ledger, rng)
            charged, _ = _escape(charged, _charged_away(charged, box_mm, physics, tables), ledger)
        if len(photon):
            photon, process = fly_photons(photon, rng)
            photon, stays = _escape(photon, _neutral_away(photon, box_mm, physics), ledger)
            photon = interact_photons(photon, process[stays], physics, ledger, rng)
        if len(neutron):
            neutron = fly_neutrons(neutron, rng)
            neutron, _ = _escape(neutron, _neutral_away(neutron, box_mm, physics), ledger)
            neutron = interact_neutrons(neutron, physics, ledger, rng)
    end_mm, path_mm, at_rest, escaped = ledger.ends()
    return Outcome(ledger.tracks(), ledger.deposits(), escaped, ledger.spent_mev(), end_mm, path_mm, at_rest)


def _check(primaries: Tracks) -> None:
    unknown = sorted(set(np.unique(primaries.pdg).tolist()) - {int(code) for code in _FOLLOWED})
    if unknown:
        raise ValueError(f"primaries have PDG codes {unknown}; transport follows {sorted(int(c) for c in _FOLLOWED)}")
    if not (primaries.kinetic_mev > 0).all():
        row = int(np.argmin(primaries.kinetic_mev > 0))
        raise ValueError(f"primary {row} has a kinetic energy of {primaries.kinetic_mev[row]} MeV; it must be positive")
    if (primaries.parent != -1).any():
        raise ValueError("primaries must have parent -1; secondaries are made by transport")


def _admit(
    charged: Flight, photon: Flight, neutron: Flight, ledger: Ledger, rng: np.random.Generator
) -> tuple[Flight, Flight, Flight]:
    """Sort newborn particles into those in flight; π⁰ decay and nuclei stop where they are made."""
    new = ledger.newborn()
    while new is not None:
        nucleus = new.kind == argon.ARGON_NUCLEUS
        is_photon, is_neutron, is_pion = (new.kind == code for code in (argon.GAMMA, argon.NEUTRON, argon.NEUTRAL_PION))
        is_charged = ~(is_photon | is_neutron | is_pion | nucleus)
        fresh = new.take(is_charged)
        fresh.kind = _row_of(fresh.kind)
        charged = charged.joined(fresh)
        photon = photon.joined(new.take(is_photon))
        if is_neutron.any():
            neutron = neutron.joined(new.take(is_neutron))
        if is_pion.any():
            decay_neutral_pions(new.take(is_pion), ledger, rng)
        if nucleus.any():
            stopped = new.take(nucleus)
            deposit_here(stopped, stopped.kinetic_mev, ledger)
            ledger.end(stopped, at_rest=True)
        new = ledger.newborn()
    return charged, photon, neutron


def _row_of(pdg: NDArray) -> NDArray:
    """Rows of argon.CHARGED_PDG for codes (N,) that are all in it."""
    return _BY_CODE[np.searchsorted(argon.CHARGED_PDG[_BY_CODE], pdg)]


def _come_to_rest(beam: Flight, ledger: Ledger, rng: np.random.Generator) -> None:
    """End stopped charged particles: annihilation, decay after a lifetime, or nuclear capture."""
    if not len(beam):
        return
    ledger.end(beam, at_rest=True)
    positron = beam.kind == argon.POSITRON
    if positron.any():
        annihilate(beam.take(positron), ledger, rng)
    unstable = np.flatnonzero(np.isfinite(argon.LIFETIME_NS[beam.kind]))
    if not len(unstable):
        return
    beam = beam.take(unstable)
    negative_muon, meson = beam.kind == argon.MU_MINUS, np.isin(beam.kind, _CAPTURED)
    captured = meson | (negative_muon & (rng.random(len(beam)) < MU_CAPTURE))
    lifetime = np.where(negative_muon, MU_MINUS_LIFETIME_NS, argon.LIFETIME_NS[beam.kind])
    beam.time_ns = beam.time_ns + np.where(meson, 0.0, lifetime) * rng.standard_exponential(len(beam))
    capture_at_rest(beam.take(captured), ledger, rng)
    decay(beam.take(~captured), ledger, rng)


def _escape(beam: Flight, away: NDArray, ledger: Ledger) -> tuple[Flight, NDArray]:
    """End the particles that are `away` (N,); returns the others, and the mask of them."""
    if away.any():
        ledger.end(beam.take(away), at_rest=False, escaped=True)
        return beam.take(~away), ~away
    return beam, ~away


def _outside(position: NDArray, box_mm: float) -> NDArray:
    """Vectors (3, N) from the nearest point of the box to `position` (3, N); zero inside."""
    return position - np.clip(position, 0, box_mm)


def _neutral_away(beam: Flight, box_mm: float | None, physics: Physics) -> NDArray:
    """Photons and neutrons too far outside the box to come back in numbers (N,) bool."""
    if box_mm is None:
        return np.zeros(len(beam), bool)
    return (_outside(beam.position_mm, box_mm) ** 2).sum(axis=0) > physics.outside_margin_mm**2


def _charged_away(beam: Flight, box_mm: float | None, physics: Physics, tables: ChargedTables) -> NDArray:
    """Charged particles that cannot reach the box, or have left it and move away (N,) bool."""
    away = np.zeros(len(beam), bool)
    if box_mm is None:
        return away
    out = _outside(beam.position_mm, box_mm)
    rows = np.flatnonzero(out.any(axis=0))
    if len(rows):
        out = out[:, rows]
        distance = np.sqrt((out**2).sum(axis=0))
        reach = tables.read(tables.range_mm, tables.locate(beam.kind[rows], beam.kinetic_mev[rows]))
        outward = (out * beam.direction[:, rows]).sum(axis=0) > 0
        away[rows] = (distance > np.minimum(reach, physics.outside_margin_mm)) | (outward & (distance > _NEAR_MM))
    return away
