"""torch's fused kernels without what `torch.optim` does around them, which takes longer than a small model's update.

The torch optimizer keeps its groups and its state; only its `step`, in Python, is left out where it would do no more
than to collect the same tensors.
"""

from __future__ import annotations

import inspect
import itertools
import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch.optim import optimizer as hooks

from keras_torch.backend.variable import Variable

# Without a frame of Python for each parameter.
_step, _first_moment, _second_moment, _largest_moment = map(
    operator.itemgetter, ("step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq")
)
_grad, _base = operator.attrgetter("grad"), operator.attrgetter("_base")
_PLAIN = (torch.nn.Parameter, Variable, torch.Tensor)


class Light:
    """Mixin: torch's optimizers without the import of its compiler, for 2 seconds, when one is made."""

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)


class Adam(Light, torch.optim.Adam):
    """torch's."""


class AdamW(Light, torch.optim.AdamW):
    """torch's."""


class SGD(Light, torch.optim.SGD):
    """torch's."""


class Adagrad(Light, torch.optim.Adagrad):
    """torch's."""


class Adadelta(Light, torch.optim.Adadelta):
    """torch's."""


class NAdam(Light, torch.optim.NAdam):
    """torch's."""


def fits(kernel: Any, optimizer: torch.optim.Optimizer | None, params: Sequence[torch.Tensor]) -> bool:
    """Whether `kernel` can update all of `params`: for `adam` they are ordinary tensors of one dtype on one device."""
    if kernel is not adam:
        return kernel is not None and isinstance(optimizer, kernel.kind)
    if not isinstance(optimizer, torch.optim.Adam) or not optimizer.defaults.get("fused"):
        return False
    return all(type(param) in _PLAIN for param in params) and len({(p.dtype, p.device) for p in params}) == 1


def is_watched(optimizer: torch.optim.Optimizer) -> bool:
    """Whether `step` must be called itself: for hooks, a scheduler that counts calls, another group, or a skip."""
    own = optimizer.__dict__
    return bool(
        "step" in own
        or "found_inf" in own
        or len(optimizer.param_groups) != 1
        or optimizer._optimizer_step_pre_hooks
        or optimizer._optimizer_step_post_hooks
        or hooks._global_optimizer_pre_hooks
        or hooks._global_optimizer_post_hooks
    )


def join_counts(optimizer: torch.optim.Optimizer) -> None:
    """Make the step counts of all parameters views of one tensor, which one operation can raise."""
    entries = [optimizer.state[param] for param in optimizer.param_groups[0]["params"]]
    with torch.no_grad():
        counts = torch.stack([entry["step"] for entry in entries])
    for entry, count in zip(entries, counts, strict=True):
        entry["step"] = count


def _raise_counts(counts: list[torch.Tensor]) -> None:
    joined = counts[0]._base
    if (
        joined is None
        or joined.numel() != len(counts)
        or not all(map(operator.is_, map(_base, counts), itertools.repeat(joined)))
    ):
        # Some parameters have no gradient, or the state came from elsewhere.
        torch._foreach_add_(counts, 1)
    else:
        joined.add_(1)


@torch.no_grad()
def adam(optimizer: torch.optim.Optimizer, params: list[torch.Tensor]) -> None:
    """Make the step of a `torch.optim.Adam` or `AdamW` for `params`, those with a gradient, by one kernel."""
    group: dict[str, Any] = optimizer.param_groups[0]
    amsgrad = group["amsgrad"]
    entries = list(map(optimizer.state.__getitem__, params))
    steps = list(map(_step, entries))
    _raise_counts(steps)
    kernel: Any = torch._fused_adamw_ if group["decoupled_weight_decay"] else torch._fused_adam_
    beta_1, beta_2 = group["betas"]
    kernel(
        params,
        list(map(_grad, params)),
        list(map(_first_moment, entries)),
        list(map(_second_moment, entries)),
        list(map(_largest_moment, entries)) if amsgrad else [],
        steps,
        lr=group["lr"],
        beta1=beta_1,
        beta2=beta_2,
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        amsgrad=amsgrad,
        maximize=group["maximize"],
    )


def step_of(kind: type[torch.optim.Optimizer]) -> Any:
    """Return the step of a class of torch, without what is around it, which asks for the compiler, too."""
    plain = inspect.unwrap(kind.step)

    @torch.no_grad()
    def step(optimizer: torch.optim.Optimizer, params: list[torch.Tensor]) -> None:
        plain(optimizer)

    step.kind = kind  # type: ignore[attr-defined]
    return step


# Moments of weights that get no gradient any more, such as those of rare words, shrink until they are denormal numbers,
# with which CPUs calculate many times slower, and stay so. Below TINY they do nothing that a float32 weight could show,
# and CLEAN_EVERY steps do not bring them from there to the denormal range (1e-38) unless they are halved in each.
TINY = 1e-33
CLEAN_EVERY = 100
_SHRINKING = ("exp_avg", "exp_avg_sq", "momentum_buffer", "square_avg", "grad_avg")


@torch.no_grad()
def drop_tiny(optimizer: torch.optim.Optimizer) -> None:
    """Set to 0 what is too small to matter in the decaying state of float32 parameters on the CPU.

    Not where `eps`, beside which a second moment of 0 is harmless, is itself tiny.
    """
    if any(group.get("eps", 1.0) < 1e-12 for group in optimizer.param_groups):
        return
    for param, entry in optimizer.state.items():
        if param.device.type == "cpu" and param.dtype is torch.float32:
            for key in _SHRINKING:
                if type(entry.get(key)) is torch.Tensor:
                    torch.hardshrink(entry[key], TINY, out=entry[key])
