"""Print what the study will cost before anything is submitted. Called by rule `cost_plan`."""

from pathlib import Path

from panda_lartpc.planning.cost import cost_plan, in_words, read_work
from panda_lartpc.settings.study import read_study
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    study = read_study(snakemake.config)
    work = read_work(study, snakemake.params.work)
    print(in_words(cost_plan(study, work, Path("results", study.name)), study.name))
