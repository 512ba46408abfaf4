"""One configuration, known keys only, each described and bounded."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml

from panda_lartpc.data.sampler import labelled_events
from panda_lartpc.report.paper import PERCENTS, TABLE_1
from panda_lartpc.report.tables.runs import Run
from panda_lartpc.settings.pretrain import merged
from panda_lartpc.settings.section import ConfigError, Section
from panda_lartpc.settings.simulation import RainSettings, VertexSettings
from panda_lartpc.settings.study import Study, bounds, read_study, reference_rows, sections_in

ROOT = Path(__file__).parents[2]


def all_models(model: type[Section]) -> set[type[Section]]:
    inside = [section for field in model.model_fields.values() for section in sections_in(field.annotation)]
    return {model}.union(*(all_models(section) for section in inside))


ALL_KEYS = [(model, key) for model in sorted(all_models(Study), key=lambda m: m.__name__) for key in model.model_fields]


@pytest.mark.parametrize(("model", "key"), ALL_KEYS, ids=lambda value: getattr(value, "__name__", value))
def test_every_key_is_described(model, key):
    assert len(model.model_fields[key].description or "") > 10


@pytest.mark.parametrize(("model", "key"), ALL_KEYS, ids=lambda value: getattr(value, "__name__", value))
def test_every_number_has_bounds(model, key):
    field = model.model_fields[key]
    if field.annotation in (int, float):
        assert bounds(field.metadata), f"{model.__name__}.{key} has no bounds"


def test_the_models_of_all_sections_are_walked():
    names = {model.__name__ for model in all_models(Study)}
    assert names >= {"DataSettings", "SimulationSettings", "EventCounts", "ParticleKind", "SingleParticle"}


@pytest.mark.parametrize(
    "path", ["config.yaml", *(f"workflow/config/{p.name}" for p in (ROOT / "workflow/config").iterdir())]
)
def test_the_configurations_that_we_ship_are_valid(path):
    assert read_study(yaml.safe_load((ROOT / path).read_text())).name


def test_every_key_of_the_embedded_study_is_explained_on_its_line():
    lines = [line.strip() for line in (ROOT / "config.yaml").read_text().splitlines()]
    keys = [line for line in lines if line and not line.endswith(":") and not line.startswith("- {")]
    assert [line for line in keys if "#" not in line] == []


def test_a_typo_is_refused_with_its_path_and_the_nearest_name():
    with pytest.raises(ConfigError, match=r"^data\.min_enrgy_mev: unknown key; did you mean min_energy_mev\?$"):
        read_study({"name": "x", "data": {"min_enrgy_mev": 0.1}})
    with pytest.raises(ConfigError, match=r"^simulation\.events\.tran: unknown key; did you mean train\?$"):
        read_study({"name": "x", "simulation": {"events": {"tran": 3}}})


@pytest.mark.parametrize("name", ["", "a/b", "..", "A", "a b", "x" * 65])
def test_names_that_make_bad_folders_are_refused(name):
    with pytest.raises(ConfigError, match=r"^name: got "):
        read_study({"name": name})


def test_simulated_files_hold_every_event_once():
    study = read_study(
        {"name": "x", "simulation": {"events": {"train": 25, "val": 10, "test": 1}, "events_per_file": 10}}
    )
    files = study.simulated_files()
    assert list(files["train"].values()) == [
        {"first": 0, "n_events": 10},
        {"first": 10, "n_events": 10},
        {"first": 20, "n_events": 5},
    ]
    assert list(files["val"]) == ["val-00000"]
    assert files["test"] == {"test-00000": {"first": 0, "n_events": 1}}
    assert len({name for split in files.values() for name in split}) == 5


def test_the_reference_page_has_every_key_with_the_default_that_holds():
    rows = {key: (default, allowed) for key, default, allowed, _ in reference_rows()}
    assert rows["name"][0] == "(required)"
    assert rows["data.min_energy_mev"] == ("0.13", "float, >= 0, < 20")
    assert rows["data.source"] == ("simulated", "simulated | files | download")
    # The default is that of the section that stands there, not of its model.
    assert rows["simulation.rain.interactions"][0] == str(list(RainSettings().interactions))
    assert rows["simulation.vertex.inset_cm"][0] == str(VertexSettings().inset_cm)
    assert rows["simulation.single_particle"] == ("null", "SingleParticle | null")
    assert rows["simulation.vertex.table[].weight"] == ("1", "float, > 0")
    assert all(description for *_, description in reference_rows())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"geometry": {"strides": [2, 2]}}, "encoder.channels has 5 stages but geometry.strides makes 3 levels"),
        ({"decoder": {"channels": [64], "depths": [1]}}, "decoder.channels has 1 stages; expected 4"),
        ({"pretrain": {"distillation": {"up_cast_level": 5}}}, "up_cast_level is 5; the last level is 4"),
        ({"finetune": {"semantic": {"rows": ["uresnet/full"], "uresnet": {"levels": 4}}}}, "levels is 4; expected 5"),
    ],
)
def test_networks_that_do_not_fit_the_levels_are_refused(changed, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        read_study({"name": "x", **changed})


def on_top_of_the_embedded_study(name: str) -> Study:
    embedded, over = (yaml.safe_load((ROOT / path).read_text()) for path in ("config.yaml", f"workflow/config/{name}"))
    return read_study(merged(embedded, over))


def test_nothing_of_the_embedded_study_is_left_in_that_of_the_paper():
    paper, default = on_top_of_the_embedded_study("paper.yaml"), read_study({"name": "x"})
    for section in ("geometry", "encoder", "decoder", "probe", "embedding", "display"):
        assert getattr(paper, section) == getattr(default, section), section
    sweep = {"recipe", "objectives", "fractions"}
    assert paper.pretrain.model_dump(exclude=sweep) == default.pretrain.model_dump(exclude=sweep)
    for task in ("semantic", "particle", "interaction"):
        ours, sections = (study.finetune.of_task(task) for study in (paper, default))
        sweep = {"rows", "rows_with_all_labels", "fractions"}
        assert ours.model_dump(exclude=sweep) == sections.model_dump(exclude=sweep), task
    assert paper.finetune.kinematics.rows == ()


def test_the_study_of_the_paper_has_every_cell_of_its_tables():
    finetune = on_top_of_the_embedded_study("paper.yaml").finetune
    cells = {(*as_cell(row, percent), percent) for row, percent, _ in finetune.semantic.runs()}
    published = {
        (row, "same" if percent == "100" and pretrained == "100" else pretrained, percent)
        for (row, pretrained), values in TABLE_1.items()
        for percent, value in zip(PERCENTS, values, strict=True)
        if value is not None
    }
    assert cells == published
    frozen = [("distillation-pt-100/decoder", percent, 0) for percent in PERCENTS]  # Table 3
    others = [("scratch/full", "100", 0), ("distillation-pt-100/full", "100", 0)]  # Table 4
    assert finetune.particle.runs() == finetune.interaction.runs() == frozen + others


def as_cell(row: str, percent: str) -> tuple[str, str]:
    run = Run(row, percent, 0, Path(f"x/{row.replace('-pt-same', f'-pt-{percent}')}/ft-{percent}/seed-0"))
    pretrained = "same" if run.pretrained == percent else run.pretrained
    return run.method.paper_row, pretrained


def test_the_laptop_study_has_what_its_findings_compare():
    study = on_top_of_the_embedded_study("laptop.yaml")
    semantic, n_train = study.finetune.semantic, study.simulation.events.train
    for n in (n_train, round(0.99 * n_train)):  # one in a hundred has too few points
        labelled = [
            [labelled_events(n, float(K), study.data, seed) for K in semantic.fractions] for seed in semantic.seeds
        ]
        assert [[len(events) for events in row] for row in labelled] == [[4, 16]] * 3
        assert all(set(few) < set(more) for row in labelled for few, more in pairwise(row))
        assert not np.array_equal(labelled[0][0], labelled[1][0])  # each seed draws its own
    assert len(study.pretrain.seeds) == 1
    assert {"scratch/full", "scratch/full-2x", "distillation-pt-100/full", "mae-pt-100/full"} <= set(semantic.rows)
