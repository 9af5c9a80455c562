"""Shapes and dtypes of symbolic results: the call is run on the meta device with two sizes for each None.

Sizes that differ between the two runs are unknown in the result.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from keras_torch import config
from keras_torch.symbolic.keras_tensor import KerasTensor

# Two sizes with many divisors, so that reshapes and strides that divide an unknown size work out, and two that can be
# halved often, as networks do that enlarge what they made smaller.
SIZES = (240, 360)
_HALVED_SIZES = (256, 384)
_META, _CPU = torch.device("meta"), torch.device("cpu")
# The smaller ones fit tables of few positions.
_SMALL_SIZES = ((12, 24), (2, 4), (1, 2))


class _Trial(threading.local):
    """Whether this thread runs something on zeros of small sizes, to see what shapes come out."""

    running = False


trial = _Trial()


def check_indices(indices: torch.Tensor, count: int) -> None:
    """In a trial refuse indices that a table does not have, as on the CPU: a GPU could not be used any more then."""
    if (
        trial.running
        and indices.is_cuda
        and indices.numel()
        and not bool(((indices >= -count) & (indices < count)).all())
    ):
        raise IndexError(f"index out of range of {count} entries")


def stand_in(tensor: KerasTensor, size: int, device: torch.device, batch: int | None = None) -> Any:
    """Return a real tensor with `size` in place of each None, `batch` in the first; for a symbolic size, its value."""
    if hasattr(tensor, "at"):
        return tensor.at(size)
    shape = [size if n is None else n for n in tensor.shape]
    if batch is not None and shape and tensor.shape[0] is None:
        shape[0] = batch
    if tensor.dtype == "string":
        if device.type == "meta":
            raise NotImplementedError("text is looked up by its values")
        return np.full(shape, "", object)
    dtype = config.torch_dtype(tensor.dtype)
    make = torch.empty if device.type == "meta" else torch.zeros
    return make(shape, dtype=dtype, device=device)


def _materialize(tree: Any, size: int, device: torch.device, made: dict[int, Any], batch: int | None = None) -> Any:
    def convert(item: Any) -> Any:
        if isinstance(item, KerasTensor):
            return made[id(item)] if id(item) in made else stand_in(item, size, device, batch)
        if isinstance(item, torch.Tensor) and item.device != device:
            return item.detach().to(device)
        return item

    return pytree.tree_map(convert, tree)


def _has_unknown(tree: Any) -> bool:
    tensors = [item for item in pytree.tree_leaves(tree) if isinstance(item, KerasTensor)]
    return any(None in tensor.shape or hasattr(tensor, "at") for tensor in tensors)


def _run(
    function: Callable[..., Any],
    args: Any,
    kwargs: Any,
    size: int,
    device: torch.device,
    made: dict[int, Any] | None = None,
    batch: int | None = None,
) -> Any:
    args, kwargs = _materialize((args, kwargs), size, device, made or {}, batch)
    context = device if device.type == "meta" else contextlib.nullcontext()
    with torch.no_grad(), context:
        return function(*args, **kwargs)


def _run_all(function: Callable[..., Any], args: Any, kwargs: Any, sizes: tuple[int, ...]) -> list[Any]:
    """Run on the meta device; functions that need values (or tensors of another device) run on small zeros instead."""
    for several in (sizes, _HALVED_SIZES) if len(sizes) > 1 else (sizes,):
        try:
            return [_run(function, args, kwargs, size, _META) for size in several]
        except NotImplementedError:
            break
        except RuntimeError:
            continue
    return _run_small(function, args, kwargs, len(sizes))


def _run_small(function: Callable[..., Any], args: Any, kwargs: Any, count: int) -> list[Any]:
    """Run where weights are, or on the CPU, where what the function has kept may be."""
    several = _SMALL_SIZES if count > 1 else _SMALL_SIZES[:1]
    return _first_that_works(
        lambda sizes, device: [_run(function, args, kwargs, size, device) for size in sizes[:count]], several
    )


def _first_that_works(run: Callable[[Any, torch.device], list[Any]], several: Any) -> list[Any]:
    """Run with the first of `several` pairs of sizes that fits, with values, which runs on the meta device have not."""
    reasons = []
    before, trial.running = trial.running, True
    try:
        for device in dict.fromkeys((config.default_device(), _CPU)):
            for sizes in several:
                try:
                    with torch.random.fork_rng(devices=[] if device == _CPU else [device]):
                        return run(sizes, device)
                except (RuntimeError, IndexError, ValueError) as error:
                    reasons.append(error)
    finally:
        trial.running = before
    raise reasons[0]


def _run_related(function: Callable[..., Any], args: Any, kwargs: Any) -> list[Any] | None:
    """Run on what the graph makes of its inputs, in which sizes that belong together fit; None if that fails, too."""
    from keras_torch.symbolic import related_sizes

    tensors = related_sizes.symbolic_leaves((args, kwargs))
    if not related_sizes.may_be_related(tensors):
        return None

    def run(sizes: Any, device: torch.device) -> list[Any]:
        with torch.no_grad():
            made = [related_sizes.computed_stand_ins(tensors, batch, size, device) for batch, size in sizes]
        return [_run(function, args, kwargs, 0, device, each) for each in made]

    try:
        return _first_that_works(run, related_sizes.RUNS)
    except (RuntimeError, IndexError, ValueError):
        return None


def _run_with_known_sizes(function: Callable[..., Any], args: Any, kwargs: Any, error: Exception) -> list[Any]:
    """Run with sizes that occur in the inputs, as an unknown one may have to fit them, if need be also the first.

    What comes out with that size may stem from an unknown one, so a second result is made up that says so.
    """
    found = [item for item in pytree.tree_leaves((args, kwargs)) if isinstance(item, (KerasTensor, torch.Tensor))]
    for size in sorted({1, *(n for item in found for n in item.shape if n is not None)}):
        for batches in (SIZES, (size,)):
            try:
                results = [_run(function, args, kwargs, size, _META, batch=batch) for batch in batches]
            except (NotImplementedError, RuntimeError, ValueError):
                continue
            return [results[0], pytree.tree_map(functools.partial(_resized, size=size), results[-1])]
    raise error


def _resized(item: Any, size: int) -> Any:
    return item.new_empty([n + (n == size) for n in item.shape]) if isinstance(item, torch.Tensor) else item


def _results(function: Callable[..., Any], args: Any, kwargs: Any) -> list[Any]:
    """Run with different sizes in place of each None; if those do not fit, with others that may."""
    unknown = _has_unknown((args, kwargs))
    try:
        return _run_all(function, args, kwargs, SIZES if unknown else SIZES[:1])
    except (RuntimeError, ValueError, IndexError) as error:
        if not unknown:
            raise
        results = _run_related(function, args, kwargs)
        if results is not None:
            return results
        if isinstance(error, IndexError):
            raise
        return _run_with_known_sizes(function, args, kwargs, error)


def infer(function: Callable[..., Any], args: Any, kwargs: Any, name: str = "") -> Any:
    """Return the result's structure with a KerasTensor in place of each tensor.

    ValueError says what `name`, the function or the layer, cannot be applied to.
    """
    try:
        results = _results(function, args, kwargs)
    except (RuntimeError, IndexError) as error:
        given = [tuple(item.shape) for item in pytree.tree_leaves((args, kwargs)) if isinstance(item, KerasTensor)]
        raise ValueError(
            f"{name or repr(function)} does not work on inputs of these shapes, whatever stands for None: {error}. "
            f"Received: {given}"
        ) from error
    leaves, spec = pytree.tree_flatten(results[0])
    others = pytree.tree_leaves(results[-1])
    if len(others) != len(leaves):
        raise ValueError(
            f"{function!r} must return as many tensors whatever the sizes of its inputs. Received: {len(leaves)} for "
            f"one size and {len(others)} for another"
        )
    return pytree.tree_unflatten([_symbolic(a, b) for a, b in zip(leaves, others, strict=True)], spec)


def _symbolic(first: Any, second: Any) -> Any:
    if isinstance(first, np.ndarray):
        first, second = torch.as_tensor(first), torch.as_tensor(second)
    if not isinstance(first, torch.Tensor):
        return first
    if first.dim() != second.dim():
        raise ValueError(
            "The rank of a result must not depend on the sizes of the inputs, or it has no symbolic shape. "
            f"Received: results of shapes {tuple(first.shape)} and {tuple(second.shape)}"
        )
    shape = [a if a == b else None for a, b in zip(first.shape, second.shape, strict=True)]
    return KerasTensor(shape, config.dtype_name(first.dtype))
