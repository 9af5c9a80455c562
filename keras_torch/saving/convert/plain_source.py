"""A Keras model as the source of a plain torch module: nothing of keras_torch is in it."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from keras_torch import layers
from keras_torch.saving.convert import plain_modules, sizes
from keras_torch.saving.convert.exported import Specs, input_specs
from keras_torch.saving.convert.plain_code import Printer
from keras_torch.saving.convert.recording import (
    SAME,
    Call,
    Constant,
    Given,
    Made,
    NotTraceable,
    Operation,
    Recording,
    Stored,
    changes,
    record,
)

_ERRORS = (RuntimeError, ValueError, IndexError, TypeError)


@dataclass
class PlainSource:
    """The source, the name of the class in it, and the tensors of its state dict by name."""

    text: str
    class_name: str
    state: dict[str, torch.Tensor]

    def module(self) -> nn.Module:
        """Run the source and return the module with its weights, in inference mode."""
        namespace: dict[str, Any] = {"__name__": f"keras_torch_plain_{self.class_name}"}
        exec(compile(self.text, f"<{self.class_name}>", "exec"), namespace)
        with torch.random.fork_rng(devices=[]):
            module = namespace[self.class_name]()
        held = {id(item): key for key, item in (*module.named_parameters(), *module.named_buffers())}
        missing = set(held.values()) - set(self.state)
        missing = {key for key in missing if not key.endswith("num_batches_tracked")}
        if missing:
            raise NotTraceable(f"the weights {sorted(missing)} were not found")
        module.load_state_dict(self.state, strict=False)
        return module.eval()


def write_plain(model: Any) -> PlainSource:
    """Write a built model as source. NotTraceable, saying why, if it cannot be written as a sequence of torch calls."""
    specs = _input_specs(model)
    inference, training = _recorded(model, specs)
    source = _Writer(model, specs).write(inference, training)
    _check(model, specs, source)
    return source


def _check(model: Any, specs: Specs, source: PlainSource) -> None:
    """Raise NotTraceable if the source computes something else than the model."""
    module, was_training = source.module(), model.training
    device = next((item.device for item in model.parameters()), torch.device("cpu"))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        inputs = [item.to(device) for item in sizes.examples(specs, together=True)[0][-1]]
        model.train(False)
        try:
            expected = model(inputs[0] if len(inputs) == 1 else list(inputs))
            found = module.to(device)(*inputs)
        finally:
            model.train(was_training)
    pairs = zip(pytree.tree_leaves(found), pytree.tree_leaves(expected), strict=True)
    if not all(torch.allclose(one, other, 1e-4, 1e-5, equal_nan=True) for one, other in pairs):
        raise NotTraceable("its outputs depend on what is no call of torch, such as numbers drawn outside of it")


def _input_specs(model: Any) -> Specs:
    try:
        return input_specs(model)
    except ValueError as error:
        raise NotTraceable(str(error)) from error


def _recorded(model: Any, specs: Any) -> tuple[Recording, Recording]:
    device = next((item.device for item in model.parameters()), torch.device("cpu"))
    error: Exception | None = None
    for together in (False, True):
        with torch.random.fork_rng(devices=[]):
            runs, open_sizes = sizes.examples(specs, together)
        try:
            found = [
                sizes.merge([record(model, [t.to(device) for t in run], mode) for run in runs], open_sizes)
                for mode in (False, True)
            ]
            return found[0], found[1]
        except NotTraceable:
            raise
        except _ERRORS as problem:
            error = error or problem
    raise NotTraceable(f"running it on example inputs failed: {error}") from error


@dataclass
class _Scope:
    """The expressions of the tensors of one of the two recordings."""

    names: dict[tuple[int, tuple[Any, ...]], str] = field(default_factory=dict)


class _Writer:
    def __init__(self, model: Any, specs: Any) -> None:
        self.model = model
        self.specs = specs
        self.stored = plain_modules.tensors(model)
        self.paths = plain_modules.plain_paths(model)
        self.lines: list[str] = []
        self.indent = 2
        self.count = 0
        self.called: set[str] = set()
        self.extra: dict[str, str] = {}
        self.constants: list[torch.Tensor] = []
        self.open: dict[Any, str] = {}
        self.inputs = _input_names(model)
        self.scope = _Scope()
        self.wanted: dict[Any, str] = {}
        self.printer = Printer(self._tensor, self._size, f"{self.inputs[0]}.device")

    def write(self, inference: Recording, training: Recording) -> PlainSource:
        keep_used(inference)
        keep_used(training)
        first, second = _Scope(), _Scope()
        self._both(inference.root, training.root, first, second)
        self.scope = first
        result = self._structure(inference.outputs)
        self._line(f"return {result}")
        return self._assemble()

    # Expressions

    def _tensor(self, item: Any) -> str:
        if isinstance(item, Given):
            return self.inputs[item.number]
        if isinstance(item, Stored):
            module, name = self.stored[item.path]
            return ".".join(part for part in ("self", module, name) if part)
        if isinstance(item, Made):
            return self.scope.names[item.number, item.path]
        for number, value in enumerate(self.constants):
            if Constant(value) == item:
                return f"self.constant_{number}"
        self.constants.append(item.value)
        return f"self.constant_{len(self.constants) - 1}"

    def _size(self, axis: tuple[int, int]) -> str:
        if axis not in self.open:
            names = {0: "batch"} if axis[1] == 0 else {}
            self.open[axis] = names.get(axis[1], f"size_{axis[0]}_{axis[1]}" if axis[0] else f"size_{axis[1]}")
        return self.open[axis]

    def _structure(self, item: Any) -> str:
        return self.printer.value(item)

    # Statements

    def _line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def _new(self) -> str:
        self.count += 1
        return f"x{self.count}"

    def _both(self, one: Call, two: Call, first: _Scope, second: _Scope) -> None:
        """Write the layers inside a call, telling inference and training apart only where they differ."""
        for child, other in zip(one.children, two.children, strict=True):
            if isinstance(child, Call) and isinstance(other, Call):
                self._layer(child, other, first, second)
            elif isinstance(child, Operation) and isinstance(other, Operation):
                if self._same([child], [other], first, second):
                    self._write_all([child], first)
                    self._copy([child], [other], first, second)
                else:
                    self._branch([child], [other], child.outputs, other.outputs, first, second)

    def _layer(self, one: Call, two: Call, first: _Scope, second: _Scope) -> None:
        if any(op.target != SAME for op in _flat(one.children)) and not _is_model(one.layer):
            self._line(f"# {_in_comment(one.layer.name)}: {type(one.layer).__name__}")
        aligned = [_kind(child) for child in one.children] == [_kind(child) for child in two.children]
        if aligned and _is_model(one.layer):
            self._both(one, two, first, second)
        elif self._same(one.children, two.children, first, second):
            self._write_all(one.children, first)
            self._copy(one.children, two.children, first, second)
            self._bind(one.outputs, two.outputs, first, second)
        elif self._drops_out(one, two, first, second):
            return
        elif aligned:
            self._both(one, two, first, second)
        else:
            if all(op.target == SAME for op in _flat(one.children)):
                self._line(f"# {_in_comment(one.layer.name)}: {type(one.layer).__name__}")
            self._branch(one.children, two.children, one.outputs, two.outputs, first, second)

    def _drops_out(self, one: Call, two: Call, first: _Scope, second: _Scope) -> bool:
        """Write a dropout as torch's module of that name."""
        if len(one.children) != 1 or len(two.children) != 1 or not isinstance(one.layer, layers.Dropout):
            return False
        kept, dropped = one.children[0], two.children[0]
        if isinstance(kept, Call) or isinstance(dropped, Call) or dropped.target is not torch.nn.functional.dropout:
            return False
        plain = self.paths[one.path]
        self.extra[plain] = f"nn.Dropout({self.printer.value(float(one.layer.rate))})"
        self.scope = first
        name = self._new()
        self._line(f"{name} = self.{plain}({self._tensor(kept.args[0])})")
        first.names[kept.number, ()] = second.names[dropped.number, ()] = name
        return True

    def _same(self, one: list[Any], two: list[Any], first: _Scope, second: _Scope) -> bool:
        return self._canonical(one, first) == self._canonical(two, second)

    def _canonical(self, items: list[Any], scope: _Scope) -> list[Any]:
        """Return operations with what they make numbered from 0, and everything else by its expression."""
        inside: dict[int, int] = {}
        found = []

        def name(item: Any) -> Any:
            if isinstance(item, Made):
                if item.number in inside:
                    return ("inside", inside[item.number], item.path)
                return scope.names.get((item.number, item.path), item)
            return item

        for operation in _flat(items):
            found.append((operation.target, _map(name, (operation.args, operation.kwargs)), operation.with_gradient))
            inside[operation.number] = len(inside)
        return found

    def _write_all(self, items: list[Any], scope: _Scope) -> None:
        quiet = False
        self.scope = scope
        for operation in _flat(items):
            if not operation.with_gradient and not quiet:
                self._line("with torch.no_grad():")
            if operation.with_gradient is quiet:
                self.indent += -1 if quiet else 1
                quiet = not quiet
            self._operation(operation, scope)
        self.indent -= quiet

    def _operation(self, operation: Operation, scope: _Scope) -> None:
        if operation.target == SAME:
            scope.names[operation.number, ()] = self.printer.value(operation.args[0])
            return
        if operation.is_module:
            self.called.add(operation.target)
            given = [self.printer.value(item) for item in operation.args]
            given += [self.printer.keyword(key, item) for key, item in operation.kwargs.items()]
            text = f"self.{self.paths[operation.target]}({', '.join(given)})"
        else:
            text = self.printer.call(operation.target, operation.args, operation.kwargs)
        if operation.outputs is None:
            self._line(text)
            return
        name = self.wanted.pop((operation.number, ()), None) or self._new()
        self._line(f"{name} = {text}")
        for item in pytree.tree_leaves(operation.outputs):
            if isinstance(item, Made):
                keys = "".join(f"[{key!r}]" for key in item.path)
                scope.names[item.number, item.path] = name + keys

    def _copy(self, one: list[Any], two: list[Any], first: _Scope, second: _Scope) -> None:
        """Let the training's tensors have the names of the inference's, operation by operation."""
        for child, other in zip(_flat(one), _flat(two), strict=False):
            for key, name in list(first.names.items()):
                if key[0] == child.number:
                    second.names[other.number, key[1]] = name

    def _bind(self, one: Any, two: Any, first: _Scope, second: _Scope) -> None:
        for item, other in zip(pytree.tree_leaves(one), pytree.tree_leaves(two), strict=True):
            if isinstance(item, Made) and isinstance(other, Made) and (item.number, item.path) in first.names:
                second.names[other.number, other.path] = first.names[item.number, item.path]

    def _branch(self, one: list[Any], two: list[Any], out: Any, other_out: Any, first: _Scope, second: _Scope) -> None:
        """Write `if self.training:` with what each mode does; both give the results the same names."""
        leaves, others = ([i for i in pytree.tree_leaves(tree) if not _is_plain(i)] for tree in (out, other_out))
        if len(leaves) != len(others):
            raise NotTraceable("its training returns other things than its inference")
        names = [self._new() for _ in leaves]
        for head, items, results, scope in (
            ("if self.training:", two, others, second),
            ("else:", one, leaves, first),
        ):
            self._line(head)
            self.indent += 1
            made = {op.number for op in _flat(items) if isinstance(op.outputs, Made) and op.target != SAME}
            self.wanted = {(i.number, i.path): n for n, i in zip(names, results, strict=True) if isinstance(i, Made)}
            self.wanted = {key: name for key, name in self.wanted.items() if key[0] in made}
            self._write_all(items, scope)
            self.scope = scope
            for name, item in zip(names, results, strict=True):
                if self._tensor(item) != name:
                    self._line(f"{name} = {self._tensor(item)}")
            if not names and not items:
                self._line("pass")
            self.indent -= 1
        for results, scope in ((leaves, first), (others, second)):
            for name, item in zip(names, results, strict=True):
                if isinstance(item, Made):
                    scope.names[item.number, item.path] = name

    # The whole

    def _assemble(self) -> PlainSource:
        class_name = re.sub(r"[^A-Za-z0-9]", "", str(self.model.name).title()) or "Model"
        taken = keyword.iskeyword(class_name) or class_name == "F"
        class_name = f"Model{class_name}" if class_name[0].isdigit() or taken else class_name
        made = list(plain_modules.definitions(self.model, self.called))
        made += [f"self.{path} = {text}" for path, text in self.extra.items()]
        empty = "torch.zeros({}, dtype={})"
        made += [
            f'self.register_buffer("constant_{number}", {empty.format(tuple(value.shape), value.dtype)})'
            for number, value in enumerate(self.constants)
        ]
        opened = [f"{name} = {self.inputs[index]}.shape[{axis}]" for (index, axis), name in self.open.items()]
        shapes = ", ".join(
            f"{name} {_shape_text(shape)} {str(dtype).removeprefix('torch.')}"
            for name, (shape, dtype) in zip(self.inputs, self.specs, strict=True)
        )
        text = "\n".join(
            [
                f'"""The Keras model {_in_docstring(self.model.name)} in plain PyTorch, written by keras_torch."""',
                "",
                "import torch",
                "from torch import nn",
                "from torch.nn import functional as F",
                "",
                "",
                f"class {class_name}(nn.Module):",
                f'    """Takes {shapes}."""',
                "",
                "    def __init__(self):",
                "        super().__init__()",
                *(f"        {line}" for line in made),
                "",
                f"    def forward(self, {', '.join(self.inputs)}):",
                *(f"        {line}" for line in opened),
                *self.lines,
                "",
            ]
        )
        state = {
            ".".join(part for part in self.stored[path] if part): tensor.detach().cpu()
            for path, tensor in (*self.model.named_parameters(), *self.model.named_buffers())
        }
        state.update({f"constant_{number}": value.cpu() for number, value in enumerate(self.constants)})
        return PlainSource(text, class_name, state)


def _kind(child: Any) -> Any:
    return (
        child.path
        if isinstance(child, Call)
        else id(child.target)
        if not isinstance(child.target, str)
        else child.target
    )


def _is_model(layer: Any) -> bool:
    return hasattr(layer, "save_weights")


def _is_plain(item: Any) -> bool:
    return not isinstance(item, (Made, Given, Stored, Constant))


def _map(change: Any, item: Any) -> Any:
    if isinstance(item, (list, tuple)):
        return type(item)(_map(change, part) for part in item)
    if isinstance(item, dict):
        return {key: _map(change, part) for key, part in item.items()}
    if isinstance(item, slice):
        return slice(_map(change, item.start), _map(change, item.stop), _map(change, item.step))
    return change(item)


def _flat(items: list[Any]) -> list[Operation]:
    return [op for item in items for op in (_flat(item.children) if isinstance(item, Call) else [item])]


def keep_used(recording: Recording) -> None:
    """Drop the operations whose results nobody uses, but for those that change tensors in place."""
    used: set[int] = set()

    def note(item: Any) -> Any:
        if isinstance(item, Made):
            used.add(item.number)
        return item

    def prune(call: Call) -> None:
        kept: list[Any] = []
        for child in reversed(call.children):
            if isinstance(child, Call):
                prune(child)
            elif child.number in used or changes(child.target):
                _map(note, (child.args, child.kwargs))
            else:
                continue
            kept.append(child)
        call.children[:] = reversed(kept)

    _map(note, recording.outputs)
    prune(recording.root)


def _input_names(model: Any) -> list[str]:
    names: list[str] = []
    for position, tensor in enumerate(model.inputs):
        name = re.sub(r"[^A-Za-z0-9]", "_", str(tensor.name).partition(":")[0])
        taken = re.fullmatch(r"x\d+|__.*|self|batch|size_.*|input_layer.*|input_\d+|keras_tensor.*", name)
        if not name.isidentifier() or keyword.iskeyword(name) or taken:
            name = "inputs" if len(model.inputs) == 1 else f"input_{position}"
        names.append(name if name not in names and name not in ("torch", "nn", "F") else f"{name}_{position}")
    return names


def _in_comment(name: Any) -> str:
    """Return a name, which may come from a file, without anything that ends a line."""
    name = str(name)
    return name if name.isprintable() else ascii(name)


def _in_docstring(name: Any) -> str:
    """Return a name, which may come from a file, without anything that ends a text in three quotes."""
    return repr(str(name)).replace('"', '\\"')


def _shape_text(shape: tuple[int | None, ...]) -> str:
    parts = [
        "batch" if axis == 0 and size is None else "any" if size is None else str(size)
        for axis, size in enumerate(shape)
    ]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
