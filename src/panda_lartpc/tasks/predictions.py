"""What fine-tuned models say of each point of a store, side by side in one table (ours)."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn

from panda_lartpc.data.sampler import plan_in_order
from panda_lartpc.data.store import PointStore
from panda_lartpc.detector import NO_INSTANCE
from panda_lartpc.heads.panoptic_inference import Instances, find_instances
from panda_lartpc.model.card import load_model
from panda_lartpc.provenance import atomic_path
from panda_lartpc.settings.model import GeometrySettings
from panda_lartpc.settings.section import read_section
from panda_lartpc.settings.task import TaskSettings
from panda_lartpc.tasks.kinematics import momentum_gev
from panda_lartpc.tasks.labelled import LabelledBatch, PanopticBatch
from panda_lartpc.tasks.scoring import POINTS_AT_ONCE
from panda_lartpc.tasks.task import RunSettings, Task, TaskName, task_of

log = logging.getLogger(__name__)
Columns = dict[str, np.ndarray]  # (N,) each
UNKNOWN: Columns = {
    name: np.array(value, dtype)
    for names, value, dtype in (
        (("motif", "species"), NO_INSTANCE, np.int8),
        (("particle", "interaction"), NO_INSTANCE, np.int32),
        (("particle_score", "interaction_score"), np.nan, np.float32),
        (("momentum_gev", "vertex_x", "vertex_y", "vertex_z"), np.nan, np.float32),
    )
    for name in names
}


@dataclass(frozen=True, eq=False)
class FinetunedModel:
    """A model of a fine-tuning run, ready to predict; its card tells what it is."""

    name: TaskName
    task: Task
    settings: TaskSettings
    geometry: GeometrySettings
    network: nn.Module


def read_finetuned(path: Path | str) -> FinetunedModel:
    """Read a model that `tasks.run` has written.

    Raises FileNotFoundError or ValueError as `load_model`; ValueError if the card is not of a fine-tuning run.
    """
    tensors, card = load_model(path)
    given = card.settings
    missing = {"task", "initialisation", "adaptation", "geometry", "encoder", "data"} - given.keys()
    if missing:
        raise ValueError(
            f"{path}: its card lacks {', '.join(sorted(missing))}; expected the model of a fine-tuning run"
        )
    settings = read_section(RunSettings, {name: given[name] for name in RunSettings.model_fields if name in given})
    task = task_of(given["task"], settings, given["initialisation"], given["adaptation"])
    network = task.network(seed=0)
    network.load_state_dict(tensors)
    return FinetunedModel(given["task"], task, settings.of_task(given["task"]), settings.geometry, network.eval())


def write_predictions(models: Mapping[TaskName, Path], points: Path | str, output: Path | str) -> None:
    """Write the predictions of one model of each task for all events of a store, as a Parquet table.

    models  model files by task; the columns of tasks without a model are -1 or NaN

    A row a point, in the order of the store: event (row in the store), name, point (row in the event); motif, particle,
    interaction (instance in the event, -1: none), species (of the particle), particle_score and interaction_score
    (panoptic_inference.Instances); momentum_gev, and vertex_x, vertex_y, vertex_z in voxels, are those of the instance
    that the model of the kinematics sees at the point, which need not be that of the model without.
    """
    found = {name: read_finetuned(path) for name, path in models.items()}
    if wrong := {name: model.name for name, model in found.items() if model.name != name}:
        raise ValueError(f"models of other tasks than asked for: {wrong}; give each task a model of its own")
    store = PointStore(points)
    with atomic_path(output) as path, pq.ParquetWriter(path, _schema()) as writer:
        for plan in plan_in_order(store.n_points, len(store), POINTS_AT_ONCE):
            events = store.events(plan.events[0], plan.events[-1] + 1)
            whose = {
                "event": np.repeat(plan.events, [len(event) for event in events]),
                "name": np.repeat([event.name for event in events], [len(event) for event in events]),
                "point": np.concatenate([np.arange(len(event)) for event in events]),
            }
            columns = {name: np.full(len(whose["event"]), value) for name, value in UNKNOWN.items()}
            for model in found.values():
                columns |= _columns(model, model.task.dataset(points)[plan])
            writer.write_table(pa.Table.from_pandas(pd.DataFrame(whose | columns), _schema(), preserve_index=False))
    log.info("%s: %d points of %d events, by %s", output, store.offset[-1], len(store), ", ".join(found) or "no model")


def _schema() -> pa.Schema:
    numbers = [(name, pa.from_numpy_dtype(value.dtype)) for name, value in UNKNOWN.items()]
    return pa.schema([("event", pa.int64()), ("name", pa.string()), ("point", pa.int32()), *numbers])


@torch.no_grad()
def _columns(model: FinetunedModel, batch: LabelledBatch | PanopticBatch) -> Columns:
    """The columns that a model fills for the points of a batch, in the order of the store."""
    kind, _, kinematics = model.name.partition("-")
    if kind == "semantic":
        return _stored({"motif": model.network(batch.features, batch.pyramid).argmax(dim=1)}, batch)
    output = model.network(batch.features, batch.position_vox, batch.pyramid)
    found = find_instances(output, model.network.decoder.settings.stuff_classes, model.settings.inference)
    if kinematics:
        told = [output.kinematics[b, instances.query] for b, instances in enumerate(found)]
        if kind == "particle":
            momentum = [torch.from_numpy(momentum_gev(each)) for each in told]
            return _stored({"momentum_gev": _of_points(found, momentum, np.nan)}, batch)
        vertex = _of_points(found, [each.vertex_vox for each in told], np.nan)
        return _stored({f"vertex_{axis}": vertex[:, i] for i, axis in enumerate("xyz")}, batch)
    columns = {
        kind: torch.cat([instances.instance for instances in found]),
        f"{kind}_score": _of_points(found, [instances.score for instances in found], np.nan),
    }
    if kind == "particle":
        columns["species"] = _of_points(found, [instances.classes for instances in found], NO_INSTANCE)
    return _stored(columns, batch)


def _of_points(found: Sequence[Instances], values: Sequence[Tensor], nothing: float) -> Tensor:
    """Values (M, ...) of the instances of each event as those of its points; `nothing` where there is no instance."""
    return torch.cat(
        [
            torch.cat([of_instance, of_instance.new_full((1, *of_instance.shape[1:]), nothing)])[each.instance]
            for each, of_instance in zip(found, values, strict=True)
        ]
    )


def _stored(columns: Mapping[str, Tensor], batch: LabelledBatch | PanopticBatch) -> Columns:
    return {
        name: batch.pyramid.restore(values).cpu().numpy().astype(UNKNOWN[name].dtype)
        for name, values in columns.items()
    }
