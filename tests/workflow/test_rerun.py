"""The workflow makes everything once, and again exactly what would come out differently."""

import os
import signal
import subprocess
import time

import pytest

from small_project import EVENT_FILES, SETTINGS, Project

pytestmark = pytest.mark.xdist_group("workflow")

RESULTS = (
    *("raw/train/a.zarr", "raw/train/b.zarr", "raw/val/c.zarr", "raw/test/d.zarr"),
    *(f"points/{split}.{end}" for split in ("train", "val", "test") for end in ("zarr", "events.parquet")),
    *("events.html", "records/tracked.json", "records/ingest/train/a.json", "records/threshold/train.json"),
    *(f"pretrain/{objective}/pt-100/seed-0/encoder.safetensors" for objective in ("distillation", "mae")),
    *("tables/table-1.csv", "tables/table-2.md", "figures/figure-6.png", "figures/figure-10.pdf"),
    *("tables/table-3.md", "tables/table-4.tex", "tables/kinematics.csv", "figures/kinematics.png"),
    *("figures/figure-7.png", "figures/figure-8.pdf", "figures/figure-9.png"),
    *(f"figures/figure-{n}.{end}" for n in (3, 4, 5, *range(11, 16)) for end in ("png", "pdf")),
    *(f"figures/figure-{n}.html" for n in (11, 12, 13)),
    *("figures/figure-2.png", "figures/figure-2.html", "tables/embedding.md", "tables/findings.md", "retrieval.html"),
    *("throughput/semantic.parquet", "records/throughput/particle.json", "report.html"),
)
# What follows from the events of the training split, in the small study.
SEMANTIC = {"finetune": 4, "table1": 1, "table2": 1, "table_findings": 1, "figure6": 1, "figure10": 1}
PANOPTIC = {"table3": 1, "table4": 1, "figure7": 1, "figure8": 1, "figure9": 1}
KINEMATICS = {"finetune_kinematics": 2, "table_kinematics": 1, "figure_kinematics": 1}
EXAMPLES = {"figure11": 1, "figure12": 1, "figure13": 1}
SPEED = {"throughput": 2, "figure14": 1, "figure15": 1}
SWEEP = {**SEMANTIC, **PANOPTIC, **KINEMATICS, **EXAMPLES, **SPEED, "predictions": 1, "finetune": 7}
EMBEDDING = {"embed": 3, "tsne": 2, "table_embedding": 1, "figure2": 1, "retrieval": 1}
VIEWS = {"figure3": 1, "figure5": 1}
TRAINING = {"pretrain": 2, "probe": 2, "select": 2, "figure_probe": 2, **VIEWS, **EMBEDDING, **SWEEP}
AT_LAST = {"track": 1, "report": 1, "all": 1}
ONE_RUN = "results/tiny/finetune/semantic/scratch/full/ft-40/seed-0/metrics.json"
ADDED_COMMENT = ("import logging\n", "import logging  # a comment\n\n")


def test_first_run_makes_everything(finished):
    for name in RESULTS:
        assert (finished.folder / "results/tiny" / name).exists(), name
    assert (finished.folder / "results/mlflow.db").exists()
    assert "5 events" in (finished.folder / "results/tiny/logs/threshold/train.log").read_text()


def test_second_run_does_nothing(finished):
    assert "Nothing to be done" in finished.snakemake("all")


@pytest.mark.slow
def test_two_runs_from_clean_folders_give_the_same_tables(finished, tmp_path):
    """Byte by byte: no time that was measured, and nothing else that differs from run to run, is in a table."""
    tables = sorted((finished.folder / "results/tiny/tables").glob("*.csv"))
    names = [str(table.relative_to(finished.folder)) for table in tables]
    again = Project(tmp_path, EVENT_FILES)
    again.snakemake(*names)
    assert len(names) >= 7
    for name, table in zip(names, tables, strict=True):
        assert (again.folder / name).read_bytes() == table.read_bytes(), name


def test_new_file_times_comments_docstrings_and_other_cores_rerun_nothing(finished):
    for folder in ("src", "workflow", "profiles", "envs"):
        for file in (finished.folder / folder).rglob("*"):
            os.utime(file)
    with (
        finished.edited("src/panda_lartpc/data/ingest.py", *ADDED_COMMENT),
        finished.edited("src/panda_lartpc/data/threshold.py", '"""', '"""Said differently. '),
        finished.edited("workflow/scripts/ingest.py", '"""', '"""Said differently. '),
        finished.edited("src/panda_lartpc/training/tracking.py", "%(levelname)-7s", "%(levelname)-9s"),
    ):
        assert finished.jobs("--cores", "1") == {}


def test_a_changed_statement_reruns_the_rules_that_depend_on_it(finished):
    with finished.edited("src/panda_lartpc/data/threshold.py", "\nlog = ", "\nCHANGED = 1\nlog = "):
        assert finished.jobs() == {"threshold": 3, "event_display": 1, **TRAINING, **AT_LAST}


def test_a_changed_page_reruns_no_data(finished):
    with finished.edited("src/panda_lartpc/report/event_page.py", '"""\n', '"""\nCHANGED = 1\n'):
        assert finished.jobs() == {"event_display": 1, "retrieval": 1, **EXAMPLES, "report": 1, "all": 1}


def test_a_changed_threshold_keeps_the_raw_stores(finished):
    config = (SETTINGS[0], "data={source: files, root: events, min_points: 20, min_energy_mev: 0.2}", SETTINGS[2])
    assert finished.jobs(config=config) == {"threshold": 3, "event_display": 1, **TRAINING, **AT_LAST}


def test_a_changed_probe_does_not_train_again(finished):
    with finished.edited("src/panda_lartpc/settings/probe.py", '"""\n', '"""\nCHANGED = 1\n'):
        jobs = finished.jobs("results/tiny/probe/mae/pt-100/seed-0/0.json")
    assert jobs == {"probe": 1}


@pytest.mark.parametrize(
    ("file", "rule"),
    [("figures/figure-2.png", "figure2"), ("figures/figure-14.png", "figure14"), ("figures/figure-7.png", "figure7")],
)
def test_a_deleted_figure_is_drawn_again_from_files_alone(finished, file, rule):
    figure = finished.folder / "results/tiny" / file
    kept = figure.read_bytes()
    figure.unlink()
    assert finished.jobs(f"results/tiny/{file}") == {rule: 1}
    assert finished.jobs() == {rule: 1, "report": 1, "all": 1}  # which shows it
    figure.write_bytes(kept)


def test_a_deleted_report_is_made_again_alone(finished):
    report = finished.folder / "results/tiny/report.html"
    kept = report.read_bytes()
    report.unlink()
    assert finished.jobs() == {"report": 1, "all": 1}
    report.write_bytes(kept)


def test_the_report_of_the_workflow_shows_all_of_its_tables_figures_and_runs(finished):
    results = finished.folder / "results/tiny"
    text = (results / "report.html").read_text()
    for table in results.glob("tables/*.csv"):
        assert f'<section id="tables/{table.stem}">' in text
    for figure in results.glob("figures/*.png"):
        assert f'id="figures/{figure.stem}"' in text
    for record in results.glob("finetune/*/*/*/*/*/metrics.json"):
        assert f'<details class="run" id="{record.parents[1].relative_to(results)}">' in text
    for page in ("events", "figure-2", "figure-11", "figure-12", "figure-13", "retrieval-events"):
        assert f'id="display-{page}"' in text


def test_other_neighbours_embed_nothing_again(finished):
    changed = "embedding={neighbours: 1}"
    jobs = finished.jobs(config=(*SETTINGS, changed))
    assert jobs == {"table_embedding": 1, "figure2": 1, "retrieval": 1, **AT_LAST}


def test_rerunning_one_point_of_the_sweep_runs_that_one_only(finished):
    assert finished.jobs(ONE_RUN, "--force") == {"finetune": 1}


def test_another_recipe_of_one_row_reruns_that_row_only(finished):
    changed = "finetune={semantic: {linear: {optimiser: {learning_rate: 0.001}}}}"
    assert finished.jobs(config=(*SETTINGS, changed)) == {**SEMANTIC, "finetune": 2, **AT_LAST}


def test_a_study_without_rows_of_a_task_leaves_its_tables_out(finished):
    changed = "finetune={particle: {rows: []}, interaction: {rows: []}, kinematics: {rows: []}}"
    jobs = finished.jobs(config=("name=other", *SETTINGS[1:], changed))
    assert not jobs.keys() & {*PANOPTIC, *KINEMATICS, "figure12", "figure13", "figure15"}
    assert (jobs["finetune"], jobs["figure11"], jobs["throughput"]) == (4, 1, 1)


def test_a_shorter_sweep_trains_nothing(finished):
    changed = "finetune={semantic: {fractions: ['100']}}"
    assert finished.jobs("table1", config=(*SETTINGS, changed)) == {"table1": 1}


def test_other_processes_and_workers_and_less_memory_rerun_nothing(finished):
    changed = ("pretrain:processes=2", "pretrain:recompute=1", "finetune:workers=3", "finetune:recompute=1")
    assert finished.jobs("--set-resources", *changed) == {}


def test_another_study_has_results_of_its_own(finished):
    config = ("name=other", *SETTINGS[1:])
    jobs = finished.jobs(config=config)
    assert jobs == {"ingest": 4, "threshold": 3, "event_display": 1, "figure4": 1, **TRAINING, **AT_LAST}


def test_a_killed_run_is_completed_by_the_next(tmp_path):
    project = Project(tmp_path, {"train/a": 20, "train/b": 20, "val/c": 1, "test/d": 1})
    results, target = tmp_path / "results/tiny", "results/tiny/points/train.zarr"
    command, options = project.command(target, "--config", *SETTINGS)
    driver = subprocess.Popen(command, **options, start_new_session=True)
    while not list(results.glob("raw/train/.*")) + list(results.glob("raw/train/*")):  # an ingest job is writing
        assert driver.poll() is None, driver.stdout.read()
        time.sleep(0.01)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    assert not (tmp_path / target).exists()
    assert "--unlock" in project.snakemake(target, fails=True)
    project.snakemake("--unlock")
    project.snakemake(target)
    assert sorted(path.name for path in (results / "raw/train").iterdir()) == ["a.zarr", "b.zarr"]
    assert "40 events kept" in (results / "logs/threshold/train.log").read_text()
