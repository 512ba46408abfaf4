"""Predictions of several models stand at their points, in the order of the store."""

import numpy as np
import pandas as pd
import pytest
import torch

from finetuned_models import save_model_of
from labelled_events import ENCODER, GEOMETRY
from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.data.store import PointStore
from panda_lartpc.heads.panoptic_inference import find_instances
from panda_lartpc.model.card import Card, TrainedWith, save_model
from panda_lartpc.tasks.predictions import read_finetuned, write_predictions
from panoptic_tasks import EDGES, PLAIN, made_up_store

TASKS = ("semantic", "particle", "interaction", "particle-kinematics", "interaction-kinematics")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return made_up_store(tmp_path_factory.mktemp("predicted") / "test.zarr", *PLAIN, *EDGES)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {name: save_model_of(folder, name) for name in TASKS}


@pytest.fixture(scope="module")
def table(store, models, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "predictions.parquet"
    write_predictions(models, store, path)
    return pd.read_parquet(path)


def test_every_point_of_the_store_has_a_row(table, store):
    sizes = PointStore(store).n_points
    assert table["event"].tolist() == np.repeat(np.arange(len(sizes)), sizes).tolist()
    assert table["point"].tolist() == [i for n in sizes for i in range(n)]
    assert table["name"].tolist() == [f"event_{i}" for i in table["event"]]


@torch.no_grad()
def test_instances_are_those_of_the_model_at_each_place(table, store, models):
    for kind in ("particle", "interaction"):
        model = read_finetuned(models[kind])
        for row in range(len(PointStore(store))):
            batch = model.task.dataset(store)[BatchPlan(0, (row,))]
            output = model.network(batch.features, batch.position_vox, batch.pyramid)
            (found,) = find_instances(output, model.network.decoder.settings.stuff_classes, model.settings.inference)
            at = dict(zip(map(tuple, batch.position_vox.tolist()), found.instance.tolist(), strict=True))
            own, event = table[table["event"] == row], PointStore(store).event(row)
            assert own[kind].tolist() == [at[tuple(p)] for p in event.position_vox.tolist()]
            inside = own[own[kind] >= 0]
            instance = inside[kind].to_numpy(copy=True)  # torch wants to be able to write to it
            assert np.allclose(inside[f"{kind}_score"], found.score[instance], atol=1e-4)
            assert own.loc[own[kind] < 0, f"{kind}_score"].isna().all()
            if kind == "particle":
                assert inside["species"].tolist() == found.classes[instance].tolist()
                assert (own.loc[own[kind] < 0, "species"] == -1).all()
    assert table["particle"].max() >= 0
    assert table["motif"].between(0, 4).all()


def test_kinematics_are_told_where_their_model_sees_an_instance(table):
    for column in ("momentum_gev", "vertex_x", "vertex_y", "vertex_z"):
        assert table[column].notna().sum() > 0
    assert (table["momentum_gev"].dropna() > 0).all()


def test_without_a_model_there_is_nothing_to_tell(models, store, tmp_path):
    write_predictions({"interaction": models["interaction"]}, store, tmp_path / "few.parquet")
    few = pd.read_parquet(tmp_path / "few.parquet")
    assert (few[["motif", "particle", "species"]] == -1).all(axis=None)
    assert few[["particle_score", "momentum_gev", "vertex_x"]].isna().all(axis=None)
    assert few["interaction"].max() >= 0


def test_a_model_of_another_task_or_of_no_task_is_refused(models, store, tmp_path):
    with pytest.raises(ValueError, match="models of other tasks than asked for: {'particle': 'interaction'}"):
        write_predictions({"particle": models["interaction"]}, store, tmp_path / "x.parquet")
    assert not (tmp_path / "x.parquet").exists()
    card = {"settings": {}, "event_samples": 1, "data_digest": "d", "source_digest": "s", "metrics": {}}
    save_model(
        tmp_path / "encoder.safetensors",
        {"a": torch.zeros(1)},
        Card(trained_with=TrainedWith.of(GEOMETRY, ENCODER), **card),
    )
    with pytest.raises(ValueError, match=r"its card lacks adaptation, .*; expected the model of a fine-tuning run"):
        read_finetuned(tmp_path / "encoder.safetensors")
