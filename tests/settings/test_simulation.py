import pytest

from panda_lartpc.settings.section import ConfigError, Section, read_section
from panda_lartpc.settings.simulation import (
    InteractionSettings,
    ParticleKind,
    RainSettings,
    SimulationSettings,
    SingleParticle,
)

MUONS = {"any_of": ["muon"], "kinetic_mev": [20, 420]}


def test_settings_survive_the_way_through_a_rule():
    settings = SimulationSettings(seed=7, single_particle={"particle": "pion"})
    assert read_section(SimulationSettings, settings.model_dump()) == settings
    assert read_section(SimulationSettings, settings.model_dump(mode="json")) == settings


def test_numbers_given_as_text_are_read_as_numbers():
    assert read_section(SimulationSettings, {"events": {"train": "12"}, "seed": "3"}).events.train == 12


def test_a_study_with_smaller_events_names_only_what_differs():
    raw = {"vertex": {"interactions": [2, 4], "particles": [2, 4], "table": [MUONS]}, "rain": {"interactions": [0, 0]}}
    settings = read_section(SimulationSettings, raw | {"n_voxels": 256})
    assert (settings.vertex.interactions, settings.vertex.inset_cm) == ((2, 4), 30)
    assert settings.vertex.table[0].kinetic_mev == (20, 420)
    assert settings.rain.table == RainSettings().table
    assert settings.inner_rain == SimulationSettings().inner_rain


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"n_voxels": 1000}, "n_voxels: got 1000; input should be less than or equal to 768"),
        ({"single_particle": {"kinetic_mev": [300, 100]}}, "the first number must not exceed the second, got"),
        ({"single_particle": {"particle": "kaon"}}, "single_particle.particle: got 'kaon'"),
        ({"events": {"trian": 3}}, "events.trian: unknown key; did you mean train?"),
        (
            {
                "rain": {
                    "interactions": [1, 1],
                    "particles": [1, 3],
                    "inset_cm": 0,
                    "table": [MUONS | {"number": [0, 2]}],
                }
            },
            "an interaction has 1 to 3 particles, but the table asks for at least 0 and allows at most 2",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_its_key(raw, message):
    with pytest.raises(ConfigError) as error:
        read_section(SimulationSettings, raw)
    assert message in str(error.value)


@pytest.mark.parametrize("model", [SimulationSettings, InteractionSettings, RainSettings, ParticleKind, SingleParticle])
def test_every_key_is_described(model: type[Section]):
    assert all(field.description for field in model.model_fields.values())
