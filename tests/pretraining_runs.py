"""A pre-training of seconds, as the command line describes it."""

import json

from panda_lartpc.settings.model import EncoderSettings
from panda_lartpc.settings.pretrain import PretrainSettings
from small_views import GEOMETRY

ENCODER = EncoderSettings(channels=(16, 16, 32), depths=(1, 1, 1), layer_scale=None, drop_path=0.1, coordinates=False)
HEADS = {"hidden_channels": 16, "embedding_channels": 8, "n_prototypes": 16}


def arguments(store, folder, objective="distillation", distillation=None, recompute=0, **changes) -> list[str]:
    recipe = {"recipe": "small", "event_samples": 40, "snapshots": (0, 0.5, 1), "batch_events": 2}
    pretrain = PretrainSettings(**recipe | {"distillation": HEADS | (distillation or {})} | changes)
    settings = {"geometry": GEOMETRY, "encoder": ENCODER, "pretrain": pretrain}
    plain = {name: section.model_dump(mode="json") for name, section in settings.items()}
    given = {
        **{"objective": objective, "percent": "100", "seed": 1, "points": store, "source": "s" * 64},
        **{"settings": json.dumps(plain | {"data": {"labelled": "first"}}), "state": folder / "state"},
        **{"outputs": folder / "out", "record": folder / "record.json", "log-file": folder / "log"},
        **{"study": "test", "database": store.parent / "mlflow.db"},
        **{"processes": 1, "workers": 0, "recompute": recompute},
    }
    return [word for name, value in given.items() for word in (f"--{name}", str(value))]
