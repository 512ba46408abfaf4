"""Panda (arXiv:2512.01324) as one reproducible workflow: `snakemake --profile profiles/local all`. See README.md."""

from snakemake.utils import min_version

from panda_lartpc.settings.study import read_study

min_version("9.0")


configfile: f"{workflow.basedir}/config.yaml"


study = read_study(config)


wildcard_constraints:
    study=study.name,
    split="train|val|test",
    file="[^/]+",
    objective="distillation|mae",
    K="[0-9.]+",
    s="[0-9]+",
    init="[a-z0-9.-]+",
    adaptation="(linear|decoder|full)(-[2-9]x)?",
    task="[a-z-]+",


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/embedding.smk"
include: "workflow/rules/finetune.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/plan.smk"


localrules:
    all,
    data,


# Everything, the default: data, pages, pre-training, tables, figures, and the runs in MLflow.
rule all:
    default_target: True
    input:
        stores("points/{split}.zarr"),
        results("events.html"),
        results("simulation.html") if study.data.source == "simulated" else [],
        pretrainings("results/{study}/figures/probe_{objective}_pt-{K}.png"),
        [*embedding_results(), *method_figures(), *evaluations()],
        [results("records/tracked.json"), results("report.html")],


# The event stores and their indices only.
rule data:
    input:
        stores("points/{split}.zarr"),
        stores("points/{split}.events.parquet"),
