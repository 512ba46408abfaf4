"""Draw self-distillation as a study's settings have it. Called by rule `figure4`."""

from panda_lartpc.report.figures.figure_4 import figure_4
from panda_lartpc.report.figures.save import save_figure
from panda_lartpc.settings.model import EncoderSettings
from panda_lartpc.settings.pretrain import PretrainSettings
from panda_lartpc.settings.section import read_section
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    encoder = read_section(EncoderSettings, snakemake.params.encoder)
    pretrain = read_section(PretrainSettings, snakemake.params.pretrain)
    save_figure(figure_4(encoder, pretrain), snakemake.output.png, snakemake.output.pdf)
