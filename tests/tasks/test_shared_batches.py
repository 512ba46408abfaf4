"""However many processes share the batches, the run is the same: losses, gradients and weights."""

import pytest
import torch
from torch import multiprocessing

from labelled_events import write_store
from panoptic_tasks import EDGES, PLAIN, made_up_store
from shared_steps import KINDS, N_EVENTS, STEPS, steps, steps_of_all


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    write_store(folder / "semantic.zarr", range(N_EVENTS))
    made_up_store(folder / "panoptic.zarr", *PLAIN, *EDGES)
    return folder


@pytest.fixture(scope="module", params=[2, pytest.param(4, marks=pytest.mark.slow)])
def shared(request, stores, tmp_path_factory) -> dict[str, list[dict[str, torch.Tensor]]]:
    """What each process of several has found of each kind of training."""
    folder = tmp_path_factory.mktemp("shared")
    multiprocessing.spawn(steps_of_all, args=(request.param, str(stores), str(folder)), nprocs=request.param)
    ranks = range(request.param)
    return {kind: [torch.load(folder / f"{kind}-{rank}.pt", weights_only=True) for rank in ranks] for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_processes_that_share_batches_train_the_network_of_one(shared, stores, kind):
    alone, found = steps(kind, stores), shared[kind]
    assert len(alone["numbers"]) == STEPS
    assert float(alone["numbers"][:, 0].std()) > 1e-3  # losses: the network changes
    assert float(alone["gradient"].norm()) > 0.01
    for each in found:
        for name in ("gradient", "weights"):
            assert float((each[name] - alone[name]).norm() / alone[name].norm()) < 1e-9, name
    mean = torch.stack([each["numbers"] for each in found]).mean(dim=0)
    torch.testing.assert_close(mean, alone["numbers"], rtol=1e-9, atol=1e-12)
