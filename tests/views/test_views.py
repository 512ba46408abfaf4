from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from panda_lartpc.data.sampler import BatchPlan
from panda_lartpc.geometry.pyramid import pyramid_of
from panda_lartpc.settings.model import GeometrySettings
from panda_lartpc.views.views import ViewBatch, Views


@pytest.fixture(scope="module")
def views() -> Views:
    position = torch.from_numpy(np.random.default_rng(0).normal(384, 20, (30, 3)).astype(np.float32))
    pyramid = pyramid_of(position, torch.tensor([0, 10, 30]), GeometrySettings(strides=(2,)))
    return Views(pyramid.sort(position), pyramid.sort(position), torch.zeros(30, dtype=torch.bool), pyramid)


def test_a_batch_moves_to_a_device_as_a_whole(views):
    batch = ViewBatch(BatchPlan(0, (1,)), replace(views, masked=None), views, views).to("meta")
    for moved in (batch.teacher, batch.student, batch.local):
        assert {moved.features.device.type, moved.origin_vox.device.type} == {"meta"}
        assert moved.pyramid.levels[1].order.device.type == "meta"
    assert batch.teacher.masked is None
    assert batch.student.masked.device.type == "meta"
    assert ViewBatch(batch.plan, views, views, None).to("meta").local is None


def test_views_are_the_events_of_their_pyramid(views):
    ends = views.pyramid.levels[0].offset.tolist()
    assert [b - a for a, b in pairwise(ends)] == [10, 20]
