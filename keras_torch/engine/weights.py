"""A layer's weights: making them, listing them in Keras's order, reading and writing them as arrays."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]

from keras_torch import config, constraints, initializers, regularizers
from keras_torch.backend import Variable, WeightView
from keras_torch.backend.scopes import NamePart, around
from keras_torch.backend.split_view import SplitView
from keras_torch.distributed import parts
from keras_torch.engine import initial_values
from keras_torch.engine import trainable as trainable_state
from keras_torch.engine.tensor_layout import IDENTITY, Layout
from keras_torch.engine.tracking import TrackedList
from keras_torch.errors import NotBuiltError
from keras_torch.random.seeds import SeedGenerator
from keras_torch.symbolic.keras_tensor import as_shapes

Weight = Variable | WeightView


class scope_of:  # noqa: N801 - used like a function
    """Let the paths of weights made meanwhile begin with the names of the layers around, this one the last of them."""

    __slots__ = ("layer", "outer")

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def __enter__(self) -> None:
        layer, self.outer = self.layer, list(around)
        if layer._is_graph and not config.is_modern():
            # Up to Keras 2.15 these names say nothing of the models around a graph.
            around.clear()
        else:
            around.append(layer)

    def __exit__(self, *error: Any) -> None:
        around[:] = self.outer


def named_build(build: Callable[..., None]) -> Callable[..., None]:
    """Let a `build` that is called directly name the weights after the layer, and an own one mark it as built.

    The layer knows then what it was built for, as after a call.
    """

    @functools.wraps(build)
    def run(self: Any, *args: Any, **kwargs: Any) -> None:
        if not self._is_builtin and config.dialect() == "tf":
            args = tuple(as_shapes(item) for item in args)
        if around[-1:] == [self] or not config.is_modern():
            build(self, *args, **kwargs)
        else:
            with scope_of(self):
                build(self, *args, **kwargs)
            named = (kwargs.get(name) for name in self._build_argument_names[len(args) :])
            self.__dict__["_build_shapes"] = tuple(map(as_shapes, (*args, *named)))
        if not self._is_builtin and config.is_modern():
            self.built = True

    return run


class WeightsMixin:
    """The part of Layer that deals with weights. `_own_weights` holds those made by this very layer."""

    name: str
    built: bool
    _own_weights: list[Weight]
    _trainable: bool
    _modules: dict[str, nn.Module | None]
    _own_in_order: Callable[[], list[Weight]]
    # Whether it is a stack of layers that becomes a graph when it is built.
    _is_graph: bool = False
    # Where the layer lives and computes, if not wherever its inputs are.
    _home: torch.device | None = None

    def add_weight(self, *args: Any, **kwargs: Any) -> Variable:
        """Make a weight in Keras's layout and return it: a `torch.nn.Parameter` with Keras's methods.

        Arguments: shape, initializer (glorot_uniform for floats, else zeros), dtype, trainable, regularizer,
        constraint, name; positionally in the order of Keras 3 and 1, or with the name first, of Keras 2 and tf.keras.
        With `autocast=False` a mixed dtype policy leaves the weight in its own type when `call` uses it. What
        TensorFlow's distribution strategies add (`aggregation`, `synchronization`) has no meaning here.
        """
        given = _weight_arguments(self.name, args, kwargs)
        name, trainable, initializer = given.get("name"), given.get("trainable"), given.get("initializer")
        trainable = True if trainable is None else bool(trainable)
        dtype_name = config.dtype_name(given.get("dtype") or self.variable_dtype)  # type: ignore[attr-defined]
        shape = given.get("shape")
        shape = () if shape is None else (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape)
        is_float = config.torch_dtype(dtype_name).is_floating_point
        initializer = initializers.get(initializer or ("glorot_uniform" if is_float else "zeros"))
        dtype = config.torch_dtype(dtype_name)
        initial_values.check_room(self.name, name or "variable", shape, dtype)
        waiting = initial_values.collector(self)
        if waiting is None:
            value = initial_values.first_values(initializer, shape, dtype)
        else:
            value = initial_values.room_for(shape, dtype)
        if tuple(value.shape) != shape:
            raise ValueError(
                f"The initializer of weight {name!r} of layer {self.name!r} must return the shape {shape}. "
                f"Received: {tuple(value.shape)}"
            )
        weight = Variable(value.contiguous(), trainable=trainable, name=name or "variable")
        weight.regularizer = regularizers.get(given.get("regularizer"))
        weight.constraint = constraints.get(given.get("constraint"))
        if False in (given.get("autocast"), given.get("experimental_autocast")):
            weight._keeps_dtype = True
        if waiting is not None:
            waiting.add(weight, lambda: initial_values.first_values(initializer, shape, dtype))
        return self._own(weight, requires_grad=trainable and self._trainable and is_float)

    add_variable = add_weight

    def _own(self, weight: Variable, requires_grad: bool) -> Variable:
        weight.requires_grad_(requires_grad)
        weight._scope = self._scope()
        self._own_weights.append(weight)
        if Made.noted is not None:
            Made.noted.append(weakref.ref(weight))
        self._register(weight.local_path.rpartition("/")[2].replace(".", "_"), weight)
        return weight

    def _register(self, key: str, weight: Variable) -> None:
        while hasattr(self, key):
            key += "_"
        self._parameters[key] = weight  # type: ignore[attr-defined]

    def _make_way(self, name: str, value: Any) -> None:
        """Register a weight that was only given this name anew, before an attribute takes the name."""
        parameters = self._parameters  # type: ignore[attr-defined]
        weight = parameters[name]
        replaces = isinstance(value, nn.Parameter) and not isinstance(value, Variable)
        if value is weight or replaces or not any(weight is item for item in self._own_weights):
            return
        del parameters[name]
        if not any(weight is item for item in parameters.values()):
            self._register(f"{name}_", weight)

    def _keep_variables(self, before: dict[str, nn.Parameter | None]) -> None:
        """Make Variables again of those that torch replaced by plain Parameters, as it does on the way to `meta`."""
        made: dict[int, Variable] = {}
        for key, old in before.items():
            new = self._parameters[key]  # type: ignore[attr-defined]
            if isinstance(old, Variable) and new is not old:
                if id(old) not in made:
                    made[id(old)] = Variable(new.detach(), trainable=old.trainable)
                    made[id(old)].__dict__.update(old.__dict__)
                    made[id(old)].requires_grad_(old.requires_grad)
                self._parameters[key] = made[id(old)]  # type: ignore[attr-defined]
        if made:
            self._own_weights = [made.get(id(weight), weight) for weight in self._own_weights]  # type: ignore

    def _scope(self) -> str:
        """The names of the layers and scopes around, outermost first, and this layer's."""
        if around == [self]:
            return self.name
        outside = list(dict.fromkeys(around))
        modern = config.is_modern()
        while modern and self in outside and isinstance(outside[-1], NamePart):
            # Its own scopes are no part of the names, which are the attributes' today.
            outside.pop()
        names = [layer.name for layer in outside]
        if not around or (modern and outside[-1] is not self):
            names.append(self.name)
        return "/".join(names)

    def add_view(
        self,
        name: str,
        paths: str | Sequence[str],
        layout: Layout = IDENTITY,
        initializer: Any = "zeros",
        regularizer: Any = None,
        constraint: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        shape: Any = None,
    ) -> WeightView:
        """Name parameters (or buffers) of an inner torch module as a Keras weight, and set `self.<name>` to it.

        The tensors at `paths`, made on the meta device, are materialized in torch's layout with the values that
        `initializer` gives for the shape in Keras's layout.
        """
        paths = (paths,) if isinstance(paths, str) else tuple(paths)
        view = WeightView(self, paths, layout, name, trainable, regularizer, constraint)  # type: ignore[arg-type]
        stored = view.storages
        shape = tuple(layout.view(*stored).shape) if shape is None else tuple(shape)
        dtype = config.torch_dtype(dtype or self.variable_dtype)  # type: ignore[attr-defined]
        first = initializers.get(initializer)
        initial_values.check_room(self.name, name, shape, dtype)
        waiting = initial_values.collector(self)
        if waiting is None:
            parts = initial_values.first_storages(first, shape, dtype, layout, stored)
        else:
            parts = layout.unview(torch.empty(shape, dtype=dtype, device="meta"))
        requires_grad = trainable and self._trainable and dtype.is_floating_point
        for path, part in zip(paths, parts, strict=True):
            if waiting is not None:
                part = initial_values.room_for(tuple(part.shape), dtype)
            _replace(self, path, part.contiguous(), requires_grad)  # type: ignore[arg-type]
        if waiting is not None:
            waiting.add(view, lambda: initial_values.first_values(first, shape, dtype))
        view._scope = self._scope()
        self._own_weights.append(view)
        if Made.noted is not None:
            Made.noted.append(weakref.ref(view))
        object.__setattr__(self, name, view)
        return view

    def _children(self) -> Iterator[Any]:
        """The layers directly below this one, looking through containers such as nn.ModuleList."""
        for module in self._modules.values():
            if module is not None:
                yield from _find_layers(module)

    def _with_own(self, inner: list[Weight], own: list[Weight]) -> list[Weight]:
        """Put this layer's own weights in their place: before those of the layers inside."""
        return _unique(own + inner)

    @property
    def trainable_weights(self) -> list[Weight]:
        """The weights that training changes; empty for a frozen layer."""
        if not self._trainable:
            return []
        own = [weight for weight in self._all_own_weights() if weight.trainable]
        return self._with_own([w for child in self._children() for w in child.trainable_weights], own)

    @trainable_weights.setter
    def trainable_weights(self, value: Sequence[Weight]) -> None:
        self._list_weights(value, trainable=True)

    @property
    def non_trainable_weights(self) -> list[Weight]:
        """The weights that training does not change."""
        own = self._all_own_weights()
        if self._trainable:
            own = [weight for weight in own if not weight.trainable]
            return self._with_own([w for child in self._children() for w in child.non_trainable_weights], own)
        trained, fixed = ([weight for weight in own if weight.trainable == kind] for kind in (True, False))
        return _unique(trained + self._with_own([w for child in self._children() for w in child.weights], fixed))

    @non_trainable_weights.setter
    def non_trainable_weights(self, value: Sequence[Weight]) -> None:
        self._list_weights(value, trainable=False)

    # The lists of this layer alone, which layers for Keras 2 extend.
    _trainable_weights = property(lambda self: self._listed(True), lambda self, value: self._list_weights(value, True))
    _non_trainable_weights = property(
        lambda self: self._listed(False), lambda self, value: self._list_weights(value, False)
    )

    def _listed(self, trainable: bool) -> TrackedList:
        """Return this layer's own weights of one kind; what is done to the list is done to the layer."""
        found = TrackedList(weight for weight in self._own_weights if weight.trainable == trainable)
        found._changed = lambda: self._list_weights(found, trainable)
        return found

    def _list_weights(self, value: Sequence[Weight], trainable: bool) -> None:
        """Make variables the weights of this layer, as layers of Keras 1 did in `build`; other variables are none."""
        of_children = {id(weight) for child in self._children() for weight in child.weights}
        if config.dialect() != "tf":
            self.__dict__["_lists_weights"] = True
        listed = {id(weight) for weight in value}
        self._own_weights[:] = [w for w in self._own_weights if w.trainable != trainable and id(w) not in listed]
        for weight in value:
            if id(weight) in of_children:
                continue
            weight.trainable = trainable
            if isinstance(weight, Variable) and not any(weight is item for item in self._parameters.values()):  # type: ignore[attr-defined]
                self._own(weight, requires_grad=trainable and self._trainable and weight.is_floating_point())
                continue
            for storage in weight.storages:
                if isinstance(storage, nn.Parameter) and storage.is_floating_point():
                    storage.requires_grad_(trainable and self._trainable)
            self._own_weights.append(weight)
        trainable_state.invalidate()

    def _all_own_weights(self) -> list[Weight]:
        return [*self._own_weights, *_foreign_weights(self)]

    @property
    def weights(self) -> list[Weight]:
        """All weights, trainable ones first; in Keras 3 the layer's own, and then those of each layer inside."""
        if config.is_modern():
            # Not `_own_in_order`, which is what files have.
            own = sorted(self._all_own_weights(), key=lambda weight: not weight.trainable)
            return _unique(own + [w for child in self._children() for w in child.weights])
        return _unique(self.trainable_weights + self.non_trainable_weights)

    @property
    def trainable_variables(self) -> list[Weight]:
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Weight]:
        """The same as `non_trainable_weights`, in Keras 3 with the states of the SeedGenerators in the layers."""
        states = self._seed_states()
        if not states:
            return self.non_trainable_weights
        fixed = {id(variable) for variable in (*self.non_trainable_weights, *states)}
        return [variable for variable in self.variables if id(variable) in fixed]

    @property
    def variables(self) -> list[Weight]:
        """The same as `weights`, in Keras 3 with the states of SeedGenerators behind the weights of their layer."""
        if not self._seed_states():
            return self.weights
        inner = {id(weight) for child in self._children() for weight in child.weights}
        own = [weight for weight in self.weights if id(weight) not in inner]
        return _unique(own + _own_states(self) + [v for child in self._children() for v in child.variables])

    def _seed_states(self) -> list[Weight]:
        """The states of the SeedGenerators that are attributes of the layer and of those inside, in Keras 3."""
        layers: list[Any] = self._flatten_layers() if config.is_modern() else []  # type: ignore[attr-defined]
        return [state for layer in layers for state in _own_states(layer)]

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer's weights; setting it sets every layer inside, too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for weight in [*self._own_weights, *_foreign_weights(self)]:
            for storage in weight.storages:
                if isinstance(storage, nn.Parameter) and storage.is_floating_point():
                    storage.requires_grad_(bool(value) and weight.trainable)
        for child in self._children():
            child.trainable = value
        trainable_state.invalidate()

    def get_weights(self) -> list[np.ndarray]:
        """Return the weights as numpy arrays in Keras's layout (copies)."""
        return [weight.numpy() for weight in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Assign arrays in the order and layout of `get_weights`. ValueError before any is changed."""
        targets = self.weights
        if len(targets) != len(weights):
            raise ValueError(
                f"`set_weights` of layer {self.name!r} takes {len(targets)} arrays, one for each of "
                f"{[(w.path, tuple(w.shape)) for w in targets][:20]}. Received: {len(weights)} arrays"
            )
        arrays = [np.asarray(value) if not isinstance(value, torch.Tensor) else value for value in weights]
        for target, array in zip(targets, arrays, strict=True):
            if tuple(target.shape) != tuple(array.shape):
                raise ValueError(
                    f"Layer {self.name!r}: the weight {target.path!r} has the shape {tuple(target.shape)}. "
                    f"Received: an array of shape {tuple(array.shape)}"
                )
        for target, array in zip(targets, arrays, strict=True):
            target.assign(array)

    def count_params(self) -> int:
        """Return the number of scalars in the weights. ValueError before the layer is built."""
        if not self.built and not self.weights:
            raise NotBuiltError(
                f"The layer {self.name!r} has no weights to count, because it does not know its input shape. Call "
                "`build(input_shape)`, or call it on data."
            )
        return sum(int(np.prod(tuple(weight.shape))) for weight in self.weights)


class Made:
    """The weights of layers in the order in which they were made, where somebody asks for it: TensorFlow 1's graphs."""

    noted: list[weakref.ref[Any]] | None = None


def _own_states(layer: Any) -> list[Weight]:
    found: list[Any] = []
    for value in vars(layer).values():
        if isinstance(value, SeedGenerator):
            found.append(value)
        elif type(value) in (list, tuple, dict):
            found += value.values() if isinstance(value, dict) else value
    return [item.state for item in found if isinstance(item, SeedGenerator)]


def _unique(weights: list[Weight]) -> list[Weight]:
    seen: set[int] = set()
    return [w for w in weights if not (id(w) in seen or seen.add(id(w)))]  # type: ignore[func-returns-value]


def _find_layers(module: nn.Module) -> Iterator[Any]:
    if isinstance(module, WeightsMixin):
        yield module
        return
    for child in module.children():
        yield from _find_layers(child)


def _plain_parameters(module: nn.Module, prefix: str) -> Iterator[tuple[str, torch.Tensor, bool]]:
    """Parameters and buffers of a torch module and the torch modules in it, stopping at Keras layers."""
    if isinstance(module, WeightsMixin):
        return
    for name, parameter in module._parameters.items():
        if parameter is not None and not isinstance(parameter, UninitializedTensorMixin):
            yield f"{prefix}.{name}", parameter, True
    for name, buffer in module._buffers.items():
        if (
            buffer is not None
            and name not in module._non_persistent_buffers_set
            and not isinstance(buffer, UninitializedTensorMixin)
        ):
            yield f"{prefix}.{name}", buffer, False
    for name, child in module._modules.items():
        if child is not None:
            yield from _plain_parameters(child, f"{prefix}.{name}")


def _foreign_weights(layer: Any) -> list[Weight]:
    """Weights that nobody declared: torch modules, Parameters and Variables set as attributes."""
    cache: dict[str, WeightView] = layer._foreign_views
    known = {id(storage) for weight in layer._own_weights for storage in weight.storages}
    found: list[Weight] = []
    for name, parameter in layer._parameters.items():
        if parameter is None or id(parameter) in known:
            continue
        if isinstance(parameter, Variable):
            if not layer.__dict__.get("_lists_weights"):
                found.append(parameter)
            continue
        if name not in cache:
            cache[name] = _foreign_view(layer, name, parameter.requires_grad)
        found.append(cache[name])
    for attribute, module in layer._modules.items():
        if module is None or attribute in layer._claimed_modules:
            continue
        for path, tensor, is_parameter in _plain_parameters(module, attribute):
            if id(tensor) in known:
                continue
            if path not in cache:
                cache[path] = _foreign_view(layer, path, is_parameter and tensor.requires_grad)
            found.append(cache[path])
    return found


def _foreign_view(layer: Any, path: str, trainable: bool) -> WeightView:
    owner, _, attribute = path.rpartition(".")
    split = parts.is_split(getattr(layer.get_submodule(owner), attribute))
    kind = SplitView if split else WeightView
    view = kind(layer, (path,), IDENTITY, path.replace(".", "/"), trainable)
    view._scope = layer.name
    return view


def _replace(layer: nn.Module, path: str, value: torch.Tensor, requires_grad: bool) -> None:
    owner_path, _, attribute = path.rpartition(".")
    owner = layer._modules.get(owner_path) or layer.get_submodule(owner_path)
    if attribute in owner._buffers:
        owner._buffers[attribute] = value
    else:
        owner._parameters[attribute] = nn.Parameter(value, requires_grad=requires_grad)


_ORDER = ("shape", "initializer", "dtype", "trainable", "autocast", "regularizer", "constraint")
_ORDER_KERAS_1 = ("shape", "initializer", "trainable", "name", "regularizer", "constraint")
_ORDER_KERAS_2 = ("name", "shape", "dtype", "initializer", "regularizer", "trainable", "constraint")
_DISTRIBUTION = ("aggregation", "synchronization", "use_resource", "experimental_autocast", "autocast")


def _weight_arguments(layer_name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Name the positional arguments of `add_weight`: the generation shows in the first and third one."""
    order: tuple[str, ...] = _ORDER
    if args and (args[0] is None or isinstance(args[0], str)):
        order = _ORDER_KERAS_2
    elif len(args) > 2 and isinstance(args[2], bool):
        order = _ORDER_KERAS_1
    given = {**dict(zip(order, args, strict=False)), **kwargs}
    unknown = sorted(set(given) - set(_ORDER) - set(_ORDER_KERAS_2) - set(_DISTRIBUTION))
    if unknown or len(args) > len(order):
        raise TypeError(
            f"`add_weight` of layer {layer_name!r} takes shape, initializer, dtype, trainable, regularizer, constraint "
            f"and name. Received: {unknown or args}"
        )
    return given
