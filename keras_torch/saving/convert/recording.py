"""Recording what a model computes, as calls of torch functions and of torch's own modules, in their order.

A run on example data under a `TorchFunctionMode`. The recording is plain data (tensors are references), so that runs
of different sizes can be compared.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from keras_torch.backend import WeightView
from keras_torch.engine import Layer
from keras_torch.engine.call import state
from keras_torch.layers import BatchNormalization


class NotTraceable(ValueError):
    """A model computes something that cannot be written down as a sequence of torch calls."""


@dataclass(frozen=True)
class Made:
    """A tensor made by the operation of that number; `path` leads to it in the result."""

    number: int
    path: tuple[Any, ...]


@dataclass(frozen=True)
class Given:
    """An input of the model."""

    number: int


@dataclass(frozen=True)
class Stored:
    """A parameter or buffer of the model."""

    path: str


@dataclass(frozen=True, eq=False)
class Constant:
    """A tensor that neither is made by a recorded operation nor belongs to the model."""

    value: torch.Tensor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and (
            self.value.dtype == other.value.dtype and torch.equal(self.value, other.value)
        )

    def __hash__(self) -> int:
        return hash(tuple(self.value.shape))


@dataclass
class Operation:
    """A call of a torch function, or of a torch module of the model (`target` is its path then)."""

    number: int
    target: Any
    args: Any
    kwargs: dict[str, Any]
    outputs: Any
    with_gradient: bool

    @property
    def is_module(self) -> bool:
        return isinstance(self.target, str) and self.target != SAME


@dataclass
class Call:
    """A call of a Keras layer: what it did, and the tensors that it returned."""

    path: str
    layer: Any
    children: list[Operation | Call] = field(default_factory=list)
    outputs: Any = None


@dataclass
class Recording:
    """Everything that one run did."""

    root: Call
    outputs: Any


# What stands for a call that hands its input on.
SAME = "="
# Reading a tensor's values: what depends on them cannot be recorded.
_READS = frozenset(
    "item tolist numpy __bool__ __int__ __float__ __index__ __complex__ __contains__ __array__ is_nonzero equal "
    "allclose nonzero unique unique_consecutive masked_select".split()
)
_HARMLESS = frozenset(
    "size dim ndimension numel nelement element_size stride is_floating_point is_complex is_contiguous is_same_size "
    "requires_grad_ retain_grad __len__ __format__ __repr__ __hash__ storage_offset data_ptr get_device".split()
)


class Recorder(TorchFunctionMode):
    """Writes down the torch calls of a block."""

    def __init__(self, model: nn.Module, inputs: list[torch.Tensor]) -> None:
        super().__init__()
        self.root = Call("", model)
        self._stack = [self.root]
        self._count = 0
        self._paused = 0
        self._known: dict[int, Any] = {}
        self._operations: dict[Any, Operation] = {}
        self._alive: list[Any] = []
        self._paths = {id(module): path for path, module in model.named_modules()}
        for path, tensor in (*model.named_parameters(), *model.named_buffers()):
            self._known.setdefault(id(tensor), Stored(path))
        for number, tensor in enumerate(inputs):
            self._known[id(tensor)] = Given(number)

    def reference(self, item: Any) -> Any:
        """Replace tensors by references, through lists, tuples, dicts and slices."""
        if isinstance(item, torch.Tensor):
            if id(item) not in self._known:
                self._alive.append(item)
                self._known[id(item)] = Constant(item.detach().clone())
            return self._known[id(item)]
        if isinstance(item, (list, tuple)) and not isinstance(item, torch.Size):
            return (
                [self.reference(part) for part in item] if isinstance(item, list) else tuple(map(self.reference, item))
            )
        if isinstance(item, torch.Size):
            return tuple(item)
        if isinstance(item, dict):
            return {key: self.reference(part) for key, part in item.items()}
        if isinstance(item, slice):
            return slice(self.reference(item.start), self.reference(item.stop), self.reference(item.step))
        if isinstance(item, np.generic):
            return item.item()
        return item

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self._paused:
            return func(*args, **kwargs)
        if any(isinstance(item, WeightView) for item in pytree.tree_leaves((args, kwargs))):
            with self:
                args, kwargs = pytree.tree_map(lambda i: i.value if isinstance(i, WeightView) else i, (args, kwargs))
                return func(*args, **kwargs)
        name = name_of(func)
        if name in _READS and any(isinstance(i, torch.Tensor) and self._depends(i) for i in pytree.tree_leaves(args)):
            raise NotTraceable(f"it reads the values of tensors (`{name}`), so that they decide what it computes")
        noted: Any = self.reference((args, kwargs)) if name not in _HARMLESS else None
        result = func(*args, **kwargs)
        if noted is not None and (name == "__setitem__" or _has_tensors(result)):
            given = pytree.tree_leaves((args, kwargs))
            handed_on = any(item is result for item in given) and not changes(func)
            if not handed_on and not any(isinstance(item, np.ndarray) for item in given):
                self._note(func, noted[0], noted[1], result)
                self._undo_permutation(result)
        return result

    def _depends(self, tensor: torch.Tensor) -> bool:
        return not isinstance(self.reference(tensor), Constant)

    def _note(self, target: Any, args: Any, kwargs: dict[str, Any], result: Any) -> None:
        number = self._count
        self._count += 1
        self._alive.append(result)
        for path, item in pytree.tree_flatten_with_path(result)[0]:
            if isinstance(item, torch.Tensor):
                self._known[id(item)] = Made(number, tuple(_key(part) for part in path))
        outputs = pytree.tree_map(lambda item: self._known.get(id(item)), result)
        operation = Operation(number, target, args, kwargs, outputs, torch.is_grad_enabled())
        self._stack[-1].children.append(operation)
        if isinstance(outputs, Made):
            self._operations[outputs] = operation

    def _undo_permutation(self, result: Any) -> None:
        """Take a tensor whose axes were permuted and permuted back for what it was, as layers that meet do it."""
        last = self._operations.get(self._known.get(id(result)))
        first = None if last is None or name_of(last.target) != "permute" else self._operations.get(last.args[0])
        if last is not None and first is not None and name_of(first.target) == "permute":
            axes, back = (item.args[1] if isinstance(item.args[1], tuple) else item.args[1:] for item in (first, last))
            if len(axes) == len(back) and all(axes[b % len(axes)] % len(axes) == i for i, b in enumerate(back)):
                self._known[id(result)] = first.args[0]

    def call_module(self, call: Any, module: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        """Run a module: one of torch's own is a single operation, a layer is recorded with what it does."""
        if self._paused:
            return call(module, *args, **kwargs)
        if isinstance(module, Layer):
            return self._call_layer(call, module, args, kwargs)
        if not is_leaf(module) or id(module) not in self._paths:
            return call(module, *args, **kwargs)
        noted: Any = self.reference((args, kwargs))
        self._paused += 1
        try:
            result = call(module, *args, **kwargs)
        finally:
            self._paused -= 1
        target: Any = self._paths[id(module)]
        if isinstance(module, nn.modules.batchnorm._NormBase) and not self._stack[-1].layer.trainable:
            norm = [self.reference(item) for item in (module.running_mean, module.running_var)]
            target, weights = nn.functional.batch_norm, [self.reference(item) for item in (module.weight, module.bias)]
            noted = ((noted[0][0], *norm, *weights), {"eps": module.eps})
        self._note(target, noted[0], noted[1], result)
        return result

    def _call_layer(self, call: Any, layer: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if getattr(layer, "stateful", False):
            raise NotTraceable(f"the layer {layer.name!r} keeps states between batches (`stateful=True`)")
        record = Call(self._paths.get(id(layer), layer.name), layer)
        self._stack[-1].children.append(record)
        self._stack.append(record)
        mode = layer.training
        if isinstance(layer, BatchNormalization):
            # As torch's own module, which follows its mode itself.
            layer.training = False
            kwargs = {key: item for key, item in kwargs.items() if key != "training"}
        before = self._count
        try:
            result = pytree.tree_map(lambda item: self._own(item, before), call(layer, *args, **kwargs))
        finally:
            layer.training = mode
            self._stack.pop()
        record.outputs = self.reference(result)
        return result

    def _own(self, item: Any, before: int) -> Any:
        """Return a tensor that a layer hands on as a new one: while training it may be another."""
        if not isinstance(item, torch.Tensor):
            return item
        known = self.reference(item)
        if isinstance(known, Made) and known.number >= before:
            return item
        self._paused += 1
        new = item.view_as(item)
        self._paused -= 1
        self._note(SAME, (known,), {}, new)
        return new


def is_leaf(module: nn.Module) -> bool:
    """Whether a module is one of torch's own."""
    return type(module).__module__.startswith("torch.nn.") and not isinstance(module, (nn.Sequential, nn.ModuleList))


def changes(target: Any) -> bool:
    """Whether a torch function changes a tensor in place, by its name."""
    name = getattr(target, "__name__", "")
    return (name.endswith("_") and not name.endswith("__")) or name == "__setitem__" or name.startswith("__i")


def name_of(func: Any) -> str:
    name = getattr(func, "__name__", "")
    return getattr(getattr(func, "__self__", None), "__name__", name) if name in ("__get__", "__set__") else name


def _key(part: Any) -> Any:
    return getattr(part, "idx", getattr(part, "key", getattr(part, "name", None)))


def _has_tensors(result: Any) -> bool:
    return any(isinstance(item, torch.Tensor) for item in pytree.tree_leaves(result))


def record(model: Any, inputs: list[torch.Tensor], training: bool) -> Recording:
    """Run a model in a mode on example inputs and return what it did; the model stays as it was."""
    recorder = Recorder(model, inputs)
    arguments = inputs[0] if len(inputs) == 1 else list(inputs)
    with _undisturbed(model, training), _watched(recorder), recorder:
        state.in_program, nested = getattr(model, "_network", None) is not None, state.in_program
        try:
            outputs = model(arguments)
        finally:
            state.in_program = nested
    return Recording(recorder.root, recorder.reference(outputs))


@contextlib.contextmanager
def _watched(recorder: Recorder) -> Iterator[None]:
    """Let every call of a module pass by the recorder, and layers take the paths that they take in torch.compile."""
    call, compiling = nn.Module._call_impl, torch.compiler.is_compiling
    nn.Module._call_impl = lambda module, *args, **kwargs: recorder.call_module(call, module, args, kwargs)  # type: ignore
    torch.compiler.is_compiling = lambda: True  # type: ignore[assignment]
    try:
        yield
    finally:
        nn.Module._call_impl = call  # type: ignore[method-assign]
        torch.compiler.is_compiling = compiling


@contextlib.contextmanager
def _undisturbed(model: nn.Module, training: bool) -> Iterator[None]:
    """Set the mode, and restore it with all buffers, gradients apart, and torch's random state."""
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    parameters = [(item, item.detach().clone()) for item in model.parameters() if not item.requires_grad]
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        model.train(training)
        try:
            yield
        finally:
            for module, mode in modes:
                module.training = mode
            with torch.no_grad():
                for tensor, value in (*buffers, *parameters):
                    tensor.copy_(value)
