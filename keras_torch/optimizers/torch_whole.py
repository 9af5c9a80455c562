"""`torch.optim` optimizers that look at a variable as a whole: its norm, its rows and columns, its singular values.

The facade may store a variable in another layout than Keras, or in two parts. It puts the variables that stand behind
the parameters into `variables`; without them each parameter is a variable of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from keras_torch.optimizers.gradients import joint_norms
from keras_torch.optimizers.torch_impl import ForeachOptimizer, Tensors, column

Parts = list[tuple[Any, list[int]]]


def root_mean_squares(tensors: Tensors) -> Tensors:
    """Return the root mean square of each tensor, on its device."""
    sizes = [1.0 / math.sqrt(tensor.numel()) for tensor in tensors]
    return list(torch._foreach_mul(torch._foreach_norm(tensors), sizes))


class WholeVariables(ForeachOptimizer):
    """Base: joins the tensors of each variable into one in Keras's layout, and takes such tensors apart again."""

    variables: Mapping[torch.Tensor, Any] = {}

    def parts(self, params: Tensors) -> Parts:
        """Return each variable with the positions of its parameters in `params`."""
        found: dict[int, tuple[Any, list[int]]] = {}
        for i, param in enumerate(params):
            variable = self.variables.get(param, param)
            found.setdefault(id(variable), (variable, []))[1].append(i)
        return list(found.values())

    @staticmethod
    def join(parts: Parts, params: Tensors, tensors: Tensors | None = None) -> Tensors:
        """Return the variables' values, or `tensors`, which belong to `params`, in the variables' layout."""
        whole = []
        for variable, positions in parts:
            if not hasattr(variable, "from_storage"):
                whole.append((params if tensors is None else tensors)[positions[0]])
            elif tensors is None:
                whole.append(variable.value.detach())
            else:
                given = {id(params[i]): tensors[i] for i in positions}
                storages = variable.storages
                found = [given[id(s)] if id(s) in given else torch.zeros_like(s) for s in storages]
                whole.append(variable.from_storage(*found))
        return whole

    @staticmethod
    def split(parts: Parts, params: Tensors, whole: Tensors) -> Tensors:
        """Undo `join`: return a tensor for each of `params`."""
        tensors = list(params)
        for (variable, positions), value in zip(parts, whole, strict=True):
            if not hasattr(variable, "to_storage"):
                tensors[positions[0]] = value
                continue
            found = {id(s): t for s, t in zip(variable.storages, variable.to_storage(value), strict=True)}
            for i in positions:
                tensors[i] = found[id(params[i])]
        return tensors


class Lamb(WholeVariables):
    """Lamb: Adam's direction, scaled per variable to the norm of its weights (You et al., arXiv:1904.00962)."""

    def __init__(
        self, params: Iterable[Any], lr: float = 0.001, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-7
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps)

    def new_state(self, param: torch.Tensor, group: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Return zeros for both moments."""
        return {"exp_avg": torch.zeros_like(param), "exp_avg_sq": torch.zeros_like(param)}

    def update(self, group: dict[str, Any], params: Tensors, grads: Tensors, entries: list[dict[str, Any]]) -> None:
        """Make one step."""
        beta_1, beta_2 = group["betas"]
        means, squares = column(entries, "exp_avg"), column(entries, "exp_avg_sq")
        torch._foreach_lerp_(means, grads, 1 - beta_1)
        torch._foreach_mul_(squares, beta_2)
        torch._foreach_addcmul_(squares, grads, grads, 1 - beta_2)
        roots = list(torch._foreach_div(squares, 1 - beta_2 ** group["step"]))
        torch._foreach_sqrt_(roots)
        torch._foreach_add_(roots, group["eps"])
        updates = list(torch._foreach_div(means, 1 - beta_1 ** group["step"]))
        torch._foreach_div_(updates, roots)
        owners = [id(self.variables.get(param, param)) for param in params]
        norms = zip(joint_norms(params, owners), joint_norms(updates, owners), strict=True)
        torch._foreach_mul_(updates, [torch.where((w > 0) & (u > 0), w / u, 1.0) for w, u in norms])
        torch._foreach_add_(params, updates, alpha=-group["lr"])


class Adafactor(WholeVariables):
    """Adafactor: second moments kept as means over rows and columns (Shazeer & Stern, arXiv:1804.04235).

    torch's own has the same formula, but reads two norms of each parameter back to the host, and takes the last two
    axes of the storage, which are not Keras's for convolutions. State is in the variables' layout, and stands with the
    first parameter of each: `row` and `column` of those with two axes or more, `square` of the others.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.001,
        beta_2_decay: float = -0.8,
        eps: tuple[float, float] = (1e-30, 1e-3),
        clip_threshold: float = 1.0,
    ) -> None:
        super().__init__(params, lr=lr, beta_2_decay=beta_2_decay, eps=eps, clip_threshold=clip_threshold)

    def new_state(self, param: torch.Tensor, group: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Return zeros, smaller by an axis for each of the two factors."""
        value = getattr(self.variables.get(param, param), "value", param).detach()
        if value.dim() < 2:
            return {"square": torch.zeros_like(value)}
        return {"row": torch.zeros_like(value[..., 0]), "column": torch.zeros_like(value[..., 0, :])}

    def update(self, group: dict[str, Any], params: Tensors, grads: Tensors, entries: list[dict[str, Any]]) -> None:
        """Make one step."""
        small, smallest_scale = group["eps"]
        share = float(group["step"]) ** group["beta_2_decay"]
        parts = self.parts(params)
        gradients = self.join(parts, params, grads)
        squares = list(torch._foreach_mul(gradients, gradients))
        torch._foreach_add_(squares, small)
        variances = []
        for (_, positions), square in zip(parts, squares, strict=True):
            entry = entries[positions[0]]
            if "square" in entry:
                variances.append(entry["square"].lerp_(square, share))
            else:
                entry["row"].lerp_(square.mean(-1), share)
                entry["column"].lerp_(square.mean(-2), share)
                variances.append(factored(entry["row"], entry["column"]))
        updates = list(torch._foreach_div(gradients, torch._foreach_sqrt(variances)))
        limits = torch._foreach_div(root_mean_squares(updates), group["clip_threshold"])
        torch._foreach_div_(updates, torch._foreach_clamp_min(limits, 1.0))
        scales = torch._foreach_clamp_min(root_mean_squares(self.join(parts, params)), smallest_scale)
        torch._foreach_mul_(updates, scales)
        rate = min(group["lr"], 1.0 / math.sqrt(group["step"]))
        torch._foreach_add_(params, self.split(parts, params, updates), alpha=-rate)


def factored(row: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
    """Return the second moment that stands behind its means over columns and over rows."""
    return (row / row.mean(-1, keepdim=True)).unsqueeze(-1) * column.unsqueeze(-2)


class Muon(WholeVariables):
    """Muon: the momentum of matrices made orthogonal (Jordan et al. 2024; arXiv:2502.16982), AdamW for all else.

    torch's own iterates in bfloat16, matrix by matrix; here it is in the parameters' type, and matrices of one shape
    go together. `plain` holds matrices that AdamW updates all the same.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.001,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        ns_steps: int = 5,
        rms_rate: float | None = 0.2,
        adam_lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-7,
        plain: Iterable[torch.Tensor] = (),
    ) -> None:
        self.plain = set(plain)
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            nesterov=nesterov,
            ns_coefficients=ns_coefficients,
            ns_steps=ns_steps,
            rms_rate=rms_rate,
            adam_lr=adam_lr,
            betas=betas,
            eps=eps,
        )

    def new_state(self, param: torch.Tensor, group: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Return zeros for the momentum, and for AdamW's second moment where that does the updates."""
        state = {"momentum_buffer": torch.zeros_like(param)}
        if param in self.plain or len(self.variables.get(param, param).shape) != 2:
            state["exp_avg_sq"] = torch.zeros_like(param)
        return state

    def update(self, group: dict[str, Any], params: Tensors, grads: Tensors, entries: list[dict[str, Any]]) -> None:
        """Make one step."""
        matrices = [i for i, entry in enumerate(entries) if "exp_avg_sq" not in entry]
        others = [i for i, entry in enumerate(entries) if "exp_avg_sq" in entry]
        for chosen, update in ((matrices, self._update_matrices), (others, self._update_others)):
            if chosen:
                update(group, [params[i] for i in chosen], [grads[i] for i in chosen], [entries[i] for i in chosen])

    def _update_matrices(self, group: dict[str, Any], params: Tensors, grads: Tensors, entries: list[Any]) -> None:
        momenta = column(entries, "momentum_buffer")
        torch._foreach_mul_(momenta, group["momentum"])
        torch._foreach_add_(momenta, grads)
        directions = list(torch._foreach_add(grads, momenta, alpha=group["momentum"])) if group["nesterov"] else momenta
        parts = self.parts(params)
        found = orthogonal(self.join(parts, params, directions), group["ns_coefficients"], group["ns_steps"])
        if group["rms_rate"] is not None:
            found = list(torch._foreach_mul(found, [math.sqrt(max(m.shape)) * group["rms_rate"] for m in found]))
        torch._foreach_add_(params, self.split(parts, params, found), alpha=-group["lr"])

    def _update_others(self, group: dict[str, Any], params: Tensors, grads: Tensors, entries: list[Any]) -> None:
        (beta_1, beta_2), step = group["betas"], group["step"]
        means, squares = column(entries, "momentum_buffer"), column(entries, "exp_avg_sq")
        torch._foreach_lerp_(means, grads, 1 - beta_1)
        torch._foreach_mul_(squares, beta_2)
        torch._foreach_addcmul_(squares, grads, grads, 1 - beta_2)
        roots = list(torch._foreach_sqrt(squares))
        torch._foreach_add_(roots, group["eps"])
        rate = group["adam_lr"] * math.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        torch._foreach_addcdiv_(params, means, roots, -rate)


def orthogonal(matrices: Tensors, coefficients: tuple[float, float, float], steps: int) -> Tensors:
    """Return each matrix with its singular values drawn towards 1, by Newton-Schulz iterations of degree five."""
    a, b, c = coefficients
    groups: dict[Any, list[int]] = {}
    for i, matrix in enumerate(matrices):
        groups.setdefault((tuple(sorted(matrix.shape)), matrix.dtype, matrix.device), []).append(i)
    found = list(matrices)
    for positions in groups.values():
        # The iteration is the same for a transposed matrix, and cheaper for a wide one.
        tall = [matrices[i].shape[0] > matrices[i].shape[1] for i in positions]
        x = torch.stack([matrices[i].t() if flag else matrices[i] for i, flag in zip(positions, tall, strict=True)])
        x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
        for _ in range(steps):
            gram = x @ x.mT
            x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
        for i, flag, value in zip(positions, tall, x, strict=True):
            found[i] = value.t() if flag else value
    return found
