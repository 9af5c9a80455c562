"""Global settings: float type, fuzz factor, image data format, Keras dialect.

A `keras.json` in `$KERAS_HOME` (or `~/.keras`) is read on first use and never written.
"""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

DIALECTS = ("1", "2", "tf", "3")

_DTYPES: dict[str, torch.dtype] = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
    "int8": torch.int8,
    "int16": torch.int16,
    "int32": torch.int32,
    "int64": torch.int64,
    "uint8": torch.uint8,
    "uint16": torch.uint16,
    "uint32": torch.uint32,
    "uint64": torch.uint64,
    "bool": torch.bool,
    "complex64": torch.complex64,
    "complex128": torch.complex128,
}
_DTYPE_ALIASES = {"half": "float16", "float": "float32", "double": "float64", "int": "int32", "long": "int64"}
# What numpy, pandas and TensorFlow call arrays of strings.
_TEXT = ("string", "object")
_FIXED_TEXT = ("str", "bytes")
_NAMES = {value: key for key, value in _DTYPES.items()}

_FLOATS = ("float16", "bfloat16", "float32", "float64")
# What a `keras.json` may set, and which values are valid.
_STORED: dict[str, Callable[[Any], bool]] = {
    "floatx": lambda value: value in _FLOATS,
    "epsilon": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "image_data_format": lambda value: value in ("channels_last", "channels_first"),
}

_settings: dict[str, Any] = {}


def _stored(path: Path) -> dict[str, Any]:
    """Return what a `keras.json` holds; one that cannot be read is passed over with a warning."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        problem = str(error)
    else:
        if isinstance(found, dict):
            return found
        problem = "it holds no object"
    warnings.warn(f"{path} cannot be used: {problem}. The defaults apply; mend or remove the file.", stacklevel=4)
    return {}


def _load() -> dict[str, Any]:
    """Return the settings, reading `keras.json` and the environment the first time."""
    if _settings:
        return _settings
    values: dict[str, Any] = {
        "floatx": "float32",
        "epsilon": 1e-7,
        "image_data_format": "channels_last",
        "dialect": os.environ.get("KERAS_TORCH_DIALECT") or None,
    }
    path = Path(keras_home()) / "keras.json"
    stored = _stored(path)
    if stored.get("image_dim_ordering") in ("th", "tf"):
        ordering = {"th": "channels_first", "tf": "channels_last"}[stored["image_dim_ordering"]]
        stored.setdefault("image_data_format", ordering)
    for key, is_valid in _STORED.items():
        if key in stored and not is_valid(stored[key]):
            warnings.warn(
                f"{path}: `{key}` is not valid, so {values[key]!r} is used. Received: {stored[key]!r}", stacklevel=3
            )
        elif key in stored:
            values[key] = stored[key]
    if values["dialect"] is not None and values["dialect"] not in DIALECTS:
        raise ValueError(
            f"The environment variable KERAS_TORCH_DIALECT must be one of {DIALECTS}. Received: {values['dialect']!r}"
        )
    _settings.update(values)
    return _settings


def keras_home() -> str:
    """Return the folder of `keras.json` and of the cache of downloads: `$KERAS_HOME`, or `~/.keras`."""
    return os.environ.get("KERAS_HOME") or str(Path.home() / ".keras")


def floatx() -> str:
    """Return the default float type, e.g. `"float32"`."""
    return (_settings or _load())["floatx"]


def set_floatx(value: str) -> None:
    """Set the default float type: `"float16"`, `"bfloat16"`, `"float32"` or `"float64"`."""
    if value not in _FLOATS:
        raise ValueError(f"`floatx` must be 'float16', 'bfloat16', 'float32' or 'float64'. Received: {value!r}")
    _load()["floatx"] = value


def epsilon() -> float:
    """Return the fuzz factor that keeps divisions and logarithms finite."""
    return (_settings or _load())["epsilon"]


def set_epsilon(value: float) -> None:
    """Set the fuzz factor."""
    _load()["epsilon"] = float(value)


def image_data_format() -> str:
    """Return the default layout of images, `"channels_last"` or `"channels_first"`."""
    return (_settings or _load())["image_data_format"]


def set_image_data_format(data_format: str) -> None:
    """Set the default layout of images."""
    _load()["image_data_format"] = standardize_data_format(data_format)


def standardize_data_format(data_format: str | None) -> str:
    """Return `data_format`, or the default for None; anything else raises ValueError."""
    if data_format is None:
        return image_data_format()
    value = str(data_format).lower()
    if value not in ("channels_last", "channels_first"):
        raise ValueError(f"`data_format` must be 'channels_last' or 'channels_first'. Received: {data_format!r}")
    return value


def dialect() -> str | None:
    """Return the Keras generation whose defaults apply: "1", "2", "tf", "3", or None (modern, lenient)."""
    return (_settings or _load())["dialect"]


def set_dialect(value: str | None) -> None:
    """Choose the Keras generation whose defaults apply."""
    if value is not None and value not in DIALECTS:
        raise ValueError(f"`dialect` must be one of {DIALECTS} or None. Received: {value!r}")
    _load()["dialect"] = value


@contextlib.contextmanager
def dialect_scope(value: str | None) -> Iterator[None]:
    """Speak another dialect inside a `with` block."""
    before = dialect()
    set_dialect(value)
    try:
        yield
    finally:
        set_dialect(before)


def enable_flash_attention() -> None:
    """Let attention layers made from now on use torch's flash kernels only, an error where those cannot serve."""
    _load()["flash_attention"] = True


def disable_flash_attention() -> None:
    """Keep attention layers made from now on off torch's flash kernels."""
    _load()["flash_attention"] = False


def is_flash_attention_enabled() -> bool | None:
    """Return what was chosen for attention layers; None leaves the kernel to torch."""
    return (_settings or _load()).get("flash_attention")


def is_classic() -> bool:
    """Whether the dialect is multi-backend Keras 1 or 2."""
    return dialect() in ("1", "2")


def is_modern() -> bool:
    """Whether the dialect is Keras 3's, which is also spoken where none was chosen."""
    return dialect() in ("3", None)


def torch_dtype(dtype: Any) -> torch.dtype:
    """Return the torch dtype for a name, a numpy dtype, a dtype-like object or a torch dtype."""
    if isinstance(dtype, torch.dtype):
        return dtype
    if dtype is None:
        return _DTYPES[floatx()]
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", "") or getattr(dtype, "__name__", "")
    name = name.removeprefix("torch.")
    name = _DTYPE_ALIASES.get(name, name)
    if name not in _DTYPES:
        raise ValueError(f"`dtype` must be one of {sorted(_DTYPES)}. Received: {dtype!r}")
    return _DTYPES[name]


def dtype_name(dtype: Any) -> str:
    """Return Keras's name of a dtype, e.g. `"float32"` for `torch.float32`; "string" for text, which torch lacks."""
    if getattr(dtype, "kind", "") in ("U", "S", "O", "T") or dtype is str:
        return "string"
    if isinstance(dtype, str) and (dtype in _TEXT or dtype.startswith(_FIXED_TEXT)):
        return "string"
    return _NAMES[torch_dtype(dtype)]
