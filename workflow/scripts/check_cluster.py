"""Say what of the cluster would keep the study from running. Called by rule `check_cluster`."""

import sys

from panda_lartpc.planning.check import check_cluster, report
from panda_lartpc.settings.study import read_study
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    params = snakemake.params
    well = report(check_cluster(read_study(snakemake.config), params.work, params.asked, params.executor))
if not well:
    sys.exit("check_cluster: what is missing above would make jobs fail")
