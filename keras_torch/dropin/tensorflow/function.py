"""`tf.function`, whose functions run directly here, and control flow."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from keras_torch import ops
from keras_torch.backend.scopes import name_scope
from keras_torch.backend.string_array import StringArray
from keras_torch.dropin.tensorflow import settings
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.signatures import binder
from keras_torch.symbolic import KerasTensor
from keras_torch.training.jit import CompiledCall


def _as_tensor(item: Any) -> Any:
    return convert_to_tensor(item) if isinstance(item, np.ndarray) else item


def function(
    func: Callable[..., Any] | None = None,
    input_signature: Any = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
    experimental_implements: Any = None,
    experimental_autograph_options: Any = None,
    experimental_attributes: Any = None,
    experimental_relax_shapes: bool | None = None,
    experimental_compile: bool | None = None,
    experimental_follow_type_hints: bool | None = None,
) -> Callable[..., Any]:
    """Return a function that runs `func` directly, arrays given as tensors; with `jit_compile` by `torch.compile`.

    With an `input_signature`, arguments become tensors of the types that it names; TypeError for those that do not fit.
    Python's statements run at every call, not only at the first ones; what else the arguments ask for is about how
    TensorFlow makes graphs.
    """
    if func is None:
        options = {"input_signature": input_signature, "jit_compile": jit_compile or experimental_compile}
        return functools.partial(function, **options)
    compiled = None
    bind = None if input_signature is None else binder(func, input_signature)

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal compiled
        if bind is not None:
            args, kwargs = bind(args, kwargs)
        args, kwargs = pytree.tree_map(_as_tensor, (args, kwargs))
        if not (jit_compile or experimental_compile) or settings.functions_run_eagerly():
            return func(*args, **kwargs)
        # The compiler is imported at the first call: that takes seconds.
        compiled = compiled or CompiledCall(func, f"Function {getattr(func, '__name__', func)!r}")
        return compiled(*args, **kwargs)

    functools.update_wrapper(call, func, updated=())
    call.python_function = func  # type: ignore[attr-defined]
    call.input_signature = input_signature  # type: ignore[attr-defined]
    call.get_concrete_function = functools.partial(_concrete, call)  # type: ignore[attr-defined]
    return call


class ConcreteFunction:
    """What `get_concrete_function` returns: the function itself to call, without the graph that TensorFlow makes."""

    def __init__(self, called: Callable[..., Any], options: dict[str, Any]) -> None:
        self._called, self._options = called, options

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self._called(*args, **{**self._options, **kwargs})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"A concrete function has no `{name}` here: there is no graph of TensorFlow, functions run directly. "
            "Export a model with `model.export` (`torch.export`, ONNX)."
        )


def _concrete(called: Callable[..., Any], *args: Any, **kwargs: Any) -> ConcreteFunction:
    """Keep what is given besides descriptions of tensors, such as `training=False`."""
    return ConcreteFunction(called, {key: item for key, item in kwargs.items() if isinstance(item, (bool, str))})


def no_op(*args: Any, **kwargs: Any) -> None:
    """Do nothing."""


def group(*inputs: Any) -> None:
    """Group operations: they have all run already."""


def tuple_(tensors: Any, control_inputs: Any = None) -> Any:
    """Return the tensors."""
    return list(tensors)


@contextlib.contextmanager
def control_dependencies(control_inputs: Any) -> Iterator[None]:
    """What is inside runs after the inputs: here everything runs in order anyway."""
    for item in control_inputs or ():
        if callable(item) and not isinstance(item, (torch.Tensor, KerasTensor)):
            item()
    yield


def cond(
    pred: Any, true_fn: Any = None, false_fn: Any = None, fn1: Any = None, fn2: Any = None, strict: bool = False
) -> Any:
    """Call one of two functions. On a symbolic condition both are computed and the condition chooses.

    So they are, too, where the elements of a dataset go through a function all at once.
    """
    first, second = true_fn or fn1, false_fn or fn2
    if isinstance(pred, torch.Tensor) and torch._C._functorch.is_batchedtensor(pred):
        return pytree.tree_map(functools.partial(_chosen, pred), first(), second())
    return ops.cond(pred, first, second)


def _chosen(pred: torch.Tensor, first: Any, second: Any) -> Any:
    first, second = convert_to_tensor(first), convert_to_tensor(second)
    if first.shape != second.shape or first.dtype != second.dtype:
        raise ValueError("The two functions of `tf.cond` give results of different shapes or types.")
    return torch.where(pred, first, second)


def case(pred_fn_pairs: Any, default: Any = None, exclusive: bool = False, strict: bool = False) -> Any:
    """Call the function of the first condition that holds, else the default."""
    pairs = pred_fn_pairs.items() if isinstance(pred_fn_pairs, dict) else pred_fn_pairs
    for pred, chosen in pairs:
        if bool(pred):
            return chosen()
    if default is None:
        raise ValueError("`tf.case` found no condition that holds, and there is no `default`.")
    return default()


def switch_case(branch_index: Any, branch_fns: Any, default: Any = None) -> Any:
    """Call the function of that number; the default, or the last one, for a number outside."""
    index = int(branch_index)
    if isinstance(branch_fns, dict) or (branch_fns and isinstance(branch_fns[0], tuple)):
        branches = dict(branch_fns)
    else:
        branches = dict(enumerate(branch_fns))
    return branches.get(index, default or branches[max(branches)])()


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    maximum_iterations: Any = None,
) -> Any:
    """Replace the variables by `body(*loop_vars)` while `cond(*loop_vars)` holds; lists and dicts nest."""
    values = pytree.tree_map(_loop_value, loop_vars)
    count = 0
    while bool(cond(*values)) and (maximum_iterations is None or count < int(maximum_iterations)):
        found = body(*values)
        values = type(values)(found) if isinstance(found, (list, tuple)) else type(values)([found])
        count += 1
    return values


def _loop_value(item: Any) -> Any:
    return convert_to_tensor(item) if isinstance(item, (int, float, np.ndarray)) else item


def _entries(elems: Any) -> tuple[list[Any], int]:
    elems = pytree.tree_map(convert_to_tensor, elems)
    leaves, spec = pytree.tree_flatten(elems)
    count = len(leaves[0])
    return [pytree.tree_unflatten([leaf[step] for leaf in leaves], spec) for step in range(count)], count


def _stacked(found: Sequence[Any]) -> Any:
    leaves = [pytree.tree_leaves(item) for item in found]
    spec = pytree.tree_structure(found[0])
    columns = [torch.stack([convert_to_tensor(item) for item in column]) for column in zip(*leaves, strict=True)]
    return pytree.tree_unflatten(columns, spec)


def map_fn(
    fn: Callable[[Any], Any],
    elems: Any,
    dtype: Any = None,
    parallel_iterations: Any = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    fn_output_signature: Any = None,
) -> Any:
    """Apply a function to each entry along the first axis, one after the other, and stack the results."""
    if any(isinstance(item, KerasTensor) for item in pytree.tree_leaves(elems)):
        return ops.convert_to_tensor(_map_symbolic(fn, elems))
    entries, _ = _entries(elems)
    return _stacked([fn(entry) for entry in entries])


def _map_symbolic(fn: Callable[[Any], Any], elems: Any) -> Any:
    """Record one node: how many entries there are is known when the model runs."""
    from keras_torch.symbolic import record_function

    return record_function(map_fn, (fn, elems), {})


def vectorized_map(fn: Callable[[Any], Any], elems: Any, fallback_to_while_loop: bool = True, warn: bool = True) -> Any:
    """Apply a function to each entry along the first axis, all at once (`torch.vmap`)."""
    return ops.vectorized_map(fn, pytree.tree_map(convert_to_tensor, elems))


def scan(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
) -> Any:
    """Combine the result so far with each entry along the first axis, and stack all results."""
    entries, _ = _entries(elems)
    entries = entries[::-1] if reverse else entries
    found = []
    if initializer is None:
        value, entries = entries[0], entries[1:]
        found.append(value)
    else:
        value = pytree.tree_map(convert_to_tensor, initializer)
    for entry in entries:
        value = fn(value, entry)
        found.append(value)
    return _stacked(found[::-1] if reverse else found)


def foldl(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, **options: Any) -> Any:
    """Combine the result so far with each entry along the first axis; return the last result."""
    entries, _ = _entries(elems)
    value, entries = (entries[0], entries[1:]) if initializer is None else (convert_to_tensor(initializer), entries)
    return functools.reduce(fn, entries, value)


def foldr(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, **options: Any) -> Any:
    """`foldl` from the last entry to the first."""
    return foldl(fn, pytree.tree_map(lambda item: torch.flip(convert_to_tensor(item), (0,)), elems), initializer)


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a function that returns its result and a function from upstream gradients to its own."""
    return ops.custom_gradient(f)


def recompute_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    """Compute a function again for the gradient instead of keeping what it needs (`torch.utils.checkpoint`)."""
    from torch.utils.checkpoint import checkpoint

    return functools.wraps(f)(lambda *args, **kwargs: checkpoint(f, *args, use_reentrant=False, **kwargs))


def py_function(func: Any = None, inp: Any = None, Tout: Any = None) -> Any:  # noqa: N803 - TensorFlow's name
    """Call a Python function on tensors. Without it, return a decorator."""
    if func is None:
        return lambda function: lambda *args: py_function(function, args, Tout)
    return _typed(func(*(convert_to_tensor(item) for item in inp)), Tout)


def numpy_function(func: Any = None, inp: Any = None, Tout: Any = None, stateful: bool = True) -> Any:  # noqa: N803
    """Call a Python function on numpy arrays, and return tensors. Without it, return a decorator."""
    if func is None:
        return lambda function: lambda *args: numpy_function(function, args, Tout)
    return _typed(func(*map(_array, inp)), Tout)


def _array(item: Any) -> Any:
    found = convert_to_tensor(item)
    if isinstance(found, StringArray):
        # While the hook is in place text has this method, which gives bytes as TensorFlow does.
        return found.numpy()  # type: ignore[attr-defined]
    return ops.convert_to_numpy(found)


def _typed(found: Any, dtypes: Any) -> Any:
    if isinstance(dtypes, (list, tuple)):
        return [convert_to_tensor(item, dtype) for item, dtype in zip(found, dtypes, strict=True)]
    return found if found is None or dtypes is None else convert_to_tensor(found, dtypes)


NAMES = {
    "autograph.experimental.do_not_convert": lambda func=None, **options: func or (lambda inner: inner),
    "autograph.set_verbosity": settings.accept,
    "case": case,
    "cond": cond,
    "control_dependencies": control_dependencies,
    "custom_gradient": custom_gradient,
    "foldl": foldl,
    "foldr": foldr,
    "function": function,
    "group": group,
    "map_fn": map_fn,
    "name_scope": name_scope,
    "no_op": no_op,
    "numpy_function": numpy_function,
    "py_function": py_function,
    "recompute_grad": recompute_grad,
    "scan": scan,
    "switch_case": switch_case,
    "tuple": tuple_,
    "vectorized_map": vectorized_map,
    "while_loop": while_loop,
}
VERSION_1 = {"py_func": numpy_function}
