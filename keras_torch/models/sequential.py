"""Sequential: a stack of layers, run as the functional model it amounts to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn
from torch.utils import _pytree as pytree

from keras_torch import config
from keras_torch.backend.string_array import STRING, StringArray
from keras_torch.engine import InputLayer, Layer
from keras_torch.engine.call import is_shape
from keras_torch.engine.weights import scope_of
from keras_torch.errors import reading_config
from keras_torch.layers.merge import Merge
from keras_torch.layers.torch_module import TorchModuleWrapper
from keras_torch.legacy import shown_class_name, translated
from keras_torch.models import functional_config
from keras_torch.models.layer_list import LayerList
from keras_torch.models.model import Model
from keras_torch.models.network import Network
from keras_torch.symbolic import KerasTensor, unique_name


class Sequential(Model):
    """A stack of layers with one input and one output each.

    The graph is made as soon as the input shape is known: from the first layer's `input_shape`, from an `Input`, from
    `build(input_shape)`, or from the first batch; in the last two cases later batches may have other sizes, as far as
    the layers can deal with them.
    """

    _is_graph = True
    _stack: list[Layer]
    _inputs: list[InputLayer]
    _output: Any
    # How the tensors are nested that the first layer takes, where it takes several.
    _structure: pytree.TreeSpec | None

    def __init__(self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(name=name, trainable=trainable)
        self.__dict__.update(_stack=[], _inputs=[], _output=None, _deferred=False, _reads_text=False, _structure=None)
        self._extend([layers] if isinstance(layers, nn.Module) else layers or ())

    def add(self, layer: Any) -> None:
        """Put a layer (or an `Input`, a model, a torch module) on top of the stack."""
        self._extend([layer])

    def _extend(self, layers: Sequence[Any]) -> None:
        """Add layers and make the graph once."""
        try:
            for layer in layers:
                self._push(self._as_layer(layer))
        finally:
            self._refresh()

    def _push(self, layer: Layer) -> None:
        if isinstance(layer, InputLayer):
            if self._stack or self._inputs:
                raise ValueError(
                    f"Sequential model {self.name!r} already has an input or layers, so the InputLayer "
                    f"{layer.name!r} cannot be added. Only the first item can be an input."
                )
            self._start(layer)
            return
        if any(item is layer or item.name == layer.name for item in self._stack):
            raise ValueError(
                f"Sequential model {self.name!r} has a layer called {layer.name!r} already; every name may occur once. "
                f"Give one of them another `name`. Received: {layer!r}"
            )
        if not self._inputs and not self._stack:
            self._start(*_first_inputs(layer))
        self._stack.append(layer)
        if self._inputs:
            with scope_of(self):
                output = layer(self._output)
            if not isinstance(output, KerasTensor):
                self._stack.pop()
                raise TypeError(
                    f"All layers of a Sequential model must have one output tensor. Layer {layer.name!r} returned "
                    f"{len(output)}. Use the functional API for several outputs."
                )
            self._output = output

    def _as_layer(self, layer: Any) -> Layer:
        if isinstance(layer, KerasTensor) and layer._keras_history is not None:
            layer = layer._keras_history[0]
        if isinstance(layer, Layer):
            return layer
        if isinstance(layer, nn.Module):
            return TorchModuleWrapper(layer)
        raise TypeError(
            f"The item added to Sequential model {self.name!r} must be a layer. Received: {layer!r} of type "
            f"{type(layer).__name__}"
        )

    def _start(self, *layers: InputLayer) -> None:
        """Begin with these inputs: none if the shape is not known, several for Keras 1's Merge of branches."""
        self.__dict__.update(_inputs=list(layers), _output=self._start_tensors(layers))

    def _start_tensors(self, layers: Sequence[InputLayer]) -> Any:
        tensors = [layer._inbound_nodes[0].outputs for layer in layers]
        if self._structure is not None:
            return pytree.tree_unflatten(tensors, self._structure)
        return tensors[0] if len(tensors) == 1 else tensors or None

    def _forget_graph(self) -> None:
        self.__dict__.update(_inputs=[], _output=None, _network=None, _deferred=False, _structure=None)

    def _refresh(self) -> None:
        """Register the layers and, if the input is known, make the graph anew."""
        if self._inputs and self._stack:
            network = Network(self._start_tensors(self._inputs), self._output, self.name)
            if self._deferred:
                network.forget_sizes()
            self._set_network(network)
            if config.dialect() == "3":
                # Keras 3 has a functional model inside, so that later ones have higher numbers.
                unique_name("functional")
        else:
            for key in self.__dict__.pop("_network_modules", ()):
                self._modules.pop(key, None)
            for layer in self._stack:
                self._modules[layer.name.replace(".", "_")] = layer
            self.__dict__["_network_modules"] = [layer.name.replace(".", "_") for layer in self._stack]

    def pop(self, rebuild: bool = True) -> Layer:
        """Remove the last layer and return it. The graph is made anew at once, whatever `rebuild` says."""
        if not self._stack:
            raise TypeError(f"Sequential model {self.name!r} is empty, so `pop` finds no layer. Add one first.")
        layer = self._stack.pop()
        if not self._stack:
            self._forget_graph()
            self.built = False
        elif self._inputs:
            node = self._output._keras_history
            if node is not None and node[0] is layer:
                tensors = layer._inbound_nodes[node[1]].taken
                self._output = tensors[0] if len(tensors) == 1 else tensors
        self._refresh()
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for an input shape (with the batch size first)."""
        if not self._inputs and input_shape is not None and self._stack:
            if isinstance(input_shape, (list, tuple)) and len(input_shape) == 1 and is_shape(input_shape[0]):
                input_shape = input_shape[0]
            shapes, structure = pytree.tree_flatten(input_shape, is_leaf=is_shape)
            if not shapes or not all(map(is_shape, shapes)):
                raise ValueError(
                    f"Sequential model {self.name!r} takes a shape, or a list or dict of shapes. "
                    f"Received: {input_shape!r}"
                )
            self.__dict__["_structure"] = None if is_shape(input_shape) else structure
            dtype = STRING if self._reads_text else _first_dtype(self._stack[0])
            name = _input_name(self._stack[0])
            names = [name, *(f"{name}_{number}" for number in range(1, len(shapes)))]
            self._start(
                *(InputLayer(batch_shape=tuple(s), dtype=dtype, name=n) for s, n in zip(shapes, names, strict=True))
            )
            self._deferred = True
            for layer in self._stack:
                self._output = layer(self._output)
            self._refresh()
        self.built = True

    def _build_once(self, *shapes: Any) -> None:
        shape = shapes[0] if shapes else None
        if shape is not None and not self.stateful:
            # Stateful layers keep to the batch size that they see first.
            shape = pytree.tree_map(lambda s: (None, *s[1:]) if is_shape(s) and s else s, shape, is_leaf=is_shape)
        self.build(shape)

    def _build_for(self, inputs: Any, *shapes: Any) -> None:
        # Some layers take text or numbers, so only the data tells.
        self.__dict__["_reads_text"] = isinstance(inputs, StringArray) or getattr(inputs, "dtype", None) == STRING
        super()._build_for(inputs, *shapes)

    def _call_without_network(self, inputs: Any) -> Any:
        if self._stack:
            return super()._call_without_network(inputs)
        if config.is_modern():
            raise ValueError(f"Sequential model {self.name!r} has no layers. Add one first: `model.add(layer)`.")
        # Before Keras 3 an empty model gives back its inputs.
        return inputs

    def _symbolic_outputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._network is None and isinstance(args[0], KerasTensor):
            self.build(tuple(args[0].shape))
        return super()._symbolic_outputs(args, kwargs)

    @translated("Sequential.predict_proba")
    def predict_proba(self, x: Any, batch_size: int | None = None, verbose: int | str = 0) -> np.ndarray:
        """Return what `predict` does, as Keras 1 and 2 named it for classifiers."""
        return self.predict(x, batch_size=batch_size, verbose=verbose)

    @translated("Sequential.predict_classes")
    def predict_classes(self, x: Any, batch_size: int | None = None, verbose: int | str = 0) -> np.ndarray:
        """Return the most probable class of each sample; for a single output unit, 1 where it exceeds 0.5, else 0."""
        scores = self.predict(x, batch_size=batch_size, verbose=verbose)
        return scores.argmax(axis=-1) if scores.shape[-1] > 1 else (scores > 0.5).astype("int32")

    @property
    def layers(self) -> list[Layer]:
        """The stack, without the input layer. In dialects 1 and 2 `layers.pop()` is `pop()`."""
        return LayerList(self._stack, self._take_out) if config.is_classic() else list(self._stack)

    def _take_out(self, layer: Layer) -> None:
        if layer is not self._stack[-1]:
            raise ValueError(
                f"Only the last layer of Sequential model {self.name!r} can be taken out. Received: {layer.name!r}; "
                f"the last one is {self._stack[-1].name!r}"
            )
        self.pop()

    @property
    def outputs(self) -> list[KerasTensor] | None:
        """The symbolic output in a list; None without a graph. Set to the output of a layer, the stack ends there."""
        return super().outputs

    @outputs.setter
    def outputs(self, tensors: Any) -> None:
        tensor = tensors[0] if isinstance(tensors, (list, tuple)) and len(tensors) == 1 else tensors
        made = [layer for layer in self._stack if any(tensor is node.outputs for node in layer._inbound_nodes)]
        if not made:
            raise ValueError(
                f"The output of Sequential model {self.name!r} must be that of one of its layers. Received: {tensors!r}"
            )
        while self._stack[-1] is not made[0]:
            self.pop()

    def get_config(self) -> dict[str, Any]:
        """Return the stack as plain data, led by its InputLayer if the input shape is known."""
        layers = [functional_config.serialize_layer(layer) for layer in self._stack]
        config: dict[str, Any] = {"name": self.name, "layers": layers}
        if len(self._inputs) == 1 and not (self._stack and _has_branches(self._stack[0])):
            layers.insert(0, functional_config.serialize_layer(self._inputs[0]))
            config["build_input_shape"] = self._inputs[0].batch_shape
        return config

    @classmethod
    def from_config(cls, config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """Make a model from what `get_config` returned, or from the bare list of layers of early Keras."""
        if isinstance(config, list):
            config = {"layers": config}
        with reading_config(f"the Sequential model {config.get('name')!r}"):
            model = cls(name=config.get("name"))
            model._extend([functional_config.deserialize_layer(item, custom_objects) for item in config["layers"]])
            if not model._inputs and config.get("build_input_shape"):
                model.build(config["build_input_shape"])
        if not config.get("trainable", True):
            model.trainable = False
        return model


def _has_branches(layer: Any) -> bool:
    """Whether it is Keras 1's Merge of branches, which bring their own inputs."""
    return isinstance(layer, Merge) and bool(layer.branches)


def _first_inputs(layer: Any) -> list[InputLayer]:
    """Make the inputs that a first layer, or a nested model, asks for; none if it does not say."""
    if _has_branches(layer):
        tensors = [source.input if isinstance(source, Layer) else source for source in layer.sources()]
        return [InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype) for tensor in tensors]
    shape = layer._batch_input_shape
    if shape is None and isinstance(layer, Model) and layer.inputs:
        shape = tuple(layer.inputs[0].shape)
    if shape is None:
        return []
    return [InputLayer(batch_shape=shape, dtype=_first_dtype(layer), name=_input_name(layer))]


def _input_name(layer: Layer) -> str:
    """Return the name of the input in front of the first layer."""
    return unique_name(f"{shown_class_name(layer).lower()}_input") if config.dialect() == "1" else f"{layer.name}_input"


def _first_dtype(layer: Layer) -> Any:
    if isinstance(layer, Model):
        if layer.inputs:
            return layer.inputs[0].dtype
        return _first_dtype(layer.layers[0]) if layer.layers else None
    return getattr(layer, "_input_dtype", None) or (layer.dtype if layer._policy is None else layer.compute_dtype)
