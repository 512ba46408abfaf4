"""The linear probe: how much of the motifs a frozen encoder's features tell without more than a linear map.

Panda section 4.1 and published code, with three differences: the learning rate is chosen on events of its own (the
published code chose it on the events that it reported), features are standardised, and rare motifs may have larger
weights (the published code was given weights and did not use them).
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import AdamW

from panda_lartpc.data.events import Event
from panda_lartpc.data.sampler import plan_in_order
from panda_lartpc.data.store import PointStore
from panda_lartpc.detector import MOTIFS
from panda_lartpc.evaluation.semantic import COLUMNS, SemanticScores, confusion_matrix, scores
from panda_lartpc.geometry.grid import point_features
from panda_lartpc.geometry.pyramid import pyramid_of
from panda_lartpc.model.card import load_model
from panda_lartpc.model.encoder import Encoder
from panda_lartpc.model.weights import load_weights
from panda_lartpc.settings.model import EncoderSettings, GeometrySettings
from panda_lartpc.settings.probe import ProbeSettings
from panda_lartpc.settings.section import read_section

log = logging.getLogger(__name__)

ENCODED_AT_ONCE = 20_000  # points of a batch that is encoded; the result does not depend on it
INITIAL_WIDTH = 0.01  # of the normal numbers that weights start with (published code)
ROUNDING = 1e-6  # a feature that varies by less than this share of its mean varies by float32's rounding alone


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """Scores of the chosen head on the events that are reported.

    confusion      (5, 5)  their points by true (row) and predicted motif (column)
    head           its weights (C, 1, 5) and bias (1, 5)
    learning_rate  of the chosen head
    choose_f1      learning rate → macro F1 on the events on which it was chosen
    at_edge        whether it is the least or largest of several: a wider grid may give a better score
    """

    confusion: NDArray[np.int64]
    head: tuple[Tensor, Tensor]
    learning_rate: float
    choose_f1: dict[float, float]
    at_edge: bool

    @property
    def scores(self) -> SemanticScores:
        """F1 and more of each motif, and their means with and without LED."""
        return scores(self.confusion)

    def numbers(self) -> dict[str, float]:
        """All numbers by name, as a record has them: `macro_f1`, `macro_f1_without_led`, `f1_<motif>`, and more."""
        found = self.scores
        named = {f"f1_{motif}": float(f1) for motif, f1 in zip(MOTIFS, found.f1, strict=True)}
        named |= {name: float(getattr(found, name)) for name in ("macro_f1", "macro_f1_without_led", "accuracy")}
        return named | {"learning_rate": self.learning_rate, "learning_rate_at_edge": float(self.at_edge)}


@dataclass(frozen=True, eq=False)
class LevelFeatures:
    """Features of N points of several events, each level's kept once: a third or less of their up-cast.

    levels  (N_s, C_s) for each level s, finest first
    rows    (N, S)     row of each point in each level
    motif   (N,)       truth
    """

    levels: tuple[Tensor, ...]
    rows: Tensor
    motif: Tensor

    def up_cast(self, points: Tensor) -> Tensor:
        """Features of some points, (n, C) with C the sum over levels, as `model.encoder.up_cast` gives them."""
        rows = self.rows.index_select(0, points)
        return torch.cat([level.index_select(0, rows[:, s]) for s, level in enumerate(self.levels)], dim=1)

    def __len__(self) -> int:
        return len(self.motif)


def probe_encoder(
    encoder: Encoder, geometry: GeometrySettings, store: PointStore, settings: ProbeSettings, seed: int
) -> ProbeResult:
    """Fit linear heads to the first events of a store, choose one on the next, and score it on those after.

    encoder   in evaluation mode; its device does the work, in float32
    geometry  that the encoder was trained with
    store     the validation split
    seed      of the heads' first weights and of the order of points

    Raises ValueError if the encoder is in training mode or the store has fewer events than the settings ask for.
    """
    if encoder.training:
        raise ValueError("the encoder is in training mode; call its eval() before the probe")
    fit, choose = settings.train_events, settings.choose_events
    total = fit + choose + settings.report_events
    if len(store) < total:
        raise ValueError(
            f"{store.path}: {len(store)} events, but the probe needs {total} (probe.train_events {fit}, choose_events "
            f"{choose}, report_events {settings.report_events}); make more events or lower these"
        )
    heads = fit_heads(_gathered(encode_events(encoder, geometry, store, 0, fit)), settings, seed)
    chosen_on = _confusions(heads, encode_events(encoder, geometry, store, fit, fit + choose))
    macro = scores(chosen_on).macro_f1
    best = int(macro.argmax())
    rates = settings.learning_rates
    at_edge = len(rates) > 1 and rates[best] in (min(rates), max(rates))
    if at_edge:
        log.warning("the chosen learning rate %g is at the edge of probe.learning_rates; widen them", rates[best])
    head = heads[0][:, best : best + 1], heads[1][best : best + 1]
    (confusion,) = _confusions(head, encode_events(encoder, geometry, store, fit + choose, total))
    return ProbeResult(confusion, head, rates[best], dict(zip(rates, macro.tolist(), strict=True)), at_edge)


def event_counts(
    encoder: Encoder, geometry: GeometrySettings, store: PointStore, n_events: int, head: tuple[Tensor, Tensor]
) -> pd.DataFrame:
    """Points of each of the first events of a store by true and predicted motif, as fine-tuned runs leave them.

    n_events  of the store, or all if it has fewer
    head      as of ProbeResult
    returns   a row for each event with the columns of `evaluation.semantic`
    """
    n_events = min(n_events, len(store))
    counts = [_confusions(head, encode_events(encoder, geometry, store, i, i + 1)).ravel() for i in range(n_events)]
    return pd.DataFrame(np.stack(counts), columns=list(COLUMNS))


def load_probe_encoder(path: Path | str) -> tuple[Encoder, GeometrySettings]:
    """The encoder of a snapshot, in evaluation mode, and the geometry that it was trained with.

    path  model file with `teacher.*` or `student.*`; the teacher is taken where there is one (published code)

    Raises FileNotFoundError or ValueError as `model.card.load_model`, and ValueError if it holds neither network or
    weights that do not fit its card.
    """
    tensors, card = load_model(path)
    networks = {name.split(".")[0] for name in tensors}
    network = next((name for name in ("teacher", "student") if name in networks), None)
    if network is None or "encoder" not in card.settings:
        raise ValueError(
            f"{path}: weights of {sorted(networks)}, settings of {sorted(card.settings)}; expected a snapshot of "
            "pre-training, with weights of a teacher or student and settings of its encoder"
        )
    encoder = Encoder(read_section(EncoderSettings, card.settings["encoder"]))
    prefix = f"{network}."
    own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    load_weights(encoder, own, source=f"{path} ({network})")
    return encoder.eval(), card.trained_with.geometry


@torch.no_grad()
def encode_events(
    encoder: Encoder, geometry: GeometrySettings, store: PointStore, first: int, last: int
) -> Iterator[LevelFeatures]:
    """Features and motifs of the events `first` to `last` of a store, some events at a time."""
    device, n_points = next(encoder.parameters()).device, store.n_points[first:last]
    for plan in plan_in_order(n_points, len(n_points), ENCODED_AT_ONCE):
        events = store.events(first + plan.first, first + plan.last)
        position, energy, motif = (_packed(events, name, device) for name in ("position_vox", "energy_mev", "motif"))
        offset = torch.tensor([0, *map(len, events)], device=device).cumsum(0)
        pyramid = pyramid_of(position, offset, geometry)
        features = pyramid.sort(point_features(position, energy, encoder.settings.coordinates))
        rows = [torch.arange(len(motif), device=device)]
        for level in pyramid.levels[1:]:
            rows.append(level.pool.row[rows[-1]])
        levels = tuple(level.float() for level in encoder(features, pyramid))
        yield LevelFeatures(levels, torch.stack(rows, dim=1), pyramid.sort(motif.long()))


def fit_heads(points: LevelFeatures, settings: ProbeSettings, seed: int) -> tuple[Tensor, Tensor]:
    """Fit one linear head for each learning rate, all at once; nothing but the rate differs between heads.

    returns  weights (C, R, 5) and biases (R, 5) of heads on the features as they are

    Features are standardised by the mean and width over these points first. A step of Adam has the same size for every
    weight, so features of other widths, as those of different levels are, would be fitted at other speeds. It is part
    of the linear map: the weights returned contain it, and a linear map can say no more than before.
    """
    device, n_classes, n_heads = points.motif.device, len(MOTIFS), len(settings.learning_rates)
    generator = torch.Generator().manual_seed(seed)
    mean, width, standardised = _standardised(points)
    class_weights = _class_weights(points.motif, settings.class_weight_power)
    start = (torch.randn(len(mean), n_classes, generator=generator) * INITIAL_WIDTH).to(device)
    weights = [start.clone().requires_grad_() for _ in range(n_heads)]
    biases = [torch.zeros(n_classes, device=device, requires_grad=True) for _ in weights]
    pairs = zip(weights, biases, settings.learning_rates, strict=True)
    optimiser = AdamW(
        [{"params": [w, b], "lr": rate} for w, b, rate in pairs], weight_decay=settings.weight_decay, fused=True
    )
    for _ in range(settings.epochs):
        for batch in torch.randperm(len(points), generator=generator).to(device).split(settings.batch_points):
            # A head's scores lie R apart, so that the softmax runs along the heads: twice as fast on a CPU.
            weight, bias = torch.stack(weights, dim=2).flatten(1), torch.stack(biases, dim=1).flatten()
            logits = standardised.up_cast(batch) @ weight + bias  # (n, 5 * R)
            truth = points.motif[batch][:, None].expand(-1, n_heads)
            loss = cross_entropy(logits.view(-1, n_classes, n_heads), truth, class_weights, reduction="sum")
            loss = loss / len(batch)  # of all heads
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    weight = torch.stack([w.detach() for w in weights], dim=1) / width[:, None, None]  # (C, R, 5)
    bias = torch.stack([b.detach() for b in biases]) - (mean @ weight.flatten(1)).view(n_heads, n_classes)
    return weight, bias


def _class_weights(motif: Tensor, power: float) -> Tensor:
    """Weights (5,) of the motifs, whose mean over points is 1."""
    n_points = torch.bincount(motif, minlength=len(MOTIFS)).float()
    weights = n_points.clamp(min=1) ** -power
    return weights * len(motif) / (weights @ n_points)


def _standardised(points: LevelFeatures) -> tuple[Tensor, Tensor, LevelFeatures]:
    """Mean and width (C,) of the up-cast features over the points, and the features less the mean, over the width."""
    means, widths, levels = [], [], []
    for s, level in enumerate(points.levels):
        share = torch.bincount(points.rows[:, s], minlength=len(level)).to(level) / len(points)  # of points in a row
        mean = share @ level
        width = (share @ (level - mean).square()).sqrt()
        width = torch.where(width > ROUNDING * mean.abs(), width, 1.0)  # a feature that never varies stays 0
        means.append(mean)
        widths.append(width)
        levels.append((level - mean) / width)
    return torch.cat(means), torch.cat(widths), LevelFeatures(tuple(levels), points.rows, points.motif)


def _gathered(parts: Iterator[LevelFeatures]) -> LevelFeatures:
    """Features of several batches of events as those of one."""
    parts = list(parts)
    sizes = torch.tensor([[len(level) for level in part.levels] for part in parts], device=parts[0].rows.device)
    shift = sizes.cumsum(0) - sizes  # (batches, S)
    return LevelFeatures(
        levels=tuple(torch.cat(levels) for levels in zip(*(part.levels for part in parts), strict=True)),
        rows=torch.cat([part.rows + first for part, first in zip(parts, shift, strict=True)]),
        motif=torch.cat([part.motif for part in parts]),
    )


@torch.no_grad()
def _confusions(heads: tuple[Tensor, Tensor], parts: Iterator[LevelFeatures]) -> NDArray[np.int64]:
    """Confusion matrix of each head over all points: (R, 5, 5)."""
    weight, bias = heads
    total = np.zeros((len(bias), len(MOTIFS), len(MOTIFS)), np.int64)
    for part in parts:
        points = torch.arange(len(part), device=part.motif.device)
        logits = (part.up_cast(points) @ weight.flatten(1)).view(-1, *bias.shape) + bias  # (N, R, 5)
        truth, predicted = part.motif.cpu().numpy(), logits.argmax(dim=2).cpu().numpy()
        total += np.stack([confusion_matrix(truth, head, len(MOTIFS)) for head in predicted.T])
    return total


def _packed(events: list[Event], name: str, device: torch.device) -> Tensor:
    return torch.as_tensor(np.concatenate([getattr(event, name) for event in events]), device=device)
