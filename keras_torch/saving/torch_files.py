"""State dicts of torch in `.pt` and `.safetensors` files: tensors only, no other pickled object."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import torch

from keras_torch.checkpoint import replacing
from keras_torch.errors import FileFormatError
from keras_torch.saving import archive, files
from keras_torch.saving.files import DamagedFileError

_MAX_HEADER = 100_000_000
_MAX_ENTRIES = 1_000_000


def is_safetensors(source: Any) -> bool:
    """Whether a file begins as safetensors do: the length of a JSON header, and the header."""
    head = files.first_bytes(source, 9)
    return len(head) == 9 and head[8:] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= _MAX_HEADER


def is_pickle(source: Any) -> bool:
    """Whether a file begins as a pickle of protocol 2 to 5, as `.pt` files of old versions of torch do."""
    head = files.first_bytes(source, 2)
    return head[:1] == b"\x80" and head[1:] in (b"\x02", b"\x03", b"\x04", b"\x05")


def read_state_dict(source: Any, device: str = "cpu") -> dict[str, torch.Tensor]:
    """Return the tensors of a `.pt` or `.safetensors` file by name, the parts of nested dicts joined by dots.

    `device="meta"` reads sizes only. FileFormatError if the file is damaged or holds anything but tensors and plain
    data; nothing else is unpickled.
    """
    name = files.display_name(source)
    if is_safetensors(source):
        found: Any = _load_safetensors(source, name, device)
    else:
        try:
            _look_through(source)
            found = torch.load(source, map_location=device, weights_only=True)
        except FileFormatError:
            raise
        except pickle.UnpicklingError as error:
            raise DamagedFileError(
                f"{name} holds other Python objects beside tensors, or is damaged; only tensors are read. Save it with "
                f"`torch.save(module.state_dict(), ...)`. ({str(error).splitlines()[0]})"
            ) from error
        except Exception as error:
            raise DamagedFileError(f"{name} cannot be read as a state dict of torch: {error}") from error
    tensors = dict(_tensors(found, (), name))
    for key, tensor in tensors.items():
        _check(tensor, f"{name}: the tensor {key!r}", device)
    if not tensors:
        raise DamagedFileError(f"{name} holds no tensors. Expected: a state dict, as `module.state_dict()` returns it.")
    return tensors


def _look_through(source: Any) -> None:
    """Refuse an archive that unpacking would make endlessly large, or that is no honest one in another way."""
    if files.kind(source) == "zip":
        position = None if files.is_path(source) else source.tell()
        with archive.reading(source):
            pass
        if position is not None:
            source.seek(position)


def _tensors(found: Any, path: tuple[str, ...], name: str) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the tensors in nested dicts, in order. Dicts may stand in several places, and so in endlessly many."""
    waiting, count = [(found, path)], 0
    while waiting:
        item, path = waiting.pop()
        count += 1
        if count > _MAX_ENTRIES:
            raise DamagedFileError(f"{name} has more than {_MAX_ENTRIES} entries, counted as often as they appear.")
        if isinstance(item, torch.Tensor):
            yield ".".join(path) or "tensor", item.detach()
        elif isinstance(item, Mapping) and len(path) < 20:
            waiting += [(value, (*path, str(key))) for key, value in reversed(list(item.items()))]


def _check(tensor: torch.Tensor, where: str, device: str) -> None:
    """Refuse tensors that are no plain array of numbers, whose numbers are not in the file, or repeat too often."""
    if tensor.layout is not torch.strided or tensor.is_nested or tensor.is_quantized:
        raise DamagedFileError(
            f"{where} is sparse, nested or quantized ({tensor.layout}, {tensor.dtype}); plain tensors are read. Save "
            "`tensor.to_dense()` or `tensor.dequantize()` in its place."
        )
    if tensor.is_meta and device != "meta":
        raise DamagedFileError(f"{where} has a shape, {tuple(tensor.shape)}, but no numbers: it was saved from 'meta'.")
    size, held = tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes()
    if size > archive.SMALL_BYTES and size > archive.MAX_RATIO * held:
        raise DamagedFileError(
            f"{where} is refused: its shape {tuple(tensor.shape)} stands for {size} bytes, of which {held} are there, "
            f"repeated more than {archive.MAX_RATIO} times"
        )


def _load_safetensors(source: Any, name: str, device: str) -> dict[str, torch.Tensor]:
    safetensors = library("reading safetensors")
    try:
        if files.is_path(source):
            with safetensors.safe_open(os.fsdecode(source), "pt", device="cpu") as file:
                return {key: _slice(file, key, device) for key in file.keys()}  # noqa: SIM118 - no mapping
        return safetensors.torch.load(source.read())
    except Exception as error:
        raise DamagedFileError(f"{name} cannot be read as safetensors: {error}") from error


def _slice(file: Any, key: str, device: str) -> torch.Tensor:
    if device != "meta":
        return file.get_tensor(key)
    part = file.get_slice(key)
    return torch.empty(part.get_shape(), dtype=_DTYPES.get(part.get_dtype(), torch.uint8), device="meta")


_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "C64": torch.complex64,
}


def library(purpose: str) -> ModuleType:
    """Return the package safetensors with its part for torch. ImportError that says how to get it."""
    try:
        import safetensors.torch
    except ImportError as error:
        raise ImportError(f"{purpose} needs the package safetensors: `pip install safetensors`.") from error
    return safetensors


def write_state_dict(target: Any, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write tensors by name: as safetensors if the path ends so, else with `torch.save`. The file is replaced at once.

    Tensors that share memory are written apart in safetensors, which knows no sharing.
    """
    plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    if not files.is_path(target):
        torch.save(plain, target)
        return
    path = os.fsdecode(target)
    with replacing(path) as temporary:
        if path.endswith(".safetensors"):
            save_file = library("writing safetensors").torch.save_file
            mode = os.stat(temporary).st_mode
            save_file({key: value.clone() for key, value in plain.items()}, temporary)
            os.chmod(temporary, mode)
        else:
            with open(temporary, "wb") as file:
                torch.save(plain, file)
