"""Momentum, direction and vertex in the units of physics, worked by hand."""

import math

import numpy as np
import torch

from panda_lartpc.geometry.grid import normalised
from panda_lartpc.heads.panoptic_kinematics import Kinematics
from panda_lartpc.tasks.kinematics import kinematics_table

NAN = float("nan")
TOLD = Kinematics(
    torch.tensor([0.0, -1.0]),
    torch.tensor([[2.0, 0, 0], [0, 0, 1]]),
    normalised(torch.tensor([[100.0, 100, 100], [0, 0, 0]])),
    torch.tensor([[2.0, 2.0, -4.0], [0.0, 0.0, 0.0]]) * math.log(0.1),
)
KNOWN = Kinematics(
    torch.tensor([1.0, NAN]),
    torch.tensor([[0.5, math.sqrt(0.75), 0], [NAN, NAN, NAN]]),
    normalised(torch.tensor([[103.0, 104, 100], [NAN, 0, 0]])),
)


def test_particles_have_momentum_and_angle():
    found = kinematics_table("particle", TOLD, KNOWN)
    assert np.allclose(found["true_momentum_gev"], [10, NAN], equal_nan=True)
    assert np.allclose(found["momentum_gev"], [1, 0.1])
    assert np.allclose(found["momentum_error"], [0.1, 1])
    assert np.allclose(found["angle_deg"], [60, NAN], equal_nan=True)
    assert np.allclose(found["angle_error_deg"], np.degrees([0.1, 1]))


def test_interactions_have_a_vertex_in_centimetres():
    found = kinematics_table("interaction", TOLD, KNOWN)
    assert list(found) == ["vertex_distance_cm", "vertex_error_cm"]
    assert np.allclose(found["vertex_distance_cm"], [5 * 0.3, NAN], equal_nan=True, atol=1e-3)
    half_diagonal_cm = 768 * math.sqrt(3) / 2 * 0.3
    assert np.allclose(found["vertex_error_cm"], [100 * half_diagonal_cm, half_diagonal_cm], rtol=1e-5)


def test_no_pair_gives_an_empty_table_of_numbers():
    for kind in ("particle", "interaction"):
        found = kinematics_table(kind, TOLD[:0], KNOWN[:0])
        assert len(found) == 0
        assert set(found.dtypes) == {np.dtype(float)}
