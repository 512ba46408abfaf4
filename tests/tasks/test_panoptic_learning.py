"""Encoder and set decoder together learn a few events by heart: whatever stands between truth and loss is right."""

import pytest

from panda_lartpc.data.decode import decode, select_points
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.data.store import PointStore
from panda_lartpc.settings.data import DataSettings
from panda_lartpc.settings.finetune import InteractionSettings, ParticleSettings
from panda_lartpc.settings.model import EncoderSettings, GeometrySettings
from panda_lartpc.settings.simulation import SimulationSettings
from panda_lartpc.simulation.simulate import simulate_events
from panda_lartpc.tasks.scoring import score_events
from panda_lartpc.tasks.task import RunSettings, task_of
from panoptic_tasks import ALONE, write_events

PARTICLES = [
    {"any_of": ["muon"], "number": [0, 2], "weight": 3, "kinetic_mev": [20, 120]},
    {"any_of": ["proton"], "number": [0, 2], "weight": 1, "kinetic_mev": [30, 200]},
    {"any_of": ["electron"], "number": [0, 1], "weight": 1, "kinetic_mev": [50, 200]},
]
SIMULATION = SimulationSettings.model_validate(
    {
        "seed": 1,
        "n_voxels": 128,
        "vertex": {"interactions": [2, 2], "particles": [1, 2], "inset_cm": 5, "table": PARTICLES},
        "rain": {"interactions": [0, 0], "table": PARTICLES},
        "inner_rain": {"interactions": [0, 0]},
    }
)
GEOMETRY = GeometrySettings(depth=9, strides=(2, 2), orders=("z", "z-trans"), patch_size=64)
ENCODER = EncoderSettings(channels=(16, 32, 64), depths=(1, 1, 1), head_dim=16, layer_scale=None, drop_path=0)
SECTIONS = {"particle": ParticleSettings, "interaction": InteractionSettings}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    events = [decode(raw) for raw in simulate_events(SIMULATION, "train", 0, 8)]
    events = [select_points(event, event.energy_mev > 0.13) for event in events]
    return PointStore(write_events(tmp_path_factory.mktemp("simulated") / "points.zarr", events))


@pytest.mark.slow
@pytest.mark.parametrize("kind", SECTIONS)
def test_eight_simulated_events_are_learnt_by_heart(store, kind):
    section = SECTIONS[kind](recipe="small", scratch={"optimiser": {"learning_rate": 3e-3}})
    settings = RunSettings(geometry=GEOMETRY, encoder=ENCODER, data=DataSettings(), **{kind: section})
    task = task_of(kind, settings, "scratch", "full")
    training, steps = task.training(task.network(0), ALONE, 0), STEPS
    batch = task.dataset(store.path)[BatchPlan(0, tuple(range(8)))]
    for step in range(steps):
        training.step(batch, step / steps)
    events = score_events(task, training.network, store, n_events=8, world=ALONE)["events"]
    numbers = task.numbers(events)
    assert events["n_true"].sum() >= 16
    assert numbers["pq"] > 0.95
    assert numbers["ari"] > 0.95


STEPS = 150
