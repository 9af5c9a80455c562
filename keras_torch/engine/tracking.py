"""Lists and dicts of layers as attributes of a layer: their modules are registered, also when they change later."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import nn
from torch.utils import _pytree as pytree

from keras_torch import config

# The most frequent types that hold nothing.
_PLAIN = frozenset((int, float, str, bool, type(None)))


def holds_modules(value: Any, within: tuple[int, ...] = ()) -> bool:
    """Whether a list, tuple or dict contains a module or parameter at any depth. `within`: the containers around it."""
    if isinstance(value, (nn.Module, nn.Parameter)):
        return True
    if not isinstance(value, (dict, list, tuple)) or id(value) in within:
        return False
    items = value.values() if isinstance(value, dict) else value
    return any(holds_modules(item, (*within, id(value))) for item in items if type(item) not in _PLAIN)


def leaves(value: Any, prefix: str, within: tuple[int, ...] = ()) -> dict[str, Any]:
    """Return the modules and parameters inside a container, keyed by `prefix_key_key`."""
    if isinstance(value, (nn.Module, nn.Parameter)):
        return {prefix: value}
    if not isinstance(value, (dict, list, tuple)) or id(value) in within:
        return {}
    found: dict[str, Any] = {}
    for key, item in _items(value) if isinstance(value, dict) else enumerate(value):
        found.update(leaves(item, f"{prefix}_{str(key).replace('.', '_')}", (*within, id(value))))
    return found


def _place_of(name: str) -> str:
    """Return the key under which None keeps a container's place among the modules: no attribute can have it."""
    return f"{name}/"


def _rearrange(modules: dict[str, Any], name: str, old: Iterable[str], new: dict[str, Any]) -> None:
    """Put the modules of a container, `new`, in the place of those that it held, which have the keys `old`.

    In Keras 3 each layer stands where it was first seen, however its container changes. Before, the layers of a
    container stand together, where that was assigned.
    """
    old, found = set(old), {}
    if config.is_modern():
        keys = {id(item): key for key, item in reversed(new.items())}
        for key, item in modules.items():
            at = keys.get(id(item)) if key in old else key
            if at is not None:
                found[at] = item
        found.update(new)
    else:
        for key, item in modules.items():
            if key not in old:
                found[key] = item
            if key == _place_of(name):
                found.update(new)
    modules.clear()
    modules.update(found)


def _items(value: dict[Any, Any]) -> Any:
    """Return a dict's items in their order, in tf.keras sorted by key: the order of the weights in files."""
    return sorted(value.items(), key=lambda item: str(item[0])) if config.dialect() == "tf" else value.items()


class TrackedList(list):
    """A list attribute of a layer; every change registers its modules anew."""

    _changed: Callable[[], None] | None = None

    def __reduce_ex__(self, protocol: Any) -> Any:
        return list, (list(self),)


class TrackedDict(dict):
    """A dict attribute of a layer; every change registers its modules anew."""

    _changed: Callable[[], None] | None = None

    def __reduce_ex__(self, protocol: Any) -> Any:
        return dict, (dict(self),)


def _notifying(base: type, name: str) -> Callable[..., Any]:
    method = getattr(base, name)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = method(self, *args, **kwargs)
        if self._changed is not None:
            self._changed()
        return result

    call.__name__ = name
    return call


for _name in ("append", "extend", "insert", "pop", "remove", "clear", "reverse", "__setitem__", "__delitem__"):
    setattr(TrackedList, _name, _notifying(list, _name))
for _name in ("update", "pop", "popitem", "setdefault", "clear", "__setitem__", "__delitem__"):
    setattr(TrackedDict, _name, _notifying(dict, _name))


def _extend_in_place(self: TrackedList, other: Any) -> TrackedList:
    self.extend(other)
    return self


TrackedList.__iadd__ = _extend_in_place  # type: ignore[assignment,method-assign]

# A layer may be called on such a list; what is made of it is an ordinary one.
pytree.register_pytree_node(TrackedList, lambda tree: (list(tree), None), lambda items, _: list(items))
pytree.register_pytree_node(
    TrackedDict,
    lambda tree: (list(tree.values()), list(tree)),
    lambda items, keys: dict(zip(keys, items, strict=True)),
)


class TracksContainers:
    """The part of Layer that registers what is in its lists and dicts. `_tracked`: the keys of each container's."""

    training: bool
    _tracked: dict[str, list[str]]
    _modules: dict[str, Any]
    _parameters: dict[str, Any]

    def _track(self, name: str, value: Any) -> Any:
        """Register the modules inside a container under `<name>_<key>`, now and whenever it changes."""

        def register() -> None:
            found, old = leaves(value, name), self._tracked.get(name, ())
            for key in old:
                self._parameters.pop(key, None)
            self._parameters.update({key: item for key, item in found.items() if isinstance(item, nn.Parameter)})
            modules = {key: item for key, item in found.items() if isinstance(item, nn.Module)}
            _rearrange(self._modules, name, old, modules)
            for item in modules.values():
                if item.training != self.training and not getattr(item, "_keeps_mode", False):
                    item.train(self.training)
            self._tracked[name] = list(found)

        if not config.is_modern():
            self._modules.setdefault(_place_of(name), None)
        register()
        if not isinstance(value, tuple):
            value._changed = register
        return value

    def _untrack(self, name: str) -> None:
        for key in (*self._tracked.pop(name, ()), _place_of(name)):
            self._modules.pop(key, None)
            self._parameters.pop(key, None)

    def __delattr__(self, name: str) -> None:
        if name in self._tracked:
            self._untrack(name)
        super().__delattr__(name)
