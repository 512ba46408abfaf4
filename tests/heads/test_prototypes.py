"""The prototype head against the published code, and what is fixed in it."""

import torch
from safetensors.torch import load_file

from panda_lartpc.heads.prototypes import PrototypeHead
from published import FOLDER


def published_head() -> tuple[PrototypeHead, dict[str, torch.Tensor]]:
    stored = load_file(FOLDER / "sinkhorn_ssl.safetensors")
    head = PrototypeHead(12, 20, 8, 16)
    head.load_state_dict(
        {name.removeprefix("head.sd."): t for name, t in stored.items() if name.startswith("head.sd.")}
    )
    return head, stored


def test_cosines_are_those_of_the_published_head():
    head, stored = published_head()
    torch.testing.assert_close(head(stored["head.in"]), stored["head.out"], rtol=1e-5, atol=1e-6)


def test_length_of_embeddings_and_prototypes_does_not_matter():
    head, stored = published_head()
    before = head(stored["head.in"])
    with torch.no_grad():
        head.prototype.parametrizations.weight.original1.mul_(7)
        head.mlp[2].weight.mul_(3)
        head.mlp[2].bias.mul_(3)
    torch.testing.assert_close(head(stored["head.in"]), before, rtol=1e-5, atol=1e-6)


def test_prototypes_start_and_stay_at_length_one():
    head = PrototypeHead(12, 20, 8, 16)
    torch.testing.assert_close(head.prototype.weight.norm(dim=1), torch.ones(16))
    assert head(torch.randn(5, 12)).abs().max() <= 1 + 1e-6
    trained = {name for name, parameter in head.named_parameters() if parameter.requires_grad}
    assert "prototype.parametrizations.weight.original1" in trained
    assert "prototype.parametrizations.weight.original0" not in trained
