"""encode(): the features of an event's points, whatever their order."""

import numpy as np
import pytest
import torch

from panda_lartpc.model.encode import encode
from panda_lartpc.model.encoder import Encoder
from panda_lartpc.settings.model import EncoderSettings, GeometrySettings
from published import random_tracks

GEOMETRY = GeometrySettings(strides=(2, 2), patch_size=32)


@pytest.fixture
def encoder():
    torch.manual_seed(1)
    encoder = Encoder(EncoderSettings(channels=(16, 16, 32), depths=(1, 1, 1), layer_scale=0.5)).eval()
    for p in encoder.parameters():
        p.data += 0.05 * torch.randn_like(p)
    return encoder


@pytest.fixture
def event():
    generator = torch.Generator().manual_seed(2)
    cell, _ = random_tracks([200], 64, generator)
    return (cell + 300).float().numpy(), torch.rand(200, generator=generator).numpy()


@pytest.mark.parametrize("cell", ["voxel", "released"])
def test_points_in_any_order_receive_their_own_features(encoder, event, cell):
    position, energy = event
    geometry = GEOMETRY.model_copy(update={"cell": cell})
    features = encode(encoder, geometry, position, energy)
    assert features.shape == (200, 64)
    shuffle = torch.randperm(200, generator=torch.Generator().manual_seed(3)).numpy()
    shuffled = encode(encoder, geometry, position[shuffle], energy[shuffle])
    assert float((shuffled - features[shuffle]).norm() / features.norm()) < 2e-6
    assert float(features.std(dim=0).min()) > 1e-3  # points differ, so the comparison means something


def test_in_bfloat16_features_differ_by_its_rounding(encoder, event):
    exact = encode(encoder, GEOMETRY, *event)
    with torch.autocast("cpu", torch.bfloat16):
        low = encode(encoder, GEOMETRY, *event)
    assert low.dtype == torch.float32
    assert 0 < float((low - exact).norm() / exact.norm()) < 0.03


def test_points_that_share_a_cell_receive_their_own_features_in_any_order(encoder, event):
    position, energy = event
    position = np.concatenate([position, position + 0.2])  # in pairs, so that patches of 33 end between two of a cell
    energy = np.concatenate([energy, energy[::-1]])
    geometry = GEOMETRY.model_copy(update={"patch_size": 33})
    first = encode(encoder, geometry, position, energy)
    shuffle = np.random.default_rng(1).permutation(400)
    again = encode(encoder, geometry, position[shuffle], energy[shuffle])
    assert float((again - first[shuffle]).norm() / first.norm()) < 2e-6


def test_the_same_event_gives_the_same_bits(encoder, event):
    assert torch.equal(encode(encoder, GEOMETRY, *event), encode(encoder, GEOMETRY, *event))


def test_the_two_grids_give_different_features(encoder, event):
    released = encode(encoder, GEOMETRY.model_copy(update={"cell": "released"}), *event)
    assert not torch.allclose(encode(encoder, GEOMETRY, *event), released, atol=1e-2)


def test_a_single_point_has_features(encoder):
    assert encode(encoder, GEOMETRY, [[5.0, 700.0, 3.0]], [0.5]).shape == (1, 64)


def test_without_coordinates_a_shifted_event_has_the_same_features(event):
    position, energy = event
    settings = EncoderSettings(channels=(16, 16, 32), depths=(1, 1, 1), coordinates=False)
    encoder = Encoder(settings).eval()
    features = encode(encoder, GEOMETRY, position, energy)
    shift = np.array([100, -200, 7])
    assert torch.equal(encode(encoder, GEOMETRY, position + shift, energy), features)


def test_bad_input_is_refused(encoder, event):
    position, energy = event
    with pytest.raises(ValueError, match=r"positions are \(200, 3\) and energies \(199,\)"):
        encode(encoder, GEOMETRY, position, energy[:-1])
    with pytest.raises(ValueError, match=r"not finite, or an energy is negative"):
        encode(encoder, GEOMETRY, position, energy - 1)
    with pytest.raises(ValueError, match=r"event 0 of the batch: cell .* is outside \[0, 16\)"):
        encode(encoder, GEOMETRY.model_copy(update={"depth": 4}), position, energy)
    with pytest.raises(ValueError, match=r"in training mode; call its eval\(\)"):
        encode(encoder.train(), GEOMETRY, position, energy)
