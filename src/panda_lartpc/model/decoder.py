"""The decoder of the semantic model: from the coarsest level back to the points (Panda section 3.4)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from panda_lartpc.geometry.pyramid import Level, Pyramid
from panda_lartpc.geometry.runs import Runs
from panda_lartpc.model.attention import AttentionBackend
from panda_lartpc.model.bfloat16 import GELU, Linear
from panda_lartpc.model.block import drop_rates
from panda_lartpc.model.encoder import Encoder, add_blocks, initialise, run_blocks
from panda_lartpc.model.rows import spread
from panda_lartpc.model.sparse_conv import ConvolutionBackend
from panda_lartpc.settings.model import DecoderSettings, EncoderSettings, StageSettings


class EncoderDecoder(Encoder):
    """Encoder and decoder as one network, named as the published one; arguments as of `Encoder`."""

    def __init__(
        self,
        settings: EncoderSettings,
        decoder: DecoderSettings,
        *,
        convolution: ConvolutionBackend | None = None,
        attention: AttentionBackend = "sdpa",
    ):
        super().__init__(settings, convolution=convolution, attention=attention)
        self.dec = Decoder(settings.channels, decoder, backends=self.backends)

    def forward(self, features: Tensor, pyramid: Pyramid, *, generator: torch.Generator | None = None) -> Tensor:
        """Features (N, n_features) in the order of the pyramid to (N, decoder.channels[0])."""
        return self.dec(super().forward(features, pyramid, generator=generator), pyramid, generator=generator)


class Decoder(nn.Module):
    """From the features of all levels to features of the points.

    encoder_channels  channels of the encoder's stages, one more than the decoder has
    settings          channels and depths of the decoder's stages
    backends          of convolution and attention, as of `Encoder`

    Raises ValueError if the numbers of stages do not fit.
    """

    def __init__(
        self,
        encoder_channels: Sequence[int],
        settings: DecoderSettings,
        *,
        backends: tuple[ConvolutionBackend | None, AttentionBackend] = (None, "sdpa"),
    ):
        super().__init__()
        n_stages = len(settings.channels)
        if len(encoder_channels) != n_stages + 1:
            raise ValueError(
                f"the decoder has {n_stages} stages but the encoder {len(encoder_channels)}; expected one less"
            )
        self.backends = backends
        # The probability to drop falls on the way to the points: the coarsest stage runs first.
        rates = drop_rates(settings.drop_path, settings.depths)
        below = (*settings.channels[1:], encoder_channels[-1])
        stages = list(zip(below, encoder_channels[:-1], settings.channels, rates, strict=True))
        for s in reversed(range(n_stages)):
            n_below, n_skip, n_out, rate = stages[s]
            self.add_module(f"dec{s}", DecoderStage(n_below, n_skip, n_out, settings, rate[::-1]))
        self.apply(initialise)

    def forward(
        self, levels: Sequence[Tensor], pyramid: Pyramid, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Decode what the encoder gave: (N_s, C_s) for each level s, to (N, channels[0]) at the finest."""
        values = levels[-1]
        for s in reversed(range(len(levels) - 1)):
            stage = self.get_submodule(f"dec{s}")
            values = stage(values, levels[s], pyramid.levels[s], pyramid.levels[s + 1].pool, self.backends, generator)
        return values


class DecoderStage(nn.Module):
    """Unpooling and blocks."""

    def __init__(self, n_below: int, n_skip: int, n_out: int, settings: StageSettings, rates: Sequence[float]):
        super().__init__()
        self.up = GridUnpooling(n_below, n_skip, n_out)
        self.depth = add_blocks(self, n_out, settings, rates)

    def forward(
        self,
        below: Tensor,
        skip: Tensor,
        level: Level,
        pool: Runs,
        backends: tuple[ConvolutionBackend | None, AttentionBackend],
        generator: torch.Generator | None,
    ) -> Tensor:
        """Features of the coarser level (M, n_below) and the encoder's at this one (N, n_skip) to (N, n_out)."""
        return run_blocks(self, self.up(below, skip, pool), level, backends, generator)


class GridUnpooling(nn.Module):
    """Coarse features handed to the points of their cell and added to the encoder's (published code)."""

    def __init__(self, n_below: int, n_skip: int, n_out: int):
        super().__init__()
        self.proj = nn.Sequential(Linear(n_below, n_out), nn.LayerNorm(n_out), GELU())
        self.proj_skip = nn.Sequential(Linear(n_skip, n_out), nn.LayerNorm(n_out), GELU())

    def forward(self, below: Tensor, skip: Tensor, pool: Runs) -> Tensor:
        """(M, n_below) and (N, n_skip) to (N, n_out)."""
        return self.proj_skip(skip) + spread(self.proj(below), pool)
