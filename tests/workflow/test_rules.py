"""Every rule is a complete data sheet, and the files of the workflow stay short."""

import re
from pathlib import Path

import pytest

from small_project import ROOT

pytestmark = pytest.mark.xdist_group("workflow")

RULE_FILES = sorted((ROOT / "workflow/rules").glob("*.smk"))
SCRIPTS = sorted((ROOT / "workflow/scripts").glob("*.py"))


def rules(path: Path) -> dict[str, str]:
    parts = re.split(r"^rule (\w+):\n", path.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


RULES = {name: text for path in RULE_FILES for name, text in rules(path).items()}
REPORTS = {"cost_plan", "check_cluster"}  # that only say something: with outputs or a benchmark, they would say it once
# torchrun needs modules: the doors of these rules are no scripts.
TRAINING_RULES = {"pretrain": "panda_lartpc.pretraining.run", "finetune": "panda_lartpc.tasks.run"}


@pytest.mark.parametrize("name", RULES)
def test_rule_is_complete(name):
    text = RULES[name]
    for entry in ("params:", "log:", "conda:", "threads:"):
        assert f"    {entry}" in text, entry
    for entry in ("output:", "benchmark:"):
        assert (f"    {entry}" in text) == (name not in REPORTS), entry
    if door := TRAINING_RULES.get(name):
        assert f'source=source_digest("{door}")' in text
        assert f'    shell:\n        f"{{LAUNCH}} -m {door}' in text
    else:
        assert f'source=source("{name}.py")' in text
        assert f'    script:\n        "../scripts/{name}.py"' in text
    assert "retries" not in text.replace("retries: 0", "")  # Snakemake applies them again inside each Slurm job
    assert not re.search("mem_mb|runtime", text)  # profiles/slurm has them, more for each attempt


def test_what_takes_seconds_is_not_submitted_to_a_cluster():
    # A job of a cluster costs two starts of Snakemake, and a poll.
    quick = {name for name in RULES if re.match("table|figure|select", name)} - {"table_embedding"}
    assert len(quick) > 15
    assert [name for name in quick if "localrule: True" not in RULES[name]] == []


@pytest.mark.parametrize("name", sorted(RULES.keys() - REPORTS))
def test_what_a_rule_writes_lies_in_its_own_study(name):
    written = RULES[name].split("    output:")[1].split("    params:")[0]
    written = re.sub(r'results\("(.*?)"\)', r'"results/{study}/\1"', written)  # of the study that is being made
    paths = [path for path in re.findall(r'"(.*?)"', written) if "/" in path and not path.startswith("../")]
    assert len(paths) >= 2
    folders = ("{PRETRAIN}/", "{PROBE}/", "{FINETUNE}/", "{EMBEDDING}/")  # which begin with the study's
    places = ("results/{study}/", *folders)
    assert all(path.startswith(places) for path in paths)


def test_each_script_is_the_door_of_one_rule():
    assert RULES.keys() - TRAINING_RULES.keys() == {script.stem for script in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script_is_short_and_says_which_rule_calls_it(script):
    lines = script.read_text().splitlines()
    assert len(lines) <= 40
    assert f"Called by rule `{script.stem}`." in lines[0]


def test_snakefile_is_short():
    assert len((ROOT / "Snakefile").read_text().splitlines()) <= 60


def test_simulated_files_are_known_from_the_configuration(finished):
    config = ("name=sim", "simulation={events: {train: 25, val: 10, test: 5}, events_per_file: 10}")
    jobs = finished.jobs("data", config=config)
    assert jobs == {"simulate": 5, "ingest": 5, "threshold": 3, "data": 1}


def test_lint_finds_nothing(finished):
    assert "good condition" in finished.snakemake("--lint")
