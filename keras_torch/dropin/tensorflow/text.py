"""`tf.strings`: text as numpy arrays of Python strings, which torch has no tensors for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from keras_torch.backend.ragged import RaggedTensor
from keras_torch.backend.string_array import StringArray, to_strings
from keras_torch.dropin.tensorflow.dtypes import as_dtype
from keras_torch.layers.preprocessing.fingerprints import buckets


def _text(value: Any) -> StringArray:
    return to_strings(value, "Text")


def _each(change: Callable[[str], Any], value: Any, dtype: Any = object) -> Any:
    array = _text(value)
    found = np.array([change(item) for item in array.ravel().tolist()], dtype).reshape(array.shape)
    return to_strings(found, "Text") if dtype is object else torch.as_tensor(found)


def lower(input: Any, encoding: str = "") -> Any:  # noqa: A002 - TensorFlow's names, here and below
    """Text in small letters; without an `encoding` only those of ASCII."""
    return _each(str.lower if encoding else lambda item: re.sub("[A-Z]+", lambda m: m[0].lower(), item), input)


def upper(input: Any, encoding: str = "") -> Any:  # noqa: A002
    """Text in capital letters; without an `encoding` only those of ASCII."""
    return _each(str.upper if encoding else lambda item: re.sub("[a-z]+", lambda m: m[0].upper(), item), input)


def strip(input: Any) -> Any:  # noqa: A002
    """Text without the white space at its ends."""
    return _each(str.strip, input)


def _python(rewrite: str) -> str:
    """Return a replacement in RE2's spelling, where `\\0` is the whole match, in Python's."""
    return rewrite.replace("\\0", "\\g<0>")


# Classes that RE2 knows and Python does not.
_CLASSES = {
    "[:punct:]": re.escape("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    "[:alpha:]": "a-zA-Z",
    "[:digit:]": "0-9",
    "[:alnum:]": "a-zA-Z0-9",
    "[:space:]": r"\s",
    "[:upper:]": "A-Z",
    "[:lower:]": "a-z",
}


def _pattern(pattern: Any) -> re.Pattern[str]:
    text = str(pattern)
    for name, members in _CLASSES.items():
        text = text.replace(name, members)
    return re.compile(text)


def regex_replace(input: Any, pattern: Any, rewrite: Any, replace_global: bool = True) -> Any:  # noqa: A002
    """Replace what a regular expression matches."""
    compiled, new = _pattern(pattern), _python(str(rewrite))
    return _each(lambda item: compiled.sub(new, item, count=0 if replace_global else 1), input)


def regex_full_match(input: Any, pattern: Any) -> Any:  # noqa: A002
    """Whether a regular expression matches the whole text."""
    compiled = _pattern(pattern)
    return _each(lambda item: compiled.fullmatch(item) is not None, input, bool)


def _units(unit: str) -> Callable[[str], Any]:
    if unit not in ("BYTE", "UTF8_CHAR"):
        raise ValueError(f"`unit` must be 'BYTE' or 'UTF8_CHAR'. Received: {unit!r}")
    return str.encode if unit == "BYTE" else str


def length(input: Any, unit: str = "BYTE") -> Any:  # noqa: A002
    """The number of bytes, or of characters."""
    units = _units(unit)
    return _each(lambda item: len(units(item)), input, np.int32)


def substr(input: Any, pos: Any, len: Any, unit: str = "BYTE") -> Any:  # noqa: A002
    """So many bytes, or characters, from a place on; the same place for all."""
    units, start, count = _units(unit), int(pos), int(len)

    def cut(item: str) -> str:
        part = units(item)[start:][:count]
        return part.decode() if isinstance(part, bytes) else part

    return _each(cut, input)


def join(inputs: Any, separator: str = "") -> Any:
    """Join texts element by element."""
    arrays = np.broadcast_arrays(*(_text(item) for item in inputs))
    rows = zip(*(array.ravel().tolist() for array in arrays), strict=True)
    found = np.array([str(separator).join(row) for row in rows], object)
    return _text(found.reshape(arrays[0].shape))


def reduce_join(inputs: Any, axis: Any = None, keepdims: bool = False, separator: str = "") -> Any:
    """Join the texts along an axis, or all."""
    array = _text(inputs)
    if axis is None:
        joined = str(separator).join(array.ravel().tolist())
        return _text(np.full((1,) * array.ndim if keepdims else (), joined, object))
    found = np.apply_along_axis(lambda row: np.array(str(separator).join(row), object), int(axis), np.asarray(array))
    return _text(np.expand_dims(found, int(axis)) if keepdims else found)


def split(input: Any, sep: Any = None, maxsplit: int = -1) -> Any:  # noqa: A002
    """The words of a text, or the parts between separators; a RaggedTensor if texts have different numbers of them."""
    array = _text(input)
    parts = [item.split(None if sep is None else str(sep), maxsplit) for item in array.ravel().tolist()]
    return _rows(parts, array.shape, "tf.strings.split")


def _rows(parts: list[Any], shape: tuple[int, ...], name: str) -> Any:
    counts = {len(item) for item in parts}
    if len(counts) > 1:
        if len(shape) > 1:
            raise ValueError(
                f"`{name}` gives as many parts for each text of an array of {len(shape)} axes here. "
                f"Received: texts of {sorted(counts)} parts"
            )
        return RaggedTensor.of_list(parts)
    found = np.empty((len(parts), counts.pop() if counts else 0), object)
    for row, item in enumerate(parts):
        found[row, :] = item
    return _text(found.reshape(*shape, found.shape[1]))


def unicode_split(input: Any, input_encoding: str = "UTF-8", errors: str = "replace") -> Any:  # noqa: A002
    """The characters of a text: a RaggedTensor if texts have different numbers of them."""
    array = _text(input)
    return _rows([list(item) for item in array.ravel().tolist()], array.shape, "tf.strings.unicode_split")


def bytes_split(input: Any) -> Any:  # noqa: A002
    """The characters of a text of ASCII."""
    return unicode_split(input)


def to_number(input: Any, out_type: Any = "float32") -> Any:  # noqa: A002
    """The numbers that texts spell."""
    dtype = as_dtype(out_type)
    array = _text(input)
    numbers = [float(item) if dtype.is_floating_point else int(item) for item in array.ravel().tolist()]
    return torch.tensor(numbers, dtype=dtype).reshape(array.shape)


def as_string(input: Any, precision: int = -1, scientific: bool = False, **options: Any) -> Any:  # noqa: A002
    """The decimal spelling of numbers; floats have 6 decimals unless `precision` says otherwise."""
    values = input if isinstance(input, torch.Tensor) else torch.as_tensor(input)
    kind = "e" if scientific else "f"

    def spell(item: Any) -> str:
        if isinstance(item, bool):
            return str(item).lower()
        return f"{item:.{6 if precision < 0 else precision}{kind}}" if isinstance(item, float) else str(item)

    found = np.array([spell(item) for item in values.flatten().tolist()], object)
    return _text(found.reshape(tuple(values.shape)))


def as_bytes(bytes_or_text: Any, encoding: str = "utf-8") -> bytes:
    """Text as bytes."""
    return bytes_or_text.encode(encoding) if isinstance(bytes_or_text, str) else bytes(bytes_or_text)


def as_text(bytes_or_text: Any, encoding: str = "utf-8") -> str:
    """Bytes as text."""
    return bytes_or_text if isinstance(bytes_or_text, str) else bytes(bytes_or_text).decode(encoding)


def to_hash_bucket(input: Any, num_buckets: int, key: Any = None) -> Any:  # noqa: A002
    """The bucket of each text below `num_buckets`: FarmHash, or SipHash under a `key` of two numbers."""
    return torch.as_tensor(buckets(np.asarray(_text(input), object), int(num_buckets), key))


def ngrams(data: Any, ngram_width: Any, separator: str = " ") -> Any:
    """Join so many neighbours along the last axis, for one width or, in turn, for several."""
    array = _text(data)
    widths = [ngram_width] if isinstance(ngram_width, int) else list(ngram_width)
    count = array.shape[-1]
    parts = [array[..., start : start + width] for width in widths for start in range(count - width + 1)]
    return _text(np.stack([np.asarray(reduce_join(part, -1, separator=separator), object) for part in parts], -1))


def format_(template: str, inputs: Any = (), placeholder: str = "{}", summarize: int = 3) -> Any:
    """Put values in the places of a template."""
    items = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    parts = template.split(placeholder)
    if len(parts) != len(items) + 1:
        raise ValueError(
            f"`tf.strings.format`: {template!r} has {len(parts) - 1} places. Received: {len(items)} values"
        )
    texts = [str(item.tolist() if hasattr(item, "tolist") else item).replace(",", "") for item in items]
    return _text("".join(part + text for part, text in zip(parts, [*texts, ""], strict=True)))


def unicode_decode(input: Any, input_encoding: str = "UTF-8", errors: str = "replace") -> Any:  # noqa: A002
    """The numbers of a text's characters. ValueError if texts have different numbers of them."""
    found = unicode_split(input)
    return torch.tensor([ord(item) for item in found.ravel().tolist()], dtype=torch.int32).reshape(found.shape)


def unicode_encode(input: Any, output_encoding: str = "UTF-8", errors: str = "replace") -> Any:  # noqa: A002
    """The texts whose characters have the numbers along the last axis."""
    numbers = torch.as_tensor(input)
    texts = ["".join(map(chr, row)) for row in numbers.reshape(-1, numbers.shape[-1]).tolist()]
    return _text(np.array(texts, object).reshape(tuple(numbers.shape[:-1])))


NAMES = {
    "compat.as_bytes": as_bytes,
    "compat.as_str compat.as_text": as_text,
    "compat.as_str_any": lambda value: as_text(value) if isinstance(value, bytes) else str(value),
    "strings.as_string as_string": as_string,
    "strings.bytes_split": bytes_split,
    "strings.format": format_,
    "strings.join": join,
    "strings.length": length,
    "strings.lower": lower,
    "strings.ngrams": ngrams,
    "strings.reduce_join": reduce_join,
    "strings.regex_full_match": regex_full_match,
    "strings.regex_replace": regex_replace,
    "strings.split": split,
    "strings.strip": strip,
    "strings.substr": substr,
    "strings.to_hash_bucket_fast strings.to_hash_bucket_strong": to_hash_bucket,
    "strings.to_number": to_number,
    "strings.unicode_decode": unicode_decode,
    "strings.unicode_encode": unicode_encode,
    "strings.unicode_split": unicode_split,
    "strings.upper": upper,
}
VERSION_1 = {"string_join": join, "string_to_number": to_number, "substr": substr}
