"""Model: a layer with `fit`; functional (from symbolic inputs and outputs) or subclassed (with its own `call`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from keras_torch import config, legacy
from keras_torch.backend import Variable, WeightView
from keras_torch.engine import Layer, autocast, placement
from keras_torch.engine import call as call_steps
from keras_torch.engine.api import as_shapes, check_added_metric
from keras_torch.engine.call import state, versions
from keras_torch.engine.updates import UpdatesMixin
from keras_torch.engine.weights import _unique
from keras_torch.errors import reading_config, suggest
from keras_torch.layers import AddLoss, AddMetric
from keras_torch.models import compiled_tensors, functional_config, graph_losses
from keras_torch.models.added_tensors import Appended
from keras_torch.models.layer_list import LayerList, with_operations
from keras_torch.models.network import Network
from keras_torch.models.state_tree import assign_state_tree, state_tree_of
from keras_torch.registry import CustomObjectScope
from keras_torch.symbolic import FunctionOp, KerasTensor, record_function
from keras_torch.symbolic.structure import leaves
from keras_torch.training import compiling
from keras_torch.training.trainer import Trainer
from keras_torch.utils.summary import print_summary


class Model(Trainer, Layer):
    """A model to train, evaluate, predict with and save.

    `Model(inputs, outputs)` takes what lies between symbolic tensors and runs it as a torch.fx program
    (`print(model.code)`). A subclass defines `call` instead, or passes `inputs` and `outputs` to `super().__init__`.
    """

    _accepts_strings = True
    _is_given_graph = False

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Set up the parts that models have beside those of layers."""
        model = super().__new__(cls, *args, **kwargs)
        model.__dict__["_network"] = None
        return model

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take `inputs`, `outputs` and `name` of a functional model, or the arguments of a layer."""
        names = ("inputs", "outputs", "name")
        if len(args) == 1 and args[0] is self:
            # `super().__init__(self)`, which tf.keras lets pass.
            args = ()
        if len(args) > len(names):
            raise TypeError(
                f"{type(self).__name__} takes {', '.join(names)} by position. Received: {len(args)} arguments"
            )
        given = {**dict(zip(names, args, strict=False)), **kwargs} if args else kwargs
        inputs, outputs = given.pop("inputs", None), given.pop("outputs", None)
        super().__init__(**given)
        if (inputs is None) != (outputs is None):
            missing = "inputs" if inputs is None else "outputs"
            raise TypeError(f"Model {self.name!r} needs both `inputs` and `outputs`; `{missing}` is missing.")
        if inputs is not None:
            self._set_network(Network(inputs, outputs, self.name))
            # Or its class makes them itself, so that it is made again by its own arguments.
            given_ones = leaves(self._init_arguments)
            self.__dict__["_is_given_graph"] = any(isinstance(item, KerasTensor) for item in given_ones)

    def _set_network(self, network: Network) -> None:
        """Adopt a graph: its layers become sub-modules under their names."""
        self.__dict__["_network"] = network
        if type(self).call is Model.call:
            # The layers cast what they take and their weights themselves.
            autocast.install(self, False)
        placement.unsettle(self)
        versions.loss_version += bool(versions.loss_version)
        for key in self.__dict__.pop("_network_modules", ()):
            self._modules.pop(key, None)
        known = {id(module) for module in self._modules.values()}
        keys = []
        for operation in network.operations:
            module = operation.target if isinstance(operation, FunctionOp) else operation
            if isinstance(module, nn.Module) and id(module) not in known:
                key = re.sub(r"\W", "_", str(operation.name))
                while key in self._modules or hasattr(self, key):
                    key += "_"
                self._modules[key] = module
                known.add(id(module))
                keys.append(key)
                if module.training != self.training and not getattr(module, "_keeps_mode", False):
                    module.train(self.training)
        for node in network.nodes:
            for index, item in enumerate(leaves((node.args, node.kwargs))):
                if isinstance(item, nn.Parameter) and not any(item is own for own in self._parameters.values()):
                    self._parameters[re.sub(r"\W", "_", f"{node.operation.name}_{index}")] = item
        self.__dict__["_network_modules"] = keys
        self.built = True

    def _children(self) -> Iterator[Any]:
        if self._network is not None:
            yield from self._network.layers
        known = {id(layer) for layer in self._network.layers} if self._network is not None else set()
        yield from (child for child in super()._children() if id(child) not in known)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model on tensors or arrays, or record a call of it on symbolic tensors."""
        if placement.Fetching.active:
            args, kwargs = placement.fetched(self, args, kwargs, by_default=True)
        if (
            len(args) == 1
            and not kwargs
            and self._network is not None
            and type(args[0]) is torch.Tensor
            and not self._wants_training
            and self.activity_regularizer is None
            and (state.in_program or not hasattr(args[0], "_keras_mask"))
        ):
            if versions.loss_version:
                call_steps.enter(self)
            return self._call_impl(args[0])
        return super().__call__(*args, **kwargs)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        super()._apply(fn, recurse)
        if self._network is not None:
            self._network.apply(fn)
        return self

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Compute the outputs; subclasses without a graph define it."""
        if self._network is None:
            return self._call_without_network(inputs)
        if mask is not None and call_steps.flat_tensors(mask):
            return self._network.run_masked(inputs, mask, want_mask=False)
        return self._network.run(inputs)

    forward = call

    def _call_without_network(self, inputs: Any) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} {self.name!r} has neither `inputs` and `outputs` nor a `call` method. Define "
            "`call(self, inputs)` in the class."
        )

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for an input shape by running `call` on stand-ins of that shape."""
        if self._network is None and type(self).call is not Model.call and input_shape is not None:
            self._build_by_call((_stand_ins(input_shape),), {})
        self.built = True

    def _build_by_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Let sub-layers be built on the way of a call."""
        call_steps.note_shapes(self, args, kwargs)
        self.built = True
        try:
            call_steps.infer_outputs(self, args, kwargs)
        except Exception:
            self.built = False
            raise

    def get_build_config(self) -> dict[str, Any] | None:
        """Return the shapes of the inputs; None before they are known."""
        if self._network is not None:
            return {"input_shape": self.input_shape}
        shapes = self.__dict__.get("_call_shapes", {})
        if len(shapes) > 1:
            return {"shapes_dict": {f"{name}_shape": shape for name, shape in shapes.items()}}
        return {"input_shape": next(iter(shapes.values()))} if shapes else super().get_build_config()

    def build_from_config(self, config: Mapping[str, Any] | None) -> None:
        """Make the weights for what `get_build_config` returned, by running `call` unless the class has a `build`."""
        shapes = (config or {}).get("shapes_dict")
        if self.built or not config or type(self).build is not Model.build or shapes is None:
            if config and "input_shape" in config and type(self).build is Model.build and not self.built:
                self.build(as_shapes(config["input_shape"]))
            else:
                super().build_from_config(config)
            return
        tensors = {name.removesuffix("_shape"): _stand_ins(as_shapes(shape)) for name, shape in shapes.items()}
        self._build_by_call((), tensors)

    def _build_once(self, *shapes: Any) -> None:
        if type(self).build is Model.build:
            # The call that is under way builds the layers inside.
            self.built = True
            return
        super()._build_once(*shapes)

    def _symbolic_outputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        known = self._network.output_spec(args[0]) if self._network is not None else None
        return call_steps.infer_outputs(self, args, kwargs) if known is None else known

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output shape(s) for the input shape(s)."""
        tensors = pytree.tree_map(lambda s: KerasTensor(s), input_shape, is_leaf=call_steps.is_shape)
        if any(tensor.shape and tensor.shape[0] is not None for tensor in pytree.tree_leaves(tensors)):
            outputs = call_steps.infer_outputs(self, (tensors,), {})
        else:
            outputs = self._symbolic_outputs((tensors,), {})
        return pytree.tree_map(lambda t: tuple(t.shape) if isinstance(t, KerasTensor) else t, outputs)

    def _make_train_function(self) -> None:
        # Scripts call it to have the optimizer's state before they set it.
        compiling.require(self, "_make_train_function")
        compiling.claim_early(self)
        self.make_train_function()

    def _make_test_function(self) -> None:
        compiling.require(self, "_make_test_function")
        self.make_test_function()

    def _make_predict_function(self) -> None:
        # Scripts call it before they predict from threads.
        self.make_predict_function()

    def _read_old_name(self, name: str) -> Any:
        return compiled_tensors.read(self, name) if compiled_tensors.knows(self, name) else super()._read_old_name(name)

    def _standardize_user_data(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, *args: Any, **kwargs: Any
    ) -> tuple[list[Any], ...]:
        # Scripts feed what it returns to a `K.function`. The rest says which checks to make; all are made.
        return compiled_tensors.standardized(self, x, y, sample_weight, class_weight)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the masks of the outputs, or None if no output has one."""
        network = self._network
        if network is None:
            return super().compute_mask(inputs, mask if self.supports_masking else None)
        if mask is not None and call_steps.flat_tensors(mask):
            return record_or_run(lambda x, m: network.run_masked(x, m, want_mask=True), inputs, mask)
        if not network.has_masks:
            several = config.dialect() in ("1", "2", "tf") and isinstance(network.outputs, (list, tuple))
            return [None] * len(network.outputs) if several else None
        flat = network.flatten(inputs)
        program = network.program("masks")
        if any(isinstance(tensor, KerasTensor) for tensor in flat):
            return record_function(program, tuple(flat), {})
        return program(*network.prepare(inputs))

    @property
    def code(self) -> str:
        """The Python code that runs the graph."""
        if self._network is None:
            raise AttributeError(f"Model {self.name!r} is subclassed: its code is its own `call`.")
        return self._network.program().code  # type: ignore[attr-defined]

    def add_loss(self, losses: Any, inputs: Any = None) -> None:
        """Add a scalar to what training minimizes: inside `call`, or a symbolic one computed from the graph."""
        for item in losses if isinstance(losses, (list, tuple)) else [losses]:
            if isinstance(item, KerasTensor):
                if self._network is None:
                    raise ValueError(f"Model {self.name!r} has no graph; call `add_loss` inside `call` instead.")
                self._add_effect(AddLoss(dtype=item.dtype)(item))
            else:
                super().add_loss(item)

    @property
    def losses(self) -> list[Any]:
        """What layers and regularizers add to the loss: numbers, and in dialects 1 and 2 before a run symbolic ones."""
        network = self._network
        if network is None or not config.is_classic() or state.depth or graph_losses.nested():
            return self._layer_losses()
        with graph_losses.without():
            found = self._layer_losses()
        if graph_losses.has_run(self):
            return found
        known = self.__dict__.get("_graph_losses")
        if known is None or known[0] is not network or known[1] != len(network.nodes):
            known = (network, len(network.nodes), graph_losses.graph_losses(network))
            self.__dict__["_graph_losses"] = known
        return [*found, *known[2]]

    def add_metric(self, value: Any, name: str | None = None, aggregation: str | None = None) -> None:
        """Report the mean of a value over an epoch: inside `call`, or a symbolic value computed from the graph."""
        if not isinstance(value, KerasTensor):
            super().add_metric(value, name, aggregation)
            return
        if self._network is None:
            raise ValueError(f"Model {self.name!r} has no graph; call `add_metric` inside `call` instead.")
        check_added_metric(self, value, name, aggregation)
        self._add_effect(AddMetric("mean", name, dtype=value.dtype)(value))

    @property
    def metrics_names(self) -> list[str]:
        """The names in the order in which `evaluate` lists the values."""
        names = super().metrics_names
        return Appended(self, "name", names) if config.is_classic() else names

    @property
    def metrics_tensors(self) -> list[Any]:
        """A list to which the symbolic value of a metric is appended, after its name to `metrics_names` (Keras 2)."""
        return Appended(self, "tensor", ())

    def _add_effect(self, tensor: KerasTensor) -> None:
        network = self._network
        network.add_effect(tensor)
        self._set_network(network)

    @property
    def layers(self) -> list[Layer]:
        """The layers directly in this model, in Keras's order.

        In dialect tf with those for functions. In 1 and 2 `model.layers.pop()` leaves the outputs as they are.
        """
        found = {id(layer): layer for layer in self._children()}
        dialect = config.dialect()
        if dialect == "tf" and self._network is not None:
            return with_operations(found, self._network)
        if dialect not in ("1", "2"):
            return list(found.values())
        hidden = self.__dict__.setdefault("_layers_taken_out", set())
        for layer in self._network.aside if self._network is not None else ():
            found.pop(id(layer), None)
        return LayerList(
            (layer for layer in found.values() if layer.name not in hidden), lambda layer: hidden.add(layer.name)
        )

    @property
    def uses_learning_phase(self) -> bool:
        """Whether the outputs may be others while training."""
        if self._network is None or "_uses_phase" in self.__dict__:
            return UpdatesMixin.uses_learning_phase.fget(self)  # type: ignore[attr-defined]
        return any(tensor._uses_learning_phase for tensor in self._network.flat_outputs)

    @uses_learning_phase.setter
    def uses_learning_phase(self, value: bool) -> None:
        self.__dict__["_uses_phase"] = bool(value)

    @property
    def _input_layers(self) -> list[Layer]:
        return list(self._network.input_layers) if self._network is not None else []

    @property
    def _layers_by_depth(self) -> dict[int, list[Any]]:
        found: dict[int, list[Any]] = {}
        for depth, operation in self._network.operations_by_depth if self._network is not None else ():
            found.setdefault(depth, []).append(operation)
        return found

    @property
    def _output_layers(self) -> list[Any]:
        return [tensor._keras_history[0] for tensor in self.outputs or () if tensor._keras_history]

    @property
    def operations(self) -> list[Layer | FunctionOp]:
        """The layers and the recorded torch functions."""
        return list(self._network.operations) if self._network is not None else list(self.layers)

    @property
    def inputs(self) -> list[KerasTensor] | None:
        """The symbolic inputs as a flat list; None without a graph."""
        return self._network.flat_inputs if self._network is not None else self.__dict__.get("_inputs_before")

    @inputs.setter
    def inputs(self, tensors: Any) -> None:
        """Keep what a subclass is going to give `Model.__init__`. ValueError once there is a graph."""
        if self._network is not None:
            raise ValueError(f"Model {self.name!r} has its inputs already: make another with `Model(inputs, outputs)`.")
        self.__dict__["_inputs_before"] = tensors

    @property
    def outputs(self) -> list[KerasTensor] | None:
        """The symbolic outputs as a flat list; None without a graph."""
        return self._network.flat_outputs if self._network is not None else None

    @outputs.setter
    def outputs(self, tensors: Any) -> None:
        """Compute other tensors of the graph, as scripts of Keras 1 and 2 do that replace the last layers."""
        if self._network is None:
            raise ValueError(f"Model {self.name!r} has no graph, so its outputs cannot be set. Override `call`.")
        self._set_network(Network(self._network.inputs, tensors, self.name))

    @property
    def input(self) -> Any:
        """The symbolic input(s) in the structure given at construction."""
        return _unwrap(self._network.inputs) if self._network is not None else super().input

    @property
    def output(self) -> Any:
        """The symbolic output(s) in the structure given at construction."""
        return _unwrap(self._network.outputs) if self._network is not None else super().output

    @property
    def input_shape(self) -> Any:
        """Shape(s) of the input(s)."""
        return pytree.tree_map(lambda t: tuple(t.shape), self.input)

    @property
    def output_shape(self) -> Any:
        """Shape(s) of the output(s)."""
        return pytree.tree_map(lambda t: tuple(t.shape), self.output)

    @property
    def input_names(self) -> list[str]:
        """Names of the input layers."""
        return self._network.input_names if self._network is not None else []

    @property
    def output_names(self) -> list[str]:
        """Names of the layers that make the outputs, made unique."""
        if self._network is None:
            return []
        names: list[str] = []
        for tensor in self._network.flat_outputs:
            base = tensor._keras_history[0].name  # type: ignore[index]
            name, number = base, 1
            while name in names:
                name, number = f"{base}_{number}", number + 1
            names.append(name)
        return names

    @property
    def weights(self) -> list[Variable | WeightView]:
        """All weights, layer by layer; those of the model itself come first in Keras 3, last before it."""
        found = [weight for layer in self._children() for weight in layer.weights]
        return self._with_own(found, self._own_in_order())

    def _with_own(self, inner: list[Variable | WeightView], own: list[Variable | WeightView]) -> Any:
        return super()._with_own(inner, own) if config.is_modern() else _unique(inner + own)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or its position. ValueError with the nearest name if there is none."""
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(
                    f"Model {self.name!r} has {len(layers)} layers; `index` must be less. Received: {index}"
                )
            return layers[index]
        if name is None:
            raise ValueError(f"`get_layer` of model {self.name!r} needs `name` or `index`. Received neither")
        for layer in layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in layers]
        raise ValueError(
            f"No such layer: {name!r} in model {self.name!r}.{suggest(name, names)} Its layers are: {names}"
        )

    def summary(
        self,
        line_length: int | None = None,
        positions: list[float] | None = None,
        print_fn: Callable[..., Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: list[str] | None = None,
    ) -> None:
        """Print the table of layers, output shapes and parameter counts; of unbuilt models as in Keras 3, or not."""
        if not self.built and not self.weights and config.dialect() in ("1", "2", "tf"):
            raise ValueError(
                f"Model {self.name!r} has no shapes to show yet. Call `build(input_shape)`, or call the model on data."
            )
        compiling.warn_of_changed_flags(self)
        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    def reset_states(self) -> None:
        """Reset the states of all stateful recurrent layers inside."""
        for layer in self._children():
            if hasattr(layer, "reset_states") and (layer.stateful or isinstance(layer, Model)):
                layer.reset_states()

    @property
    def stateful(self) -> bool:
        """Whether any layer inside keeps states between batches."""
        return any(layer.stateful for layer in self._children())

    @stateful.setter
    def stateful(self, value: bool) -> None:
        self.__dict__["stateful"] = value

    def get_config(self) -> dict[str, Any]:
        """Return the graph as plain data, or the constructor's arguments of a subclassed model."""
        if self._network is None or not self._is_given_graph:
            return self._with_constructor_arguments({"name": self.name, "trainable": self._trainable})
        return functional_config.serialize(self._network, self.name, self._trainable)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Make a model from what `get_config` returned."""
        if "layers" in config and "input_layers" in config:
            with reading_config(f"the model {config.get('name')!r}"):
                inputs, outputs, layers = functional_config.deserialize(config, custom_objects)
            known = ("name", "trainable", "dtype", "layers", "input_layers", "output_layers")
            further = {key: value for key, value in config.items() if key not in known}
            model = cls(inputs=inputs, outputs=outputs, name=config.get("name"), **further)
            for layer in layers.values():
                if isinstance(layer, (AddLoss, AddMetric)) and layer not in model.layers:
                    model._add_effect(layer.output)
            if not config.get("trainable", True):
                _freeze(model)
            return model
        with CustomObjectScope(custom_objects or {}):
            return cls(**config)

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """Return all variables' values as nested dicts: the group, then the parts of the variable's path.

        The groups are `trainable_variables`, `non_trainable_variables`, `optimizer_variables` and `metrics_variables`;
        the values are tensors, or arrays for `value_format="numpy_array"`.
        """
        return state_tree_of(self, value_format)

    def set_state_tree(self, state_tree: Mapping[str, Any]) -> None:
        """Assign what `get_state_tree` returned, or part of it."""
        assign_state_tree(self, state_tree)

    def to_json(self, **kwargs: Any) -> str:
        """Return the architecture as JSON; keyword arguments go to `json.dumps`.

        Keras 3 reads it; in dialect `tf` tf.keras 2.15, in dialects 1 and 2 Keras 2.
        """
        from keras_torch.saving import text_config

        return text_config.to_json(self, **kwargs)

    def to_yaml(self, **kwargs: Any) -> str:
        """Return the architecture as YAML, in the form of `to_json`; keyword arguments go to `yaml.safe_dump`."""
        from keras_torch.saving import text_config

        return text_config.to_yaml(self, **kwargs)

    @legacy.translated("Model.save")
    def save(
        self,
        filepath: Any,
        overwrite: bool = True,
        include_optimizer: bool = True,
        save_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Write architecture, weights, compile information and optimizer state: see `keras.saving.save_model`."""
        from keras_torch.saving import save_model

        save_model(self, filepath, overwrite, include_optimizer, save_format, **kwargs)

    @legacy.translated("Model.save_weights")
    def save_weights(
        self, filepath: Any, overwrite: bool = True, save_format: str | None = None, **kwargs: Any
    ) -> None:
        """Write the weights to a Keras file: see `keras.saving.save_weights`."""
        from keras_torch.saving import save_weights

        save_weights(self, filepath, overwrite, save_format, **kwargs)

    @legacy.translated("Model.load_weights")
    def load_weights(self, filepath: Any, by_name: bool = False, skip_mismatch: bool = False, **kwargs: Any) -> Any:
        """Read weights from a Keras file. ValueError, with the model unchanged, if they do not fit."""
        from keras_torch.saving import load_weights

        return load_weights(self, filepath, by_name, skip_mismatch, **kwargs)

    def export(
        self,
        filepath: Any,
        format: str | None = None,
        verbose: bool | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Write the model for inference elsewhere: as a program of `torch.export` ("torch", `.pt2`) or as "onnx".

        Without `format` the name decides: `.onnx`, else `.pt2`. Sizes that are None stay open. `input_signature`, of
        `InputSpec`s or tensors, tells other inputs than those a subclassed model was first called with. Further
        arguments are those of `torch.export.export`, and `opset_version` of ONNX. ValueError for the formats of
        TensorFlow and OpenVINO, which Keras's default is one of, and if torch cannot export the model.
        """
        from keras_torch.saving import export_model

        export_model(self, filepath, format, verbose, input_signature, **kwargs)


def _stand_ins(shapes: Any) -> Any:
    return pytree.tree_map(lambda shape: KerasTensor(shape, config.floatx()), shapes, is_leaf=call_steps.is_shape)


def record_or_run(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function on real tensors, or record it on symbolic ones."""
    if any(isinstance(item, KerasTensor) for item in pytree.tree_leaves(args)):
        return record_function(function, args, {})
    return function(*args)


def _unwrap(structure: Any) -> Any:
    is_single = isinstance(structure, (list, tuple)) and len(structure) == 1 and isinstance(structure[0], KerasTensor)
    return structure[0] if is_single else structure


def _freeze(model: Model) -> None:
    """Freeze a model that was frozen; in Keras 3 only itself, as layers that are frozen say so in their own configs."""
    if config.is_modern():
        model._trainable = False
    else:
        model.trainable = False
