"""Branches and loops over functions of yours. On symbolic tensors put them into the `call` of a layer."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from keras_torch import backend
from keras_torch.backend.devices import joined
from keras_torch.backend.tensors import recorded
from keras_torch.ops.arguments import convert
from keras_torch.symbolic import KerasTensor, record_function


def _taking_a_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Function decorator: on symbolic tensors a call is one node, which holds the function that is given first."""

    name = next(iter(inspect.signature(function).parameters))

    @functools.wraps(function)
    def call(*given: Any, **kwargs: Any) -> Any:
        f, args = (given[0], given[1:]) if given else (kwargs.pop(name), ())
        if not any(isinstance(item, KerasTensor) for item in pytree.tree_leaves((args, kwargs))):
            return function(f, *args, **kwargs)

        def apply(*args: Any, **kwargs: Any) -> Any:
            return function(f, *args, **kwargs)

        apply.__name__ = function.__name__
        return record_function(apply, args, kwargs)

    return call


def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor of torch."""
    return isinstance(x, torch.Tensor)


def convert_to_numpy(x: Any) -> Any:
    """Return the values as a numpy array."""
    return np.asarray(x if isinstance(x, (list, tuple, bool, int, float)) else backend.get_value(convert(x)))


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """Call one of two functions. On a symbolic condition both are computed and `torch.where` chooses."""
    if isinstance(pred, KerasTensor):
        return pytree.tree_map(lambda a, b: backend.switch(pred, a, b), true_fn(), false_fn())
    return true_fn() if bool(pred) else false_fn()


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """Call the function of that number, the first or last one for a number outside."""
    return branches[max(0, min(len(branches) - 1, int(index)))](*operands)


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """Replace the variables by `body(*loop_vars)` while `cond(*loop_vars)` holds."""
    several = isinstance(loop_vars, (list, tuple))
    values = joined(tuple(pytree.tree_map(convert, item) for item in (loop_vars if several else (loop_vars,))))
    count = 0
    while bool(cond(*values)) and (maximum_iterations is None or count < maximum_iterations):
        found = body(*values)
        values = tuple(found) if isinstance(found, (list, tuple)) else (found,)
        count += 1
    return values if several else values[0]


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """Replace a value by `body_fun(i, value)` for each `i` from `lower` up to but without `upper`."""
    value = init_val
    for step in range(int(lower), int(upper)):
        value = body_fun(step, value)
    return value


@_taking_a_function
def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """Apply a function to each entry of the first axis and stack the results."""
    return scan(lambda carry, x: (carry, f(x)), None, xs)[1]


@_taking_a_function
def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """Apply a function to each entry of the first axis, all at once (`torch.vmap`)."""
    return torch.vmap(function)(joined(pytree.tree_map(convert, elements)))


@_taking_a_function
def scan(
    f: Callable[[Any, Any], Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int = 1,
) -> Any:
    """Call `carry, y = f(carry, x)` for each entry of the first axis; return the last carry and all `y`.

    `unroll` is a hint to compilers that changes nothing here.
    """
    init = pytree.tree_map(lambda item: convert(item) if isinstance(item, np.ndarray) else item, init)
    init, xs = joined((init, None if xs is None else pytree.tree_map(convert, xs)))
    leaves, spec = pytree.tree_flatten(xs)
    leaves = [item for item in leaves if item is not None]
    count = len(leaves[0]) if leaves else length
    if count is None or (length is not None and count != length):
        raise ValueError(f"`scan` needs `xs`, or `length` without them; both must agree. Received: length={length}")
    carry, found = init, []
    for step in reversed(range(count)) if reverse else range(count):
        entry = pytree.tree_unflatten([item[step] for item in leaves], spec) if leaves else None
        carry, result = f(carry, entry)
        found.append(result)
    found = found[::-1] if reverse else found
    stacked = pytree.tree_map(
        lambda *items: None if items[0] is None else torch.stack([convert(i) for i in items]), *found
    )
    return carry, stacked


@_taking_a_function
def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """Combine all entries along an axis up to each with an associative function of many entries at once.

    The function is called so often as the number of entries can be halved (Hillis and Steele, 1986).
    """
    leaves, spec = pytree.tree_flatten(joined(pytree.tree_map(convert, elems)))
    leaves = [item.flip(axis) for item in leaves] if reverse else leaves
    count, reach = leaves[0].shape[axis], 1
    while reach < count:
        before = pytree.tree_unflatten([item.narrow(axis, 0, count - reach) for item in leaves], spec)
        behind = pytree.tree_unflatten([item.narrow(axis, reach, count - reach) for item in leaves], spec)
        found = pytree.tree_leaves(f(before, behind))
        leaves = [
            torch.cat((item.narrow(axis, 0, reach), other), axis) for item, other in zip(leaves, found, strict=True)
        ]
        reach *= 2
    return pytree.tree_unflatten([item.flip(axis) for item in leaves] if reverse else leaves, spec)


def vectorize(pyfunc: Callable[..., Any], *, excluded: Any = None, signature: Any = None) -> Callable[..., Any]:
    """Return a function that applies `pyfunc`, written for numbers, to each element (`torch.vmap` over all axes)."""
    if excluded is not None or signature is not None:
        raise NotImplementedError("`vectorize` has neither `excluded` nor `signature` here. Use `torch.vmap`.")

    @functools.wraps(pyfunc)
    def call(*args: Any) -> Any:
        tensors = torch.broadcast_tensors(*joined([convert(item) for item in args]))
        function = pyfunc
        for _ in range(tensors[0].dim()):
            function = torch.vmap(function)
        return function(*tensors)

    return call


class _CustomGradient(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, function: Callable[..., Any], *args: Any) -> Any:
        with torch.enable_grad():
            own = [
                item.detach().requires_grad_(item.is_floating_point()) if isinstance(item, torch.Tensor) else item
                for item in args
            ]
            outputs, context.gradient = function(*own)
        context.takes = [isinstance(item, torch.Tensor) for item in args]
        return tuple(item.detach() for item in outputs)

    @staticmethod
    def backward(context: Any, *upstream: Any) -> Any:
        found = context.gradient(*upstream)
        gradients = iter(found if isinstance(found, (list, tuple)) else (found,))
        return None, *(next(gradients, None) if takes else None for takes in context.takes)


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a function that returns its result and a function from upstream gradients to its own.

    What is neither a tensor nor numbers, such as the object of a method, is passed on as it is, and has no gradient.
    """

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        spec: Any = None

        def flat(*given: Any) -> Any:
            nonlocal spec
            output, gradient = f(*given, **kwargs)
            leaves, spec = pytree.tree_flatten(output)
            return leaves, gradient

        given = joined([convert(item) if _is_numeric(item) else item for item in args])
        found = _CustomGradient.apply(flat, *given)
        return pytree.tree_unflatten(list(found), spec)

    return recorded(call)


def _is_numeric(item: Any) -> bool:
    return hasattr(item, "__array__") or isinstance(item, (int, float, complex, list, tuple))
