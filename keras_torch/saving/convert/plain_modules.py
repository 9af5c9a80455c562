"""The torch modules of a model written as Python: what they are called, and how to make them."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from keras_torch.engine import Layer

_RECURRENT = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional")


def plain_paths(model: nn.Module) -> dict[str, str]:
    """Return for each module of a model, by path, its path in plain torch: that of its Keras layer.

    Where a layer has one inner module, as `dense.linear` is the only one of a Dense, the module takes its place.
    """
    found = {"": ""}
    _walk(model, "", "", found, set())
    return found


def _walk(module: nn.Module, path: str, plain: str, found: dict[str, str], seen: set[int]) -> None:
    own = any(item is not None for item in (*module._parameters.values(), *module._buffers.values()))
    children = {name: child for name, child in module.named_children() if _has_tensors(child)}
    alone = plain and not own and len(children) == 1 and not hasattr(module, "save_weights")
    for name, child in module.named_children():
        if id(child) in seen:
            continue
        seen.add(id(child))
        inner = f"{path}.{name}" if path else name
        named = plain if alone and name in children else f"{plain}.{_identifier(name)}".lstrip(".")
        found[inner] = named
        _walk(child, inner, named, found, seen)


def _has_tensors(module: nn.Module) -> bool:
    return any(True for _ in module.parameters()) or any(True for _ in module.buffers())


def _identifier(name: str) -> str:
    name = "".join(char if char.isalnum() and char.isascii() else "_" for char in name)
    if name.startswith("__"):
        # Python changes such names within a class, or has them itself.
        return f"layer{name}"
    return f"_{name}" if name[:1].isdigit() or keyword.iskeyword(name) or not name else name


def tensors(model: nn.Module) -> dict[str, tuple[str, str]]:
    """Return for each parameter and buffer of a model, by path, its module's path in plain torch and its name there."""
    paths = plain_paths(model)
    found = {}
    for path, _ in (*model.named_parameters(), *model.named_buffers()):
        owner, _, name = path.rpartition(".")
        found[path] = (paths[owner], _identifier(name))
    return found


def definitions(model: nn.Module, called: set[str]) -> Iterator[str]:
    """Yield the statements that make the modules with tensors, and the `called` ones, below `self`."""
    paths = plain_paths(model)
    made = {""}
    known: dict[int, str] = {}
    for path, module in model.named_modules():
        own = [item for item in (*module._parameters.values(), *module._buffers.values()) if item is not None]
        if not own and path not in called:
            continue
        plain = paths[path]
        for end in [i for i, char in enumerate(plain) if char == "."]:
            if plain[:end] not in made:
                made.add(plain[:end])
                yield f"self.{plain[:end]} = nn.Module()"
        yield from _definition(module, plain, plain in made, known)
        made.add(plain)


def _definition(module: nn.Module, plain: str, exists: bool, known: dict[int, str]) -> Iterator[str]:
    text, made = constructor(module)
    where = f"self.{plain}" if plain else "self"
    if text is None or exists:
        if not exists:
            yield f"{where} = nn.Module()"
        made = nn.Module()
    else:
        yield f"{where} = {text}"
    for name, parameter in module._parameters.items():
        has = name in made._parameters and made._parameters[name] is not None
        if parameter is None and has:
            yield f"{where}.{_identifier(name)} = None"
        elif parameter is not None and id(parameter) in known:
            # Two names of one parameter: in one module the first is enough.
            if known[id(parameter)].rpartition(".")[0] != where:
                yield f"{where}.{_identifier(name)} = {known[id(parameter)]}"
            continue
        elif parameter is not None and not has:
            yield f"{where}.{_identifier(name)} = nn.Parameter({_empty(parameter)}{_frozen(parameter)})"
        known[id(parameter)] = f"{where}.{_identifier(name)}"
    for name, buffer in module._buffers.items():
        has = name in made._parameters or made._buffers.get(name) is not None
        if buffer is not None and not has:
            yield f'{where}.register_buffer("{_identifier(name)}", {_empty(buffer)})'
    yield from _freeze(module, made, where)


def _freeze(module: nn.Module, made: nn.Module, where: str) -> Iterator[str]:
    names = [name for name, item in made._parameters.items() if item is not None]
    fixed = [name for name in names if (own := getattr(module, name)) is not None and not own.requires_grad]
    if fixed and fixed == names:
        yield f"{where}.requires_grad_(False)"
    else:
        yield from (f"{where}.{name}.requires_grad_(False)" for name in fixed)


def _empty(tensor: torch.Tensor) -> str:
    dtype = "" if tensor.dtype == torch.float32 else f", dtype={tensor.dtype}"
    return f"torch.zeros({tuple(tensor.shape)}{dtype})"


def _frozen(parameter: torch.Tensor) -> str:
    return "" if parameter.requires_grad else ", requires_grad=False"


def constructor(module: nn.Module) -> tuple[str | None, nn.Module]:
    """Return Python that makes a module of torch's kind of `module`, and such a module on the meta device.

    None if there is no such kind, or the module's attributes do not tell its arguments.
    """
    cls = next((base for base in type(module).__mro__ if base.__module__.startswith("torch.nn.modules.")), nn.Module)
    if cls is nn.Module or isinstance(module, Layer):
        return None, nn.Module()
    arguments = _arguments(cls, module)
    if arguments is None:
        return None, nn.Module()
    try:
        made = cls(**arguments, **({"device": "meta"} if "device" in _parameters_of(cls) else {}))
    except (TypeError, ValueError):
        return None, nn.Module()
    shown = ", ".join(
        repr(value) if first and not isinstance(value, bool) else f"{key}={value!r}"
        for first, (key, value) in zip(_leading(cls, arguments), arguments.items(), strict=True)
    )
    return f"nn.{cls.__name__}({shown})", made


def _leading(cls: Any, arguments: dict[str, Any]) -> list[bool]:
    """Whether each argument may stand by position: those without defaults, which come first."""
    order = list(_parameters_of(cls).values())
    required = [p.name for p in order if p.default is p.empty] or list(_RECURRENT[:2])
    return [key in required and required.index(key) == place for place, key in enumerate(arguments)]


def _parameters_of(cls: Any) -> dict[str, inspect.Parameter]:
    found = {}
    for base in cls.__mro__:
        parameters = inspect.signature(base.__init__).parameters
        found.update({key: p for key, p in parameters.items() if key != "self" and key not in found})
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            break
    return {key: p for key, p in found.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}


def _arguments(cls: Any, module: Any) -> dict[str, Any] | None:
    if issubclass(cls, nn.RNNBase):
        defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        found = {key: getattr(module, key) for key in _RECURRENT if getattr(module, key) != defaults.get(key, ...)}
        if isinstance(module, nn.RNN) and module.nonlinearity != "tanh":
            found["nonlinearity"] = module.nonlinearity
    else:
        found = {}
        for key, parameter in _parameters_of(cls).items():
            if key in ("device", "dtype"):
                continue
            value = getattr(module, key, ...)
            value = value is not None if isinstance(value, torch.Tensor) or key == "bias" else value
            if value is ... and parameter.default is parameter.empty:
                return None
            if value is not ... and value != parameter.default:
                found[key] = float(f"{value:.12g}") if isinstance(value, float) else value
    dtype = next((item.dtype for item in module.parameters(recurse=False)), None)
    if dtype is not None and dtype != torch.float32:
        found["dtype"] = dtype
    plain = (bool, int, float, str, tuple, type(None), torch.dtype)
    return found if all(isinstance(value, plain) for value in found.values()) else None
