"""What several tests of the model take."""

import pytest

from panda_lartpc.model import bfloat16


@pytest.fixture(params=[True, False], ids=["packed", "plain"])
def packs(request, monkeypatch):
    """With weights in the order of the processor's units, where it has them, and without."""
    if request.param and not bfloat16.packs_weights():
        pytest.skip("this processor has no units for bfloat16, so weights are never packed")
    monkeypatch.setattr(bfloat16, "packs_weights", lambda: request.param)
    return request.param
