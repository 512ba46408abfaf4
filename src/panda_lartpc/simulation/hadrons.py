"""Nuclear interactions: of pions, kaons and protons in flight, of stopped negative particles, and of neutrons.

APPROXIMATE. This is a table of rough parameters, chosen to give the topologies that hadrons leave in liquid argon
(kinks, stars of protons, charge exchange into showers, isolated neutron blobs), not an intranuclear cascade. Mean free
paths follow measured π-Ar and p-Ar reaction cross sections in rough steps (LArIAT, Phys. Rev. D 106 (2022) 052009;
Carlson, At. Data Nucl. Data Tables 63 (1996) 93); the shares of the outcomes and the energies of the nucleons are ours.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.simulation.argon import (
    ARGON_NUCLEUS,
    CHARGED_PDG,
    GAMMA,
    K_MINUS,
    K_PLUS,
    MASS,
    NEUTRAL_PION,
    NEUTRAL_PION_MASS,
    NEUTRON,
    NUCLEON_BINDING_MEV,
    PI_MINUS,
    PI_PLUS,
    PION_MASS,
    PROTON,
    PROTON_MASS,
)
from panda_lartpc.simulation.ledger import Flight, Ledger
from panda_lartpc.simulation.scattering import isotropic, turn
from panda_lartpc.simulation.tracks import Process

# Mean free path (mm) against kinetic energy (MeV), interpolated linearly in ln T.
_PION_FREE_PATH = (
    (5, 20, 50, 100, 180, 300, 500, 1000, 3000, 20000),
    (2e4, 4500, 1900, 950, 630, 650, 780, 830, 950, 1070),
)
_PROTON_FREE_PATH = ((5, 10, 20, 50, 100, 200, 1000, 20000), (1e5, 1200, 600, 600, 700, 860, 800, 860))


@dataclass(frozen=True)
class Shares:
    """How often an interaction in flight is of each class; the rest is inelastic with several nucleons."""

    elastic: float  # off the whole nucleus: a small kink, no energy loss
    quasi_elastic: float  # off one nucleon, which is set free
    absorption: float  # no pion left; its whole energy goes to nucleons
    charge_exchange: float  # quasi-elastic with a π⁰ going out


PION_SHARES = Shares(elastic=0.15, quasi_elastic=0.30, absorption=0.30, charge_exchange=0.10)
PROTON_SHARES = Shares(elastic=0.25, quasi_elastic=0.40, absorption=0.0, charge_exchange=0.0)
KAON_SHARES = Shares(elastic=0.25, quasi_elastic=0.50, absorption=0.0, charge_exchange=0.0)
ELASTIC_ANGLE = 0.2  # rad, projected width of the elastic kink
PION_PRODUCTION_FROM_MEV = 500.0  # inelastic interactions with more than this to give away also make one pion
EXCITED_FROM_MEV = 10.0  # left over after the nucleons: enough for photons
NUCLEON_FLOOR_MEV = 2.0  # slower nucleons stay with the residual nucleus
MU_CAPTURE = 0.74  # of stopped μ⁻: 1 - 570/2197, the lifetimes in argon (measured: 540 to 620 ns) and in vacuum


def interaction_rate(kinetic: NDArray, species: int) -> NDArray:
    """Nuclear interactions per mm. kinetic (N,) MeV; returns (N,), zero for electrons and muons."""
    if species in (PI_PLUS, PI_MINUS):
        energy, path = _PION_FREE_PATH
    elif species in (K_PLUS, K_MINUS, PROTON):
        energy, path = _PROTON_FREE_PATH
    else:
        return np.zeros_like(kinetic)
    rate = 1 / np.interp(np.log(kinetic), np.log(energy), path)
    return np.where(kinetic < energy[0], 0.0, rate)


def break_up(parent: Flight, available: NDArray, least: int, proton_share: float, forward: float,
             process: Process, ledger: Ledger, rng: np.random.Generator) -> None:  # fmt: skip
    """Share `available` (N,) MeV among nucleons, de-excitation photons and the residual nucleus, where `parent` is.

    least         fewest nucleons; more come with energy, one per 120 MeV on average, up to eight
    proton_share  probability that a nucleon is a proton
    forward       0 isotropic; 1 or more: nucleons follow the parent's direction
    Each nucleon costs its binding. Nothing is spent here: the caller keeps the books of the parent.
    """
    if not len(parent):
        return
    number = np.minimum(least + rng.poisson(available.clip(0) / 120), 8)
    owner = np.repeat(np.arange(len(parent)), number)
    share = rng.standard_exponential(len(owner))
    share /= np.bincount(owner, share, len(parent))[owner]
    kinetic = 0.9 * share * available[owner] - NUCLEON_BINDING_MEV
    owner, kinetic = owner[kinetic > NUCLEON_FLOOR_MEV], kinetic[kinetic > NUCLEON_FLOOR_MEV]
    way = isotropic(len(owner), rng) + forward * parent.direction[:, owner]
    code = np.where(rng.random(len(owner)) < proton_share, CHARGED_PDG[PROTON], NEUTRON)
    _spawn(parent.take(owner), code, process, kinetic, way / np.sqrt((way**2).sum(axis=0)), ledger)
    paid = np.bincount(owner, kinetic + NUCLEON_BINDING_MEV, len(parent))
    _deexcite(parent, np.maximum(available - paid, 0), process, ledger, rng)


def _deexcite(parent: Flight, left: NDArray, process: Process, ledger: Ledger, rng: np.random.Generator) -> None:
    """Photons of 1 to 8 MeV and a short recoil from the residual nucleus, which has `left` (N,) MeV to give."""
    excited = np.flatnonzero(left > EXCITED_FROM_MEV)
    owner = np.repeat(excited, rng.poisson(1.2, len(excited)))
    energy = (1.0 + 1.5 * rng.standard_exponential(len(owner))).clip(max=8.0)
    asked = np.bincount(owner, energy, len(parent))
    energy *= np.minimum(1, 0.8 * left / np.maximum(asked, 1e-9))[owner]
    _spawn(parent.take(owner), GAMMA, process, energy, isotropic(len(owner), rng), ledger)
    recoil = rng.random(len(excited)) * np.minimum(0.1 * left[excited], 2.0) + 1e-3
    _spawn(parent.take(excited), ARGON_NUCLEUS, process, recoil, isotropic(len(excited), rng), ledger)


def _spawn(
    parent: Flight, pdg: NDArray | int, process: Process, kinetic: NDArray, way: NDArray, ledger: Ledger
) -> None:
    """Spawn, and credit the parent's account, to which its own kinetic energy is charged as spent."""
    ledger.spawn(parent, pdg, process, kinetic, way)
    ledger.spend(parent.row, -kinetic)


def interact(beam: Flight, ledger: Ledger, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Nuclear interaction in flight of pions, kaons and protons.

    Elastic scattering off the whole nucleus bends a track, which goes on; all other outcomes end it and make new ones.
    returns  goes_on (N,) bool, and the direction (3, N) in which it does
    """
    goes_on, direction = np.zeros(len(beam), bool), beam.direction.copy()
    pion, proton = (beam.kind == PI_PLUS) | (beam.kind == PI_MINUS), beam.kind == PROTON
    for chosen, shares in ((pion, PION_SHARES), (proton, PROTON_SHARES), (~pion & ~proton, KAON_SHARES)):
        rows = np.flatnonzero(chosen)
        if not len(rows):
            continue
        edges = np.cumsum([shares.elastic, shares.quasi_elastic, shares.charge_exchange, shares.absorption])
        outcome = np.searchsorted(edges, rng.random(len(rows)), side="right")
        kink = rows[outcome == 0]
        cosine = np.maximum(1 - ELASTIC_ANGLE**2 * rng.standard_exponential(len(kink)), -1)
        goes_on[kink], direction[:, kink] = True, turn(beam.direction[:, kink], cosine, rng)
        _scatter_quasi_elastic(beam.take(rows[outcome == 1]), False, ledger, rng)
        _scatter_quasi_elastic(beam.take(rows[outcome == 2]), True, ledger, rng)
        absorbed = beam.take(rows[outcome == 3])
        break_up(absorbed, absorbed.kinetic_mev + PION_MASS, 2, 0.6, 0.5, Process.HADRONIC, ledger, rng)
        _scatter_inelastic(beam.take(rows[outcome == 4]), ledger, rng)
    ended = beam.take(~goes_on)
    ledger.spend(ended.row, ended.kinetic_mev)
    ledger.end(ended, at_rest=False)
    return goes_on, direction


def _scatter_quasi_elastic(beam: Flight, exchange: bool, ledger: Ledger, rng: np.random.Generator) -> None:
    """Two-body scattering off a nucleon at rest, isotropic in the centre of mass; with `exchange` a π⁰ goes out.

    The energy transfer is then uniform between none and the most that kinematics allow.
    """
    if not len(beam):
        return
    mass = MASS[beam.kind]
    total = beam.kinetic_mev + mass
    momentum = np.sqrt(beam.kinetic_mev * (beam.kinetic_mev + 2 * mass))
    square = mass**2 + PROTON_MASS**2 + 2 * total * PROTON_MASS
    transfer = rng.random(len(beam)) * 2 * PROTON_MASS * momentum**2 / square
    left = np.maximum(beam.kinetic_mev - transfer, 1e-3)
    out = np.sqrt(left * (left + 2 * mass))
    struck = np.sqrt(transfer * (transfer + 2 * PROTON_MASS))
    cosine = (momentum**2 + out**2 - struck**2) / np.maximum(2 * momentum * out, 1e-9)
    way = turn(beam.direction, cosine.clip(-1, 1), rng)
    code = np.full(len(beam), NEUTRAL_PION) if exchange else CHARGED_PDG[beam.kind]
    gain = PION_MASS - NEUTRAL_PION_MASS if exchange else 0.0
    _spawn(beam, code, Process.HADRONIC, left + gain, way, ledger)
    recoil = momentum * beam.direction - out * way
    knocked = np.flatnonzero(transfer > NUCLEON_BINDING_MEV + NUCLEON_FLOOR_MEV)
    way = recoil[:, knocked] / struck[knocked]
    code = np.where(rng.random(len(knocked)) < 0.5, CHARGED_PDG[PROTON], NEUTRON)
    _spawn(beam.take(knocked), code, Process.HADRONIC, transfer[knocked] - NUCLEON_BINDING_MEV, way, ledger)


def _scatter_inelastic(beam: Flight, ledger: Ledger, rng: np.random.Generator) -> None:
    """The particle leaves with part of its energy; the rest sets nucleons free and may make a pion."""
    if not len(beam):
        return
    share = 0.2 + 0.6 * rng.random(len(beam))
    left = beam.kinetic_mev * share
    cosine = np.maximum(1 - 0.15 / share * rng.standard_exponential(len(beam)), -1)
    _spawn(beam, CHARGED_PDG[beam.kind], Process.HADRONIC, left, turn(beam.direction, cosine, rng), ledger)
    rest = beam.kinetic_mev - left
    maker = np.flatnonzero(rest > PION_PRODUCTION_FROM_MEV)
    code = np.array([211, -211, NEUTRAL_PION])[rng.integers(3, size=len(maker))]
    kinetic = (rest[maker] - PION_MASS) * (0.2 + 0.6 * rng.random(len(maker)))
    cosine = np.maximum(1 - 0.3 * rng.standard_exponential(len(maker)), -1)
    _spawn(beam.take(maker), code, Process.HADRONIC, kinetic, turn(beam.direction[:, maker], cosine, rng), ledger)
    rest[maker] -= kinetic + PION_MASS
    break_up(beam, rest, 1, 0.5, 1.0, Process.HADRONIC, ledger, rng)


def capture_at_rest(beam: Flight, ledger: Ledger, rng: np.random.Generator) -> None:
    """Stopped π⁻, K⁻ and captured μ⁻: nucleons and photons from the nucleus that took them. The track was ended before.

    A meson gives its rest mass to two or more nucleons, mostly neutrons. A muon leaves about 26 MeV: a neutron or two
    and photons of a few MeV; its neutrino takes the rest.
    """
    meson = (beam.kind == PI_MINUS) | (beam.kind == K_MINUS)
    some = beam.take(meson)
    break_up(some, MASS[some.kind], 2, 0.3, 0.0, Process.CAPTURE, ledger, rng)
    muons = beam.take(~meson)
    break_up(muons, 12 + 14 * rng.standard_exponential(len(muons)), 1, 0.15, 0.0, Process.CAPTURE, ledger, rng)
