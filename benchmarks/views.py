"""The views of a batch as a data worker makes them, in each recipe, and where the time goes."""

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.events import Sources, embedded_study, point_store, raw_events
from benchmarks.harness import Row, interleaved, percent, rows, shares
from panda_lartpc.data.sampler import BatchPlan, EventDataset
from panda_lartpc.settings.model import GeometrySettings
from panda_lartpc.settings.pretrain import PretrainSettings, Recipe
from panda_lartpc.views import dataset
from panda_lartpc.views.dataset import ViewDataset

PARTS = {
    "pyramids": [(dataset, "pyramid_of")],
    "crops": [(dataset, "global_crops"), (dataset, "local_crops")],
    "positions": [(dataset, "centred"), (dataset, "augment_event")],
    "charges": [(dataset, "charge_factor"), (dataset, "changed_log_energy")],
    "masks": [(dataset, "masked_points"), (dataset, "clipped_normal")],
}


def measure(sources: Sources, tiny: bool) -> list[Row]:
    """Batches of the embedded study and, of two sizes, of the paper's recipe, beside reading the events: the limit."""
    study = embedded_study()
    found = _compare("small", sources.small, study.geometry, study.encoder.coordinates, 4, tiny)
    for n in (1,) if tiny else (4, 12):
        found += _compare("paper", sources.large, GeometrySettings(), True, n, tiny)
    return found


def _compare(
    recipe: Recipe, source: Path, geometry: GeometrySettings, coordinates: bool, n: int, tiny: bool
) -> list[Row]:
    with TemporaryDirectory() as folder:
        path = Path(folder, "train.zarr")
        store = point_store(path, raw_events(source, n))
        reader, plan = EventDataset(path), BatchPlan(0, tuple(range(n)))
        views = ViewDataset(path, geometry, coordinates, PretrainSettings(recipe=recipe), seed=0)
        turns = 1 if tiny else 5
        times = interleaved({"views": lambda: views[plan], "read its events (limit)": lambda: reader[plan]}, turns)
        with shares(PARTS) as spent:
            whole = interleaved({"views": lambda: views[plan]}, 1, warm_up=False)["views"].cpu[0]
        note = {"views": percent(spent, whole)}
        size = f"{recipe}, {n} x {store.n_points.mean():,.0f} points"
        return rows("views", size, times, n, "events", notes=note)
