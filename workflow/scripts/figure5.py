"""Draw the views of an event, as pre-training shows them. Called by rule `figure5`."""

from panda_lartpc.data.store import PointStore
from panda_lartpc.report.figures.figure_5 import figure_5, read_views
from panda_lartpc.report.figures.points import typical_event
from panda_lartpc.report.figures.save import save_figure
from panda_lartpc.settings.model import GeometrySettings
from panda_lartpc.settings.pretrain import PretrainSettings
from panda_lartpc.settings.section import read_section
from panda_lartpc.training.tracking import script_log

with script_log(snakemake.log[0]):
    params, store = snakemake.params, PointStore(snakemake.input.points)
    geometry, pretrain = (
        read_section(GeometrySettings, params.geometry),
        read_section(PretrainSettings, params.pretrain),
    )
    row = typical_event(store.n_points)
    views = read_views(store, row, geometry, params.coordinates, pretrain, pretrain.seeds[0])
    save_figure(figure_5(store.event(row), views, pretrain), snakemake.output.png, snakemake.output.pdf)
