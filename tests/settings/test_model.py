"""Settings of geometry and network: published defaults, consistent stages."""

import pytest

from panda_lartpc.settings.model import DecoderSettings, EncoderSettings, GeometrySettings
from panda_lartpc.settings.section import ConfigError, read_section


def test_defaults_are_those_of_the_published_model():
    geometry, encoder, decoder = GeometrySettings(), EncoderSettings(), DecoderSettings()
    assert (geometry.depth, geometry.strides, geometry.patch_size) == (11, (2, 2, 2, 2), 256)
    assert geometry.orders == ("hilbert", "hilbert-trans", "z", "z-trans")
    assert (encoder.channels, encoder.depths) == ((48, 96, 192, 384, 512), (3, 3, 3, 9, 3))
    assert (decoder.channels, decoder.depths) == ((64, 96, 192, 384), (2, 2, 2, 2))
    assert (encoder.head_dim, encoder.mlp_ratio, encoder.layer_scale, encoder.drop_path) == (16, 4, 1e-5, 0.3)


def test_coordinates_decide_how_many_numbers_the_network_reads():
    assert EncoderSettings().n_features == 4
    assert EncoderSettings(coordinates=False).n_features == 1


@pytest.mark.parametrize(
    ("section", "raw", "message"),
    [
        (EncoderSettings, {"channels": [16, 32]}, "2 channels but 5 depths; expected one of each for every stage"),
        (EncoderSettings, {"channels": [20], "depths": [1]}, r"channels \[20\] are no multiples of head_dim 16"),
        (DecoderSettings, {"depths": [1]}, "4 channels but 1 depths"),
        (GeometrySettings, {"depth": 3}, r"strides \[2, 2, 2, 2\] need a depth of at least 4, not 3"),
        (GeometrySettings, {"strides": [3]}, r"strides\.0"),
        (GeometrySettings, {"orders": ["snake"]}, r"orders\.0: got 'snake'"),
        (GeometrySettings, {"cel": "voxel"}, r"cel: unknown key; did you mean cell\?"),
    ],
)
def test_wrong_settings_are_refused(section, raw, message):
    with pytest.raises(ConfigError, match=message):
        read_section(section, raw)
