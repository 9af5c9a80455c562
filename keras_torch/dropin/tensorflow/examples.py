"""`tf.train.Example` and its parts, and the functions that parse them: messages of protobuf, read and written here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_torch.dropin.tensorflow.files import as_bytes
from keras_torch.saving.tensorflow import protobuf


class _List:
    """The values of one kind, `value`."""

    kind = ""

    def __init__(self, value: Any = ()) -> None:
        self.value: list[Any] = list(map(self._checked, np.asarray(value).tolist() if _is_array(value) else value))

    @classmethod
    def _checked(cls, item: Any) -> Any:
        raise NotImplementedError

    def _message(self) -> bytes:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.value == self.value  # type: ignore[attr-defined]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "".join(f"value: {_spelled(item)}\n" for item in self.value)


def _spelled(item: Any) -> str:
    if not isinstance(item, bytes):
        return f"{item:.9g}" if isinstance(item, float) else str(item)
    plain = (chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03o}" for byte in item)
    return f'"{"".join(plain)}"'


def _is_array(value: Any) -> bool:
    return hasattr(value, "dtype") and hasattr(value, "tolist")


def _wrong(kind: str, expected: str, item: Any) -> TypeError:
    return TypeError(
        f"`tf.train.{kind}` takes {expected}. Received: {item!r:.100} of type {type(item).__name__}. `value` is a list."
    )


class BytesList(_List):
    """Bytes, `value`."""

    kind = "bytes_list"

    @classmethod
    def _checked(cls, item: Any) -> bytes:
        item = item.numpy() if hasattr(item, "numpy") else item
        if not isinstance(item, bytes):
            raise _wrong("BytesList", "bytes; text must be encoded", item)
        return bytes(item)

    def _message(self) -> bytes:
        return b"".join(protobuf.field(1, item) for item in self.value)


class FloatList(_List):
    """Numbers kept as float32, `value`."""

    kind = "float_list"

    @classmethod
    def _checked(cls, item: Any) -> float:
        if not hasattr(item, "__float__"):
            raise _wrong("FloatList", "numbers", item)
        return float(np.float32(item))

    def _message(self) -> bytes:
        return protobuf.field(1, np.asarray(self.value, "<f4").tobytes()) if self.value else b""


class Int64List(_List):
    """Whole numbers, `value`."""

    kind = "int64_list"

    @classmethod
    def _checked(cls, item: Any) -> int:
        if isinstance(item, (float, np.floating)) or not hasattr(item, "__int__"):
            raise _wrong("Int64List", "whole numbers", item)
        return int(item)

    def _message(self) -> bytes:
        return protobuf.field(1, protobuf.pack_varints(self.value)) if self.value else b""


_LISTS = (BytesList, FloatList, Int64List)


class Message:
    """A message with `SerializeToString` and kin; subclasses say what its fields are."""

    def _message(self) -> bytes:
        raise NotImplementedError

    def _read(self, data: Any) -> None:
        raise NotImplementedError

    def SerializeToString(self, deterministic: bool | None = None) -> bytes:  # noqa: N802 - protobuf's names
        """Return the message as bytes."""
        return self._message()

    def ParseFromString(self, serialized: Any) -> int:  # noqa: N802
        """Take what a message in bytes holds."""
        self.__init__()  # type: ignore[misc]
        data = as_bytes(serialized)
        self._read(data)
        return len(data)

    MergeFromString = ParseFromString

    @classmethod
    def FromString(cls, serialized: Any) -> Any:  # noqa: N802
        """Return the message that bytes hold."""
        found = cls()
        found.ParseFromString(serialized)
        return found

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        inner = {name: item for name, item in self.__dict__.items() if item is not None}
        return "".join(f"{name} {{\n{_indented(item)}}}\n" for name, item in inner.items())


def _indented(item: Any) -> str:
    if isinstance(item, Mapping):
        pairs = (f'key: "{key}"\nvalue {{\n{_indented(part)}}}\n' for key, part in sorted(item.items()))
        return "".join(f"  {line}\n" for line in "".join(pairs).splitlines())
    return "".join(f"  {line}\n" for line in repr(item).splitlines())


class Feature(Message):
    """One of `bytes_list`, `float_list` and `int64_list`."""

    def __init__(self, bytes_list: Any = None, float_list: Any = None, int64_list: Any = None) -> None:
        self._kind: type[_List] | None = None
        self._list: _List = BytesList()
        for kind, given in zip(_LISTS, (bytes_list, float_list, int64_list), strict=True):
            if given is not None and not isinstance(given, kind):
                raise TypeError(f"`{kind.kind}` must be a tf.train.{kind.__name__}. Received: {given!r:.100}")
            if given is not None:
                self._kind, self._list = kind, given

    def _of(self, kind: type[_List]) -> Any:
        if self._kind is None or (not self._list.value and self._kind is not kind):
            # An empty one may be filled: `feature.int64_list.value.append(1)`.
            self._kind, self._list = kind, kind()
        return self._list if self._kind is kind else kind()

    bytes_list = property(lambda self: self._of(BytesList), doc="The bytes, if it holds some.")
    float_list = property(lambda self: self._of(FloatList), doc="The float32 numbers, if it holds some.")
    int64_list = property(lambda self: self._of(Int64List), doc="The whole numbers, if it holds some.")

    def WhichOneof(self, oneof_group: str) -> str | None:  # noqa: N802
        """Return the name of the list that it holds."""
        return None if self._kind is None else self._kind.kind

    def _message(self) -> bytes:
        if self._kind is None:
            return b""
        return protobuf.field(_LISTS.index(self._kind) + 1, self._list._message())

    def _read(self, data: Any) -> None:
        for number, _, content in protobuf.fields(data):
            if number <= len(_LISTS):
                self._kind = _LISTS[number - 1]
                self._list = self._kind()
                self._list.value = values_of(number, content)

    def __repr__(self) -> str:
        return "" if self._kind is None else f"{self._kind.kind} {{\n{_indented(self._list)}}}\n"


def values_of(kind: int, content: Any) -> list[Any]:
    """Return the values of a list of bytes (1), floats (2) or whole numbers (3)."""
    found: list[Any] = []
    for number, wire, item in protobuf.fields(content):
        if number != 1:
            continue
        if kind == 1:
            found.append(bytes(item))
        elif kind == 2:
            found += protobuf.floats(wire, item)
        elif wire == protobuf.BYTES:
            found += protobuf.packed_varints(item).tolist()
        else:
            found.append(protobuf.signed(item))
    return found


class _Named(dict[str, Any]):
    """The entries of a map, made when they are first asked for, as protobuf's are."""

    def __init__(self, kind: type, items: Any = ()) -> None:
        super().__init__(items)
        self._kind = kind

    def __missing__(self, key: str) -> Any:
        self[key] = self._kind()
        return self[key]


def _map_message(items: Mapping[str, Any]) -> bytes:
    pairs = (
        protobuf.field(1, key.encode()) + protobuf.field(2, item._message()) for key, item in sorted(items.items())
    )
    return b"".join(protobuf.field(1, pair) for pair in pairs)


def pairs_of(data: Any) -> list[tuple[str, Any]]:
    """Return the keys of a map, and the messages behind them."""
    found = []
    for number, _, content in protobuf.fields(data):
        if number == 1:
            parts = {part: item for part, _, item in protobuf.fields(content)}
            found.append((str(parts.get(1, b""), "utf-8"), parts.get(2, b"")))
    return found


class _Map(Message):
    _member: type[Message]
    _name: str

    def _items(self) -> _Named:
        return self.__dict__[self._name]

    def _message(self) -> bytes:
        return _map_message(self._items())

    def _read(self, data: Any) -> None:
        for key, content in pairs_of(data):
            self._items()[key]._read(content)

    def __repr__(self) -> str:
        return "".join(f"{self._name} {{\n{_indented({key: item})}}}\n" for key, item in sorted(self._items().items()))


class Features(_Map):
    """Features by name, `feature`."""

    _member, _name = Feature, "feature"

    def __init__(self, feature: Mapping[str, Feature] | None = None) -> None:
        self.feature = _Named(Feature, feature or {})


class Example(Message):
    """A record of features, `features.feature[name]`."""

    def __init__(self, features: Features | None = None) -> None:
        self.features = Features() if features is None else features

    def _message(self) -> bytes:
        return protobuf.field(1, self.features._message())

    def _read(self, data: Any) -> None:
        for number, _, content in protobuf.fields(data):
            if number == 1:
                self.features._read(content)


class FeatureList(Message):
    """Features one after another, `feature`."""

    def __init__(self, feature: Any = ()) -> None:
        self.feature = list(feature)

    def _message(self) -> bytes:
        return b"".join(protobuf.field(1, item._message()) for item in self.feature)

    def _read(self, data: Any) -> None:
        for number, _, content in protobuf.fields(data):
            if number == 1:
                self.feature.append(Feature())
                self.feature[-1]._read(content)


class FeatureLists(_Map):
    """Lists of features by name, `feature_list`."""

    _member, _name = FeatureList, "feature_list"

    def __init__(self, feature_list: Mapping[str, FeatureList] | None = None) -> None:
        self.feature_list = _Named(FeatureList, feature_list or {})


class SequenceExample(Message):
    """A record of features, `context`, and of sequences of them, `feature_lists`."""

    def __init__(self, context: Features | None = None, feature_lists: FeatureLists | None = None) -> None:
        self.context = Features() if context is None else context
        self.feature_lists = FeatureLists() if feature_lists is None else feature_lists

    def _message(self) -> bytes:
        return protobuf.field(1, self.context._message()) + protobuf.field(2, self.feature_lists._message())

    def _read(self, data: Any) -> None:
        for number, _, content in protobuf.fields(data):
            if number in (1, 2):
                (self.context if number == 1 else self.feature_lists)._read(content)


NAMES = {
    f"train.{kind.__name__}": kind
    for kind in (*_LISTS, Feature, Features, Example, FeatureList, FeatureLists, SequenceExample)
}
