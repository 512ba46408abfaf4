"""Directions: random ones, rotations, and multiple Coulomb scattering."""

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.simulation.argon import MASS, RADIATION_LENGTH_MM

HIGHLAND_MEV = 13.6  # PDG, "Passage of particles through matter"


def isotropic(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """`n` random unit vectors (3, n)."""
    z, phi = 2 * rng.random(n) - 1, 2 * np.pi * rng.random(n)
    r = np.sqrt(1 - z**2)
    return np.stack([r * np.cos(phi), r * np.sin(phi), z])


def turn(direction: NDArray, cosine: NDArray, rng: np.random.Generator) -> NDArray:
    """Unit vectors at angles of the given cosines from `direction`, with random azimuth.

    direction (3, N) unit; cosine (N,) in [-1, 1]; returns (3, N) unit. The perpendicular frame is that of Duff et al.,
    J. Comput. Graph. Tech. 6 (2017) 1, which has no pole.
    """
    x, y, z = direction
    phi = 2 * np.pi * rng.random(len(cosine))
    sine = np.sqrt(np.maximum(1 - cosine**2, 0))
    p, q = sine * np.cos(phi), sine * np.sin(phi)
    sign = np.copysign(1.0, z)
    a = -1 / (sign + z)
    b = x * y * a
    turned = np.empty_like(direction)
    turned[0] = p * (1 + sign * x * x * a) + q * b + cosine * x
    turned[1] = p * sign * b + q * (sign + y * y * a) + cosine * y
    turned[2] = -p * sign * x - q * y + cosine * z
    return turned / np.sqrt((turned**2).sum(axis=0))


def scattering_angle(kinetic: NDArray, species: NDArray, length: NDArray, reach: NDArray) -> NDArray:
    """Width θ0 (rad) of the projected angle after `length` mm (Highland; PDG equation 34.16).

    Highland's ln(x/X0) is taken at the residual range, at most one radiation length, and not at the step: so the
    squares of many small steps add up to the square of one long step, and the deflection that a particle collects
    on the way that it has left is Highland's. At 14 cm of a fast particle the logarithm vanishes.
    kinetic (N,) MeV; species (N,) rows of argon.CHARGED_PDG; length, reach (N,) mm; returns (N,).
    """
    mass = MASS[species]
    momentum2 = kinetic * (kinetic + 2 * mass)
    beta2 = momentum2 / (kinetic + mass) ** 2
    log = np.log(np.minimum(reach / RADIATION_LENGTH_MM, 1) / beta2)
    return HIGHLAND_MEV * np.sqrt(length / (RADIATION_LENGTH_MM * momentum2 * beta2)) * np.maximum(1 + 0.038 * log, 0.5)


def scatter(direction: NDArray, theta0: NDArray, rng: np.random.Generator) -> NDArray:
    """Directions after multiple scattering with projected widths `theta0` (rad).

    1 - cos θ is exponential with mean θ0², which is a Gaussian of width θ0 in each projection while angles are small;
    beyond half a turn the direction is forgotten. direction (3, N); theta0 (N,); returns (3, N).
    """
    cosine = 1 - theta0**2 * rng.standard_exponential(len(theta0))
    lost = cosine < -1
    if lost.any():
        cosine[lost] = 2 * rng.random(np.count_nonzero(lost)) - 1
    return turn(direction, cosine, rng)
