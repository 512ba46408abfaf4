"""What is wrong with a configuration or a job is said where the user looks: on the terminal."""

import re

import pytest

pytestmark = pytest.mark.xdist_group("workflow")


def test_an_unknown_key_is_refused_with_its_path_and_the_nearest_name(finished):
    said = finished.snakemake("--dry-run", config=("data={min_enrgy_mev: 0.2}",), fails=True)
    assert "data.min_enrgy_mev: unknown key; did you mean min_energy_mev?" in said


def test_missing_files_are_told_with_root_and_patterns(finished):
    said = finished.snakemake("--dry-run", config=("data={source: files, root: nowhere}",), fails=True)
    assert "nowhere: no event files of split 'train'; looked for *train/*.h5" in said


def test_a_failed_job_shows_its_message(finished):
    config = ("name=failing", "data={source: files, root: events, min_points: 5000}")
    said = finished.snakemake("results/failing/points/val.zarr", config=config, fails=True)
    assert "no event of split val is kept" in said
    assert "lower data.min_points (now 5000)" in said
    assert "Not finished. The logs of all jobs: results/failing/logs/" in said


def test_a_run_says_how_far_it_is_and_where_its_pages_are(finished):
    assert re.search(
        r"^\d\d:\d\d:\d\d  \d+ of \d+ jobs done, about \d+% of the work", finished.said, flags=re.MULTILINE
    )
    last = finished.said.split("Done. Open in a browser:\n  file://")[-1]
    assert last.startswith(str(finished.folder / "results/tiny"))
    assert last.count("\n") < 20
