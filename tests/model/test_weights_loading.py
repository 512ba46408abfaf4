"""Loading weights into a network: all of them, or none and the reason."""

import pytest
import torch

from panda_lartpc.model.weights import canonical, compare, load_weights
from published_networks import Sizes, encoder, pretraining_state, random_state


def test_all_problems_are_told_together_and_nothing_is_loaded():
    state = random_state("base")
    changed = {name: weight for name, weight in state.items() if name != "embedding.stem.norm.bias"}
    changed |= {"enc.enc1.down.proj.weight": torch.ones(3, 3), "enc.enc9.gamma": torch.ones(1)}
    module = encoder(Sizes())
    before = {name: weight.clone() for name, weight in module.state_dict().items()}
    with pytest.raises(ValueError, match=r"do not fit") as caught:
        load_weights(module, changed, source="panda_base.pth")
    assert str(caught.value) == (
        "panda_base.pth: the weights do not fit ModuleDict:\n"
        "  90 weights match\n"
        "  1 missing: embedding.stem.norm.bias\n"
        "  1 unexpected: enc.enc9.gamma\n"
        "  1 misshaped: enc.enc1.down.proj.weight [3, 3], expected [32, 16]\n"
        "Build the network with the sizes of the weights, or pass allow_partial=True to load those that match"
    )
    assert all(torch.equal(weight, before[name]) for name, weight in module.state_dict().items())


def test_a_part_is_loaded_where_that_is_allowed():
    state = random_state("base")
    del state["embedding.stem.norm.bias"]
    state["enc.enc1.down.proj.weight"] = torch.ones(3, 3)
    module = encoder(Sizes())
    before = {name: weight.clone() for name, weight in module.state_dict().items()}
    report = load_weights(module, state, allow_partial=True)
    kept = {"embedding.stem.norm.bias", "enc.enc1.down.proj.weight"}
    assert report.missing == ("embedding.stem.norm.bias",)
    assert len(report.misshaped) == 1
    assert set(report.matched) == state.keys() - kept
    for name, weight in module.state_dict().items():
        assert torch.equal(weight, before[name] if name in kept else state[name])


def test_long_lists_are_cut_in_the_message_but_not_in_the_report():
    report = compare({}, {f"weight{i:02d}": (1,) for i in range(20)})
    assert len(report.unexpected) == 20
    assert "20 unexpected: weight00, " in str(report)
    assert str(report).endswith("weight11 and 8 more")


def test_the_mask_token_may_be_on_either_side():
    with_token = encoder(Sizes(), mask_token=True)
    report = load_weights(with_token, random_state("base"))
    assert report.complete
    assert report.optional == ("embedding.mask_token",)
    assert torch.equal(with_token.embedding.mask_token, torch.ones(1, 16))
    student = canonical(pretraining_state())
    assert load_weights(encoder(Sizes()), student).optional == ("embedding.mask_token",)


def test_a_module_keeps_its_precision():
    module = encoder(Sizes()).double()
    load_weights(module, random_state("base"))
    assert {weight.dtype for weight in module.state_dict().values()} == {torch.float64}
