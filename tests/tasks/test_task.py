"""What differs between the tasks."""

import numpy as np
import pytest

from panda_lartpc.data.store import PointStore
from panda_lartpc.detector import KAON, MUON, NO_SPECIES
from panda_lartpc.tasks.panoptic import PanopticTraining
from panda_lartpc.tasks.task import task_of
from panoptic_tasks import ALONE, HEAD, made_up_store, run_settings, tiny_task


def test_a_task_with_kinematics_is_that_of_its_section():
    task = task_of("particle-kinematics", run_settings("particle", head=HEAD | {"kinematics": True}), "scratch", "full")
    network = task.network(0)
    assert network.decoder.kinematics is not None
    assert isinstance(task.training(network, ALONE, 0), PanopticTraining)
    assert task.main_score == "pq"


def test_an_unknown_task_is_refused():
    with pytest.raises(ValueError, match="task is 'vertex'"):
        task_of("vertex", run_settings("particle"), "scratch", "full")


def test_events_that_tell_no_species_cannot_teach_particles_but_interactions(tmp_path):
    store = PointStore(made_up_store(tmp_path / "v1.zarr", ([(NO_SPECIES, 0, 5)], 2), ([(KAON, 0, 5)], 2)))
    with pytest.raises(ValueError, match=r"v1\.zarr: none of the first 2 labelled events has a particle of a class"):
        tiny_task("particle").require_truth(store, np.array([0, 1]))
    tiny_task("interaction").require_truth(store, np.array([0, 1]))
    other = PointStore(made_up_store(tmp_path / "v2.zarr", ([], 2), ([(MUON, 0, 5)], 2)))
    tiny_task("particle").require_truth(other, np.array([0, 1]))
