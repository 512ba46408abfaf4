"""Sizes of weights are those of the published models."""

import pytest

from panda_lartpc.planning.sizes import weight_bytes
from panda_lartpc.settings.study import Study


@pytest.mark.parametrize(
    ("network", "parameters"),
    [
        ("encoder", 90_758_784),
        ("semantic full", 107_093_573),
        ("semantic linear", 90_758_784 + 6_165),
        ("particle decoder", 95_164_040),
        ("interaction full", 95_021_188),
    ],
)
def test_the_default_networks_have_the_published_numbers_of_parameters(network, parameters):
    assert weight_bytes(Study(name="x"), network) == 4 * parameters


def test_the_network_that_panda_is_compared_with_has_eleven_million():
    assert weight_bytes(Study(name="x"), "uresnet") == pytest.approx(4 * 11.0e6, rel=0.01)
