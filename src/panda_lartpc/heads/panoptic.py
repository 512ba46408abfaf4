"""The panoptic head: learnt queries become particles or interactions, each with a class and a mask (Panda section 3.4).

Names and shapes of its parameters are those of the published models (`decoder.*` of `Weights.head`).
"""

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from panda_lartpc.geometry.grid import event_of_point, normalised
from panda_lartpc.heads.panoptic_block import QueryBlock
from panda_lartpc.heads.panoptic_kinematics import Kinematics, KinematicsHead
from panda_lartpc.model.encoder import initialise
from panda_lartpc.settings.panoptic import PanopticHeadSettings

REMOVED = -1e4  # mask logit of points that the queries never saw (published code)


@dataclass(frozen=True, eq=False)
class SetPrediction:
    """What the queries say at one depth of the head.

    class_logits  (B, Q, classes + 1)  the last one is "no object"
    mask_logits   (N, Q)  of each point, to be in the mask of each query of its own event
    """

    class_logits: Tensor
    mask_logits: Tensor


@dataclass(frozen=True, eq=False)
class PanopticOutput:
    """Output of the head for a batch of B events with N points in all.

    layers        first to last; the last is the result, the others are for training
    stuff_logits  (N,)  of each point, to belong to no instance
    offset        (B+1,)  first point of each event, and N
    kinematics    of the last layer's queries; None where the head has none
    """

    layers: tuple[SetPrediction, ...]
    stuff_logits: Tensor
    offset: Tensor
    kinematics: Kinematics | None


class PanopticHead(nn.Module):
    """Queries that read an event's points and become its instances.

    settings     sizes and variants; PARTICLE and INTERACTION are the published ones
    in_channels  features of a point: 1232 from the published encoder
    """

    def __init__(self, settings: PanopticHeadSettings, in_channels: int):
        super().__init__()
        self.settings, c = settings, settings.channels
        self.query_feat = nn.Embedding(settings.n_queries, c)
        self.query_embed = nn.Embedding(settings.n_queries, c)
        self.pos_emb = nn.Sequential(nn.Linear(3, c), nn.GELU(), nn.Linear(c, c))
        self.blocks = nn.ModuleList(
            QueryBlock(c, settings.heads, settings.mlp_ratio, place_in_keys=settings.query_position_in_keys)
            for _ in range(settings.blocks)
        )
        self.final_norm = nn.LayerNorm(c)
        layer = _perceptron if settings.mlp_point_projection else lambda n_in, _, n_out: nn.Linear(n_in, n_out)
        self.cls_pred = layer(c, c, settings.n_classes + 1)
        self.full_point_proj = layer(in_channels, c, c)
        self.stuff_head = nn.Sequential(nn.Linear(in_channels, c), nn.ReLU(), nn.Linear(c, 1))
        if settings.kinematics:
            self.kinematics = KinematicsHead(c)
        self.apply(initialise)

    def forward(self, features: Tensor, position_vox: Tensor, offset: Tensor) -> PanopticOutput:
        """Classes and masks of all events of a batch; neither depends on the order of an event's points.

        features      (N, in_channels)  packed over events
        position_vox  (N, 3)  in voxels
        offset        (B+1,)  first point of each event, and N

        Raises ValueError if the shapes disagree or an event has no points.
        """
        _check(features, position_vox, offset)
        stuff_logits = self.stuff_head(features)[:, 0]
        kept, sizes = self._kept(stuff_logits.detach(), offset)
        points = self.full_point_proj(features[kept])
        position = self.pos_emb(normalised(position_vox[kept]).to(features.dtype))
        if self.settings.position_in_masks:
            points = points + position
        queries = [self.query_feat.weight.expand(len(sizes), -1, -1)]
        masks = []
        for block in self.blocks:
            query, mask = block(queries[-1], self.query_embed.weight, points, position, sizes)
            queries.append(query)
            masks.append(mask)
        if self.settings.mask_of_block == "after":
            # Those that enter the first block count too: nothing else would train its mask MLP.
            masks.append(self.blocks[-1].masks(queries[-1], points, sizes))
            classified = queries
        else:
            classified = queries[1:]
        classified = self.final_norm(torch.stack(classified))  # (layers, B, Q, C)
        return PanopticOutput(
            layers=tuple(
                SetPrediction(classes, _spread(mask, kept, len(features)))
                for classes, mask in zip(self.cls_pred(classified), masks, strict=True)
            ),
            stuff_logits=stuff_logits,
            offset=offset,
            kinematics=self.kinematics(classified[-1]) if self.settings.kinematics else None,
        )

    def _kept(self, stuff_logits: Tensor, offset: Tensor) -> tuple[Tensor | slice, list[int]]:
        """Points that the queries see, and how many of each event."""
        if not self.settings.remove_stuff:
            return slice(None), offset.diff().tolist()
        thing = stuff_logits < 0  # probability < 0.5
        thing |= (_count(thing, offset) == 0)[event_of_point(offset, len(thing))]  # queries must see something
        return thing.nonzero()[:, 0], _count(thing, offset).tolist()


def _perceptron(n_in: int, n_hidden: int, n_out: int) -> nn.Sequential:
    layers = {"fc1": nn.Linear(n_in, n_hidden), "act": nn.GELU(), "fc2": nn.Linear(n_hidden, n_out)}
    return nn.Sequential(OrderedDict(layers))


def _count(chosen: Tensor, offset: Tensor) -> Tensor:
    """How many points of each event are chosen: (N,) bool to (B,)."""
    before = torch.cat([offset.new_zeros(1), chosen.cumsum(0)])
    return before[offset].diff()


def _spread(mask: Tensor, kept: Tensor | slice, n_points: int) -> Tensor:
    """Mask logits of the points seen to those of all points: (M, Q) to (N, Q)."""
    if isinstance(kept, slice):
        return mask
    return mask.new_full((n_points, mask.shape[1]), REMOVED).index_copy(0, kept, mask)


def _check(features: Tensor, position_vox: Tensor, offset: Tensor) -> None:
    n_points = len(features)
    if position_vox.shape != (n_points, 3) or offset[0] != 0 or offset[-1] != n_points:
        raise ValueError(
            f"features are {tuple(features.shape)}, positions {tuple(position_vox.shape)} and offset "
            f"{offset.tolist()}; expected (N, C), (N, 3) and events from 0 to N"
        )
    if (offset.diff() < 1).any():
        raise ValueError(
            f"event {int(offset.diff().argmin())} of the batch has no points; drop it with data.min_points_after"
        )
