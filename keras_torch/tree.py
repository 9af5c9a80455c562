"""`keras.tree`: nested tuples, lists, deques and dicts of leaves, taken apart and put together. None is a leaf.

The entries of a dict count in the order of their keys; an OrderedDict keeps its own. As in Keras 3.15.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]


class MAP_TO_NONE:  # noqa: N801
    """What the function given to `traverse` returns to put None in a place."""


def is_nested(structure: Any) -> bool:
    """Whether a value is a tuple, a list, a deque or a dict, not a leaf."""
    return isinstance(structure, (tuple, list, dict, deque))


def _entries(structure: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (key or index, value) in the order that counts."""
    if not isinstance(structure, dict):
        return iter(enumerate(structure))
    if isinstance(structure, OrderedDict):
        return iter(structure.items())
    try:
        return iter([(key, structure[key]) for key in sorted(structure)])
    except TypeError:
        return iter(structure.items())


def _like(structure: Any, values: Sequence[Any]) -> Any:
    """Return values in place of the entries of a structure."""
    if isinstance(structure, dict):
        by_key = dict(zip((key for key, _ in _entries(structure)), values, strict=True))
        in_order = {key: by_key[key] for key in structure}
        if isinstance(structure, defaultdict):
            return defaultdict(structure.default_factory, in_order)
        return OrderedDict(in_order) if isinstance(structure, OrderedDict) else in_order
    if hasattr(structure, "_fields"):
        return type(structure)(*values)
    if isinstance(structure, deque):
        return deque(values, structure.maxlen)
    return tuple(values) if isinstance(structure, tuple) else list(values)


def _walk(structure: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if not is_nested(structure):
        yield path, structure
        return
    for key, value in _entries(structure):
        yield from _walk(value, (*path, key))


def flatten(structure: Any) -> list[Any]:
    """Return the leaves; a leaf gives a list of itself."""
    return [leaf for _, leaf in _walk(structure)]


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """Return (keys and indices on the way, leaf) of all leaves."""
    return list(_walk(structure))


def _check_function(func: Any) -> None:
    if not callable(func):
        raise TypeError(f"`func` must be callable. Received: {func!r}")


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Return the structure with what `func` makes of its parts, leaves among them; None leaves a part as it is.

    From the top, a part that was replaced is not looked into; otherwise the parts inside come first.
    """
    _check_function(func)

    def inner(part: Any) -> Any:
        return _like(part, [traverse(func, value, top_down) for _, value in _entries(part)])

    if top_down:
        found = func(structure)
        if found is None:
            return inner(structure) if is_nested(structure) else structure
    else:
        made = inner(structure) if is_nested(structure) else structure
        found = func(made)
        if found is None:
            return made
    return None if found is MAP_TO_NONE else found


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """Return what `func` makes of the leaves, in the structure of the first. ValueError if they are built differently.

    Without `none_is_leaf`, None stays None.
    """
    _check_function(func)
    if not structures:
        raise ValueError("`map_structure` needs at least one structure.")
    for other in structures[1:]:
        assert_same_structure(structures[0], other)

    def apply(*leaves: Any) -> Any:
        return None if not none_is_leaf and leaves[0] is None else func(*leaves)

    return map_structure_up_to(structures[0], apply, *structures)


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """Return what `func` makes of the parts that stand where `shallow_structure` has its leaves."""
    _check_function(func)
    if not structures:
        raise ValueError("`map_structure_up_to` needs at least one structure.")
    if not is_nested(shallow_structure):
        return func(*structures)
    for other in structures:
        _check_alike(shallow_structure, other)
    columns = [[value for _, value in _entries(other)] for other in structures]
    parts = zip((value for _, value in _entries(shallow_structure)), *columns, strict=True)
    return _like(shallow_structure, [map_structure_up_to(part, func, *inner) for part, *inner in parts])


def _check_alike(first: Any, second: Any) -> None:
    """Raise ValueError unless two structures have the same type and keys at their top."""
    dicts = isinstance(first, dict) and isinstance(second, dict)
    same = dicts or type(first) is type(second)
    if same and is_nested(first):
        same = set(first) == set(second) if dicts else len(first) == len(second)
    if not same:
        raise ValueError(f"The structures differ. Expected one built as {first!r}. Received: {second!r}")


def assert_same_structure(a: Any, b: Any) -> None:
    """Raise ValueError unless both have the same nesting, types and keys; leaves do not matter."""
    if not is_nested(a) and not is_nested(b):
        return
    _check_alike(a, b)
    for (_, left), (_, right) in zip(_entries(a), _entries(b), strict=True):
        assert_same_structure(left, right)


def assert_same_paths(a: Any, b: Any) -> None:
    """Raise ValueError unless the leaves of both have the same keys and indices on their way."""
    first, second = ([path for path, _ in _walk(item)] for item in (a, b))
    if set(first) != set(second):
        raise ValueError(f"The leaves stand in different places. Expected {first}. Received: {second}")


def pack_sequence_as(structure: Any, flat_sequence: Sequence[Any]) -> Any:
    """Return the leaves of a flat sequence in the structure of another value; ValueError if they are not as many."""
    if not isinstance(flat_sequence, (list, tuple)):
        raise TypeError(f"`flat_sequence` must be a list or a tuple. Received: {flat_sequence!r}")
    wanted = len(flatten(structure))
    if wanted != len(flat_sequence):
        raise ValueError(f"The structure has {wanted} leaves. Received: {len(flat_sequence)} values in `flat_sequence`")
    remaining = iter(flat_sequence)

    def pack(part: Any) -> Any:
        return _like(part, [pack(value) for _, value in _entries(part)]) if is_nested(part) else next(remaining)

    return pack(structure)


def lists_to_tuples(structure: Any) -> Any:
    """Return the structure with a tuple in place of each list."""
    return traverse(lambda part: tuple(part) if isinstance(part, list) else None, structure, top_down=False)


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """Return what `func` makes of the shapes: tuples and lists of whole numbers and None count as leaves."""
    _check_function(func)

    def is_shape(part: Any) -> bool:
        return isinstance(part, (tuple, list)) and all(size is None or isinstance(size, int) for size in part)

    if is_shape(structure):
        return func(structure)
    if not is_nested(structure):
        raise ValueError(f"`structure` must be built of shapes. Received: {structure!r}")
    return _like(structure, [map_shape_structure(func, value) for _, value in _entries(structure)])
