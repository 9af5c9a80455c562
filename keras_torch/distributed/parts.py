"""Tensors that lie in parts on several processes (torch's DTensor): what each process has of them, and the whole.

The functions take ordinary tensors, too, of which every process has all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from keras_torch.distributed.environment import is_main


class _Reading:
    """How wholes are read: `kept` has those that were gathered before, `for_main` leaves them to the main process."""

    kept: dict[int, torch.Tensor] | None = None
    for_main = False


def is_split(tensor: Any) -> bool:
    """Whether a tensor is a DTensor."""
    return hasattr(tensor, "full_tensor")


def is_reduced(tensor: Any) -> bool:
    """Whether the gradient of a DTensor comes as that of the whole batch, as FSDP2 gives it."""
    return tensor.__dict__.get("_keras_reduced", False)


def part(tensor: Any) -> torch.Tensor:
    """Return what this process has of a tensor, in the same memory; of one DTensor always the same object."""
    if not is_split(tensor):
        return tensor
    found = tensor.__dict__.get("_keras_part")
    if found is None:
        with torch.no_grad():
            found = tensor.__dict__["_keras_part"] = tensor.detach().to_local()
    return found


def whole(tensor: Any) -> torch.Tensor:
    """Return all of a tensor, differentiable. All processes ask for it together (`DTensor.full_tensor`)."""
    if not is_split(tensor):
        return tensor
    if _Reading.kept is not None or _Reading.for_main:
        return joined(part(tensor), tensor)
    return tensor.full_tensor()


def placed(value: torch.Tensor, like: Any) -> Any:
    """Return the DTensor whose parts, laid out as those of `like`, are the values of the processes, in their memory."""
    if not is_split(like):
        return value
    from torch.distributed.tensor import DTensor

    return DTensor.from_local(
        value.detach(), like.device_mesh, like.placements, run_check=False, shape=like.shape, stride=like.stride()
    )


def joined(value: torch.Tensor, like: Any) -> torch.Tensor:
    """Return the whole whose parts, laid out as those of `like`, are the values of the processes."""
    if not is_split(like):
        return value
    if _Reading.kept is not None:
        return _Reading.kept[id(value)]
    found = placed(value, like).full_tensor()
    if _Reading.for_main:
        return found.cpu() if is_main() else found.new_empty(0)
    return found


def cut(value: torch.Tensor, like: Any) -> torch.Tensor:
    """Return this process's part of a whole value, laid out as `like`. Nothing is sent."""
    if not is_split(like):
        return value
    from torch.distributed.tensor import distribute_tensor

    plain = value.detach().as_subclass(torch.Tensor).to(part(like).device)
    return distribute_tensor(plain, like.device_mesh, like.placements, src_data_rank=None).to_local()


@torch.no_grad()
def write(tensor: Any, value: torch.Tensor) -> None:
    """Copy a whole value into a tensor."""
    part(tensor.detach() if not is_split(tensor) else tensor).copy_(cut(value, tensor))


@contextlib.contextmanager
def gathered(values: Iterable[tuple[torch.Tensor, Any]], keep: bool) -> Iterator[None]:
    """Gather wholes now, from pairs as `joined` takes them, so that within the block those who `keep` them read alone.

    They are kept on the CPU. All processes give the same pairs.
    """
    found: dict[int, torch.Tensor] = {}
    pairs = [(value, like) for value, like in values if is_split(like)]
    for value, like in pairs:
        full = joined(value, like)
        if keep:
            found[id(value)] = full.cpu()
    before = _Reading.kept
    _Reading.kept = found if pairs else before
    try:
        yield
    finally:
        _Reading.kept = before


@contextlib.contextmanager
def for_main() -> Iterator[None]:
    """Within it wholes are for the main process alone, on its CPU; the others get empty tensors."""
    before, _Reading.for_main = _Reading.for_main, True
    try:
        yield
    finally:
        _Reading.for_main = before


@torch.no_grad()
def norms(tensors: list[torch.Tensor], likes: list[Any]) -> list[torch.Tensor]:
    """Return the norms of wholes of which `tensors` are the parts, laid out as `likes`; one message for each layout."""
    found = list(torch._foreach_norm(tensors))
    layouts: dict[Any, list[int]] = {}
    for index, like in enumerate(likes):
        if is_split(like):
            layouts.setdefault((like.device_mesh, like.placements), []).append(index)
    for (mesh, placements), indices in layouts.items():
        squares = torch.stack([found[index].double().square() for index in indices])
        for axis, placement in enumerate(placements):
            if placement.is_shard():
                torch.distributed.all_reduce(squares, group=mesh.get_group(axis))
        for index, square in zip(indices, squares, strict=True):
            found[index] = square.sqrt().to(found[index].dtype)
    return found


def take_gradients(pairs: Iterable[tuple[torch.Tensor, Any]]) -> None:
    """Move the gradients of DTensors to their parts, from pairs of a part and its tensor."""
    with torch.no_grad():
        for own, tensor in pairs:
            grad = tensor.grad
            if grad is not None:
                # Operations leave gradients as suits them: whole, or as parts of a sum.
                own.grad = grad.redistribute(placements=tensor.placements).to_local().contiguous()
                tensor.grad = None


def refuse_split(tensors: Iterable[Any], owner: str) -> None:
    """ValueError if gradients are asked for tensors that are in parts, whose gradients arrive by themselves."""
    if any(map(is_split, tensors)):
        raise ValueError(
            f"{owner} asks for gradients of weights that are sharded among processes, whose gradients arrive in the "
            "weights by `loss.backward()` only. Call that and then `optimizer.step()`, or train without `--shard` and "
            "`--zero`."
        )
