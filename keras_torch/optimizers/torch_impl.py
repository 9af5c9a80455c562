"""`torch.optim` optimizers with Keras's formulas, where torch's differ. Each works without Keras, too.

They update all parameters with torch's foreach functions; a step costs a handful of calls, not one per parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from keras_torch.optimizers.kernels import Light

Tensors = list[torch.Tensor]


class ForeachOptimizer(Light, torch.optim.Optimizer):
    """Base: collects the lists of each group and counts its steps; subclasses define `update` and `new_state`."""

    def __init__(self, params: Iterable[Any], **defaults: Any) -> None:
        super().__init__(params, {**defaults, "step": 0})

    def new_state(self, param: torch.Tensor, group: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Return the state of a parameter before its first step."""
        raise NotImplementedError(f"{type(self).__name__} must define `new_state(param, group)`.")

    def update(self, group: dict[str, Any], params: Tensors, grads: Tensors, entries: list[dict[str, Any]]) -> None:
        """Update `params` in place; `group["step"]` counts from 1."""
        raise NotImplementedError(f"{type(self).__name__} must define `update(group, params, grads, entries)`.")

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Make one step; `closure` recomputes the loss, as in torch."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            group["step"] += 1
            params = [param for param in group["params"] if param.grad is not None]
            if params:
                state = self.state
                for param in params:
                    if not state[param]:
                        state[param] = self.new_state(param, group)
                self.update(group, params, [param.grad for param in params], [state[param] for param in params])
        return loss


def column(entries: list[dict[str, Any]], key: str) -> Tensors:
    return [entry[key] for entry in entries]


class RMSprop(ForeachOptimizer):
    """RMSprop with epsilon under the root (Keras 2.11 on), or beside it with `eps_outside` (Keras 1 and 2).

    torch's RMSprop adds epsilon after the root, and applies the learning rate after the momentum, not before.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        eps: float = 1e-7,
        centered: bool = False,
        eps_outside: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, rho=rho, momentum=momentum, eps=eps, centered=centered, eps_outside=eps_outside)

    def new_state(self, param: torch.Tensor, group: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Return zeros for the squares, and for momentum and mean where used."""
        keys = ["square_avg"]
        keys += ["momentum_buffer"] if group["momentum"] > 0 else []
        keys += ["grad_avg"] if group["centered"] else []
        return {key: torch.zeros_like(param) for key in keys}

    def update(self, group: dict[str, Any], params: Tensors, grads: Tensors, entries: list[dict[str, Any]]) -> None:
        """Make one step."""
        rho, eps = group["rho"], group["eps"]
        squares = column(entries, "square_avg")
        torch._foreach_mul_(squares, rho)
        torch._foreach_addcmul_(squares, grads, grads, 1 - rho)
        variances = squares
        if group["centered"]:
            means = column(entries, "grad_avg")
            torch._foreach_lerp_(means, grads, 1 - rho)
            variances = list(torch._foreach_addcmul(squares, means, means, -1))
        if group["eps_outside"]:
            roots = list(torch._foreach_sqrt(variances))
            torch._foreach_add_(roots, eps)
        else:
            roots = list(torch._foreach_add(variances, eps))
            torch._foreach_sqrt_(roots)
        if group["momentum"] > 0:
            momenta = column(entries, "momentum_buffer")
            torch._foreach_mul_(momenta, group["momentum"])
            torch._foreach_addcdiv_(momenta, grads, roots, group["lr"])
            torch._foreach_sub_(params, momenta)
        else:
            torch._foreach_addcdiv_(params, grads, roots, -group["lr"])


class Adamax(ForeachOptimizer):
    """Adamax with epsilon added to the norm; torch's adds it to each gradient before taking the maximum."""

    def __init__(
        self, params: Iterable[Any], lr: float = 0.001, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-7
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps)

    def new_state(self, param: torch.Tensor, group: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Return zeros for the mean and the norm."""
        return {"exp_avg": torch.zeros_like(param), "exp_inf": torch.zeros_like(param)}

    def update(self, group: dict[str, Any], params: Tensors, grads: Tensors, entries: list[dict[str, Any]]) -> None:
        """Make one step."""
        beta_1, beta_2 = group["betas"]
        means, norms = column(entries, "exp_avg"), column(entries, "exp_inf")
        torch._foreach_lerp_(means, grads, 1 - beta_1)
        torch._foreach_mul_(norms, beta_2)
        torch._foreach_maximum_(norms, torch._foreach_abs(grads))
        bounds = torch._foreach_add(norms, group["eps"])
        torch._foreach_addcdiv_(params, means, bounds, -group["lr"] / (1 - beta_1 ** group["step"]))


class Lion(ForeachOptimizer):
    """Lion: steps of one size along the sign of an interpolated gradient (Chen et al., arXiv:2302.06675)."""

    def __init__(self, params: Iterable[Any], lr: float = 0.001, betas: tuple[float, float] = (0.9, 0.99)) -> None:
        super().__init__(params, lr=lr, betas=betas)

    def new_state(self, param: torch.Tensor, group: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Return zeros for the momentum."""
        return {"exp_avg": torch.zeros_like(param)}

    def update(self, group: dict[str, Any], params: Tensors, grads: Tensors, entries: list[dict[str, Any]]) -> None:
        """Make one step."""
        beta_1, beta_2 = group["betas"]
        means = column(entries, "exp_avg")
        directions = list(torch._foreach_mul(means, beta_1))
        torch._foreach_add_(directions, grads, alpha=1 - beta_1)
        torch._foreach_sign_(directions)
        torch._foreach_add_(params, directions, alpha=-group["lr"])
        torch._foreach_lerp_(means, grads, 1 - beta_2)


class ScheduleFreeAdamW(ForeachOptimizer):
    """AdamW without a schedule: steps act on `z`, the parameters lie between `z` and its mean (arXiv:2405.15682)."""

    def __init__(
        self, params: Iterable[Any], lr: float = 0.0025, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps)

    def new_state(self, param: torch.Tensor, group: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Return the parameter as the start of `z`, and zeros for the second moment."""
        return {"z": param.detach().clone(), "exp_avg_sq": torch.zeros_like(param)}

    def update(self, group: dict[str, Any], params: Tensors, grads: Tensors, entries: list[dict[str, Any]]) -> None:
        """Make one step."""
        (beta_1, beta_2), step = group["betas"], group["step"]
        z, squares = column(entries, "z"), column(entries, "exp_avg_sq")
        torch._foreach_mul_(squares, beta_2)
        torch._foreach_addcmul_(squares, grads, grads, 1 - beta_2)
        roots = list(torch._foreach_div(squares, 1 - beta_2**step))
        torch._foreach_sqrt_(roots)
        torch._foreach_add_(roots, group["eps"])
        # The mean is not kept: it follows from `z` and the parameters.
        means = list(torch._foreach_add(params, z, alpha=beta_1 - 1))
        torch._foreach_div_(means, beta_1)
        torch._foreach_addcdiv_(z, grads, roots, -group["lr"])
        torch._foreach_lerp_(means, z, 1.0 / step)
        torch._foreach_copy_(params, torch._foreach_lerp(z, means, beta_1))


class Ftrl(ForeachOptimizer):
    """Follow the regularized leader, proximal (McMahan et al. 2013), with L2 shrinkage as in TensorFlow."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.001,
        lr_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1: float = 0.0,
        l2: float = 0.0,
        l2_shrinkage: float = 0.0,
        beta: float = 0.0,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            lr_power=lr_power,
            initial_accumulator_value=initial_accumulator_value,
            l1=l1,
            l2=l2,
            l2_shrinkage=l2_shrinkage,
            beta=beta,
        )

    def new_state(self, param: torch.Tensor, group: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Return the first accumulator and zeros for the linear term."""
        return {
            "accumulator": torch.full_like(param, group["initial_accumulator_value"]),
            "linear": torch.zeros_like(param),
        }

    def update(self, group: dict[str, Any], params: Tensors, grads: Tensors, entries: list[dict[str, Any]]) -> None:
        """Make one step."""
        rate, power = group["lr"], -group["lr_power"]
        accumulators, linears = column(entries, "accumulator"), column(entries, "linear")
        before = list(torch._foreach_pow(accumulators, power))
        torch._foreach_addcmul_(accumulators, grads, grads)
        after = list(torch._foreach_pow(accumulators, power))
        torch._foreach_add_(linears, grads)
        if group["l2_shrinkage"]:
            torch._foreach_add_(linears, params, alpha=2 * group["l2_shrinkage"])
        torch._foreach_sub_(before, after)
        torch._foreach_addcmul_(linears, before, params, 1 / rate)
        torch._foreach_div_(after, rate)
        torch._foreach_add_(after, 2 * (group["l2"] + group["beta"] / (2 * rate)))
        clipped = torch._foreach_clamp_max(torch._foreach_clamp_min(linears, -group["l1"]), group["l1"])
        targets = torch._foreach_div(torch._foreach_sub(clipped, linears), after)
        torch._foreach_copy_(params, targets)
