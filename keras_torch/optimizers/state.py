"""Optimizer state in Keras's order and layout: what `get_weights`, pickles of it and model files hold.

`export(optimizer, layout)` gives `Entry(name, variable_index, array)` in file order, and
`import_(optimizer, arrays, names)` restores them. A layout is one generation of Keras:

- "1": Keras 1. iterations, then slot by slot, each over all variables. No iterations for RMSprop, Adagrad, Adadelta.
- "2": Keras 2.0-2.2. As "1"; Adam ends with vhat, of shape (1,) per variable if unused.
- "2.3": Keras 2.3. As "2", with iterations always first.
- "v2": tf.keras 2.0-2.10 and 2.15 `legacy`. iter, Nadam's momentum_cache, then slot by slot (Ftrl: by variable).
- "tf": Keras 2.11-2.15. iteration, averages (EMA), accumulators (which it did not have), then by variable (Adam: m, v,
  m, v, ..., after them all vhat).
- "3": Keras 3. iteration, learning_rate (unless a schedule), averages, accumulators, then as "tf"; Nadam's product of
  momenta at the end (before 3.10, which is read as well, behind the learning rate).

Arrays are in Keras's layout and meaning: SGD's momentum is the velocity `-rate * buffer`, LSTM biases are one array.
`name` is the name in the file, without `:0`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from keras_torch import config
from keras_torch.backend.variable import VariableMethods

if TYPE_CHECKING:
    from keras_torch.optimizers.base import Optimizer

LAYOUTS = ("3", "tf", "v2", "2.3", "2", "1")


@dataclass(frozen=True)
class Slot:
    """One array per variable: its key in the torch optimizer's state and its name in each layout."""

    key: str
    tf: str
    v3: str
    v2: str | None = None

    def name(self, layout: str) -> str:
        """Return what `layout` calls the slot."""
        return {"3": self.v3, "tf": self.tf}.get(layout, self.v2 or self.tf)


AVERAGE = Slot("average", "average", "average")
ACCUMULATOR = Slot("gradient_accumulator", "gradient_accumulator", "gradient_accumulator")


class Entry(NamedTuple):
    """One array of an optimizer's state."""

    name: str
    variable_index: int | None
    array: np.ndarray


def storages(variable: Any) -> tuple[torch.Tensor, ...]:
    """Return the torch tensors behind a Variable, a WeightView or a plain tensor."""
    return getattr(variable, "storages", None) or (variable,)


def from_storage(variable: Any, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Turn tensors shaped like `storages(variable)` into Keras's layout."""
    return variable.from_storage(*tensors) if hasattr(variable, "from_storage") else tensors[0]


def to_storage(variable: Any, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Turn a tensor in Keras's layout into tensors shaped like `storages(variable)`."""
    return variable.to_storage(value) if hasattr(variable, "to_storage") else (value,)


def path_of(variable: Any, index: int) -> str:
    """Return a variable's path, or `variable_<index>` for a plain tensor."""
    return getattr(variable, "path", None) or f"variable_{index}"


class SlotVariable(VariableMethods):
    """A handle on one slot of one variable, in Keras's layout: `numpy()`, `assign()`, `shape`, `name`."""

    regularizer = None
    constraint = None
    trainable = False

    def __init__(self, optimizer: Optimizer, slot: Slot, index: int, name: str) -> None:
        self._optimizer = optimizer
        self._slot = slot
        self._path = name
        self.variable_index: int | None = index
        self._variable = optimizer._trainable_variables[index]

    @property
    def value(self) -> torch.Tensor:
        """The slot as a tensor in Keras's layout; zeros where the optimizer keeps none."""
        read = self._optimizer._read_slot
        tensors = []
        for tensor in storages(self._variable):
            found = read(self._slot.key, tensor)
            empty = torch.zeros(tensor.shape, dtype=tensor.dtype, device=tensor.device) if found is None else found
            tensors.append(empty)
        return from_storage(self._variable, [tensor.detach() for tensor in tensors])

    @property
    def shape(self) -> torch.Size:
        """Shape in Keras's layout."""
        return torch.Size(self._variable.shape)

    @property
    def dtype(self) -> torch.dtype:
        """The torch dtype."""
        return self._variable.dtype

    def _write(self, value: torch.Tensor) -> None:
        tensors = storages(self._variable)
        for tensor, part in zip(tensors, to_storage(self._variable, value), strict=True):
            self._optimizer._write_slot(self._slot.key, tensor, part)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.numpy(), dtype=dtype)


class ScalarState(VariableMethods):
    """A handle on one number of an optimizer, e.g. Nadam's running product of momenta."""

    regularizer = None
    constraint = None
    trainable = False
    variable_index: int | None = None

    def __init__(self, name: str, read: Callable[[], torch.Tensor], write: Callable[[float], None]) -> None:
        self._path = name
        self._read = read
        self._set = write

    @property
    def value(self) -> torch.Tensor:
        """The number, or array of constants, as a tensor."""
        return self._read()

    @property
    def shape(self) -> torch.Size:
        """Its shape."""
        return self._read().shape

    def _write(self, value: torch.Tensor) -> None:
        if value.numel() == 1:
            self._set(float(value))


def handles(optimizer: Optimizer, layout: str | None = None) -> list[Any]:
    """Return the variables of an optimizer's state, as handles with `numpy` and `assign`, in the layout's order."""
    layout = layout or default_layout(optimizer)
    inner = getattr(optimizer, "_inner_optimizers", None)
    if inner is not None:
        return [optimizer._iterations, *(handle for each in inner if each.built for handle in handles(each, layout))]
    found: list[Any] = []
    if hasattr(optimizer, "inner_optimizer"):
        return optimizer._own_handles(layout) + handles(optimizer.inner_optimizer, layout)
    if layout not in ("1", "2") or optimizer._counts_in_keras_2:
        found.append(optimizer._iterations)
    if layout == "3" and optimizer._rate_is_variable():
        found.append(optimizer._learning_rate)
    if optimizer._is_custom and optimizer.torch_optimizer is None:
        return found + list(optimizer._own_variables)
    scalars = optimizer._scalar_states(layout)
    if layout == "v2":
        found += scalars
    indices = range(len(optimizer._trainable_variables))
    for group in _groups(optimizer, layout):
        found += [
            optimizer._slot_handle(slot, i, _slot_name(optimizer, slot, i, layout), layout)
            for i in indices
            for slot in group
            if optimizer._has_slot(slot, i, layout)
        ]
    if layout != "v2":
        found += scalars
    return found + list(optimizer._own_variables)


def _groups(optimizer: Optimizer, layout: str) -> list[list[Slot]]:
    groups: list[list[Slot]] = []
    if optimizer.use_ema and layout in ("tf", "3"):
        groups.append([AVERAGE])
    if optimizer.gradient_accumulation_steps and layout in ("tf", "3"):
        groups.append([ACCUMULATOR])
    return groups + optimizer._slot_groups(layout)


def _slot_name(optimizer: Optimizer, slot: Slot, index: int, layout: str) -> str:
    path = path_of(optimizer._trainable_variables[index], index)
    class_name = type(optimizer).__name__
    if layout == "3":
        return f"{optimizer.name}/{path.replace('/', '_')}_{slot.name(layout)}"
    if layout == "v2":
        return f"{class_name}/{path}/{slot.name(layout)}"
    if layout == "tf":
        return f"{class_name}/{slot.name(layout)}/{path}"
    return f"training/{class_name}/{path}/{slot.name(layout)}"


def _head_name(optimizer: Optimizer, handle: Any, layout: str) -> str:
    """Name of the iteration count, the learning rate and other single numbers."""
    class_name = type(optimizer).__name__
    if handle is optimizer._iterations:
        return {
            "3": f"{optimizer.name}/iteration",
            "tf": "iteration",
            "v2": f"{class_name}/iter",
        }.get(layout, f"{class_name}/iterations")
    if handle is optimizer._learning_rate:
        return f"{optimizer.name}/learning_rate"
    return handle.path


def default_layout(optimizer: Optimizer) -> str:
    """Return the layout of the optimizer, else that of the current dialect, else that of Keras 2.15."""
    if optimizer._layout:
        return optimizer._layout
    dialect = config.dialect()
    return dialect if dialect in LAYOUTS else "tf"


def export(optimizer: Optimizer, layout: str | None = None) -> list[Entry]:
    """Return the optimizer's state as named arrays in the order of `layout` (default: that of the dialect)."""
    layout = layout or default_layout(optimizer)
    entries = []
    if hasattr(optimizer, "inner_optimizer"):
        own = [
            Entry(f"{optimizer.name}/{item.local_path}", None, np.array(item.numpy()))
            for item in optimizer._own_handles(layout)
        ]
        return own + export(optimizer.inner_optimizer, layout)
    for handle in handles(optimizer, layout):
        variable = getattr(handle, "_variable", None)
        index = None if variable is None else optimizer._get_variable_index(variable)
        name = _head_name(optimizer, handle, layout) if index is None else handle.path
        array = np.array(handle.numpy())
        if layout == "3" and _is_count(handle):
            array = array.astype("int32")
        entries.append(Entry(name, index, array))
    return entries


def import_(
    optimizer: Optimizer,
    arrays: Sequence[Any],
    names: Sequence[str] | None = None,
    layout: str | None = None,
) -> str:
    """Restore an optimizer's state from arrays in file order; return the layout that was recognized.

    The layout is told by `layout`, else by the names in the file, else by the shapes. All shapes are checked before
    anything is changed. ValueError if the arrays fit no layout.
    """
    values = [np.asarray(array) for array in arrays]
    candidates = [layout] if layout else _candidates(optimizer, values, names)
    for candidate in candidates:
        targets = handles(optimizer, candidate)
        if not _fits(targets, values):
            targets = _singles_first(targets)
        if _fits(targets, values):
            for target, value in zip(targets, values, strict=True):
                target.assign(value.astype("int64") if _is_count(target) else value)
            optimizer._state_restored()
            return candidate
    expected = [tuple(target.shape) for target in handles(optimizer, candidates[0])]
    raise ValueError(
        f"The arrays do not fit the state of the optimizer {optimizer.name!r} ({type(optimizer).__name__}): expected "
        f"{len(expected)} arrays of shapes {expected} (layout {candidates[0]!r}). Received: {len(values)} arrays of "
        f"shapes {[value.shape for value in values]}. Build the optimizer on the same variables, in the same order, "
        "as when the state was saved."
    )


def _singles_first(targets: list[Any]) -> list[Any]:
    """Return handles as Keras 3.0 to 3.9 had them: Nadam's product of momenta stood before the arrays of variables."""
    return sorted(targets, key=lambda target: getattr(target, "variable_index", None) is not None)


def _is_count(handle: Any) -> bool:
    return isinstance(handle, torch.Tensor) and handle.dtype == torch.int64 and not handle.shape


def _fits(targets: list[Any], values: list[np.ndarray]) -> bool:
    if len(targets) != len(values):
        return False
    for target, value in zip(targets, values, strict=True):
        if tuple(target.shape) != value.shape or (value.dtype.kind == "c" and not target.dtype.is_complex):
            return False
        if _is_count(target) and value.dtype.kind not in "iu" and float(value) != int(value):
            return False
    return True


def _candidates(optimizer: Optimizer, values: list[np.ndarray], names: Sequence[str] | None) -> list[str]:
    """Return the layouts to try, the likeliest first."""
    rest = [default_layout(optimizer), *LAYOUTS]
    if names:
        first = names[0].removesuffix(":0")
        head = first.rsplit("/", 1)[-1]
        if first == "iteration":
            rest.insert(0, "tf")
        elif head == "iteration":
            rest.insert(0, "3")
        elif head == "iter":
            rest.insert(0, "v2")
        elif head == "iterations" or head.startswith("Variable") or first.startswith("training/"):
            rest[:0] = ["2", "2.3", "1"]
    return list(dict.fromkeys(rest))
