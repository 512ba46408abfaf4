"""Tables 3 and 4 of made-up runs equal scores worked by hand, and say what the study does not run."""

import numpy as np
import pandas as pd
import pytest

from latex_check import assert_looks_like_latex
from made_up_panoptic_runs import CLASSES, made_up_events, made_up_panoptic_run
from made_up_runs import only
from panda_lartpc.detector import SPECIES
from panda_lartpc.evaluation.panoptic import event_row
from panda_lartpc.report.tables.panoptic import table_3, table_4
from panda_lartpc.report.tables.panoptic_layout import layouts_3, layouts_4
from panda_lartpc.report.tables.write import Missing, Number, latex, markdown

WRONG = {
    "scratch/decoder": 0.5,
    "scratch/full": 0.3,
    "distillation-pt-100/decoder": 0.2,
    "distillation-pt-100/full": 0.1,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two seeds of particle runs at 10 and 100 %; interaction runs of one seed, and none from scratch."""
    results = tmp_path_factory.mktemp("results") / "demo"
    particle = [
        made_up_panoptic_run(results, "particle", row, percent, s, made_up_events(CLASSES["particle"], wrong, seed=s))
        for row, wrong in WRONG.items()
        for percent in ("10", "100")
        for s in (0, 1)
    ]
    interaction = [
        made_up_panoptic_run(
            results, "interaction", row, percent, 0, made_up_events(CLASSES["interaction"], WRONG[row])
        )
        for row in WRONG
        for percent in ("10", "100")
        if row != "scratch/full"
    ]
    return {"particle": particle, "interaction": interaction}


@pytest.fixture(scope="module")
def third(runs):
    return table_3(runs)


@pytest.fixture(scope="module")
def fourth(runs):
    return table_4(runs)


def hand_made_event() -> dict:
    """Two muons of 4 points and a photon of 2. The first is whole; of the second 3 points are found, and called pion.

    IoU: 1, 3/4, and 0 for the photon, whose points are part of no instance: two of three found, none too many.
    """
    true = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
    predicted = np.array([0, 0, 0, 0, 1, 1, 1, -1, -1, -1])
    return event_row(true, predicted, [2, 2, 0], [2, 3], CLASSES["particle"])


def test_scores_are_those_worked_by_hand(tmp_path):
    events = pd.DataFrame([{"name": f"test_{i}", **hand_made_event()} for i in range(3)])
    run = made_up_panoptic_run(tmp_path / "demo", "particle", "scratch/full", "10", 0, events)
    frame = table_4({"particle": [run], "interaction": []})

    def score(name):
        return only(frame, task="particle", family="scratch", adaptation="full", score=name).percent

    assert score("sq") == pytest.approx(100 * (1 + 3 / 4) / 2)
    assert score("rq") == pytest.approx(100 * 2 * 2 / (3 + 2))
    assert score("pq") == pytest.approx(100 * 2 * (1 + 3 / 4) / (3 + 2))
    # muon: one of two found rightly, one predicted: 2 · 1/3; pion: a false one: 0; photon: not found: 0
    assert score("pq_class_mean") == pytest.approx(100 * (2 / 3 + 0 + 0) / 3)
    assert score("purity") == pytest.approx(100)
    assert score("efficiency") == pytest.approx(100 * (1 + 3 / 4 + 0) / 3)
    assert score("ari") == pytest.approx(100)  # what is left out costs nothing
    # all things: 10 points; pairs together in both: 6 + 3 + 0 + 1 (the two points of the photon are left out together)
    together, true, found, every = 6 + 3 + 0 + 1, 6 + 6 + 1, 6 + 3 + 3, 45
    expected = (together - true * found / every) / ((true + found) / 2 - true * found / every)
    assert score("ari_things") == pytest.approx(100 * expected)
    assert np.isnan(score("ari_proton"))  # no event has one


def test_a_cell_is_the_mean_over_seeds_within_its_interval(runs, third):
    line = only(third, task="particle", family="distillation", labelled_percent="10", score="pq")
    own = [run for run in runs["particle"] if run.row == "distillation-pt-100/decoder" and run.percent == "10"]
    by_seed = []
    for run in own:
        events = pd.read_parquet(run.folder / "events.parquet")
        by_seed.append(100 * 2 * events.sum_iou.sum() / (events.n_true.sum() + events.n_predicted.sum()))
    assert line.by_seed_percent == pytest.approx(tuple(by_seed))
    assert line.percent == pytest.approx(np.mean(by_seed))
    assert line.low_percent < line.percent < line.high_percent
    assert (line.n_labelled_events, line.n_test_events, line.seeds) == (1000, 40, (0, 1))
    assert line.runs == tuple(str(run.folder) for run in own)


def test_rows_of_table_3_are_compared_with_the_untrained_encoder(third):
    wanted = {"task": "particle", "labelled_percent": "100", "score": "ari_things"}
    control = only(third, family="scratch", **wanted)
    panda = only(third, family="distillation", **wanted)
    assert control.method == "untrained encoder, decoder"
    assert panda.difference_points == pytest.approx(panda.percent - control.percent)
    assert 0 < panda.difference_low_points < panda.difference_points < panda.difference_high_points
    assert set(third.adaptation) == {"decoder"}


def test_rows_of_table_4_are_compared_with_scratch_of_the_same_task(fourth):
    wanted = {"family": "distillation", "adaptation": "full", "score": "pq"}
    particle, interaction = (only(fourth, task=task, **wanted) for task in ("particle", "interaction"))
    scratch = only(fourth, task="particle", family="scratch", adaptation="full", score="pq")
    assert particle.difference_points == pytest.approx(particle.percent - scratch.percent)
    assert np.isnan(interaction.difference_points)


def test_the_papers_values_stand_where_fractions_correspond(third, fourth):
    wanted = {"family": "distillation", "adaptation": "decoder", "score": "pq"}
    line = only(third, task="interaction", labelled_percent="10", **wanted)
    assert (line.paper_percent, line.paper_source) == (93.8, "Table 3")
    control = only(third, task="interaction", labelled_percent="10", family="scratch", score="pq")
    assert np.isnan(control.paper_percent)
    line = only(fourth, task="particle", family="distillation", adaptation="full", score="ari_proton")
    assert (line.paper_percent, line.paper_trained_millions, line.n_trained_parameters) == (98.6, 95.1, 4_000_000)
    assert only(fourth, task="interaction", family="scratch", adaptation="full", score="ari").paper_percent == 93.7


def test_cells_that_the_study_does_not_run_name_their_targets(fourth):
    line = only(fourth, task="interaction", family="scratch", adaptation="full", score="pq")
    assert np.isnan(line.percent)
    assert line.target.endswith("demo/finetune/interaction/scratch/full/ft-100/seed-{0,1}/metrics.json")


def test_a_study_without_frozen_encoders_or_of_one_task_has_both_tables(runs):
    full = {"particle": [run for run in runs["particle"] if run.row == "scratch/full"], "interaction": []}
    frame = table_3(full)
    assert frame.percent.isna().all()
    line = only(frame, task="interaction", family="distillation", labelled_percent="10", score="ari")
    assert line.target == (
        f"{full['particle'][0].folder.parents[4]}/interaction/distillation-pt-100/decoder/ft-10/seed-{{0,1}}/metrics.json"
    )
    assert len(layouts_3(frame)) == 1
    assert len(layouts_4(table_4(full))) == 2
    for table in (table_3, table_4):
        with pytest.raises(ValueError, match="no runs of a particle or interaction task"):
            table({"particle": [], "interaction": []})


def test_encoders_pretrained_on_the_labelled_events_have_rows_of_their_own(tmp_path):
    runs = [
        made_up_panoptic_run(tmp_path / "demo", "particle", row, percent, 0, made_up_events(CLASSES["particle"], 0.1))
        for row in ("distillation-pt-same/decoder", "released/decoder")
        for percent in ("1", "10")
    ]
    frame = table_3({"particle": runs, "interaction": []})
    assert list(dict.fromkeys(frame.pretrained)) == ["none", "same", "100", "released"]
    line = only(frame, task="particle", pretrained="same", labelled_percent="1", score="pq")
    assert "distillation-pt-1/decoder/ft-1/" in line.runs[0]
    assert np.isnan(line.paper_percent)
    released = only(frame, task="particle", pretrained="released", labelled_percent="10", score="pq")
    assert released.paper_percent == 88.1


def test_layouts_show_the_papers_columns(third, fourth):
    scores, compared = layouts_3(third)
    assert [heading for heading, _ in scores.sections] == [
        "Interaction PQ, whatever the class (the paper's)",
        "Interaction ARI, published convention (the paper's)",
        "Interaction ARI, over all things",
        "Particle PQ, whatever the class (the paper's)",
        "Particle PQ, mean over species",
        "Particle ARI, published convention (the paper's)",
        "Particle ARI, over all things",
    ]
    assert scores.columns == ["method", "10 % (1,000 events)", "100 % (10,000 events)"]
    assert [row[0] for row in scores.sections[0][1]] == [
        "untrained encoder, decoder",
        "Panda decoder, pre-trained on 100 %",
    ]
    assert scores.sections[0][1][1][2].paper == 96.6
    assert [row[0] for row in compared.sections[0][1]] == ["Panda decoder, pre-trained on 100 %"]
    first, further, against = layouts_4(fourth)
    species = [f"particle ARI {name}" for name in SPECIES[:5]]
    assert first.columns[2:] == ["interaction PQ", "interaction ARI", "particle PQ", "particle ARI", *species]
    row = next(row for row in first.sections[0][1] if row[0] == "Panda full, pre-trained on 100 %")
    assert row[1] == "4.0 M · paper 95.1 M"
    assert [entry.paper for entry in row[2:]] == [97.6, 94.9, 92.5, 98.0, 98.4, 97.2, 99.3, 96.0, 98.6]
    decoder = next(row for row in first.sections[0][1] if row[0].startswith("Panda decoder"))
    assert isinstance(decoder[2], Number)
    scratch = next(row for row in first.sections[0][1] if row[0] == "PTv3 scratch")
    assert scratch[2:4] == [Missing(96.3), Missing(93.7)]
    assert "particle SQ" in further.columns
    assert "interaction PQ, mean over species" not in further.columns
    assert "PTv3 scratch" in against.caption
    assert len(first.targets) == 1
    assert "–: not run by this study" in markdown(first)


def test_layouts_are_well_formed_latex(third, fourth):
    for layout in (*layouts_3(third), *layouts_4(fourth)):
        assert_looks_like_latex(latex(layout))
