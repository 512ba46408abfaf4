"""Draw the network of a study's settings. Called by rule `figure3`."""

from panda_lartpc.data.store import PointStore
from panda_lartpc.report.figures.figure_3 import figure_3, read_architecture
from panda_lartpc.report.figures.points import typical_event
from panda_lartpc.report.figures.save import save_figure
from panda_lartpc.settings.model import DecoderSettings, EncoderSettings, GeometrySettings
from panda_lartpc.settings.panoptic import PanopticHeadSettings
from panda_lartpc.settings.section import read_section
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    params, store = snakemake.params, PointStore(snakemake.input.points)
    geometry, encoder = read_section(GeometrySettings, params.geometry), read_section(EncoderSettings, params.encoder)
    sets = {task: read_section(PanopticHeadSettings, head) for task, head in params.sets.items()}
    event = store.event(typical_event(store.n_points))
    network = read_architecture(geometry, encoder, read_section(DecoderSettings, params.decoder), sets, event)
    save_figure(figure_3(network, geometry, encoder, event.name), snakemake.output.png, snakemake.output.pdf)
