"""Variables and constants: making them, reading and changing their values, and what is known of any tensor."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.backend.sizes import Sizes
from keras_torch.backend.tensors import is_symbolic, recorded, tensor
from keras_torch.backend.variable import Variable, WeightView
from keras_torch.legacy import translated
from keras_torch.symbolic import KerasTensor, Shape, lower, recomputed, symbolic_size
from keras_torch.symbolic import is_keras_tensor as is_symbolic_tensor


def get_value(x: Any) -> Any:
    """Return the value of a variable or tensor as a numpy array (a numpy number for a scalar), independent of it."""
    if isinstance(x, torch.Tensor):
        value = to_dense(x.detach()).cpu()
        return (value.float() if value.dtype is torch.bfloat16 else value).numpy().copy()[()]
    if isinstance(x, Update):
        x = x.run()
    if isinstance(x, KerasTensor):
        return get_value(computed(x))
    return np.array(x.numpy())[()] if hasattr(x, "numpy") else np.asarray(x)[()]


def computed(x: KerasTensor) -> Any:
    """Return the value of a symbolic tensor that depends on no input, such as a random one of Keras 1 and 2."""
    try:
        program = lower([], x)
    except ValueError as error:
        raise ValueError(
            f"{x!r} is symbolic and has no value. Compute it with `K.function(inputs, [x])` or a Model on data."
        ) from error
    with torch.no_grad():
        return program.eval()()


def eval(x: Any) -> Any:  # noqa: A001
    """Return what `get_value` does; in Keras 1 and 2 what was computed from variables is computed anew."""
    return get_value(recomputed.latest(x) if config.is_classic() else x)


@translated("backend.batch_get_value")
def batch_get_value(tensors: Iterable[Any]) -> list[Any]:
    """Return `get_value` of each."""
    return [get_value(item) for item in tensors]


def set_value(x: Any, value: Any) -> None:
    """Assign a number or array to a variable; ValueError if the shape differs."""
    refusal = getattr(x, "_cannot_be_set", None)
    if refusal is not None:
        raise TypeError(f"{refusal} Received: {value!r}")
    if hasattr(x, "assign"):
        x.assign(value)
    elif isinstance(x, torch.Tensor):
        new = torch.as_tensor(value)
        if tuple(new.shape) != tuple(x.shape):
            raise ValueError(
                f"`set_value` expects a value of the variable's shape {tuple(x.shape)}. Received: {tuple(new.shape)}"
            )
        with torch.no_grad():
            x.copy_(new)
    else:
        raise TypeError(f"`set_value` expects a variable. Received: {x!r} of type {type(x).__name__}")


def batch_set_value(tuples: Iterable[Sequence[Any]]) -> None:
    """Call `set_value` with each pair of variable and value."""
    for variable_, value in tuples:
        set_value(variable_, value)


class GraphRun:
    """A context in which code that was written to build a graph once may run again and again.

    Variables it makes are made the first time and found again, by the line that asks and how often it did; `K.update`
    and its kin do not assign but return the variable with its new value.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int, int], Variable] = {}
        self._asked: dict[tuple[str, int], int] = {}
        self._outer: GraphRun | None = None

    @property
    def made(self) -> list[Variable]:
        """The variables, in the order in which they were made."""
        return list(self._kept.values())

    def __enter__(self) -> GraphRun:
        global _running
        self._asked = {}
        self._outer, _running = _running, self
        return self

    def __exit__(self, *exc: object) -> None:
        global _running
        _running, self._outer = self._outer, None

    def keep(self, make: Callable[[], Variable]) -> Variable:
        """Return what `make` makes, the first time that this place in the code asks; later the same again."""
        frame = sys._getframe(2)
        while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("keras_torch.backend"):
            frame = frame.f_back
        place = (frame.f_code.co_filename, frame.f_lineno)
        count = self._asked[place] = self._asked.get(place, 0) + 1
        if (*place, count) not in self._kept:
            self._kept[(*place, count)] = make()
        return self._kept[(*place, count)]


_running: GraphRun | None = None


def running() -> GraphRun | None:
    """Return the innermost GraphRun that is entered."""
    return _running


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Any:
    """Return a new variable on the default device; `dtype` defaults to `floatx`, for integers too.

    A sparse matrix of scipy becomes a sparse tensor of torch, whose value stays, as in Keras 1 and 2.
    """
    if hasattr(value, "tocoo"):
        return _sparse(value.tocoo(), config.torch_dtype(dtype))

    def make() -> Variable:
        found = computed(value) if isinstance(value, KerasTensor) else value
        data = tensor(found).detach().to(config.default_device(), config.torch_dtype(dtype), copy=True)
        made = Variable(data, name=name or "variable")
        made.constraint = constraint
        return made

    return make() if _running is None else _running.keep(make)


def _sparse(matrix: Any, dtype: torch.dtype) -> torch.Tensor:
    places = torch.from_numpy(np.stack([matrix.row, matrix.col]).astype("int64"))
    values = torch.from_numpy(np.array(matrix.data)).to(dtype)
    made = torch.sparse_coo_tensor(places, values, matrix.shape, device=config.default_device(), check_invariants=True)
    return made.coalesce()


@recorded
def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> torch.Tensor:
    """Return a tensor of `value` in `floatx` or `dtype`; a single number fills `shape`. `name` is only a label."""
    data = tensor(value).to(config.torch_dtype(dtype))
    if shape is None:
        return data
    return data.expand(tuple(shape)).clone() if data.numel() == 1 else data.reshape(tuple(shape))


def _filled(shape: Any, dtype: Any, name: str | None, value: float) -> Any:
    made = _fill(tuple(shape) if isinstance(shape, (list, tuple)) else (shape,), dtype, value)
    if is_symbolic(made):
        return made
    if _running is not None:
        return _running.keep(lambda: Variable(made, name=name or "variable"))
    return Variable(made, name=name or "variable")


@recorded
def _fill(shape: tuple[int, ...], dtype: Any, value: float) -> torch.Tensor:
    return torch.full(shape, value, dtype=config.torch_dtype(dtype), device=config.default_device())


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Return a variable of zeros (a symbolic tensor if a size is symbolic)."""
    return _filled(shape, dtype, name, 0)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Return a variable of ones (a symbolic tensor if a size is symbolic)."""
    return _filled(shape, dtype, name, 1)


def eye(size: Any, dtype: Any = None, name: str | None = None) -> Variable:
    """Return a variable with ones on the diagonal; `size` is a number, or rows and columns."""
    rows, columns = size if isinstance(size, (list, tuple)) else (size, size)
    return variable(torch.eye(rows, columns), dtype, name)


def zeros_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Return zeros of the shape of `x`. `name` is only a label."""
    x = tensor(x)
    return torch.zeros_like(x, dtype=config.torch_dtype(dtype or x.dtype))


def ones_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Return ones of the shape of `x`. `name` is only a label."""
    x = tensor(x)
    return torch.ones_like(x, dtype=config.torch_dtype(dtype or x.dtype))


def identity(x: Any, name: str | None = None) -> Any:
    """Return a tensor with the values of `x`. `name` is only a label."""
    return torch.clone(tensor(x))


def cast(x: Any, dtype: Any) -> Any:
    """Return `x` in another dtype, e.g. `"float16"`."""
    return tensor(x, dtype)


def cast_to_floatx(x: Any) -> Any:
    """Return a tensor, or a numpy array for anything else, in the type `floatx`."""
    if isinstance(x, (torch.Tensor, KerasTensor, WeightView)):
        return tensor(x, config.floatx())
    return np.asarray(x, dtype=config.floatx())


class Update(tuple):
    """The pair of a variable and its new value, assigned when `K.function`, `K.eval` or a session runs it."""

    # Makes the new value of the old, where that is not known before.
    change: Callable[[Any], Any] | None = None

    def value(self) -> Any:
        """Compute the new value."""
        variable_, value = self
        if self.change is not None:
            return self.change(tensor(variable_).detach())
        return computed(value) if isinstance(value, KerasTensor) else recomputed.required(value)

    def run(self) -> Any:
        """Assign, and return the variable."""
        return self[0].assign(self.value())


# Between a script and a function of the backend.
_OURS = ("keras_torch.backend.", "keras_torch.legacy.")
# What runs scripts.
_LAUNCHERS = ("keras_torch.cli", "keras_torch.dropin")


def builds_program() -> bool:
    """Whether the script itself is asking, in dialect 1 or 2: it describes what is to be computed later, and often.

    Called from a layer, a loss or anything else that we run, the same functions compute at once.
    """
    if not config.is_classic():
        return False
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_OURS):
        frame = frame.f_back
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith("keras_torch.") and not name.startswith(_LAUNCHERS):
            return False
        frame = frame.f_back
    return True


def _changed(x: Any, change: Callable[[Any], Any], symbolic: bool) -> Any:
    """Give `x` the value that `change` makes of it: at once, or as a description of that."""
    if _running is not None or symbolic:
        return Update((x, change(x)))
    if builds_program():
        described = Update((x, None))
        described.change = change
        return described
    return x.assign(change(tensor(x).detach()))


def update(x: Any, new_x: Any) -> Any:
    """Assign `new_x` to a variable, at once, and return the variable.

    With a symbolic value, and in dialects 1 and 2 outside of layers, return an `Update` for `K.function(updates=)`.
    """
    return _changed(x, lambda _: new_x, is_symbolic(new_x))


def update_add(x: Any, increment: Any) -> Any:
    """Add to a variable: see `update`."""
    return _changed(x, lambda value: value + tensor(increment), is_symbolic(increment))


def update_sub(x: Any, decrement: Any) -> Any:
    """Subtract from a variable: see `update`."""
    return _changed(x, lambda value: value - tensor(decrement), is_symbolic(decrement))


@translated("backend.moving_average_update")
def moving_average_update(x: Any, value: Any, momentum: float) -> Any:
    """Assign `x * momentum + value * (1 - momentum)` to a variable: see `update`."""
    with torch.no_grad():
        return _changed(x, lambda old: old * momentum + tensor(value) * (1 - momentum), is_symbolic(value))


def int_shape(x: Any) -> tuple[int | None, ...] | None:
    """Return the shape as a tuple, with None for unknown sizes; None for what has no shape."""
    found = getattr(x, "shape", None)
    return None if found is None else tuple(found)


def shape(x: Any) -> Any:
    """Return the sizes, which can be computed with: ints, or what stands for one known only when the model runs."""
    if not isinstance(x, KerasTensor):
        return tensor(x).shape if config.is_modern() else Sizes(tensor(x).shape)
    return (Shape if config.is_modern() else Sizes)(
        symbolic_size(x, axis) if size is None else size for axis, size in enumerate(x.shape)
    )


get_variable_shape = int_shape


def ndim(x: Any) -> int:
    """Return the number of axes."""
    return len(tensor(x).shape)


def dtype(x: Any) -> str:
    """Return the dtype's name, e.g. `"float32"`."""
    return config.dtype_name(x.dtype)


def count_params(x: Any) -> int:
    """Return the number of values in a variable."""
    return math.prod(x.shape)


def is_tensor(x: Any) -> bool:
    """Whether `x` is a real or symbolic tensor or a variable."""
    return isinstance(x, (torch.Tensor, KerasTensor, WeightView))


def is_keras_tensor(x: Any) -> bool:
    """Whether `x` is symbolic, the output of a layer or an `Input`. Keras 2 raises ValueError for what is no tensor."""
    if config.dialect() in ("2", "tf") and not is_tensor(x):
        raise ValueError(f"`is_keras_tensor` expects a tensor. Received: {x!r} of type {type(x).__name__}")
    if config.is_classic():
        # There a placeholder is a tensor of TensorFlow until `Input` makes it one of Keras.
        return getattr(x, "_keras_history", None) is not None
    return is_symbolic_tensor(x)


def is_sparse(tensor: Any) -> bool:
    """Whether a tensor has torch's sparse layout, or is one of TensorFlow's."""
    return getattr(tensor, "is_sparse", False) is True


def to_dense(tensor: Any) -> Any:
    """Return a sparse tensor as a dense one, others as they are."""
    return tensor.to_dense() if is_sparse(tensor) else tensor


@recorded
def print_tensor(x: Any, message: str = "") -> Any:
    """Print `message` and the values whenever the tensor is computed, and return the tensor."""
    x = tensor(x)
    if x.device.type != "meta":
        print(message, get_value(x))
    return x
