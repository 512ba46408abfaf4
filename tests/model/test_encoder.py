"""The encoder: equal to the published one, independent of batch and order, correct in its gradients."""

import pytest
import torch
from safetensors.torch import load_file

from panda_lartpc.geometry.pyramid import Pyramid
from panda_lartpc.model.encoder import Encoder, up_cast
from panda_lartpc.settings.model import EncoderSettings
from published import FOLDER, matching_rows, published_pyramid, published_run, random_tracks

RUNS = ["encoder_tiny", "encoder_short"]
SMALL = EncoderSettings(channels=(8, 16, 16), depths=(1, 2, 1), head_dim=8, drop_path=0)


def published_encoder(settings: dict, weights: dict) -> Encoder:
    shape = settings["config"]
    encoder = Encoder(
        EncoderSettings(channels=shape["enc_channels"], depths=shape["enc_depths"], drop_path=0), mask_token=True
    )
    encoder.load_state_dict(weights)
    return encoder.eval()


def relative(result: torch.Tensor, expected: torch.Tensor) -> float:
    return float((result - expected).norm() / expected.norm())


def small_batch(n_points=(90, 1, 40), seed=1, n_features=4):
    generator = torch.Generator().manual_seed(seed)
    cell, offset = random_tracks(list(n_points), 32, generator)
    return cell, offset, torch.randn(len(cell), n_features, generator=generator)


def small_pyramid(cell, offset) -> Pyramid:
    return Pyramid.build(cell, offset, depth=5, strides=(2, 2), patch_size=16)


def strong(encoder: Encoder, seed: int = 5) -> Encoder:
    """Weights so large that no term hides behind a zero or a small factor."""
    generator = torch.Generator().manual_seed(seed)
    for name, p in encoder.named_parameters():
        noise = torch.randn(p.shape, generator=generator, dtype=p.dtype)
        p.data = noise * 0.3 + (1 if p.ndim == 1 and "weight" in name else 0)
    return encoder


@pytest.mark.parametrize("name", RUNS)
@torch.no_grad()
def test_features_of_all_levels_equal_the_published_ones(name):
    settings, weights, io = published_run(name)
    pyramid, encoder = published_pyramid(settings, io), published_encoder(settings, weights)
    levels = encoder(pyramid.sort(io["input.feat"]), pyramid)
    for s, values in enumerate(levels):
        assert relative(values, io[f"flash.enc{s}.feat"][matching_rows(pyramid, s, io)]) < 1e-5
    at_points = pyramid.restore(up_cast(levels, pyramid))[io["upcast_rows"].long()]
    assert relative(at_points, io["flash.upcast.feat_rows"]) < 1e-5


@pytest.mark.parametrize("name", RUNS)
@torch.no_grad()
def test_features_of_masked_points_equal_the_published_ones(name):
    settings, weights, io = published_run(name)
    pyramid, encoder = published_pyramid(settings, io), published_encoder(settings, weights)
    masked = pyramid.sort(io["masked.input.mask"])
    embedded = encoder.embedding(pyramid.sort(io["input.feat"]), masked)
    assert relative(embedded, pyramid.sort(io["masked.embedding.feat"])) < 1e-6
    levels = encoder(pyramid.sort(io["input.feat"]), pyramid, masked=masked)
    last = len(levels) - 1
    assert relative(levels[last], io[f"masked.enc{last}.feat"][matching_rows(pyramid, last, io)]) < 1e-5


@pytest.mark.parametrize(("name", "s"), [("encoder_short", 0), ("encoder_short", 1), ("encoder_tiny", 3)])
@torch.no_grad()
def test_each_step_of_a_block_equals_the_published_one(name, s):
    settings, weights, io = published_run(name)
    pyramid, encoder = published_pyramid(settings, io), published_encoder(settings, weights)
    row, seen = matching_rows(pyramid, s, io), {}
    block = encoder.get_submodule(f"enc.enc{s}.block0")
    for key, module in {"cpe_conv": block.cpe[0], "attn": block.attn, "block0": block}.items():
        module.register_forward_hook(lambda _, __, result, key=key: seen.update({key: result}))
    encoder(pyramid.sort(io["input.feat"]), pyramid)
    assert relative(seen["cpe_conv"], io[f"flash.enc{s}.block0.cpe_conv.feat"][row]) < 1e-5
    assert relative(seen["attn"], io[f"flash.enc{s}.block0.attn.feat"][row]) < 1e-5
    assert relative(seen["block0"], io[f"flash.enc{s}.block0.feat"][row]) < 1e-5


def test_gradients_of_all_weights_and_of_the_input_equal_the_published_ones():
    settings, weights, io = published_run("encoder_short")
    published = load_file(FOLDER / "encoder_short.grads.safetensors")
    pyramid, encoder = published_pyramid(settings, io), published_encoder(settings, weights)
    features = io["input.feat"].clone().requires_grad_()
    at_points = pyramid.restore(up_cast(encoder(pyramid.sort(features), pyramid), pyramid))
    loss = (at_points * published["R"]).mean()
    loss.backward()
    assert float(loss.detach()) == pytest.approx(float(published["loss"]), rel=1e-5)
    assert relative(features.grad, published["grad_input.feat"]) < 1e-4
    compared = {name: p.grad for name, p in encoder.named_parameters() if name != "embedding.mask_token"}
    for name, grad in compared.items():
        assert relative(grad, published[f"grad.{name}"]) < 1e-4, name
    assert len(compared) == len(weights) - 1


def expected_shapes(channels, depths) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published state dict, written out from its description."""
    c0 = channels[0]
    shapes = {"embedding.stem.linear.weight": (c0, 4), "embedding.stem.linear.bias": (c0,)}
    shapes |= {f"embedding.stem.norm.{p}": (c0,) for p in ("weight", "bias")}
    for s, (c, depth) in enumerate(zip(channels, depths, strict=True)):
        if s:
            shapes |= {f"enc.enc{s}.down.proj.weight": (c, channels[s - 1]), f"enc.enc{s}.down.proj.bias": (c,)}
            shapes |= {f"enc.enc{s}.down.norm.0.{p}": (c,) for p in ("weight", "bias")}
        for i in range(depth):
            shapes |= {f"enc.enc{s}.block{i}.{name}": shape for name, shape in block_shapes(c).items()}
    return shapes


def block_shapes(c: int) -> dict[str, tuple[int, ...]]:
    matrices = {"cpe.1": (c, c), "attn.qkv": (3 * c, c), "attn.proj": (c, c)}
    matrices |= {"mlp.0.fc1": (4 * c, c), "mlp.0.fc2": (c, 4 * c), "cpe.0": (c, 3, 3, 3, c)}
    shapes = {f"{name}.weight": shape for name, shape in matrices.items()}
    shapes |= {f"{name}.bias": shape[:1] for name, shape in matrices.items()}
    shapes |= {f"{name}.{p}": (c,) for name in ("cpe.2", "norm1.0", "norm2.0") for p in ("weight", "bias")}
    return shapes | {"ls1.0.gamma": (c,), "ls2.0.gamma": (c,)}


def test_the_published_size_has_the_published_names_shapes_and_counts():
    with torch.device("meta"):
        encoder = Encoder(EncoderSettings())
    shapes = {name: tuple(p.shape) for name, p in encoder.state_dict().items()}
    assert shapes == expected_shapes((48, 96, 192, 384, 512), (3, 3, 3, 9, 3))
    assert len(shapes) == 440
    assert sum(p.numel() for p in encoder.parameters()) == 90_758_784


def test_weights_start_as_published():
    encoder = Encoder(EncoderSettings(channels=(64, 128), depths=(1, 1)), mask_token=True)
    block = encoder.enc["enc1"].block0
    for weight in (block.cpe[0].weight, block.mlp[0].fc1.weight):
        assert float(weight.detach().std()) == pytest.approx(0.02, rel=0.03)
        assert float(weight.detach().abs().max()) < 0.2
    assert not block.mlp[0].fc1.bias.any()
    assert not block.cpe[0].bias.any()
    assert not encoder.embedding.mask_token.any()
    assert set(block.ls1[0].gamma.tolist()) == {float(torch.tensor(1e-5))}


def test_stochastic_depth_rises_from_zero_with_every_block():
    encoder = Encoder(EncoderSettings(channels=(8, 16), depths=(3, 4), head_dim=8, drop_path=0.3))
    blocks = [encoder.get_submodule(f"enc.enc{s}.block{i}") for s, depth in ((0, 3), (1, 4)) for i in range(depth)]
    assert [block.drop_path for block in blocks] == pytest.approx([0.05 * k for k in range(7)], abs=1e-6)


@torch.no_grad()
def test_an_event_has_the_same_features_alone_and_in_a_batch():
    encoder = strong(Encoder(SMALL)).eval()
    cell, offset, features = small_batch()
    pyramid = small_pyramid(cell, offset)
    together = pyramid.restore(up_cast(encoder(pyramid.sort(features), pyramid), pyramid))
    for a, b in zip(offset[:-1].tolist(), offset[1:].tolist(), strict=True):
        single = small_pyramid(cell[a:b], torch.tensor([0, b - a]))
        alone = single.restore(up_cast(encoder(single.sort(features[a:b]), single), single))
        assert relative(alone, together[a:b]) < 2e-6


@torch.no_grad()
def test_shuffled_points_have_the_same_features():
    encoder = strong(Encoder(SMALL)).eval()
    cell, _, features = small_batch((90,))
    shuffle = torch.randperm(90, generator=torch.Generator().manual_seed(3))
    results = []
    for c, f in ((cell, features), (cell[shuffle], features[shuffle])):
        pyramid = small_pyramid(c, torch.tensor([0, 90]))
        results.append(pyramid.restore(up_cast(encoder(pyramid.sort(f), pyramid), pyramid)))
    assert relative(results[1], results[0][shuffle]) < 2e-6


def test_gradients_of_the_whole_network_equal_finite_differences():
    encoder = strong(Encoder(EncoderSettings(channels=(4, 8), depths=(1, 1), head_dim=4, mlp_ratio=1, drop_path=0)))
    encoder.double()
    cell, offset, features = small_batch((25, 3))
    pyramid = Pyramid.build(cell, offset, depth=5, strides=(2,), patch_size=8)
    factor = torch.randn(28, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(4))

    def loss() -> torch.Tensor:
        return (up_cast(encoder(pyramid.sort(features.double()), pyramid), pyramid) * factor).sum()

    loss().backward()
    generator = torch.Generator().manual_seed(6)
    for name, p in encoder.named_parameters():
        direction = torch.randn(p.shape, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            values = []
            for step in (1e-6, -1e-6):
                p += step * direction
                values.append(float(loss()))
                p -= step * direction
        expected = (values[0] - values[1]) / 2e-6
        assert float((p.grad * direction).sum()) == pytest.approx(expected, rel=1e-5, abs=1e-5), name


def test_a_tiny_network_learns_four_events_by_heart():
    torch.manual_seed(8)
    cell, offset, features = small_batch((80, 120, 60, 100), seed=9)
    pyramid = small_pyramid(cell, offset)
    label = torch.randint(0, 3, (360,), generator=torch.Generator().manual_seed(10))
    settings = EncoderSettings(channels=(16, 32, 32), depths=(1, 1, 1), layer_scale=None, drop_path=0)
    encoder, head = Encoder(settings), torch.nn.Linear(80, 3)
    optimiser = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=3e-3)
    for _ in range(100):
        scores = head(up_cast(encoder(pyramid.sort(features), pyramid), pyramid))
        loss = torch.nn.functional.cross_entropy(scores, pyramid.sort(label))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    predicted = pyramid.restore(scores.argmax(1))
    for motif in range(3):
        hits = ((predicted == motif) & (label == motif)).sum()
        f1 = 2 * hits / ((predicted == motif).sum() + (label == motif).sum())
        assert float(f1) > 0.99


def test_a_step_in_bfloat16_gives_finite_gradients_near_those_of_float32():
    cell, offset, features = small_batch((300, 20))
    pyramid = small_pyramid(cell, offset)
    gradients = []
    for enabled in (False, True):
        encoder = strong(Encoder(SMALL))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            result = up_cast(encoder(pyramid.sort(features), pyramid), pyramid)
        result.float().square().mean().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in encoder.parameters()]))
    assert relative(gradients[1], gradients[0]) < 0.1


@torch.no_grad()
def test_up_cast_to_a_coarser_level_is_part_of_that_to_the_points():
    cell, offset, features = small_batch()
    pyramid, encoder = small_pyramid(cell, offset), strong(Encoder(SMALL)).eval()
    levels = encoder(pyramid.sort(features), pyramid)
    everything, from_one = up_cast(levels, pyramid), up_cast(levels, pyramid, to=1)
    assert from_one.shape == (pyramid.levels[1].n_points, 32)
    assert torch.equal(everything[:, 8:], from_one[pyramid.levels[1].pool.row])
    assert up_cast(levels, pyramid, to=2) is levels[2]


def test_stochastic_depth_is_drawn_from_the_generator_and_absent_in_evaluation():
    cell, offset, features = small_batch()
    pyramid = small_pyramid(cell, offset)
    encoder = strong(Encoder(SMALL.model_copy(update={"drop_path": 0.5})))

    def last(seed: int | None) -> torch.Tensor:
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        return encoder(pyramid.sort(features), pyramid, generator=generator)[-1]

    assert torch.equal(last(1), last(1))
    assert not torch.equal(last(1), last(2))
    with pytest.raises(ValueError, match="needs a generator"):
        last(None)
    encoder.eval()
    assert torch.equal(last(None), last(1))


def test_inputs_that_do_not_fit_are_refused():
    cell, offset, features = small_batch()
    pyramid, encoder = small_pyramid(cell, offset), Encoder(SMALL)
    with pytest.raises(ValueError, match=r"the pyramid has 3 levels but the encoder 1 stages; check geometry.strides"):
        Encoder(EncoderSettings(channels=(8,), depths=(1,), head_dim=8, drop_path=0))(features, pyramid)
    with pytest.raises(ValueError, match=r"features have shape \(131, 3\); expected \(131, 4\)"):
        encoder(features[:, :3], pyramid)
    with pytest.raises(ValueError, match="has no mask token; make it with mask_token=True"):
        encoder(features, pyramid, masked=torch.zeros(131, dtype=torch.bool))
