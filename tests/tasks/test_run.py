"""One run from the command line: its files, its numbers, and that it goes on where it was stopped."""

import json

import pandas as pd
import pytest
import torch

from labelled_events import DECODER, ENCODER, GEOMETRY, TRAINING, write_store
from panda_lartpc.model import block
from panda_lartpc.model.card import Card, TrainedWith, load_model, save_model
from panda_lartpc.model.encoder import Encoder
from panda_lartpc.provenance import read_record
from panda_lartpc.settings.finetune import SemanticSettings
from panda_lartpc.tasks import run
from panda_lartpc.tasks.panoptic import panoptic_numbers
from panda_lartpc.tasks.predictions import read_finetuned
from panda_lartpc.tasks.semantic import SemanticTraining
from panoptic_tasks import EDGES, HEAD, PLAIN, made_up_store, run_settings

SEMANTIC = SemanticSettings(
    recipe="small",
    event_samples=24,
    validations=(0, 0.5, 1),
    validation_events=3,
    uresnet={"filters": 4, "levels": 3},
    **dict.fromkeys(("linear", "decoder", "full", "scratch"), TRAINING),
)


@pytest.fixture(scope="module")
def stores(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("others")
    val, test = (
        write_store(folder / f"{name}.zarr", seeds) for name, seeds in (("val", range(20, 24)), ("test", range(30, 36)))
    )
    return {"train": store, "val": val, "test": test}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    torch.manual_seed(5)
    path = tmp_path_factory.mktemp("encoder") / "encoder.safetensors"
    card = {"settings": {}, "event_samples": 1, "data_digest": "d", "source_digest": "s", "metrics": {}}
    card = Card(trained_with=TrainedWith.of(GEOMETRY, ENCODER), **card)
    save_model(path, Encoder(ENCODER, mask_token=True).state_dict(), card)
    return path


def arguments(stores, folder, initialisation="scratch", adaptation="full", percent="50", **more) -> list[str]:
    settings = {
        **{"geometry": GEOMETRY, "encoder": ENCODER, "decoder": DECODER},
        "semantic": SEMANTIC.of_row(initialisation, adaptation),
        "data": {"labelled": "first"},
    }
    plain = {k: v if isinstance(v, dict) else v.model_dump(mode="json") for k, v in settings.items()}
    given = {
        **{
            "task": "semantic",
            "initialisation": initialisation,
            "adaptation": adaptation,
            "percent": percent,
            "seed": 1,
        },
        **{"settings": json.dumps(plain), "state": folder / "state", "outputs": folder / "out", "study": "test"},
        **{
            "record": folder / "record.json",
            "database": folder / "mlflow.db",
            "log-file": folder / "log",
            "source": "s" * 64,
        },
        **{"processes": 1, "workers": 0, "recompute": 0, **stores, **more},
    }
    return [word for name, value in given.items() for word in (f"--{name}", str(value))]


@pytest.fixture(scope="module")
def finished(stores, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    run.main(arguments(stores, folder))
    return folder


def test_a_run_leaves_its_results_and_no_state(finished):
    names = {file.name for file in (finished / "out").iterdir()}
    tables = {"events.parquet", "validation.parquet", "history.parquet", "parameters.csv"}
    assert names == {"model.safetensors", "model.json", "measured.json"} | tables
    assert list((finished / "state").iterdir()) == []
    validation = pd.read_parquet(finished / "out/validation.parquet")
    assert validation["event_sample"].tolist() == [0, 12, 24]
    assert len(pd.read_parquet(finished / "out/events.parquet")) == 6
    assert pd.read_parquet(finished / "out/history.parquet")["event_sample"].iloc[-1] == 24
    tensors, card = load_model(finished / "out/model.safetensors")
    assert card.event_samples == 24
    assert {name.split(".")[0] for name in tensors} == {"backbone", "seg_head"}


def test_the_record_has_scores_and_sizes_and_no_times(finished):
    numbers = read_record(finished / "record.json")["numbers"]
    assert numbers["n_labelled_events"] == 6
    assert numbers["n_test_events"] == 6
    assert numbers["n_parameters"] == numbers["n_trained_parameters"] > 10_000
    assert 0 <= numbers["macro_f1"] <= 1
    assert not {name for name in numbers if name.endswith(("_s", "_gb"))}
    assert set(json.loads((finished / "out/measured.json").read_text())) == {"test_s", "memory_gb"}
    parameters = pd.read_csv(finished / "out/parameters.csv")
    assert list(parameters) == ["name", "shape", "learning_rate", "decays", "frozen"]


def test_a_run_that_was_killed_ends_with_the_same_files(finished, stores, tmp_path, monkeypatch):
    step, taken = SemanticTraining.step, []

    def dies(self, batch, progress):
        if len(taken) == 4:
            raise KeyboardInterrupt
        taken.append(progress)
        return step(self, batch, progress)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(SemanticTraining, "step", dies)
        run.main(arguments(stores, tmp_path))
    assert not (tmp_path / "record.json").exists()
    run.main(arguments(stores, tmp_path))
    assert "going on at event-sample 12 of 24" in (tmp_path / "log").read_text()
    for name in (
        "out/model.safetensors",
        "out/model.json",
        "out/events.parquet",
        "out/validation.parquet",
        "record.json",
    ):
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes(), name


def test_blocks_are_recomputed_where_that_is_asked_for_with_the_same_weights(finished, stores, tmp_path, monkeypatch):
    called, plain = [], block.checkpoint
    monkeypatch.setattr(block, "checkpoint", lambda *args, **kwargs: called.append(1) or plain(*args, **kwargs))
    run.main(arguments(stores, tmp_path, recompute=1))
    assert called
    name = "out/model.safetensors"
    assert (tmp_path / name).read_bytes() == (finished / name).read_bytes()


@pytest.mark.parametrize(
    ("initialisation", "adaptation"), [("uresnet", "full"), ("mae-pt-100", "linear"), ("released", "decoder")]
)
def test_other_rows_run(stores, encoder, tmp_path, initialisation, adaptation):
    weights = {} if initialisation == "uresnet" else {"weights": encoder}
    run.main(arguments(stores, tmp_path, initialisation, adaptation, **weights))
    record = read_record(tmp_path / "record.json")
    assert ("encoder.safetensors" in record["inputs"]) == bool(weights)
    tensors, _ = load_model(tmp_path / "out/model.safetensors")
    if weights:
        theirs, _ = load_model(encoder)
        assert all(torch.equal(tensors[f"backbone.{name}"], theirs[name]) for name in theirs if "mask" not in name)
        assert record["numbers"]["n_trained_parameters"] < record["numbers"]["n_parameters"]


def test_weights_that_a_row_does_not_start_from_are_refused(stores, encoder, tmp_path):
    with pytest.raises(
        ValueError, match="scratch starts from random weights, but those given are .*leave out --weights"
    ):
        run.main(arguments(stores, tmp_path, weights=encoder))
    with pytest.raises(ValueError, match="starts from trained weights, but those given are None; give --weights"):
        run.main(arguments(stores, tmp_path, "distillation-pt-100", "full"))


PANOPTIC = {"event_samples": 8, "validations": (0.5, 1), "validation_events": 2}


@pytest.mark.parametrize("name", ["particle", "particle-kinematics", "interaction-kinematics"])
def test_panoptic_tasks_go_through_the_same_door(encoder, tmp_path, name):
    kind, _, kinematics = name.partition("-")
    stores = {split: made_up_store(tmp_path / f"{split}.zarr", *PLAIN, *EDGES) for split in ("train", "val", "test")}
    settings = run_settings(kind, head=HEAD | {"kinematics": bool(kinematics)}, **PANOPTIC)
    given = settings.model_dump(mode="json", exclude_unset=True)
    given[kind] = settings.of_task(name).of_row("mae-pt-100", "decoder")
    more = {"task": name, "settings": json.dumps(given), "weights": encoder}
    run.main(arguments(stores, tmp_path, "mae-pt-100", "decoder", **more))
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert ("instances.parquet" in names) == bool(kinematics)
    numbers = read_record(tmp_path / "record.json")["numbers"]
    events = pd.read_parquet(tmp_path / "out/events.parquet")
    assert len(events) == numbers["n_test_events"] == 8
    assert numbers["pq"] == pytest.approx(panoptic_numbers(events, kind)["pq"])
    validation = pd.read_parquet(tmp_path / "out/validation.parquet")
    assert validation["event_sample"].tolist() == [4, 8]
    assert {"pq", "ari", "purity"} <= set(validation)
    tensors, card = load_model(tmp_path / "out/model.safetensors")
    theirs, _ = load_model(encoder)
    assert all(torch.equal(tensors[f"backbone.{key}"], theirs[key]) for key in theirs if "mask" not in key)
    assert card.settings["task"] == name
    assert read_finetuned(tmp_path / "out/model.safetensors").name == name
    history = pd.read_parquet(tmp_path / "out/history.parquet")
    assert {"focal", "dice", "class_matched", "stuff", "kinematics"} <= set(history)
