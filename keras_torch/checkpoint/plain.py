"""The state of Python objects as plain data, which `torch.save` writes and `torch.load(weights_only=True)` reads.

`pack` turns a value into numbers, strings, tensors and tagged tuples; `unpack` reverses it, inside the object that
is there already where possible, so that references to it stay good. What is no data (functions, files) is left out.
"""

from __future__ import annotations

import functools
import random
import zlib
from collections import deque
from collections.abc import Callable, Collection, Mapping, MutableMapping, MutableSequence, MutableSet
from typing import Any

import numpy as np
import torch

MAX_DEPTH = 32
# Larger arrays are told apart by a sample of their bytes.
CHECKSUM_BYTES = 64 << 20
_SAMPLE = 4096
# What `mark` has in the place of a tensor or array: this word, shape, type, bytes and checksum.
MARK = "mark"


class NotDataError(TypeError):
    """A value holds something that is no plain data."""


def pack(value: Any) -> Any:
    """Return a value as data for `torch.save`. TypeError if something in it is no data."""
    return _pack(value, False, 0)


def mark(value: Any) -> Any:
    """Return the same as `pack`, but with checksums in place of arrays: cheap to keep and to compare."""
    return _pack(value, True, 0)


def attributes(owner: Any, skip: Collection[str] = (), convert: Callable[[Any], Any] = pack) -> dict[str, Any]:
    """Return the attributes of an object that are data, packed (or marked, with `convert=mark`)."""
    found: dict[str, Any] = {}
    for name, value in getattr(owner, "__dict__", {}).items():
        if name not in skip:
            try:
                found[name] = convert(value)
            except NotDataError:
                continue
    return found


def set_attributes(owner: Any, state: Mapping[str, Any]) -> None:
    """Set attributes from what `attributes` returned."""
    for name, packed in state.items():
        current = owner.__dict__.get(name)
        value = unpack(packed, current)
        if value is not current:
            setattr(owner, name, value)


def _pack(value: Any, sums: bool, depth: int) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if depth > MAX_DEPTH:
        raise NotDataError(f"{type(value).__name__}, too deeply nested")
    if isinstance(value, torch.Tensor):
        return _pack_tensor(value, sums)
    if isinstance(value, (np.ndarray, np.generic)):
        return _pack_array(value, sums)
    if isinstance(value, MutableMapping):
        return ("dict", [(_pack(key, sums, depth + 1), _pack(item, sums, depth + 1)) for key, item in value.items()])
    for tag, kind in _COLLECTIONS:
        if isinstance(value, kind):
            ordered = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value
            return (tag, [_pack(item, sums, depth + 1) for item in ordered])
    if isinstance(value, (torch.device, np.ufunc)):
        return ("device", str(value)) if isinstance(value, torch.device) else ("ufunc", value.__name__)
    if isinstance(value, complex):
        return ("complex", value.real, value.imag)
    return _pack_object(value, sums, depth)


_COLLECTIONS: tuple[tuple[str, Any], ...] = (
    ("list", (list, deque)),
    ("tuple", tuple),
    ("set", set),
    ("frozenset", frozenset),
)


def _pack_tensor(tensor: torch.Tensor, sums: bool) -> Any:
    if tensor.is_meta:
        raise NotDataError("a tensor without values")
    plain = tensor.detach().as_subclass(torch.Tensor)
    if sums:
        dense = plain if plain.layout is torch.strided else plain.to_dense()
        sample = dense.reshape(-1)[:: _stride(dense.nbytes, dense.numel())].contiguous()
        data = sample.view(torch.uint8).cpu().numpy().tobytes() if sample.numel() else b""
        return (MARK, list(tensor.shape), str(tensor.dtype), plain.nbytes, zlib.crc32(data))
    if plain.layout is torch.strided and plain.nbytes < plain.untyped_storage().nbytes():
        # torch.save would write all of the storage that this is a part of.
        plain = plain.clone()
    return ("tensor", str(tensor.device), plain)


def _pack_array(value: Any, sums: bool) -> Any:
    array = np.asarray(value)
    scalar, dtype = isinstance(value, np.generic), array.dtype.str
    if array.dtype.hasobject or array.dtype.names:
        raise NotDataError("an array of objects")
    if sums:
        sample = array.reshape(-1)[:: _stride(array.nbytes, array.size)]
        return (MARK, list(array.shape), dtype, array.nbytes, zlib.crc32(sample.tobytes()))
    if array.dtype.kind in "US":
        return ("strings", scalar, dtype, array.tolist() if array.dtype.kind == "U" else array.astype("U").tolist())
    data = torch.frombuffer(bytearray(array.tobytes()), dtype=torch.uint8) if array.size else torch.empty(0)
    return ("array", scalar, dtype, list(array.shape), data)


def _stride(size: int, count: int) -> int:
    """Return 1, or for huge arrays the distance of the elements that stand for all."""
    return 1 if size <= CHECKSUM_BYTES else max(1, count // _SAMPLE)


def _pack_object(value: Any, sums: bool, depth: int) -> Any:
    if isinstance(value, torch.Generator):
        return ("generator", str(value.device), _pack(value.get_state(), sums, depth))
    for kind, (read, _) in _sources_of_numbers().items():
        if isinstance(value, kind):
            return ("random", _pack(read(value), sums, depth + 1))
    if has_state(value):
        return ("state", _pack(_data_only(value.state_dict()), sums, depth + 1))
    raise NotDataError(type(value).__name__)


def has_state(value: Any) -> bool:
    """Whether an object follows torch's protocol of optimizers and schedulers. Models are left out."""
    kind = type(value)
    return (
        callable(getattr(kind, "state_dict", None))
        and callable(getattr(kind, "load_state_dict", None))
        and not isinstance(value, (type, torch.nn.Module))
    )


def _data_only(state: Any) -> Any:
    """Leave out what a state dict holds besides data, such as the functions of a scheduler."""
    if not isinstance(state, MutableMapping):
        return state
    kept = {}
    for key, value in state.items():
        try:
            _pack(value, False, 0)
        except NotDataError:
            continue
        kept[key] = value
    return kept


@functools.cache
def _sources_of_numbers() -> dict[type, tuple[Callable[[Any], Any], Callable[[Any, Any], None]]]:
    """Random generators by class, with how to read and to set their state. numpy imports its own when asked for."""
    return {
        random.Random: (lambda source: source.getstate(), lambda source, state: source.setstate(state)),
        np.random.Generator: (
            lambda source: source.bit_generator.state,
            lambda source, state: setattr(source.bit_generator, "state", state),
        ),
        np.random.RandomState: (
            lambda source: source.get_state(legacy=False),
            lambda source, state: source.set_state(state),
        ),
    }


def unpack(packed: Any, current: Any = None) -> Any:
    """Return the value that was packed: `current`, changed in place, where that is an object of the same kind."""
    if not isinstance(packed, tuple):
        return packed
    tag, *rest = packed
    return _UNPACK[tag](current, *rest)


def _unpack_tensor(current: Any, device: str, saved: torch.Tensor) -> Any:
    same = isinstance(current, torch.nn.Parameter) and current.shape == saved.shape and current.dtype == saved.dtype
    if same:
        with torch.no_grad():
            current.detach().copy_(saved)
        return current
    # Others are replaced, not overwritten: they may be views of something that has its own place in the state.
    return saved.to(current.device if isinstance(current, torch.Tensor) else _available(device), copy=True)


def _ufunc(name: str) -> Any:
    found = getattr(np, name, None)
    if not isinstance(found, np.ufunc):
        raise ValueError(f"A state names a function of numpy that is none: {name!r}")
    return found


def _available(device: str) -> torch.device:
    wanted = torch.device(device)
    if wanted.type == "cuda" and (wanted.index or 0) >= torch.cuda.device_count():
        return torch.device("cpu")
    return wanted


def _unpack_array(current: Any, scalar: bool, dtype: str, shape: list[int], data: torch.Tensor) -> Any:
    array = np.frombuffer(data.numpy().tobytes(), np.dtype(dtype)).reshape(shape).copy()
    return array[()] if scalar else array


def _unpack_strings(current: Any, scalar: bool, dtype: str, data: Any) -> Any:
    array = np.array(data, dtype)
    return array[()] if scalar else array


def _unpack_dict(current: Any, items: list[tuple[Any, Any]]) -> Any:
    former = dict(current) if isinstance(current, MutableMapping) else {}
    values = {}
    for packed_key, item in items:
        key = unpack(packed_key)
        values[key] = unpack(item, former.get(key))
    if not isinstance(current, MutableMapping):
        return values
    current.clear()
    current.update(values)
    return current


def _unpack_list(current: Any, items: list[Any]) -> Any:
    if not isinstance(current, MutableSequence):
        return [unpack(item) for item in items]
    former = list(current) if len(current) == len(items) else [None] * len(items)
    values = [unpack(item, old) for item, old in zip(items, former, strict=True)]
    current.clear()
    current.extend(values)
    return current


def _unpack_tuple(current: Any, items: list[Any]) -> Any:
    same = isinstance(current, tuple) and len(current) == len(items)
    values = [unpack(item, old) for item, old in zip(items, current if same else [None] * len(items), strict=True)]
    return type(current)(*values) if same and hasattr(current, "_fields") else tuple(values)


def _unpack_set(current: Any, items: list[Any]) -> Any:
    values = {unpack(item) for item in items}
    if isinstance(current, MutableSet):
        current.clear()
        for value in values:
            current.add(value)
        return current
    return values


def _unpack_generator(current: Any, device: str, state: Any) -> Any:
    generator = current if isinstance(current, torch.Generator) else torch.Generator(_available(device))
    generator.set_state(unpack(state))
    return generator


def _unpack_random(current: Any, state: Any) -> Any:
    for kind, (_, write) in _sources_of_numbers().items():
        if isinstance(current, kind):
            write(current, unpack(state))
    return current


def _unpack_state(current: Any, state: Any) -> Any:
    if has_state(current):
        current.load_state_dict(unpack(state))
    return current


_UNPACK: dict[str, Callable[..., Any]] = {
    "tensor": _unpack_tensor,
    "array": _unpack_array,
    "strings": _unpack_strings,
    "dict": _unpack_dict,
    "list": _unpack_list,
    "tuple": _unpack_tuple,
    "set": _unpack_set,
    "frozenset": lambda current, items: frozenset(map(unpack, items)),
    "device": lambda current, name: torch.device(name),
    "ufunc": lambda current, name: _ufunc(name),
    "complex": lambda current, real, imaginary: complex(real, imaginary),
    "generator": _unpack_generator,
    "random": _unpack_random,
    "state": _unpack_state,
}


def equal(first: Any, second: Any) -> bool:
    """Whether two results of `mark` (or of `pack`, without arrays) are the same."""
    if isinstance(first, (tuple, list)):
        return (
            isinstance(second, (tuple, list))
            and len(first) == len(second)
            and all(equal(one, other) for one, other in zip(first, second, strict=True))
        )
    return type(first) is type(second) and bool(first == second or (first != first and second != second))
