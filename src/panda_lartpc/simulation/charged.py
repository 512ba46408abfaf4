"""One step of every charged particle in flight: continuous loss, fluctuation, scattering, and discrete processes."""

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.simulation import bremsstrahlung, hadrons, stopping
from panda_lartpc.simulation.argon import BETHE_PER_MM, ELECTRON, ELECTRON_MASS, GAMMA, MASS, SPEED_OF_LIGHT
from panda_lartpc.simulation.charged_tables import LARGEST_MOLLER, ChargedTables
from panda_lartpc.simulation.decays import decay
from panda_lartpc.simulation.ledger import Flight, Ledger
from panda_lartpc.simulation.physics import Physics
from panda_lartpc.simulation.scattering import scatter, scattering_angle, turn
from panda_lartpc.simulation.tracks import Process

STEP_SHARE = 0.2  # of the residual range that one step may use: dE/dx changes by less than 10 % along it
REST_MEV = 1e-3  # a particle with less is at rest
COLLISIONS_PER_STEP = 3.0  # of the fluctuation model, those drawn one by one
ELECTRON_CODE = 11


def step_charged(
    beam: Flight, tables: ChargedTables, physics: Physics, ledger: Ledger, rng: np.random.Generator
) -> tuple[Flight, Flight]:
    """Move every particle of `beam` by one step.

    The step ends at max_step_mm, at a share of the residual range, or at the next discrete process, whose distance is
    drawn afresh at every step: without memory, steps do not change its law. Ionisation is spread evenly over the chord.
    returns  those still in flight, and those that came to rest (kinetic energy 0)
    """
    n = len(beam)
    at = tables.locate(beam.kind, beam.kinetic_mev)
    loss, residual = tables.read(tables.loss, at), tables.read(tables.range_mm, at)
    rates = tables.read(tables.rates, at)  # (4, N)
    free = rng.standard_exponential(n) / np.maximum(rates.sum(axis=0), 1e-30)
    last = residual <= physics.final_range_mm
    length = np.where(last, residual, np.minimum(physics.max_step_mm, STEP_SHARE * residual))
    struck = (free < length) & ~last
    length = np.where(struck, free, length)
    lost = _energy_loss(beam, length, loss, tables, physics, rng)
    lost = np.where(last | (beam.kinetic_mev - lost < REST_MEV), beam.kinetic_mev, lost)
    moved = _move(beam, length, lost, residual, physics, ledger, rng)
    resting = moved.kinetic_mev <= 0
    alive = ~resting
    hit = np.flatnonzero(struck & alive)
    if len(hit):
        alive[hit] = _discrete(moved, hit, rates[:, hit], physics, ledger, rng)
        resting[hit] = alive[hit] & (moved.kinetic_mev[hit] < REST_MEV)
        alive &= ~resting
    if alive.all():
        return moved, moved.take(slice(0))
    return moved.take(alive), moved.take(resting)


def _energy_loss(
    beam: Flight, length: NDArray, loss: NDArray, tables: ChargedTables, physics: Physics, rng: np.random.Generator
) -> NDArray:
    """Energy (N,) MeV lost continuously on `length` mm: mean at the middle of the step, and its fluctuation."""
    middle = np.maximum(beam.kinetic_mev - 0.5 * length * loss, 0.1 * beam.kinetic_mev)
    mean = length * tables.read(tables.loss, tables.locate(beam.kind, middle))
    if not physics.straggling:
        return mean
    squared = stopping.beta_gamma_squared(middle, MASS[beam.kind])
    xi = 0.5 * BETHE_PER_MM * length * (1 + squared) / squared
    top = np.minimum(stopping.largest_transfer(middle, beam.kind), physics.delta_cut_mev)
    return np.maximum(mean + fluctuation(xi, top, rng), 0)


def fluctuation(xi: NDArray, top: NDArray, rng: np.random.Generator) -> NDArray:
    """Fluctuation (N,) MeV of the energy loss around its mean, for transfers up to `top`.

    Collisions follow ξ/T². Those above T1 (about COLLISIONS_PER_STEP of them) are drawn one by one; the many below are
    a Gaussian of variance ξ T1. This is Landau's distribution cut off at `top`, and a Gaussian where ξ is large (ours,
    after the mixed schemes of condensed-history Monte Carlo). xi, top (N,) MeV.
    """
    split = np.minimum(xi / COLLISIONS_PER_STEP, top)
    mean_number = xi * (1 / split - 1 / top)
    owner = np.repeat(np.arange(len(xi)), rng.poisson(mean_number))
    transfer = split[owner] / (1 - rng.random(len(owner)) * (1 - split / top)[owner])
    drawn = np.bincount(owner, transfer, len(xi))
    return drawn - xi * np.log(top / split) + np.sqrt(xi * split) * rng.standard_normal(len(xi))


def _move(
    beam: Flight,
    length: NDArray,
    lost: NDArray,
    reach: NDArray,
    physics: Physics,
    ledger: Ledger,
    rng: np.random.Generator,
) -> Flight:
    """Particles after the step, along the chord between the directions before and after it; records the deposit."""
    direction, chord = beam.direction, beam.direction
    if physics.multiple_scattering:
        middle = beam.kinetic_mev - 0.5 * lost
        direction = scatter(direction, scattering_angle(middle, beam.kind, length, reach), rng)
        chord = 0.5 * (beam.direction + direction)
    mass = MASS[beam.kind]
    energy = beam.kinetic_mev + mass
    speed = SPEED_OF_LIGHT * np.sqrt(beam.kinetic_mev * (beam.kinetic_mev + 2 * mass)) / energy
    position = beam.position_mm + length * chord
    ledger.deposit(beam.row, beam.position_mm, position, lost, beam.time_ns)
    return Flight(
        beam.row, beam.kind, position, direction, beam.kinetic_mev - lost, beam.time_ns + length / speed,
        beam.path_mm + length,
    )  # fmt: skip


def _discrete(
    beam: Flight, hit: NDArray, rates: NDArray, physics: Physics, ledger: Ledger, rng: np.random.Generator
) -> NDArray:
    """The process that ended the step, for the particles `hit` (H,) of `beam`; changes `beam` in place.

    Rates are upper bounds; where a drawn process is refused by its true spectrum, nothing happens.
    rates (4, H); returns (H,) bool, whether the particle goes on
    """
    bound = np.cumsum(rates, axis=0)
    process = (rng.random(len(hit)) * bound[-1] >= bound).sum(axis=0)
    goes_on = np.ones(len(hit), bool)
    for code, emit in ((0, _knock_on), (1, _radiate)):
        rows = hit[process == code]
        if len(rows):
            beam.kinetic_mev[rows], beam.direction[:, rows] = emit(beam.take(rows), physics, ledger, rng)
    rows = hit[process == 2]
    if len(rows):
        goes_on[process == 2], beam.direction[:, rows] = hadrons.interact(beam.take(rows), ledger, rng)
    rows = hit[process == 3]
    if len(rows):
        decaying = beam.take(rows)
        decay(decaying, ledger, rng)
        ledger.end(decaying, at_rest=False)
        goes_on[process == 3] = False
    return goes_on


def _knock_on(beam: Flight, physics: Physics, ledger: Ledger, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Hard collisions with atomic electrons: kinetic energy (N,) and direction (3, N) of the particles afterwards."""
    cut, kinetic = physics.delta_cut_mev, beam.kinetic_mev
    identical = beam.kind == ELECTRON
    top = np.where(identical, kinetic - cut, stopping.largest_transfer(kinetic, beam.kind))
    possible = top > cut
    top = np.maximum(top, cut)
    u = rng.random((2, len(beam)))
    transfer = cut / (1 - u[0] * (1 - cut / top))
    transfer = np.where(identical, np.minimum(transfer, kinetic - transfer), transfer)
    safe = np.where(possible, transfer, cut)
    accept = stopping.hard_shape(safe, kinetic, beam.kind) / np.where(identical, LARGEST_MOLLER, 1.0)
    made = np.flatnonzero(possible & (u[1] < accept))
    transfer, some = transfer[made], beam.take(made)
    mass = MASS[some.kind]
    momentum = np.sqrt(some.kinetic_mev * (some.kinetic_mev + 2 * mass))
    electron = np.sqrt(transfer * (transfer + 2 * ELECTRON_MASS))
    cosine = transfer * (some.kinetic_mev + mass + ELECTRON_MASS) / (electron * momentum)
    way = turn(some.direction, np.minimum(cosine, 1), rng)
    ledger.spawn(some, ELECTRON_CODE, Process.IONISATION, transfer, way)
    after = momentum * some.direction - electron * way
    left, direction = kinetic.copy(), beam.direction.copy()
    left[made] -= transfer
    direction[:, made] = after / np.maximum(np.sqrt((after**2).sum(axis=0)), 1e-12)
    return left, direction


def _radiate(beam: Flight, physics: Physics, ledger: Ledger, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Bremsstrahlung photons: kinetic energy (N,) and direction (3, N) of the particles afterwards.

    The photon's angle is that of a dipole in the electron's rest frame, isotropic there: of the order of m/E.
    """
    kinetic, cut = beam.kinetic_mev, physics.photon_cut_mev
    u = rng.random((3, len(beam)))
    photon = cut * np.maximum(kinetic / cut, 1) ** u[0]
    accept = bremsstrahlung.photon_shape(np.minimum(photon, kinetic), kinetic) / bremsstrahlung.LARGEST_SHAPE
    made = np.flatnonzero((kinetic > cut) & (u[1] < accept))
    photon, some = photon[made], beam.take(made)
    gamma = 1 + some.kinetic_mev / ELECTRON_MASS
    beta = np.sqrt(1 - 1 / gamma**2)
    rest_cosine = 2 * u[2, made] - 1
    way = turn(some.direction, (rest_cosine + beta) / (1 + beta * rest_cosine), rng)
    ledger.spawn(some, GAMMA, Process.BREMSSTRAHLUNG, photon, way)
    momentum = np.sqrt(some.kinetic_mev * (some.kinetic_mev + 2 * ELECTRON_MASS))
    after = momentum * some.direction - photon * way
    left, direction = kinetic.copy(), beam.direction.copy()
    left[made] -= photon
    direction[:, made] = after / np.maximum(np.sqrt((after**2).sum(axis=0)), 1e-12)
    return left, direction
