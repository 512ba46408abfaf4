"""Write what one model of each task says of the test events. Called by rule `predictions`."""

from panda_lartpc.tasks.predictions import write_predictions
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    models = {task: snakemake.input[f"{task}_safetensors"] for task in snakemake.params.tasks}
    write_predictions(models, snakemake.input.points, snakemake.output[0])
