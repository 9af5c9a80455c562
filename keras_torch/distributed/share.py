"""Which part of a global batch a process has, and what that means for its gradients."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from keras_torch.distributed.gradients import GradientExchange
from keras_torch.distributed.group import data_group
from keras_torch.distributed.parts import is_reduced, is_split


class Share:
    """The part of each global batch that one process computes: consecutive rows.

    The first processes have a row more where the batch cannot be divided evenly. A process without any borrows the
    first row, so that it takes part in everything, and counts it 0 times (`idle`).
    """

    # The share of the step that runs; None outside of steps that several processes share.
    current: Share | None = None

    def __init__(self, rank: int, world: int) -> None:
        self.rank = rank
        self.world = world
        self.local, self.total = int(rank == 0), 1
        self._exchange = GradientExchange()
        self._quiet = False
        self._owned: weakref.WeakSet[Any] = weakref.WeakSet()
        register_optimizer_step_pre_hook(self._before_step_of_torch)

    def _before_step_of_torch(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Exchange the gradients of an optimizer of torch that a train_step of the user's own uses by itself.

        Those of FSDP2's DTensors have arrived already.
        """
        if Share.pending() is self and optimizer not in self._owned:
            found = [param for group in optimizer.param_groups for param in group["params"]]
            if self.world > 1 and any(is_split(param) and not is_reduced(param) for param in found):
                raise ValueError(
                    "An optimizer of torch cannot update weights that `ModelParallel` splits by itself. Received: "
                    f"{type(optimizer).__name__}. Give it to `compile`, or take one of Keras's."
                )
            self.exchange([param for param in found if not is_split(param)])

    def rows(self, total: int) -> slice:
        """Return this process's rows of a batch of `total`, without remembering the batch."""
        each, more = divmod(total, self.world)
        start = self.rank * each + min(self.rank, more)
        stop = start + each + (self.rank < more)
        return slice(start, stop) if stop > start else slice(0, 1)

    def take(self, total: int) -> slice:
        """Return this process's rows of the batch that comes next."""
        rows = self.rows(total)
        each, more = divmod(total, self.world)
        self.total, self.local = total, each + (self.rank < more)
        return rows

    def take_all(self, size: int) -> None:
        """Note that the batch that comes next is this process's part already, and those of the others as large."""
        self.total, self.local = size * self.world, size

    @property
    def idle(self) -> bool:
        """Whether the rows are borrowed."""
        return self.local == 0

    @property
    def weight(self) -> float:
        """This process's part of the global batch: means over the batch are sums of local means times this."""
        return self.local / max(self.total, 1)

    @property
    def divisor(self) -> float:
        """`weight`, to divide by: what is a sum over the batch then counts in full."""
        return self.weight or float("inf")

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Within it, optimizers exchange gradients, and losses and metrics know that they see a part."""
        before, Share.current = Share.current, self
        try:
            yield
        finally:
            Share.current = before

    @classmethod
    def of_batch(cls) -> float:
        """Return what a number that stands for a whole batch counts: 1, or this process's part of it."""
        return 1 if cls.current is None else cls.current.weight

    @classmethod
    def offset(cls) -> int:
        """Return what to add to seeds: 0, or a number of this process in a step that several share."""
        return 0 if cls.current is None else cls.current.rank * 100_003

    @classmethod
    def pending(cls) -> Share | None:
        """Return the share of the step that runs, unless its gradients are exchanged already."""
        share = cls.current
        return None if share is None or share._quiet else share

    def exchange(self, params: list[torch.Tensor], weighted: bool = True, owned: Any = None) -> None:
        """Make the `.grad` of parameters that of the whole batch, by one `all_reduce`.

        `owned` is the optimizer of torch that will take them.
        """
        if owned is not None:
            self._owned.add(owned)
        self._exchange(params, self.weight if weighted else 1.0)

    @contextlib.contextmanager
    def exchanged(self, params: list[torch.Tensor]) -> Iterator[None]:
        """Exchange the gradients now; inner optimizers find them done."""
        self.exchange(params)
        with self.exchanged_already():
            yield

    @contextlib.contextmanager
    def exchanged_already(self) -> Iterator[None]:
        """Within it optimizers take gradients as they are."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before


def weighted(
    value: Any, counts: torch.Tensor, denominator: Callable[[torch.Tensor], torch.Tensor] | None = None
) -> Any:
    """Correct a local mean, so that the sum of all processes' means, each times its `weight`, is the mean of all.

    For masks and weights, of which a process may have more or fewer than its part of the rows. The mean was divided by
    `denominator(counts)`, by default `counts` itself; counts add up. Costs an `all_reduce` of these numbers.
    """
    share = Share.current
    if share is None:
        return value
    own = counts.detach().to(torch.float64) * (share.local > 0)
    total = own.clone()
    torch.distributed.all_reduce(total, group=data_group())
    if denominator is not None:
        own, total = denominator(own), denominator(total)
    factor = torch.where(total > 0, own / total, 0.0) / share.divisor
    return value * factor.to(value.dtype)


class _Sum(torch.autograd.Function):
    """The sum over all processes, whose gradient is summed over them as well.

    Gradients of processes count by their part of the batch, with which the optimizer will multiply this one's.
    """

    @staticmethod
    def forward(ctx: Any, value: torch.Tensor) -> torch.Tensor:
        total = value.clone(memory_format=torch.contiguous_format)
        ctx.weight = share_of_batch = Share.of_batch()
        if not share_of_batch:
            total.zero_()
        torch.distributed.all_reduce(total, group=data_group())
        return total

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        total = gradient * ctx.weight
        torch.distributed.all_reduce(total, group=data_group())
        return total / (ctx.weight or float("inf"))


def summed(value: torch.Tensor) -> torch.Tensor:
    """Return the sum of a tensor over all processes; gradients flow back."""
    return _Sum.apply(value)
