"""AdamW: what learns, how fast, and what decays (Panda section 4.1; names and exceptions: published code)."""

import re
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from panda_lartpc.settings.training import OptimiserSettings
from panda_lartpc.training import schedule

FROZEN = None
# A regular expression that is searched for in a parameter's name, and the factor on its learning rate, or FROZEN.
Rule = tuple[str, float | None]
ENCODER_BLOCKS = r"\benc\.enc(\d+)\.block(\d+)\."
BETA2 = 0.999
NO_DECAY = ("norm", "gamma", "token")


def parameter_groups(model: nn.Module, settings: OptimiserSettings, rules: Iterable[Rule] = ()) -> list[dict]:
    """Groups of parameters for AdamW, one for each learning rate with and without decay; freezes what is frozen.

    rules    (pattern, factor or FROZEN) pairs; the first whose pattern is found in a parameter's name decides. What no
             rule decides: encoder blocks learn at `settings.layer_decay` to the power of the blocks above them, all
             else at the full rate
    returns  dicts with `params`, `names`, `factor` (on the learning rate) and `decays`; parameters that need no
             gradient, here or before, are in none

    Raises ValueError if a rule decides nothing, or if nothing is left to learn.
    """
    layers = block_rules(model, settings.layer_decay, ENCODER_BLOCKS)
    rules = [*rules]
    used, groups = set(), {}
    for name, parameter in model.named_parameters():
        number, factor = _decide(name, [*rules, *layers])
        used.add(number)
        if factor is FROZEN:
            parameter.requires_grad_(False)
        if not parameter.requires_grad:
            continue
        group = groups.setdefault((factor, decays(name, parameter)), {"params": [], "names": []})
        group["params"].append(parameter)
        group["names"].append(name)
    if idle := [pattern for number, (pattern, _) in enumerate(rules) if number not in used]:
        raise ValueError(
            f"rules for the learning rate decide no parameter: {', '.join(idle)}; the parameters are named like "
            f"{', '.join([name for name, _ in model.named_parameters()][:3])}"
        )
    if not groups:
        raise ValueError("every parameter is frozen: there is nothing to train")
    return [{**group, "factor": factor, "decays": decay} for (factor, decay), group in groups.items()]


def block_rules(
    model: nn.Module, decay: float, blocks: str, *, blocks_above: int = 0, factor: float = 1.0
) -> list[Rule]:
    """Rules of a learning rate that falls from block to block, from the last one to the first.

    decay         factor from each block to the one before it
    blocks        regular expression of the blocks' parameters; its groups are the numbers that put them in order
    blocks_above  blocks after the last of these, each of which counts too (fine-tuning in the published code)
    factor        on the learning rate of all of them
    returns       one rule a block: of n blocks, block k has factor · decay^(n - 1 - k + blocks_above)
    """
    found = {
        tuple(map(int, match.groups())): re.escape(match[0])
        for name, _ in model.named_parameters()
        if (match := re.search(blocks, name))
    }
    depth = len(found) - 1 + blocks_above
    return [(rf"\b{found[key]}", factor * decay ** (depth - k)) for k, key in enumerate(sorted(found))]


def _decide(name: str, rules: Sequence[Rule]) -> tuple[int, float | None]:
    """Number of the first rule for a parameter, and what it says; the full rate where there is none."""
    for number, (pattern, factor) in enumerate(rules):
        if re.search(pattern, name):
            return number, factor
    return len(rules), 1.0


def decays(name: str, parameter: Tensor) -> bool:
    """Whether weight decay pulls a parameter to zero: not biases, norms, gammas, tokens and vectors."""
    return not (parameter.ndim <= 1 or name.endswith(".bias") or any(word in name for word in NO_DECAY))


def adamw(groups: list[dict], settings: OptimiserSettings) -> torch.optim.AdamW:
    """AdamW on the groups of `parameter_groups`, at the start of its schedule."""
    optimiser = torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)  # a third of the time on a CPU, too
    apply_schedule(optimiser, settings, 0.0)
    return optimiser


def apply_schedule(optimiser: torch.optim.Optimizer, settings: OptimiserSettings, progress: float) -> float:
    """Set learning rate, weight decay and beta1 of each group; call it before each step.

    returns  the learning rate of parameters with factor 1
    """
    rate = settings.learning_rate * schedule.learning_rate(settings, progress)
    decay = schedule.weight_decay(settings, progress)
    betas = (schedule.beta1(settings, progress), BETA2)
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]
        group["weight_decay"] = decay if group["decays"] else 0.0
        group["betas"] = betas
    return rate


def parameter_table(model: nn.Module, groups: list[dict], settings: OptimiserSettings) -> list[dict]:
    """What is trained, one row a parameter, to be kept with each run.

    groups   of `parameter_groups` for the same model
    returns  rows with `name`, `shape`, `learning_rate` (at the peak; 0 if frozen), `decays` and `frozen`
    """
    group_of = {name: group for group in groups for name in group["names"]}
    return [
        {
            "name": name,
            "shape": list(parameter.shape),
            "learning_rate": settings.learning_rate * group_of[name]["factor"] if name in group_of else 0.0,
            "decays": name in group_of and group_of[name]["decays"],
            "frozen": name not in group_of,
        }
        for name, parameter in model.named_parameters()
    ]
