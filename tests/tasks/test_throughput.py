"""A pass says the same of the events as the predictions do, and its record has what was measured."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from finetuned_models import save_model_of
from panda_lartpc.data.store import PointStore
from panda_lartpc.settings.throughput import ThroughputSettings
from panda_lartpc.tasks.predictions import read_finetuned, write_predictions
from panda_lartpc.tasks.throughput import predict, prepare, write_throughput
from panoptic_tasks import PLAIN, made_up_store

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return made_up_store(tmp_path_factory.mktemp("measured") / "test.zarr", *PLAIN)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {name: save_model_of(folder, name) for name in ("semantic", "particle")}


@pytest.fixture(scope="module")
def predictions(store, models, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "predictions.parquet"
    write_predictions(models, store, path)
    return pd.read_parquet(path)


def test_a_pass_says_of_the_events_what_predictions_say(store, models, predictions):
    events = PointStore(store).events(0, 3)
    motif = predict(read_finetuned(models["semantic"]), events, CPU)
    counts = np.bincount(predictions.motif, minlength=5)
    assert np.bincount(motif.numpy(), minlength=5).tolist() == counts.tolist()
    found = predict(read_finetuned(models["particle"]), events, CPU)
    for instances, (_, own) in zip(found, predictions.groupby("event"), strict=True):
        sizes = np.unique(instances.instance.numpy(), return_counts=True)[1]
        assert sizes.tolist() == np.unique(own.particle, return_counts=True)[1].tolist()


def test_a_pass_repeats_the_events_of_a_small_split(store, models):
    sizes = PointStore(store).n_points
    work = prepare(models["semantic"], store, 7, 2)
    assert work.n_events == 7
    assert work.n_points == 2 * sum(sizes) + sizes[0]
    work.run()
    assert work.peak_memory() > 10_000_000
    assert work.device.endswith(f", {torch.get_num_threads()} thread" + "s" * (torch.get_num_threads() > 1))


def test_table_and_record_have_each_batch_size(store, models, tmp_path):
    settings = ThroughputSettings(batch_events=(1, 2), passes=3, events=3)
    write_throughput(models["particle"], store, settings, tmp_path / "t.parquet", tmp_path / "r.json", "f" * 64)
    table, record = pd.read_parquet(tmp_path / "t.parquet"), json.loads((tmp_path / "r.json").read_text())
    assert table[["task", "batch_events", "pass"]].to_numpy().tolist() == [
        ["particle", size, at] for size in (1, 2) for at in (0, 1, 2)
    ]
    assert (table.seconds > 0).all()
    assert (table.peak_bytes >= table.before_bytes).all()
    for size, own in table.groupby("batch_events"):
        rate = 3 / own.seconds.mean()
        assert record["numbers"][f"events_per_s_batch_{size}"] == pytest.approx(rate)
        assert record["numbers"][f"events_per_day_batch_{size}"] == pytest.approx(rate * 24 * 3600)
    assert record["stage"] == "throughput"
    assert record["settings"] == {"task": "particle", "batch_events": [1, 2], "passes": 3, "events": 3}
    assert set(record["inputs"]) == {"particle.safetensors", "test.zarr"}
