"""What differs between the tasks; all else of a fine-tuning run is the same for all of them."""

from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import nn

from panda_lartpc.data.store import PointStore
from panda_lartpc.settings.data import DataSettings
from panda_lartpc.settings.finetune import InteractionSettings, ParticleSettings, SemanticSettings
from panda_lartpc.settings.finetune import Task as TaskName
from panda_lartpc.settings.model import DecoderSettings, EncoderSettings, GeometrySettings
from panda_lartpc.settings.section import Section
from panda_lartpc.settings.task import Adaptation, AugmentSettings, TaskSettings
from panda_lartpc.tasks.labelled import LabelledBatch, LabelledDataset, PanopticBatch, PanopticDataset
from panda_lartpc.tasks.networks import PanopticNetwork, SegmentationNetwork, panoptic, transformer, uresnet
from panda_lartpc.tasks.panoptic import PanopticTraining, panoptic_numbers, panoptic_tables, thing_classes
from panda_lartpc.tasks.semantic import SemanticTraining, motif_rows, score_numbers
from panda_lartpc.tasks.truth import Kind, true_instances
from panda_lartpc.training.distributed import World

FIRST_EVENTS = 20  # labelled events that are looked at before a run starts


class RunSettings(Section):
    """Sections of the configuration that the result depends on: that of the task, as TaskSettings.of_row gives it."""

    geometry: GeometrySettings
    encoder: EncoderSettings
    decoder: DecoderSettings = DecoderSettings()
    data: DataSettings
    semantic: SemanticSettings | None = None
    particle: ParticleSettings | None = None
    interaction: InteractionSettings | None = None

    def of_task(self, task: TaskName) -> TaskSettings:
        """The section of a task."""
        return getattr(self, task.removesuffix("-kinematics"))


class Task(Protocol):
    """One task, with the initialisation and adaptation of a run.

    main_score   of `numbers`, which is told while a run goes on
    coordinates  whether the network reads positions
    """

    main_score: str
    coordinates: bool

    def require_truth(self, store: PointStore, labelled: NDArray[np.int64]) -> None:
        """Raise ValueError if the labelled events do not tell what is to be learnt."""

    def network(self, seed: int) -> nn.Module:
        """The network with random weights, which depend on the seed and the sizes alone."""

    def training(self, network: nn.Module, world: World, seed: int) -> SemanticTraining | PanopticTraining:
        """The network, its optimiser, and the step that trains them."""

    def dataset(
        self, store: Path | str, augment: AugmentSettings | None = None, seed: int = 0
    ) -> LabelledDataset | PanopticDataset:
        """Batches of events with the truth of the task, as they are if there is no `augment`."""

    def tables(self, network: nn.Module, batch: LabelledBatch | PanopticBatch) -> dict[str, pd.DataFrame]:
        """What is found in a batch, in tables by name, `events` among them; index: the event's place in the batch."""

    def numbers(self, events: pd.DataFrame) -> dict[str, float]:
        """Scores of all events together, `main_score` among them."""


def task_of(name: TaskName, settings: RunSettings, initialisation: str, adaptation: Adaptation) -> Task:
    """The task of a run."""
    match name.removesuffix("-kinematics"):
        case "semantic":
            return SemanticTask(settings, initialisation, adaptation)
        case "particle" | "interaction" as kind:
            return PanopticTask(kind, settings, initialisation, adaptation)
    raise ValueError(f"task is {name!r}; expected one of finetune's in the configuration")


class SemanticTask:
    """A motif for each point."""

    main_score = "macro_f1"

    def __init__(self, settings: RunSettings, initialisation: str, adaptation: Adaptation):
        self._all, self._own, self._adaptation = settings, settings.semantic, adaptation
        self._is_uresnet = initialisation == "uresnet"
        self._how = self._own.adaptation(initialisation, adaptation)
        self.coordinates = (self._own.uresnet if self._is_uresnet else settings.encoder).coordinates

    def require_truth(self, store: PointStore, labelled: NDArray[np.int64]) -> None:
        """See Task. Every event tells motifs."""

    def network(self, seed: int) -> SegmentationNetwork:
        """See Task."""
        if self._is_uresnet:
            return uresnet(self._own.uresnet, seed)
        return transformer(self._adaptation, self._all.encoder, self._all.decoder, seed)

    def training(self, network: nn.Module, world: World, seed: int) -> SemanticTraining:
        """See Task."""
        return SemanticTraining(network, self._adaptation, self._how, self._own.lovasz_weight, world, seed)

    def dataset(self, store: Path | str, augment: AugmentSettings | None = None, seed: int = 0) -> LabelledDataset:
        """See Task."""
        return LabelledDataset(store, self._all.geometry, self.coordinates, augment, seed)

    def tables(self, network: nn.Module, batch: LabelledBatch) -> dict[str, pd.DataFrame]:
        """See Task."""
        return {"events": motif_rows(network, batch)}

    def numbers(self, events: pd.DataFrame) -> dict[str, float]:
        """See Task."""
        return score_numbers(events)


class PanopticTask:
    """Instances of an event: particles or interactions."""

    main_score = "pq"

    def __init__(self, kind: Kind, settings: RunSettings, initialisation: str, adaptation: Adaptation):
        self._kind, self._all, self._own, self._adaptation = kind, settings, settings.of_task(kind), adaptation
        self._how = self._own.adaptation(initialisation, adaptation)
        self.coordinates = settings.encoder.coordinates

    def require_truth(self, store: PointStore, labelled: NDArray[np.int64]) -> None:
        """See Task."""
        first, classes = labelled[:FIRST_EVENTS], thing_classes(self._own.head)
        if not any(len(true_instances(store.event(int(row)), self._kind, classes)) for row in first):
            raise ValueError(
                f"{store.path}: none of the first {len(first)} labelled events has a {self._kind} of a class in "
                f"{classes}, so there is nothing to learn; files of revision v1 tell no species: use v2 or v3"
            )

    def network(self, seed: int) -> PanopticNetwork:
        """See Task."""
        return panoptic(self._all.encoder, self._own.head, seed)

    def training(self, network: nn.Module, world: World, seed: int) -> PanopticTraining:
        """See Task."""
        return PanopticTraining(network, self._adaptation, self._how, self._own.loss, world, seed)

    def dataset(self, store: Path | str, augment: AugmentSettings | None = None, seed: int = 0) -> PanopticDataset:
        """See Task."""
        classes = thing_classes(self._own.head)
        return PanopticDataset(store, self._all.geometry, self.coordinates, self._kind, classes, augment, seed)

    def tables(self, network: nn.Module, batch: PanopticBatch) -> dict[str, pd.DataFrame]:
        """See Task."""
        return panoptic_tables(network, batch, self._kind, self._own.inference)

    def numbers(self, events: pd.DataFrame) -> dict[str, float]:
        """See Task."""
        return panoptic_numbers(events, self._kind)
