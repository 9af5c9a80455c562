"""The one way to data in an HDF5 file: guarded reading, and writing. Knows HDF5, knows nothing of Keras.

A file may come from a stranger, so every step along a path is checked: hard links to groups and plain numeric arrays
only; no external or soft links, external storage, virtual datasets, references, variable-length data or unknown
filters; depth, counts, attribute sizes and compression ratios are bounded. What is read has the shape it should have.
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

import h5py
import numpy as np
import torch

from keras_torch.checkpoint import replacing
from keras_torch.errors import FileFormatError
from keras_torch.saving import files, raw_arrays
from keras_torch.saving.files import DamagedFileError

MAX_DEPTH = 64
MAX_ENTRIES = 100_000
MAX_ATTRIBUTE_BYTES = 64 * 2**20
MAX_TEXT_BYTES = 256 * 2**20
MAX_RATIO = 100
SMALL_BYTES = 2**20
# Attributes live in an object header of 64 KiB; longer lists are split into `name0`, `name1`, ...
HEADER_LIMIT = 64512
_FILTERS = frozenset(
    {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_LZF}
)
_LINKS = {h5py.h5l.TYPE_SOFT: "a soft link", h5py.h5l.TYPE_EXTERNAL: "a link to another file"}
_H5_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError)


@contextlib.contextmanager
def reading(source: Any) -> Iterator[Group]:
    """Open a path, file object or h5py group for guarded reading and yield its root group."""
    if isinstance(source, Group):
        yield source
        return
    name = files.display_name(source)
    if isinstance(source, h5py.Group):
        yield Group(source, name, ())
        return
    if files.is_path(source):
        source = os.fsdecode(source)
    try:
        file = h5py.File(source, "r")
        _number(file)
    except _H5_ERRORS as error:
        raise DamagedFileError(f"{name} cannot be opened as an HDF5 file: {error}") from error
    with file, _known(file, source):
        yield Group(file, name, ())


@contextlib.contextmanager
def writing(target: Any) -> Iterator[h5py.Group]:
    """Yield a group to write to. A path is replaced in one step at the end; a file object gets the bytes at the end."""
    if isinstance(target, h5py.Group):
        yield target
    elif files.is_path(target):
        with replacing(os.fsdecode(target)) as temporary, h5py.File(temporary, "w") as file, raw_arrays.Transfers():
            yield file
    else:
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            yield file
        target.write(buffer.getvalue())


@contextlib.contextmanager
def filling(file: Any) -> Iterator[h5py.Group]:
    """Yield a group whose HDF5 file is written to a file object that can be read, written and moved in, in place."""
    with h5py.File(file, "w") as root, _known(root, file), raw_arrays.Transfers():
        yield root


class _Node:
    """An object of the file: where it is, and errors that say so."""

    def __init__(self, handle: Any, file: str, path: tuple[str, ...]) -> None:
        self._handle = handle
        self.file = file
        self._path = path

    # Where it begins in the file, once that is known.
    _at: int | None = None

    def address(self) -> int:
        """Return where the object begins in the file: the same for all names that it has."""
        if self._at is None:
            try:
                self._at = h5py.h5o.get_info(self._handle.id).addr
            except _H5_ERRORS as error:
                raise self.damaged("an object below it", error) from error
        return self._at

    @property
    def path(self) -> str:
        return "/" + "/".join(self._path)

    def refuse(self, what: str, path: str | None = None) -> FileFormatError:
        """Return the error that says what is refused or wrong at this place of the file."""
        return FileFormatError(f"{self.file}: {self.path if path is None else path!r} {what}")

    def damaged(self, what: str, error: Exception) -> DamagedFileError:
        return DamagedFileError(f"{self.file}: {self.path}: {what} cannot be read: {error}")

    def attribute(self, name: str) -> Any:
        """Return a string, list of strings, number or array; None if there is no such attribute."""
        try:
            if not h5py.h5a.exists(self._handle.id, name.encode()):
                return None
            identifier = h5py.h5a.open(self._handle.id, name.encode())
            self._check_attribute(name, identifier)
            value = self._handle.attrs[name]
        except FileFormatError:
            raise
        except _H5_ERRORS as error:
            raise self.damaged(f"the attribute {name!r}", error) from error
        return self._plain(name, value)

    def _check_attribute(self, name: str, identifier: Any) -> None:
        dtype = identifier.dtype
        text = dtype.kind == "S" or h5py.check_string_dtype(dtype) is not None
        if not text and dtype.kind not in "fiub":
            raise self.refuse(f"has an attribute {name!r} of the type {dtype}, which is refused")
        size = int(np.prod(identifier.shape, dtype=np.float64)) if identifier.shape else 1
        if size > MAX_ENTRIES or size * dtype.itemsize > MAX_ATTRIBUTE_BYTES:
            raise self.refuse(f"has an attribute {name!r} of {size} elements, more than is allowed")

    def _plain(self, name: str, value: Any) -> Any:
        try:
            if isinstance(value, bytes):
                value = value.decode("utf-8")
            elif isinstance(value, np.ndarray) and value.dtype.kind in "SO":
                value = [item.decode("utf-8") if isinstance(item, bytes) else str(item) for item in value.ravel()]
        except UnicodeDecodeError as error:
            raise self.damaged(f"the attribute {name!r}", error) from error
        if isinstance(value, str) and len(value) > MAX_TEXT_BYTES:
            raise self.refuse(f"has an attribute {name!r} of {len(value)} characters, more than is allowed")
        return value

    def text(self, name: str) -> str | None:
        """Return a string attribute, joining the pieces that an old writer split it into."""
        value = self.attribute(name)
        if value is None:
            pieces = list(self._pieces(name))
            if not pieces:
                return None
            value = "".join("".join(piece) if isinstance(piece, list) else str(piece) for piece in pieces)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, str):
            raise self.refuse(f"has an attribute {name!r} that is no text. Received: {type(value).__name__}")
        return value

    def strings(self, name: str) -> list[str] | None:
        """Return a list of strings, joining its pieces; None if there is no such attribute."""
        value = self.attribute(name)
        if value is None:
            pieces = list(self._pieces(name))
            return [item for piece in pieces for item in self._string_list(name, piece)] if pieces else None
        return self._string_list(name, value)

    def _string_list(self, name: str, value: Any) -> list[str]:
        if isinstance(value, np.ndarray) and value.size == 0:
            return []
        if not isinstance(value, list):
            raise self.refuse(f"has an attribute {name!r} that is no list of names. Received: {type(value).__name__}")
        return value

    def _pieces(self, name: str) -> Iterator[Any]:
        for number in range(MAX_ENTRIES):
            piece = self.attribute(f"{name}{number}")
            if piece is None:
                return
            yield piece


class Group(_Node):
    """A group reached by hard links only."""

    def __contains__(self, name: str) -> bool:
        return self._link_type(self._handle, name) is not None

    def file_size(self) -> int:
        """Return how many bytes the file has that the group is in."""
        try:
            return self._handle.file.id.get_filesize()
        except _H5_ERRORS as error:
            raise self.damaged("the size of the file", error) from error

    def names(self) -> list[str]:
        """Return the names of the group's members."""
        try:
            if len(self._handle) > MAX_ENTRIES:
                raise self.refuse(f"has {len(self._handle)} members, more than is allowed")
            names = list(self._handle.keys())
            if not all(isinstance(name, str) for name in names):
                raise self.refuse("has a member whose name is no text in UTF-8")
            return names
        except _H5_ERRORS as error:
            if isinstance(error, FileFormatError):
                raise
            raise self.damaged("the group", error) from error

    def __init__(self, handle: Any, file: str, path: tuple[str, ...]) -> None:
        super().__init__(handle, file, path)
        self._groups: dict[str, Group] = {}
        # How many members were visited on the way through the file, one after the other.
        self._visited = [0]

    def group(self, path: str) -> Group:
        """Return a group below this one."""
        if path not in self._groups:
            handle, full = self._walk(path)
            if not isinstance(handle, h5py.Group):
                raise self.refuse("is no group, but should be one", "/" + "/".join(full))
            self._groups[path] = Group(handle, self.file, full)
        return self._groups[path]

    def dataset(self, path: str) -> Dataset:
        """Return a numeric array below this group; nothing is read yet."""
        above, _, name = path.rpartition("/")
        if above.strip("/"):
            # The group of a layer has several arrays.
            return self.group(above).dataset(name)
        handle, full = self._walk(path)
        if not isinstance(handle, h5py.Dataset):
            raise self.refuse("is no array, but should be one", "/" + "/".join(full))
        return Dataset(handle, self.file, full)

    def member(self, name: str) -> Group | Dataset:
        """Return what stands directly in this group under a name.

        For those who go through all there is: groups that lie in two others lie twofold below them, and so on.
        """
        handle, full = self._walk(name)
        self._visited[0] += 1
        if self._visited[0] > MAX_ENTRIES:
            raise self.refuse(f"is refused: more than {MAX_ENTRIES} groups and arrays can be reached", "/")
        if not isinstance(handle, h5py.Group):
            return Dataset(handle, self.file, full)
        found = Group(handle, self.file, full)
        found._visited = self._visited
        return found

    def _walk(self, path: str) -> tuple[Any, tuple[str, ...]]:
        parts = [part for part in path.split("/") if part]
        full = self._path + tuple(parts)
        where = "/" + "/".join(full)
        if not parts or len(full) > MAX_DEPTH or any(part in (".", "..") or "\0" in part for part in parts):
            raise self.refuse("is not a valid place in the file", where)
        handle = self._handle
        seen = {self.address()}
        for part in parts:
            handle, address = self._step(handle, part, where)
            if address in seen:
                raise self.refuse("leads in a circle", where)
            seen.add(address)
        return handle, full

    def _step(self, handle: Any, name: str, where: str) -> tuple[Any, int]:
        """Return what stands in a group under a name, and where it begins in the file."""
        link = self._link_type(handle, name) if isinstance(handle, h5py.Group) else None
        if link is None:
            raise self.refuse(f"does not exist (there is no {name!r})", where)
        if link != h5py.h5l.TYPE_HARD:
            raise self.refuse(f"is refused: {name!r} is {_LINKS.get(link, 'a link of an unknown type')}", where)
        try:
            found = h5py.h5o.get_info(handle.id, name.encode())
            if found.type not in (h5py.h5o.TYPE_GROUP, h5py.h5o.TYPE_DATASET):
                raise self.refuse(f"is refused: {name!r} is neither a group nor an array", where)
            # `handle[name]` in a third of the time.
            identifier = h5py.h5o.open(handle.id, name.encode())
            is_group = found.type == h5py.h5o.TYPE_GROUP
            return h5py.Group(identifier) if is_group else h5py.Dataset(identifier, readonly=True), found.addr
        except _H5_ERRORS as error:
            if isinstance(error, FileFormatError):
                raise
            raise self.damaged(repr(name), error) from error

    def _link_type(self, handle: Any, name: str) -> int | None:
        try:
            encoded = name.encode()
            return handle.id.links.get_info(encoded).type if handle.id.links.exists(encoded) else None
        except _H5_ERRORS as error:
            raise self.damaged(repr(name), error) from error


class Dataset(_Node):
    """A numeric array that lies wholly in this file."""

    def __init__(self, handle: h5py.Dataset, file: str, path: tuple[str, ...]) -> None:
        super().__init__(handle, file, path)
        try:
            self.shape: tuple[int, ...] = tuple(handle.shape or ())
            self.dtype: np.dtype = handle.dtype
            self._is_bfloat16 = handle.dtype == np.dtype("V2") and self.attribute("dtype") == "bfloat16"
            creation = handle.id.get_create_plist()
            self._check_storage(creation)
        except _H5_ERRORS as error:
            if isinstance(error, FileFormatError):
                raise
            raise self.damaged("the array", error) from error

    def _check_storage(self, creation: Any) -> None:
        if creation.get_layout() == h5py.h5d.VIRTUAL:
            raise self.refuse("is refused: it is a virtual dataset, made of parts of other files")
        if creation.get_layout() != h5py.h5d.CHUNKED and creation.get_external_count():
            raise self.refuse("is refused: its data lies in another file (external storage)")
        numeric = self._is_bfloat16 or self.dtype.kind in "fiubc"
        if self._handle.shape is None or not numeric or self.dtype.hasobject:
            raise self.refuse(f"is refused: it holds {self.dtype}, not numbers")
        for index in range(creation.get_nfilters()):
            number = creation.get_filter(index)[0]
            if number not in _FILTERS:
                raise self.refuse(f"is refused: it uses the unknown compression filter {number}")
        size = float(np.prod(self.shape, dtype=np.float64)) * self.dtype.itemsize
        stored = self._handle.id.get_storage_size()
        if size > SMALL_BYTES and size > MAX_RATIO * stored:
            raise self.refuse(
                f"is refused: it declares {size:.3g} bytes (shape {self.shape}) but the file holds only {stored}, "
                f"a compression of more than {MAX_RATIO} to 1"
            )

    def read(self, shape: Sequence[int] | None = None) -> np.ndarray:
        """Return the array. `shape` is what the reader has room for: another one is an error, raised before reading."""
        if shape is not None and tuple(shape) != self.shape:
            raise self.refuse(f"has the shape {self.shape}, expected {tuple(shape)}")
        try:
            array = np.asarray(self._handle[()])
        except _H5_ERRORS as error:
            raise self.damaged("the array", error) from error
        if self._is_bfloat16:
            # The upper half of a float32 each, which Keras 3 stores as bytes.
            return (array.view("<u2").astype("<u4") << 16).view("<f4")
        # torch takes no numbers in the order of bytes of other machines.
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))

    def is_plain(self) -> bool:
        """Whether the array lies in a file of the system in one piece, so that it can be read past the HDF5 library."""
        return self._place() is not None

    def _place(self) -> raw_arrays.Place | None:
        try:
            offset = self._handle.id.get_offset()
            if offset is None or self._handle.chunks is not None or not self.dtype.isnative or self.dtype.kind == "b":
                return None
            place = _known_place_of(self._handle)
        except _H5_ERRORS as error:
            raise self.damaged("the array", error) from error
        place = None if place is None else place.moved(offset)
        if place is not None and place.size < math.prod(self.shape) * self.dtype.itemsize:
            raise self.damaged("the array", EOFError("the file ends before the array does"))
        return place

    def read_into(self, target: torch.Tensor) -> None:
        """Fill a tensor of the same shape in the processor's memory, whatever its strides, without a copy between."""
        place = self._place()
        if place is None or tuple(target.shape) != self.shape:
            raise self.refuse(f"has the shape {self.shape} and cannot be read into one of {tuple(target.shape)}")
        failed = functools.partial(self.damaged, "the array")
        raw_arrays.read(place, target.detach().numpy(), self.dtype, failed)


def _place_of(handle: Any) -> raw_arrays.Place | None:
    """Return where the HDF5 file of an object begins in a file of the system, if it does."""
    if handle.file.userblock_size:
        return None
    if handle.file.driver == "sec2" and os.name == "posix":
        return raw_arrays.place_of_descriptor(handle.file.id.get_vfd_handle())
    source = _file_objects.get(_number(handle))
    return None if source is None else raw_arrays.place_of(source)


def _known_place_of(handle: Any) -> raw_arrays.Place | None:
    """Return the same for a file that is read, which does not grow, and look only once."""
    number = _number(handle)
    if number in _places:
        return _places[number]
    place = _place_of(handle)
    if number in _file_objects:
        _places[number] = place
    return place


def _number(handle: Any) -> int:
    """Return the number that the HDF5 library has given the file of an object."""
    return h5py.h5o.get_info(handle.id).fileno


# The file objects that HDF5 files are open in, and where those that are read begin, by the number of the file.
_file_objects: dict[int, Any] = {}
_places: dict[int, raw_arrays.Place | None] = {}


@contextlib.contextmanager
def _known(file: h5py.File, source: Any) -> Iterator[None]:
    """Remember for a while which file object an HDF5 file is open in."""
    number = _number(file)
    _file_objects[number] = source
    try:
        yield
    finally:
        del _file_objects[number]
        _places.pop(number, None)


def write_array(group: h5py.Group, name: str, tensor: torch.Tensor) -> None:
    """Store a tensor, whatever its strides and device, without a copy. bfloat16 becomes float32."""
    tensor = tensor.detach()
    tensor = (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).cpu()
    array = tensor.resolve_conj().resolve_neg().numpy()
    if array.nbytes < SMALL_BYTES or array.dtype.kind == "b" or _place_of(group) is None:
        group.create_dataset(name, data=array)
        return
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    creation.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    dataset = group.create_dataset(name, array.shape, array.dtype, dcpl=creation)
    place: Any = _place_of(group)
    raw_arrays.write(place.moved(dataset.id.get_offset()), array)


def write_strings(group: h5py.Group, name: str, values: Sequence[str]) -> None:
    """Store a list of names, in as many pieces as the header limit asks for; every generation of Keras reads that."""
    data = [value.encode("utf-8") for value in values]
    longest = max(map(len, data), default=0)
    if longest > HEADER_LIMIT:
        raise ValueError(f"A name of {longest} bytes does not fit into an HDF5 attribute (limit {HEADER_LIMIT}).")
    if not data:
        group.attrs[name] = np.asarray(data)
        return
    array = np.asarray(data)
    count = -(-array.nbytes // HEADER_LIMIT)
    while count > 1 and any(piece.nbytes > HEADER_LIMIT for piece in np.array_split(array, count)):
        count += 1
    if count == 1:
        group.attrs[name] = array
        return
    for number, piece in enumerate(np.array_split(array, count)):
        group.attrs[f"{name}{number}"] = piece


def write_text(group: h5py.Group, name: str, value: str) -> None:
    """Store a string: of fixed length where it fits, which old versions of h5py and Keras 2.2 decode without help."""
    data = value.encode("utf-8")
    group.attrs[name] = np.bytes_(data) if 0 < len(data) <= HEADER_LIMIT else data
