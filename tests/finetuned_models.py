"""Models of all tasks with random weights, as fine-tuning runs leave them."""

from pathlib import Path

import torch

from labelled_events import DECODER, ENCODER, GEOMETRY
from panda_lartpc.model.card import Card, TrainedWith, save_model
from panda_lartpc.settings.data import DataSettings
from panda_lartpc.settings.finetune import SemanticSettings
from panda_lartpc.tasks.task import RunSettings, task_of
from panoptic_tasks import HEAD, run_settings

ANYTHING = {"mask_threshold": 0.2, "stuff_threshold": 0.9, "class_threshold": 0, "score_threshold": 0}


def save_model_of(folder: Path, name: str) -> Path:
    """A model of a task as a run would leave it, its weights large enough to tell points apart."""
    if name == "semantic":
        given = {"geometry": GEOMETRY, "encoder": ENCODER, "decoder": DECODER, "data": DataSettings()}
        settings = RunSettings(**given, semantic=SemanticSettings(recipe="small"))
    else:
        kind, _, kinematics = name.partition("-")
        head = HEAD | {"kinematics": bool(kinematics), "remove_stuff": False, "position_in_masks": True}
        settings = run_settings(kind, head=head, inference=ANYTHING)
    network = task_of(name, settings, "scratch", "full").network(5)
    with torch.no_grad():
        for i, value in enumerate(network.parameters()):
            value += 0.3 * torch.randn(value.shape, generator=torch.Generator().manual_seed(i))
        if name != "semantic":  # nearly every query finds something
            head = network.decoder
            classes = getattr(head.cls_pred, "fc2", head.cls_pred)
            classes.bias[[*head.settings.stuff_classes, -1]] -= 10
            head.stuff_head[2].bias -= 30
    run = {"task": name, "initialisation": "scratch", "adaptation": "full"}
    card = {"event_samples": 1, "data_digest": "d", "source_digest": "s", "metrics": {}}
    plain = run | settings.model_dump(mode="json", exclude_unset=True)
    save_model(
        folder / f"{name}.safetensors",
        network.state_dict(),
        Card(settings=plain, trained_with=TrainedWith.of(GEOMETRY, ENCODER), **card),
    )
    return folder / f"{name}.safetensors"
