"""Student and teacher of self-distillation: one network, twice (Panda section 3.3, Figure 5)."""

from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from panda_lartpc.heads.prototypes import PrototypeHead
from panda_lartpc.model.encoder import Encoder, up_cast
from panda_lartpc.settings.model import EncoderSettings
from panda_lartpc.settings.pretrain import PretrainSettings
from panda_lartpc.views.views import Views


class Student(nn.Module):
    """Encoder and two projection heads: one for masked global views, one for local views.

    encoder   settings of the encoder, which has a mask token here
    settings  of the objective; without local views there is no head for them

    `DistributedDataParallel` wraps it: `forward` is one call with all that the student sees in a step.
    """

    def __init__(self, encoder: EncoderSettings, settings: PretrainSettings):
        super().__init__()
        distillation = settings.distillation
        if distillation.up_cast_level >= len(encoder.channels):
            raise ValueError(
                f"pretrain.distillation.up_cast_level is {distillation.up_cast_level}, but the encoder has levels 0 to "
                f"{len(encoder.channels) - 1}"
            )
        self.level = distillation.up_cast_level
        self.bfloat16 = settings.optimiser.precision == "bfloat16"
        self.encoder = Encoder(encoder, mask_token=True)
        sizes = (
            sum(encoder.channels[self.level :]),
            distillation.hidden_channels,
            distillation.embedding_channels,
            distillation.n_prototypes,
        )
        self.mask_head = PrototypeHead(*sizes)
        self.unmask_head = PrototypeHead(*sizes) if settings.views.n_local else None

    def forward(self, masked: Views, local: Views | None, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Scores of what the student sees of a batch; `generator` draws its stochastic depth."""
        return self.scores(self.features(masked, generator), None if local is None else self.features(local, generator))

    def scores(self, of_global: Tensor, of_local: Tensor | None) -> dict[str, Tensor]:
        """Cosines of points with prototypes, (N, C) features to (N, K), for each term of the loss.

        of_global  for the terms `mask` and `rolled_mask`, which share a head
        of_local   for the term `local`; None: there is no such term
        """
        cosines = self.mask_head(of_global)
        scores = {"mask": cosines, "rolled_mask": cosines}
        return scores if of_local is None else scores | {"local": self.unmask_head(of_local)}

    def features(self, views: Views, generator: torch.Generator | None = None) -> Tensor:
        """Up-cast features (N, C) of the points of the level that is compared, in the precision of the weights."""
        with self._precision(views.features.device.type):
            levels = self.encoder(views.features, views.pyramid, masked=views.masked, generator=generator)
            values = up_cast(levels, views.pyramid, to=self.level)
        return values.to(self.mask_head.mlp[0].weight.dtype)

    def _precision(self, device_type: str) -> AbstractContextManager:
        """Of the encoder; the heads compute in the precision of their weights."""
        return torch.autocast(device_type, dtype=torch.bfloat16, enabled=self.bfloat16)
