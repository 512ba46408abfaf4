"""How many bytes weights take, counted from the networks themselves without making them (ours)."""

import torch
from torch import nn

from panda_lartpc.model.encoder import Encoder
from panda_lartpc.settings.study import Study
from panda_lartpc.tasks.networks import panoptic, transformer, uresnet

BYTES = 4  # float32


def weight_bytes(study: Study, network: str) -> int:
    """Bytes of a network's weights.

    network  `encoder`, `uresnet`, or a task of fine-tuning and its adaptation, as in `semantic full`
    """
    with torch.device("meta"):  # shapes without numbers: no memory and no time
        return BYTES * sum(parameter.numel() for parameter in _network(study, network).parameters())


def _network(study: Study, network: str) -> nn.Module:
    if network == "encoder":
        return Encoder(study.encoder)
    if network == "uresnet":
        return uresnet(study.finetune.semantic.uresnet, seed=0)
    task, adaptation = network.split()
    if task == "semantic":
        return transformer(adaptation, study.encoder, study.decoder, seed=0)
    return panoptic(study.encoder, study.finetune.of_task(task).head, seed=0)
