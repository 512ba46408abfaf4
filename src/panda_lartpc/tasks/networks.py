"""The networks of the tasks (Panda sections 3.4, 4.2 and 4.3) and the weights that they start from."""

from pathlib import Path

import torch
from torch import Tensor, nn

from panda_lartpc.geometry.pyramid import Pyramid
from panda_lartpc.heads.panoptic import PanopticHead, PanopticOutput
from panda_lartpc.heads.segmentation import SegmentationHead
from panda_lartpc.model.card import TrainedWith
from panda_lartpc.model.decoder import EncoderDecoder
from panda_lartpc.model.encoder import Encoder, up_cast
from panda_lartpc.model.uresnet import UResNet
from panda_lartpc.model.weights import load_weights, read_checkpoint
from panda_lartpc.settings.model import DecoderSettings, EncoderSettings, GeometrySettings, UResNetSettings
from panda_lartpc.settings.panoptic import PanopticHeadSettings
from panda_lartpc.settings.task import Adaptation


class SegmentationNetwork(nn.Module):
    """A network and a linear head on its features; names of the parameters are the published ones.

    backbone    (features, pyramid) to features of the points, or to those of all levels, which are up-cast
    n_features  features of a point that the head reads
    """

    def __init__(self, backbone: nn.Module, n_features: int):
        super().__init__()
        self.backbone = backbone
        self.seg_head = SegmentationHead(n_features)

    def forward(self, features: Tensor, pyramid: Pyramid, generator: torch.Generator | None = None) -> Tensor:
        """Features (N, F) in the order of the pyramid to logits (N, 5); the generator is for stochastic depth."""
        values = self.backbone(features, pyramid, generator=generator)
        if isinstance(values, tuple):
            values = up_cast(values, pyramid)
        return self.seg_head(values)


class PanopticNetwork(nn.Module):
    """The encoder and, on its features of all levels, the set decoder; names of the parameters are the published ones.

    The published files also hold `decoder.blocks.*.anneal_progress`, numbers that nothing reads.
    """

    def __init__(self, encoder: EncoderSettings, head: PanopticHeadSettings):
        super().__init__()
        self.backbone = Encoder(encoder)
        self.decoder = PanopticHead(head, sum(encoder.channels))

    def forward(
        self, features: Tensor, position_vox: Tensor, pyramid: Pyramid, generator: torch.Generator | None = None
    ) -> PanopticOutput:
        """Features (N, F) and positions (N, 3) in the order of the pyramid to the head's output, points likewise."""
        values = up_cast(self.backbone(features, pyramid, generator=generator), pyramid)
        return self.decoder(values, position_vox, pyramid.levels[0].offset)


def transformer(
    adaptation: Adaptation, encoder: EncoderSettings, decoder: DecoderSettings, seed: int
) -> SegmentationNetwork:
    """Panda's network for an adaptation, with random weights.

    `linear` has a head on the encoder's features of all levels; the others have a decoder between.

    The weights depend on the seed and the sizes alone, so that decoder and head start alike whatever the encoder is
    given afterwards: runs that differ in their initialisation can be compared in pairs.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if adaptation == "linear":
            return SegmentationNetwork(Encoder(encoder), sum(encoder.channels))
        return SegmentationNetwork(EncoderDecoder(encoder, decoder), decoder.channels[0])


def panoptic(encoder: EncoderSettings, head: PanopticHeadSettings, seed: int) -> PanopticNetwork:
    """Encoder and set decoder with random weights that depend on the seed and the sizes alone, as of `transformer`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PanopticNetwork(encoder, head)


def uresnet(settings: UResNetSettings, seed: int) -> SegmentationNetwork:
    """The U-ResNet that Panda is compared with, with random weights that depend on the seed and the sizes alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SegmentationNetwork(UResNet(settings), settings.filters)


def load_encoder(network: SegmentationNetwork | PanopticNetwork, path: Path | str, geometry: GeometrySettings) -> None:
    """Give the encoder of a network the weights of a file: of ours or, in any of its formats, a published one.

    A decoder and head in the file are not used, nor is the mask token of pre-training.

    Raises FileNotFoundError or ValueError as `read_checkpoint`, and ValueError if the weights were trained with another
    geometry or do not fit the encoder; the network is then unchanged.
    """
    backbone = network.backbone
    weights = read_checkpoint(path)
    weights.trained_with.require(TrainedWith.of(geometry, backbone.settings), str(path))
    decoder = {name: tensor for name, tensor in backbone.state_dict().items() if name.startswith("dec.")}
    load_weights(backbone, weights.encoder | decoder, source=str(path))


def load_panoptic(network: PanopticNetwork, path: Path | str, geometry: GeometrySettings) -> None:
    """Give a whole panoptic network the weights of a file, ours without kinematics or a published one.

    Raises as `load_encoder`, and ValueError if the file has no head, or one of other sizes.
    """
    load_encoder(network, path, geometry)
    load_weights(network.decoder, read_checkpoint(path).head, source=str(path))
