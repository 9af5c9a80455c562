"""Layer: a `torch.nn.Module` with Keras's life cycle (build once the input shape is known, then call)."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from keras_torch import config, dtype_policies, legacy, regularizers
from keras_torch.backend.control import phased
from keras_torch.engine import autocast, placement, scopes
from keras_torch.engine import call as call_steps
from keras_torch.engine.api import ApiMixin
from keras_torch.engine.arguments import constructor_arguments, constructor_config, is_plain, only_accepted
from keras_torch.engine.call import CallSignature, flat_tensors, shapes_of, state, versions
from keras_torch.engine.input_spec import check_inputs
from keras_torch.engine.nodes import NodesMixin
from keras_torch.engine.tracking import TrackedDict, TrackedList, TracksContainers, holds_modules
from keras_torch.engine.updates import UpdatesMixin
from keras_torch.engine.weights import WeightsMixin, around, named_build
from keras_torch.errors import suggest
from keras_torch.registry import CustomObjectScope, pickled, snake_case, wants_modern
from keras_torch.symbolic import KerasTensor, unique_name


class Layer(TracksContainers, WeightsMixin, NodesMixin, UpdatesMixin, ApiMixin, nn.Module):
    """Base of all layers and models.

    Subclasses define `call(self, inputs)` in torch operations, and optionally `build(self, input_shape)`,
    `compute_output_shape`, `compute_mask` and `get_config`. Weights come from `add_weight`, from sub-layers, or from
    plain torch modules set as attributes. Keras 1's `get_output_shape_for` is honoured.

    Like every Keras layer it is in inference mode until told otherwise.
    """

    _call_signature: CallSignature
    _build_argument_names: list[str]
    _makes_mask: bool = False
    _has_own_losses: bool = False
    _knows_output_shape: bool = False
    _gives_output_spec: bool = False
    _wants_training: bool = False
    _is_builtin: bool = True
    # The class that `_set_up_class` saw last on the way here.
    _set_up: type | None = None
    # Whether an activity regularizer counts per sample, as since tf.keras, or per batch.
    _averages_activity: bool = True
    # Whether the layer keeps its mode, training or inference, when it becomes part of another.
    _keeps_mode: bool = False
    # Whether integers go into `call` as they are; where False they become floats, as in Keras's Dense.
    _accepts_integers: bool = True
    # Whether a mixed dtype policy leaves the computation in the dtype of the weights, between half-precision tensors.
    _widens: bool = False
    # Whether `call` takes arrays of strings; the layers of users may hold one that does.
    _accepts_strings: bool = False
    # Whether it is one that calls a function of the user's.
    _runs_function: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._set_up_class()

    @classmethod
    def _set_up_class(cls) -> None:
        """Note once what calls ask of the class."""
        cls._set_up = cls
        cls._is_builtin = _is_ours(cls)
        cls._accepts_strings = cls._accepts_strings or not cls._is_builtin
        if "get_output_shape_for" in cls.__dict__ and "compute_output_shape" not in cls.__dict__:
            cls.compute_output_shape = lambda self, shape: self.get_output_shape_for(shape)  # type: ignore
        owners = [_owner(cls, name) for name in ("compute_output_shape", "call")]
        # What a class of ours says of its outputs holds for its own `call` alone.
        cls._knows_output_shape = owners[0] is not Layer and (not _is_ours(owners[0]) or _is_ours(owners[1]))
        cls._gives_output_spec = cls.compute_output_spec is not Layer.compute_output_spec
        cls._makes_mask = cls.compute_mask is not Layer.compute_mask
        owner = next(base for base in cls.__mro__ if "losses" in base.__dict__)
        cls._has_own_losses = not owner.__module__.startswith("keras_torch.")
        if "call" in cls.__dict__ and "forward" not in cls.__dict__:
            cls.forward = cls.call if cls._is_builtin else phased(cls.call)
        elif "forward" in cls.__dict__ and "call" not in cls.__dict__:
            cls.call = cls.forward  # type: ignore[method-assign]
        known: Any = next(base for base in cls.__mro__[1:] if "_call_signature" in base.__dict__)
        if known.call is not cls.call:
            cls._call_signature = CallSignature(cls.call)
        if "call" in cls.__dict__:
            cls._wants_training = cls._call_signature.takes_training and not cls._is_builtin
        if known.build is not cls.build:
            if "build" in cls.__dict__:
                cls.build = named_build(cls.build)  # type: ignore[method-assign]
            parameters = list(inspect.signature(cls.build).parameters.values())[1:]
            cls._build_argument_names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        if cls._is_builtin:
            legacy.adapt(cls)

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Set up the module before `__init__`, so that attributes may be set before `super().__init__()`."""
        if cls._set_up is not cls:
            # Another base class has an `__init_subclass__` that does not call ours.
            for kind in reversed(cls.__mro__):
                if issubclass(kind, Layer) and kind is not Layer and kind._set_up is not kind:
                    kind._set_up_class()
        layer = super().__new__(cls)
        nn.Module.__init__(layer)
        layer.__dict__.update(
            training=False,
            built=False,
            activity_regularizer=None,
            supports_masking=False,
            stateful=False,
            _name=None,
            _trainable=True,
            _dtype=config.floatx(),
            _compute_torch_dtype=config.torch_dtype(None),
            _policy=None,
            _autocast=True,
            _own_weights=[],
            _foreign_views={},
            # Inner torch modules of which only the declared views are weights.
            _claimed_modules=set(),
            _inbound_nodes=[],
            _call_losses=[],
            _adds_losses=False,
            _input_spec=None,
            _accepted_shape=None,
            _build_shapes=(),
            _initial_weights=None,
            _batch_input_shape=None,
            _tracked={},
            _init_arguments=(args, kwargs),
            _is_named=False,
        )
        return layer

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Take the arguments that all layers share; `input_shape` and its kin say what the first layer will see."""
        if name is not None and not isinstance(name, str):
            raise ValueError(f"{type(self).__name__}: `name` must be a text. Received: {name!r}")
        self._name = name
        self.__dict__["_is_named"] = name is not None
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._averages_activity = not config.is_classic()
        if dtype is not None or config.has_dtype_policy():
            self._set_dtype(dtype)
        self._autocast = autocast
        self._trainable = _checked_trainable(trainable, type(self).__name__)
        self._initial_weights = kwargs.pop("weights", None)
        self._batch_input_shape = _input_shape(kwargs, type(self).__name__)
        dynamic = kwargs.pop("dynamic", False)
        if dynamic not in (False, True, None):
            raise TypeError(f"Layer {self.name!r}: `dynamic` must be a bool. Received: {dynamic!r}")
        if kwargs:
            self._refuse(kwargs)
        if scopes.rematerializing:
            scopes.rematerialize(self)
        placement.settle(self)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """Move or convert all tensors, as `.to()` and its kin ask; the dtype of the computation follows."""
        before = dict(self._parameters)
        super()._apply(fn, recurse)
        self._keep_variables(before)
        current = config.torch_dtype(self._dtype) if autocast.is_mixed(self) else self._compute_torch_dtype
        dtype = fn(torch.empty(0, dtype=current)).dtype
        if dtype != current:
            self._set_dtype(dtype)
        placement.follow(self, fn)
        return self

    def _refuse(self, kwargs: dict[str, Any]) -> None:
        known = inspect.signature(type(self).__init__).parameters
        hints = "".join(suggest(key, known) for key in kwargs)
        raise TypeError(
            f"{type(self).__name__} has no argument {', '.join(map(repr, kwargs))}.{hints} "
            f"It takes: {[key for key in known if key not in ('self', 'kwargs')]}. Received: {kwargs}"
        )

    def _set_dtype(self, dtype: Any) -> None:
        """Take a policy, its name or config, or a dtype; None is the global policy."""
        policy = dtype_policies.get(dtype)
        if isinstance(policy, dtype_policies.DTypePolicyMap):
            policy = policy[self.path]
        self._dtype = policy.variable_dtype
        self._policy = policy
        compute = config.torch_dtype(None if policy.compute_dtype == "string" else policy.compute_dtype)
        self._compute_torch_dtype = compute if compute.is_floating_point else config.torch_dtype(None)
        autocast.install(self, policy.compute_dtype != policy.variable_dtype)

    def _dtype_config(self) -> Any:
        """Return `dtype` as it stands in configs: a name, or the config of a policy that is more than a name."""
        policy = self._policy
        if policy is None or (type(policy) is config.DTypePolicy and policy.compute_dtype == policy.variable_dtype):
            return self._dtype
        if config.dialect() == "tf" and type(policy) is config.DTypePolicy:
            return {"class_name": "Policy", "config": policy.get_config()}
        return dtype_policies.serialize(policy)

    @property
    def name(self) -> str:
        """The layer's name; made up from the class name on first use if none was given."""
        if self._name is None:
            shown, dialect = type(self).__name__, config.dialect()
            if dialect == "3" and shown == "Model":
                shown = "Functional"
            self._name = unique_name(legacy.shown_class_name(self).lower() if dialect == "1" else snake_case(shown))
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = value

    @property
    def path(self) -> str:
        """The layer's name."""
        return self.name

    @property
    def dtype(self) -> str:
        """Name of the dtype of the weights."""
        return self._dtype

    @property
    def variable_dtype(self) -> str:
        """Name of the dtype of the weights."""
        return self._dtype

    @property
    def compute_dtype(self) -> str:
        """Name of the dtype of the computation."""
        return config.dtype_name(self._compute_torch_dtype)

    @property
    def input_spec(self) -> Any:
        """An InputSpec, or a list of them, that inputs are checked against."""
        return self._input_spec

    @input_spec.setter
    def input_spec(self, value: Any) -> None:
        self.__dict__["_input_spec"] = value
        self.__dict__["_accepted_shape"] = None

    def __setattr__(self, name: str, value: Any) -> None:
        kind = type(value)
        is_plain = not issubclass(kind, _TRACKED_TYPES) and not (
            name in self._parameters or name in self._modules or name in self._buffers or name in self._tracked
        )
        if is_plain or name in _PLAIN_ATTRIBUTES or isinstance(getattr(type(self), name, None), property):
            object.__setattr__(self, name, value)
            return
        if name in self._parameters and value is not None:
            self._make_way(name, value)
        if name in self._tracked:
            self._untrack(name)
        private = self._is_builtin and name.startswith("_")
        if kind in _CONTAINERS and not private and (not value or holds_modules(value)):
            value = self._track(name, _CONTAINERS[kind](value))
        elif kind is tuple and holds_modules(value):
            self._track(name, value)
        if isinstance(value, nn.Module):
            versions.loss_version += bool(versions.loss_version)
            if value.training != self.training and not getattr(value, "_keeps_mode", False):
                value.train(self.training)
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        modules = self.__dict__.get("_modules", ())
        if name in modules:
            return modules[name]
        try:
            return super().__getattr__(name)
        except AttributeError:
            self._explain_missing(name)
            if (name[:1] == "_" and name not in _OLD_PRIVATE_NAMES) or not config.is_classic():
                raise
        return self._read_old_name(name)

    def _read_old_name(self, name: str) -> Any:
        return legacy.read_old_name(self, name)

    def build(self, input_shape: Any) -> None:
        """Make the weights for an input shape (with the batch size first). The default only marks the layer built."""
        self.built = True

    def _build_once(self, *shapes: Any) -> None:
        around.append(self)
        try:
            with placement.home_scope(self):
                if self._build_argument_names:
                    self.build(*shapes)
                else:
                    self.build()  # type: ignore[call-arg]
        finally:
            around.pop()
        self.built = True
        self.__dict__["_build_shapes"] = shapes
        if self._initial_weights is not None:
            weights, self._initial_weights = self._initial_weights, None
            self.set_weights(weights)
        if not self._trainable:
            self.trainable = False

    def _build_for(self, inputs: Any, *shapes: Any) -> None:
        """Build for a first call with these inputs."""
        self._build_once(*shapes)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs, in torch operations. Subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} must define `call(self, inputs)`.")

    forward = call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer on tensors, arrays, or symbolic tensors; builds it if that has not happened."""
        if len(args) == 1 and not kwargs and self.built and not self._wants_training:
            inputs = args[0]
            if (
                type(inputs) is torch.Tensor
                and (
                    inputs.dtype is self._compute_torch_dtype
                    or (self._accepts_integers and not inputs.is_floating_point())
                )
                and self.activity_regularizer is None
                and (
                    state.in_program
                    or not (self._makes_mask or versions.loss_version or hasattr(inputs, "_keras_mask"))
                )
            ):
                if inputs.shape[1:] != self._accepted_shape:
                    self._check_shape(inputs)
                return self._call_impl(inputs)
            if state.in_program and type(inputs) in (list, tuple) and self.activity_regularizer is None:
                # Inside a program the shapes were checked when it was made.
                return self._call_impl(inputs)
        if (
            len(args) > 1
            and self.built
            and self._input_spec is None
            and not self._wants_training
            and self.activity_regularizer is None
            and (state.in_program or not (self._makes_mask or versions.loss_version))
            and call_steps.is_ready(self, args, kwargs)
        ):
            return self._call_impl(*args, **kwargs)
        return call_steps.invoke(self, args, kwargs)

    def _check_shape(self, inputs: torch.Tensor) -> None:
        spec = self._input_spec
        if spec is not None:
            check_inputs(spec, [tuple(inputs.shape)], self.name)
            if isinstance(spec, (list, tuple)) or (spec.shape and spec.shape[0] is not None):
                return
        if inputs.dim() > 1:
            self.__dict__["_accepted_shape"] = inputs.shape[1:]

    def _has_unbuilt_children(self) -> bool:
        return any(not child.built or child._has_unbuilt_children() for child in self._children())

    def _symbolic_outputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return fresh symbolic outputs for a call: from `compute_output_shape`, else from running the call."""
        return call_steps.symbolic_outputs(self, args, kwargs)

    def _symbolic_dtype(self, input_dtype: str | None) -> str:
        """Dtype of symbolic outputs: the compute dtype where weights or floats are involved, else the input's."""
        if input_dtype is None or self._own_weights or not self._accepts_integers:
            return self.compute_dtype
        return self.compute_dtype if config.torch_dtype(input_dtype).is_floating_point else input_dtype

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output shape for an input shape, both with the batch size first, None where unknown."""
        if self._knows_output_shape and config.is_classic() and _asks_keras(type(self)):
            return input_shape
        inputs = _tensors(input_shape, self.compute_dtype)
        if not self.built:
            self._build_once(input_shape)
        return shapes_of(call_steps.infer_outputs(self, (inputs,), {}))

    def get_output_shape_for(self, input_shape: Any) -> Any:
        """Keras 1's name for `compute_output_shape`."""
        return self.compute_output_shape(input_shape)

    def compute_output_spec(self, inputs: Any, **kwargs: Any) -> Any:
        """Return symbolic outputs for symbolic inputs without recording a call."""
        if self._knows_output_shape and not self._is_builtin:
            # A layer of the user need not work without values.
            return self._symbolic_outputs((inputs,), kwargs)
        return call_steps.infer_outputs(self, (inputs,), kwargs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask of the outputs: the input's if `supports_masking`, else None (TypeError in Keras 1 and 2)."""
        if not self.supports_masking and config.is_classic() and any(item is not None for item in _items(mask)):
            raise TypeError(
                f"Layer {self.name!r} does not support masking, but was passed an input_mask: {mask!r}. Leave out the "
                "mask (`mask_zero` of an Embedding, a Masking layer) or put a layer without masks between."
            )
        return mask if self.supports_masking else None

    @property
    def losses(self) -> list[torch.Tensor]:
        """Scalars from `add_loss` and activity regularizers of the last call, and from weight regularizers."""
        return self._layer_losses()

    def _layer_losses(self) -> list[torch.Tensor]:
        # A method, since torch.compile cannot trace `super().losses`.
        found: list[torch.Tensor] = []
        self._collect_losses(found, set())
        return found

    def _collect_losses(self, found: list[torch.Tensor], seen: set[int]) -> None:
        """Append the losses of this layer and those inside, each layer's and weight's once however often it is used."""
        if id(self) in seen:
            return
        seen.add(id(self))
        self._collect_own_losses(found, seen)
        for child in self._children():
            if child._has_own_losses:
                found.extend(child.losses)
            else:
                child._collect_losses(found, seen)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer, without its weights."""
        result: dict[str, Any] = {"name": self.name, "trainable": self._trainable, "dtype": self._dtype_config()}
        if self._batch_input_shape is not None and not wants_modern():
            result["batch_input_shape"] = self._batch_input_shape
        if self.activity_regularizer is not None:
            result["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        owner = next(c for c in type(self).__mro__ if "get_config" in c.__dict__)
        if owner is Layer and not self._is_builtin:
            return self._with_constructor_arguments(result)
        return result

    def _with_constructor_arguments(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return what a class without `get_config` was constructed with, and of `config` what it takes."""
        given = constructor_config(self, self._init_arguments)
        if self._is_named and "name" not in given:
            # By the class itself, which could not be given another.
            config = {key: value for key, value in config.items() if key != "name"}
        return only_accepted(type(self), {**given, **config})

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Make a layer from what `get_config` returned, of this class or of Keras's of the same name."""
        owner: Any = cls
        known = constructor_arguments(owner) if cls._is_builtin else None
        if known is not None:
            config, _ = legacy.drop_harmless(config, known)
        with CustomObjectScope(custom_objects or {}):
            return cls(**config)

    def extra_repr(self) -> str:
        """Name and build state, for `print(layer)`."""
        return f"name={self.name!r}, built={self.built}"

    def __repr__(self) -> str:
        """Keras's line for its programs; torch's tree of modules for those that know of torch."""
        if config.dialect() is None:
            return super().__repr__()
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def __getstate__(self) -> dict[str, Any]:
        values = {key: value for key, value in self.__dict__.items() if key not in _NOT_PICKLED}
        if autocast.is_mixed(self):
            del values["forward"]
        # Calls belong to the graph of a model, which puts them back; others would bring their whole graph along.
        nodes = [node for node in self._inbound_nodes if not node.taken]
        arguments = self._init_arguments if not self._is_builtin and is_plain(self._init_arguments) else None
        values.update(_name=self.name, _call_losses=[], _inbound_nodes=nodes, _init_arguments=arguments)
        return pickled.hold(values)

    def __setstate__(self, values: dict[str, Any]) -> None:
        # A model of which this is a part may have put calls back already.
        restored = self.__dict__.get("_inbound_nodes", ())
        super().__setstate__(pickled.release(values))
        self._inbound_nodes += [node for node in restored if node not in self._inbound_nodes]
        autocast.install(self, self._policy is not None and self._policy.compute_dtype != self._policy.variable_dtype)
        known = {**self._modules, **self._parameters}
        order = {key if item is None else id(item): place for place, (key, item) in enumerate(known.items())}
        for name in list(self._tracked):
            value = self.__dict__.get(name)
            if isinstance(value, (list, dict)):
                setattr(self, name, value)
        for found in (self._modules, self._parameters):
            items = sorted(found.items(), key=lambda item: order.get(item[0], order.get(id(item[1]), len(order))))
            found.clear()
            found.update(items)  # type: ignore[arg-type]


def _owner(cls: type, name: str) -> type:
    """Return the class that defines what a class has under a name."""
    return next((base for base in cls.__mro__ if name in base.__dict__), Layer)


def _is_ours(cls: type) -> bool:
    return cls.__module__.startswith("keras_torch.")


# Of other types neither torch nor a layer keeps track when they become attributes.
_TRACKED_TYPES = (nn.Module, torch.Tensor, list, tuple, dict)
# Of models, where scripts for Keras 2 look for what `compile` made.
_OLD_PRIVATE_NAMES = {"_collected_trainable_weights", "_feed_inputs", "_feed_sample_weights", "_feed_targets"}
_NOT_PICKLED = ("_loss_layers", "_compiled_tensors")
_PLAIN_ATTRIBUTES = {
    "built",
    "training",
    "activity_regularizer",
    "_averages_activity",
    "_name",
    "_trainable",
    "_inbound_nodes",
}
_CONTAINERS: dict[type, Any] = {
    list: TrackedList,
    TrackedList: TrackedList,
    dict: TrackedDict,
    TrackedDict: TrackedDict,
}
Layer._call_signature = CallSignature(Layer.call)
Layer._build_argument_names = ["input_shape"]


def _checked_trainable(value: Any, owner: str) -> bool:
    """Return `trainable` as a bool; multi-backend Keras took any value for one."""
    if isinstance(value, (bool, np.bool_)) or config.is_classic():
        return bool(value)
    error = TypeError if config.dialect() == "tf" else ValueError
    raise error(f"{owner}: `trainable` must be a bool. Received: {value!r} of type {type(value).__name__}")


def _input_shape(kwargs: dict[str, Any], label: str) -> tuple[int | None, ...] | None:
    """Take `batch_input_shape`, `batch_shape`, `input_shape`, `input_dim`, `input_length`, `batch_size` from kwargs."""
    batch_shape = kwargs.pop("batch_input_shape", None) or kwargs.pop("batch_shape", None)
    shape: Sequence[int | None] | None = kwargs.pop("input_shape", None)
    dim, length = kwargs.pop("input_dim", None), kwargs.pop("input_length", None)
    batch_size = kwargs.pop("batch_size", None)
    if batch_shape is not None:
        return _checked_sizes(batch_shape, "batch_input_shape", label)
    if shape is None and dim is not None:
        shape = (dim,) if length is None else (length, dim)
    if shape is None:
        return None
    shape = (shape,) if isinstance(shape, int) else shape
    return (batch_size, *_checked_sizes(shape, "input_shape", label))


def _items(mask: Any) -> Any:
    return mask if isinstance(mask, (list, tuple)) else [mask]


def _checked_sizes(shape: Any, argument: str, label: str) -> tuple[int | None, ...]:
    if not call_steps.is_shape(shape) or any(size is not None and size < 0 for size in shape):
        raise ValueError(f"{label}: `{argument}` must be a tuple of sizes, None where unknown. Received: {shape!r}")
    return tuple(shape)


def _asks_keras(kind: Any) -> bool:
    """Whether an own `compute_output_shape` called Layer's, which in Keras 1 and 2 returned the input shape."""
    owners = [base for base in kind.__mro__ if "compute_output_shape" in base.__dict__]
    return owners[-1] is Layer and not any(base._is_builtin for base in owners[:-1])


def _tensors(shape: Any, dtype: str) -> Any:
    if call_steps.is_shape(shape):
        return KerasTensor(shape, dtype)
    if isinstance(shape, dict):
        return {key: _tensors(item, dtype) for key, item in shape.items()}
    return type(shape)([_tensors(item, dtype) for item in shape])


__all__ = ["Layer", "flat_tensors"]
