"""Gradients of several processes, summed in one message.

DistributedDataParallel wraps one forward of one module. Custom steps, GANs with several optimizers, models frozen in
part and gradients that arrive through `apply_gradients` have no such forward, so the sum is taken where all of them
come by: just before an optimizer's step.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist

from keras_torch.distributed.group import data_group


class GradientExchange:
    """Sums the gradients of lists of parameters over all processes, through buffers that it keeps."""

    def __init__(self) -> None:
        self._buffers: dict[Any, _Buffer] = {}

    def __call__(self, params: list[torch.Tensor], weight: float) -> None:
        """Replace each `.grad` by the sum over all processes, where this one's counts `weight`.

        A parameter that has no gradient in any process keeps None.
        """
        groups: dict[Any, list[torch.Tensor]] = {}
        for param in params:
            groups.setdefault((param.dtype, param.device), []).append(param)
        for key, group in groups.items():
            known = (*key, id(group[0]), len(group))
            buffer = self._buffers.get(known)
            if buffer is None or not buffer.fits(group):
                buffer = self._buffers[known] = _Buffer(group)
            buffer.exchange(weight)


class _Buffer:
    """One flat tensor with the gradients of all parameters, and behind them 1 for each that there is."""

    def __init__(self, params: list[torch.Tensor]) -> None:
        self._params = params
        self._sizes = [param.numel() for param in params]
        total = sum(self._sizes)
        self._flat = torch.zeros(total + len(params), dtype=params[0].dtype, device=params[0].device)
        self._present = self._flat[total:]
        self._views = []
        offset = 0
        for param in params:
            # In the memory order of the parameter, which is that of its gradient: kernels walk both together.
            stride = param.stride() if _dense(param) else torch.empty(param.shape, device="meta").stride()
            self._views.append(self._flat.as_strided(param.shape, stride, offset))
            offset += param.numel()

    def fits(self, params: list[torch.Tensor]) -> bool:
        """Whether these are the parameters that the buffer was made for."""
        return all(map(_same, params, self._params))

    @torch.no_grad()
    def exchange(self, weight: float) -> None:
        """Send, and point each `.grad` into the buffer."""
        grads = [param.grad for param in self._params]
        complete = weight > 0 and all(grad is not None for grad in grads)
        if complete:
            torch._foreach_copy_(self._views, grads)  # type: ignore[arg-type]
            self._present.fill_(1.0)
            self._flat.mul_(weight)
        else:
            self._flat.zero_()
            for index, grad in enumerate(grads):
                if grad is not None and weight > 0:
                    self._views[index].copy_(grad).mul_(weight)
                    self._present[index] = 1.0
        dist.all_reduce(self._flat, group=data_group())
        there = [True] * len(grads) if complete else (self._present > 0).tolist()
        for param, view, found in zip(self._params, self._views, there, strict=True):
            param.grad = view if found else None


def _same(first: torch.Tensor, second: torch.Tensor) -> bool:
    return first is second


def _dense(tensor: torch.Tensor) -> bool:
    """Whether the elements fill a stretch of memory without gaps and overlaps."""
    return torch.ops.aten.is_non_overlapping_and_dense(tensor)
