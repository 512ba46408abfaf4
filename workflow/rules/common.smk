"""What the rules share: where their sources, files and settings come from. No rules here."""

import json
import sys
from itertools import product
from pathlib import Path
from typing import get_args

from panda_lartpc.provenance import source_digest
from panda_lartpc.report.tables.runs import as_runs, shown_run
from panda_lartpc.settings.finetune import Task
from panda_lartpc.settings.task import FROM_RANDOM, split_budget
from panda_lartpc.training.study_progress import watch
from panda_lartpc.training.tracking import prepare_tracking

SPLITS = ("train", "val", "test")
DATABASE = "results/mlflow.db"  # of MLflow, for all studies; unless MLFLOW_TRACKING_URI names a server


def source(script):
    """Digest of a rule's script and of all of our package that it imports; comments and docstrings do not count."""
    return source_digest(Path(workflow.basedir, "workflow", "scripts", script))


def results(path):
    """A file or store of this study."""
    return f"results/{study.name}/{path}"


def closing_lines():
    """Where the report is, or the pages of a study that has none yet."""
    page = Path(results("report.html"))
    pages = [page] if page.exists() else sorted(Path(results("")).glob("*.html"))
    shown = [f"  {page.absolute().as_uri()}" for page in pages]
    return ["Done. Open in a browser:", *shown] if shown else [f"Done. The results: {results('')}"]


def stores(path):
    """The files or stores of all splits of this study."""
    return [results(path.format(split=split)) for split in SPLITS]


def find_event_files():
    """Files that are not simulated: split → name without ending → path."""
    from panda_lartpc.data.files import find_files

    if study.data.source == "download":
        return {
            split: {Path(name).stem: results(f"download/{split}/{name}") for name in DOWNLOADED[split]}
            for split in SPLITS
        }
    return {split: {path.stem: str(path) for path in find_files(study.data.root, split)} for split in SPLITS}


SIMULATED = study.simulated_files()
DOWNLOADED = study.data.downloaded_files()
FILES = SIMULATED if study.data.source == "simulated" else find_event_files()


def event_file(wildcards):
    """The HDF5 or Parquet file that an ingest job reads."""
    if study.data.source == "simulated":
        return f"results/{wildcards.study}/hdf5/{wildcards.split}/{wildcards.file}.h5"
    return FILES[wildcards.split][wildcards.file]


def points_file(wildcards):
    """The sibling with the number of points of each event; the user's own files may lack it."""
    file = Path(event_file(wildcards))
    sibling = file.with_name(f"{file.stem}_points.npy")
    return str(sibling) if study.data.source == "simulated" or sibling.exists() else []


def raw_stores(wildcards):
    """The stores of all files of a split, in file order."""
    return [f"results/{wildcards.study}/raw/{wildcards.split}/{file}.zarr" for file in FILES[wildcards.split]]


def records():
    """The records of all jobs of this study."""
    names = [f"ingest/{split}/{file}" for split in SPLITS for file in FILES[split]]
    names += [f"threshold/{split}" for split in SPLITS]
    if study.data.source == "simulated":
        names += [f"simulate/{split}/{file}" for split in SPLITS for file in FILES[split]] + ["validate_simulation"]
    if study.data.source == "download":
        names += [f"download/{split}/{name}" for split in SPLITS for name in DOWNLOADED[split]]
    found = [results(f"records/{name}.json") for name in names]
    found += pretrainings("results/{study}/records/pretrain/{objective}_pt-{K}_seed-{s}.json")
    found += pretrainings(f"{PROBE}/{{n}}.json")
    found += [results(f"records/throughput/{task}.json") for task in MEASURED if RUNS[task]]
    return [*found, results("records/table_embedding.json"), *sweep_files(RUNS, "metrics.json")]


def as_json(settings):
    """Settings as one word of a command line."""
    return json.dumps(settings, sort_keys=True)


# Training rules run on the interpreter that runs Snakemake, one process per device. In the shell, because the number of
# processes changes no result and may thus be no parameter. `exec`, so that signals of Slurm reach the training: a shell
# between would die of them. On several nodes Slurm's variables but SLURM_JOB_ID are gone, so srun is told everything.
PYTHON = sys.executable
TORCHRUN = f"{PYTHON} -m torch.distributed.run --nproc-per-node $(({{resources.processes}} / {{resources.nodes}}))"
SRUN = (
    "srun --nodes={resources.nodes} --ntasks={resources.nodes} --ntasks-per-node=1 --kill-on-bad-exit=1"
    " --cpus-per-task={resources.cpus_per_task}"
)
MEET = "--rdzv-backend c10d --rdzv-endpoint $(hostname):$((20000 + SLURM_JOB_ID % 20000)) --rdzv-id $SLURM_JOB_ID"
LAUNCH = (
    "case {resources.nodes},{resources.processes} in"
    f' 1,1) launch="{PYTHON}" ;;'
    f' 1,*) launch="{TORCHRUN} --standalone" ;;'
    f' *) launch="{SRUN} {TORCHRUN} --nnodes {{resources.nodes}} {MEET}" ;;'
    " esac; exec $launch"
)
PRETRAIN = "results/{study}/pretrain/{objective}/pt-{K}/seed-{s}"
PROBE = "results/{study}/probe/{objective}/pt-{K}/seed-{s}"
SNAPSHOTS = study.pretrain.snapshot_samples()
MODEL_FILES = ("safetensors", "json")  # weights and their card


def pretrain_settings(objective):
    """What the result of a pre-training depends on, besides its events and seed."""
    other = "mae" if objective == "distillation" else "distillation"
    run = study.pretrain.model_dump(mode="json", exclude={"recipe", "objectives", "fractions", "seeds", other})
    sections = {"geometry": study.geometry, "encoder": study.encoder}
    return {
        **{name: section.model_dump(mode="json") for name, section in sections.items()},
        "data": study.data.model_dump(mode="json", include={"labelled", "training_events"}),
        "pretrain": run,
    }


def pretrainings(path):
    """A file of every pre-training of this study."""
    runs = {"objective": study.pretrain.objectives, "K": study.pretrain.fractions, "s": study.pretrain.seeds}
    return expand(path, study=study.name, n=SNAPSHOTS, **runs)


def probes():
    """Every pre-training's objective, per cent, seed, folder of probes, and file that says which snapshot was selected."""
    runs = product(study.pretrain.objectives, study.pretrain.fractions, study.pretrain.seeds)
    for objective, K, s in runs:
        run = {"study": study.name, "objective": objective, "K": K, "s": s}
        yield objective, K, s, PROBE.format(**run), f"{PRETRAIN}/selected.json".format(**run)


EMBEDDING = "results/{study}/embedding/{init}/seed-{s}"
MOST = max(study.pretrain.fractions, key=float)
# The untrained encoder, and one of each objective with the most events and the first seed: name → folder of embeddings.
EMBEDDED = {
    init: EMBEDDING.format(study=study.name, init=init, s=study.pretrain.seeds[0])
    for init in ("scratch", *(f"{objective}-pt-{MOST}" for objective in study.pretrain.objectives))
}
SHOWN_ENCODERS = [f"{study.pretrain.objectives[0]}-pt-{MOST}", "scratch"]  # rows of Figure 2


def embedding_results():
    """Tables, figures and pages made from embeddings."""
    return [results(name) for name in ("tables/embedding.csv", "figures/figure-2.png", "retrieval.html")]


FINETUNE = "results/{study}/finetune/{task}/{init}/{adaptation}/ft-{K}/seed-{s}"
FINETUNED = (
    *(f"model.{ending}" for ending in MODEL_FILES),
    *(f"{table}.parquet" for table in ("events", "validation", "history")),
    *("metrics.json", "measured.json", "parameters.csv"),
)


def finetune_settings(task, init, adaptation):
    """What the result of a fine-tuning depends on, besides its events, first weights and seed."""
    names = ("geometry", "encoder", "decoder") if task == "semantic" else ("geometry", "encoder")
    return {
        **{name: getattr(study, name).model_dump(mode="json") for name in names},
        "data": study.data.model_dump(mode="json", include={"labelled", "training_events"}),
        task.removesuffix("-kinematics"): study.finetune.of_task(task).of_row(init, adaptation),
    }


def initial_weights(wildcards):
    """The encoder that a fine-tuning starts from; with its own seed where the study pre-trains with that, or the first."""
    if wildcards.init in FROM_RANDOM:
        return []
    if wildcards.init == "released":
        return [study.finetune.of_task(wildcards.task).released_weights]
    objective, fraction = wildcards.init.split("-pt-")
    seed = wildcards.s if int(wildcards.s) in study.pretrain.seeds else study.pretrain.seeds[0]
    run = {"study": wildcards.study, "objective": objective, "K": fraction, "s": seed}
    return [f"{PRETRAIN}/encoder.{ending}".format(**run) for ending in MODEL_FILES]


def finetune_runs(task):
    """Every run of a task's sweep: row, per cent of labels, seed, folder."""
    for row, K, s in study.finetune.of_task(task).runs():
        init, adaptation = row.replace("-pt-same", f"-pt-{K}").split("/")
        yield row, K, s, FINETUNE.format(study=study.name, task=task, init=init, adaptation=adaptation, K=K, s=s)


RUNS = {task: list(finetune_runs(task)) for task in get_args(Task)}


def run_files(task, *names):
    """Files of every run of a task's sweep."""
    return [f"{folder}/{name}" for *_, folder in RUNS[task] for name in names]


def sweep_files(tasks, *names):
    """Files of every run of some tasks' sweeps."""
    return [file for task in tasks for file in run_files(task, *names)]


def shown(task):
    """The run whose predictions figures show, as a list of one; of none where the task has no rows."""
    if not RUNS[task]:
        return []
    chosen = shown_run(as_runs(RUNS[task]))
    return [run for run in RUNS[task] if run[-1] == str(chosen.folder)][:1]


def shown_files(tasks, *names):
    """Files of the runs that figures show."""
    return [f"{folder}/{name}" for task in tasks for *_, folder in shown(task) for name in names]


PANOPTIC = ("interaction", "particle")
KINEMATICS = ("particle-kinematics", "interaction-kinematics")
CURVES = ("semantic", "particle")  # the panels of Figure 10
MEASURED = ("semantic", "particle" if RUNS["particle"] else "interaction")  # the tasks of Figures 14 and 15
FINDINGS = ("semantic", "particle")  # what the findings compare, besides probes
# Tables and figures of fine-tuning, and the tasks that they show.
EVALUATIONS = {
    **{f"tables/table-{n}.csv": ("semantic",) for n in (1, 2)},
    **{f"tables/table-{n}.csv": PANOPTIC for n in (3, 4)},
    "tables/kinematics.csv": KINEMATICS,
    "tables/findings.csv": FINDINGS,
    "figures/figure-6.png": ("semantic",),
    **{f"figures/figure-{n}.png": ("particle",) for n in (7, 8)},
    "figures/figure-9.png": ("interaction",),
    "figures/figure-10.png": CURVES,
    "figures/figure-11.png": ("semantic",),
    "figures/figure-12.png": ("particle",),
    "figures/figure-13.png": ("interaction",),
    "figures/figure-14.png": ("semantic",),
    "figures/figure-15.png": PANOPTIC,
    "figures/kinematics.png": KINEMATICS,
}


def evaluations():
    """Those for which this study has runs."""
    return [results(file) for file, tasks in EVALUATIONS.items() if any(RUNS[task] for task in tasks)]


def tables():
    """All tables of this study; what they say together first."""
    found = [file for file in (*evaluations(), *embedding_results()) if file.endswith(".csv")]
    return sorted(found, key=lambda file: Path(file).stem != "findings")


def pictures():
    """All figures of this study."""
    probed = dict.fromkeys(pretrainings("results/{study}/figures/probe_{objective}_pt-{K}.png"))
    found = [file for file in (*evaluations(), *embedding_results(), *method_figures()) if file.endswith(".png")]
    return [*found, *probed]


def displays():
    """Pages with displays that are part of the report."""
    examples = [
        file.replace(".png", ".html") for file in evaluations() if file.endswith(("11.png", "12.png", "13.png"))
    ]
    return [results("events.html"), results("figures/figure-2.html"), *examples, results("retrieval-events.html")]


def reported_pretrainings():
    """What the report tells of each pre-training: its name, record, folder and probes."""
    for objective, K, s, probed, _ in probes():
        run = {"study": study.name, "objective": objective, "K": K, "s": s}
        yield {
            "name": f"{objective}/pt-{K}/seed-{s}",
            "record": results(f"records/pretrain/{objective}_pt-{K}_seed-{s}.json"),
            "folder": PRETRAIN.format(**run),
            "probes": [f"{probed}/{n}.json" for n in SNAPSHOTS],
        }


def method_figures():
    """Figures of network, self-distillation and views."""
    numbers = (3, 4, 5) if "distillation" in study.pretrain.objectives else (3, 5)
    return [results(f"figures/figure-{n}.png") for n in numbers]


def exported_models(wildcards):
    """The model of each task that `predictions` asks: that of the run whose predictions figures show."""
    runs = {task: shown(task)[0][-1] for task in RUNS if RUNS[task]}
    return {f"{task}_{ending}": f"{folder}/model.{ending}" for task, folder in runs.items() for ending in MODEL_FILES}
