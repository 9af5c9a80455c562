"""Layers around a layer: Wrapper, TimeDistributed, Bidirectional."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from keras_torch import config as settings
from keras_torch import registry
from keras_torch.engine import Layer
from keras_torch.engine.call import call_inside, is_shape
from keras_torch.layers.rnn import split_inputs
from keras_torch.symbolic import FunctionOp, KerasTensor, Node, record_function


class Wrapper(Layer):
    """Base of layers around one `layer`, whose weights are theirs."""

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._check_layer(layer, "layer")
        self.layer = layer

    def _check_layer(self, layer: Any, argument: str) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: `{argument}` must be a Keras layer. Received: {layer!r} of type "
                f"{type(layer).__name__}"
            )

    def build(self, input_shape: Any = None) -> None:
        """Build the layer inside."""
        if not self.layer.built:
            self.layer._build_once(input_shape)
        super().build(input_shape)

    def _symbolic_dtype(self, input_dtype: str | None) -> str:
        return self.layer._symbolic_dtype(input_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layer": registry.layers.serialize(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        config = dict(config)
        for name in ("layer", "backward_layer"):
            if config.get(name) is not None:
                config[name] = registry.layers.get(config[name], custom_objects)
        return super().from_config(config, custom_objects)


class TimeDistributed(Wrapper):
    """Apply a layer or model to each time step of (batch, time, ...), by folding time into the batch.

    A stateful layer is called step by step instead. What depends on the whole batch (BatchNormalization) sees all steps
    of it at once, as in Keras 2.15. A layer that makes masks (Embedding) makes one of each step, but for Keras 1 and 3,
    which only pass on the mask that came in.
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True
        self._makes_step_masks = settings.dialect() not in ("1", "3")

    def _child_shape(self, input_shape: Any) -> Any:
        def without_time(shape: Any) -> Any:
            if len(shape) < 3:
                raise ValueError(
                    f"TimeDistributed {self.name!r} expects inputs of at least 3 axes: (batch, time, ...). "
                    f"Received: input shape {tuple(shape)}"
                )
            return (shape[0], *shape[2:])

        return _map_shapes(without_time, input_shape)

    def build(self, input_shape: Any = None) -> None:
        """Build the layer for one time step."""
        super().build(self._child_shape(input_shape))

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Run the layer; `training` is the mode of the layer, set by whoever calls it."""
        first = pytree.tree_leaves(inputs)[0]
        if isinstance(first, KerasTensor):
            return record_function(self.call, (inputs, mask), {})
        mask = _first_mask(mask)
        if mask is not None:
            self._check_mask(mask, first)
        batch, time = first.shape[:2]
        if getattr(self.layer, "stateful", False):
            steps = [self.layer(pytree.tree_map(lambda x, t=t: x[:, t], inputs)) for t in range(time)]
            return pytree.tree_map(lambda *outputs: torch.stack(outputs, 1), *steps)
        options = {}
        if mask is not None and self.layer._call_signature.takes_mask and self._passes(mask):
            options["mask"] = _fold(mask)
        outputs = self.layer(pytree.tree_map(_fold, inputs), **options)
        return pytree.tree_map(lambda output: output.unflatten(0, (batch, time)), outputs)

    def _passes(self, mask: Tensor) -> bool:
        """Whether the layer gets its part of a mask: of one that tells steps only, layers of the user alone."""
        return mask.dim() > 2 or not self.layer._is_builtin

    def _check_mask(self, mask: Any, first: Any) -> None:
        if len(mask.shape) < 2 or tuple(mask.shape[:2]) != tuple(first.shape[:2]):
            raise ValueError(
                f"TimeDistributed {self.name!r} expects a `mask` whose shape begins with (batch, time) = "
                f"{tuple(first.shape[:2])}. Received: a mask of shape {tuple(mask.shape)}"
            )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Insert the time axis into the layer's output shape."""
        first = input_shape
        while not is_shape(first):
            first = next(iter(first.values())) if isinstance(first, dict) else first[0]
        inner = self.layer.compute_output_shape(self._child_shape(input_shape))
        return _map_shapes(lambda shape: (shape[0], first[1], *shape[1:]), inner)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask that the layer makes of each step; if it makes none, the steps' own."""
        mask = _first_mask(mask)
        if not (self.layer._makes_mask and self._makes_step_masks):
            if mask is None or self.layer.supports_masking or len(mask.shape) == 2:
                return mask
            return torch.any(torch.flatten(mask, 2), -1)
        inner_mask = None if mask is None or len(mask.shape) == 2 else _fold(mask)
        found = self.layer.compute_mask(pytree.tree_map(_fold, inputs), inner_mask)
        if any(item is not None for item in pytree.tree_leaves(found)):
            first = pytree.tree_leaves(inputs)[0]
            return pytree.tree_map(lambda item: None if item is None else _unfold(item, first), found)
        return mask if mask is None or len(mask.shape) == 2 else torch.any(torch.flatten(mask, 2), -1)


def _map_shapes(change: Callable[[Any], Any], shapes: Any) -> Any:
    if is_shape(shapes):
        return change(shapes)
    if isinstance(shapes, dict):
        return {key: _map_shapes(change, shape) for key, shape in shapes.items()}
    return type(shapes)([_map_shapes(change, shape) for shape in shapes])


def _first_mask(mask: Any) -> Any:
    """Of the masks of several inputs take the first one: all have the same steps."""
    return next((item for item in pytree.tree_leaves(mask) if item is not None), None)


def _fold(tensor: Any) -> Any:
    return torch.flatten(tensor, 0, 1)


def _unfold(folded: Any, like: Any) -> Any:
    """Give the folded axis the first two sizes of `like`."""
    if not isinstance(folded, KerasTensor):
        return folded.unflatten(0, like.shape[:2])
    # Recorded by hand: shape inference cannot know that the folded axis is a product.
    output = KerasTensor((*like.shape[:2], *folded.shape[1:]), folded.dtype)
    Node(FunctionOp(_unfold), (folded, like), {}, output)
    return output


_MERGE_MODES = ("sum", "mul", "ave", "concat", None)


class Bidirectional(Wrapper):
    """Run a recurrent layer forwards and a copy of it backwards in time, and merge their outputs.

    `merge_mode` is "concat", "sum", "mul", "ave", or None for a list of both. With `return_state` the forward states
    and then the backward states follow; `initial_state` has the same order. Sequences of masked input have zeros in
    masked steps; before Keras 2.4 these repeated the output before.
    """

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        self._num_constants = kwargs.pop("num_constants", None)
        Layer.__init__(self, weights=weights, **kwargs)
        self._check_recurrent(layer, "layer")
        if merge_mode not in _MERGE_MODES:
            raise ValueError(
                f"Bidirectional {self.name!r}: `merge_mode` must be one of {_MERGE_MODES}. Received: {merge_mode!r}"
            )
        self.merge_mode = merge_mode
        self._has_own_backward_layer = backward_layer is not None
        self.forward_layer = _fresh_copy(layer)
        if backward_layer is None:
            backward_layer = _fresh_copy(layer)
            backward_layer.go_backwards = not backward_layer.go_backwards
        self._check_recurrent(backward_layer, "backward_layer")
        self.backward_layer = backward_layer
        self.forward_layer.name = "forward_" + layer.name.removeprefix("forward_")
        self.backward_layer.name = "backward_" + backward_layer.name.removeprefix("backward_")
        self._check_directions()
        if not settings.is_classic():
            for item in (self.forward_layer, self.backward_layer):
                if hasattr(item, "zero_output_for_mask"):
                    item.zero_output_for_mask = item.return_sequences
        self.stateful = getattr(layer, "stateful", False)
        self.return_sequences = layer.return_sequences
        self.return_state = getattr(layer, "return_state", False)
        self.supports_masking = True
        self.input_spec = layer.input_spec
        if not kwargs.get("trainable", layer.trainable):
            self.trainable = False

    def _check_recurrent(self, layer: Any, argument: str) -> None:
        self._check_layer(layer, argument)
        lacking = [name for name in ("go_backwards", "return_sequences") if not hasattr(layer, name)]
        if lacking:
            raise ValueError(
                f"Bidirectional {self.name!r}: `{argument}` must be a recurrent layer, with the attributes "
                f"`go_backwards` and `return_sequences`. Received: {layer!r} without {lacking}"
            )

    def _check_directions(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                f"Bidirectional {self.name!r}: `layer` and `backward_layer` must differ in `go_backwards`. Received: "
                f"{forward.go_backwards} for both"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            values = getattr(forward, name, False), getattr(backward, name, False)
            if values[0] != values[1]:
                raise ValueError(
                    f"Bidirectional {self.name!r}: `layer` and `backward_layer` must agree in `{name}`. Received: "
                    f"{values[0]} and {values[1]}"
                )

    @property
    def layer(self) -> Any:
        """The layer that runs forwards."""
        return self.forward_layer

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer on `inputs`, or on `[inputs, *initial_state, *constants]`."""
        args = split_inputs(args, kwargs, self._num_constants or 0)
        if kwargs.get("constants") is not None:
            for layer in (self.forward_layer, self.backward_layer):
                layer._take_constants(kwargs)
            self._num_constants = len(kwargs["constants"])
        if kwargs.get("initial_state") is not None:
            self._check_states(kwargs["initial_state"])
        return super().__call__(*args, **kwargs)

    def _check_states(self, initial_state: Any) -> None:
        if not isinstance(initial_state, (list, tuple)) or len(initial_state) % 2:
            raise ValueError(
                f"Bidirectional {self.name!r}: `initial_state` must be a list of the forward layer's states and "
                f"then as many of the backward layer. Received: {initial_state!r}"
            )

    def build(self, input_shape: Any = None) -> None:
        """Build both layers."""
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer._build_once(input_shape)
        Layer.build(self, input_shape)

    def call(
        self,
        inputs: Tensor,
        initial_state: Any = None,
        constants: Any = None,
        mask: Any = None,
        training: bool | None = None,
    ) -> Any:
        """Run both layers; `training` is the mode of the layer, set by whoever calls it."""
        forward_options, backward_options = self._options(initial_state, constants, mask)
        forward = call_inside(self.forward_layer, inputs, **forward_options)
        backward = call_inside(self.backward_layer, inputs, **backward_options)
        states: list[Any] = []
        if self.return_state:
            states = [*forward[1:], *backward[1:]]
            forward, backward = forward[0], backward[0]
        if self.return_sequences:
            backward = backward.flip(0 if getattr(self.forward_layer, "time_major", False) else 1)
        output = self._merge(forward, backward)
        if not self.return_state:
            return output
        return [*(output if self.merge_mode is None else [output]), *states]

    def _options(self, initial_state: Any, constants: Any, mask: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        shared = {"mask": mask, "constants": constants}
        forward = {name: value for name, value in shared.items() if value is not None}
        backward = dict(forward)
        if initial_state is not None:
            half = len(initial_state) // 2
            forward["initial_state"] = list(initial_state[:half])
            backward["initial_state"] = list(initial_state[half:])
        return forward, backward

    def _merge(self, forward: Tensor, backward: Tensor) -> Any:
        if self.merge_mode == "concat":
            return torch.cat((forward, backward), -1)
        if self.merge_mode == "sum":
            return forward + backward
        if self.merge_mode == "ave":
            return (forward + backward) / 2
        if self.merge_mode == "mul":
            return forward * backward
        return [forward, backward]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape(s) of the merged output, and of the states."""
        shapes = [layer.compute_output_shape(input_shape) for layer in (self.forward_layer, self.backward_layer)]
        states: list[Any] = []
        if self.return_state:
            states = [*shapes[0][1:], *shapes[1][1:]]
            shapes = [shape[0] for shape in shapes]
        forward, backward = shapes
        if self.merge_mode == "concat":
            forward = (*forward[:-1], forward[-1] + backward[-1])
        found = [*([forward, backward] if self.merge_mode is None else [forward]), *states]
        return found if len(found) > 1 else forward

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Pass the mask on if sequences are returned; states have none."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        mask = mask if self.return_sequences else None
        outputs = [mask, mask] if self.merge_mode is None else [mask]
        if self.return_state:
            outputs += [None] * (2 * len(self.forward_layer.states))
        return outputs if len(outputs) > 1 else mask

    @property
    def states(self) -> list[Any]:
        """The states that stateful layers keep between batches, forward ones first."""
        return [*self.forward_layer.states, *self.backward_layer.states]

    def reset_states(self, states: Any = None) -> None:
        """Forget the kept states of both layers, or set them. AttributeError unless the layer is stateful."""
        if states is not None and (not isinstance(states, (list, tuple)) or len(states) % 2):
            raise ValueError(
                f"Bidirectional {self.name!r}: `states` must be a list of the forward layer's states and then as many "
                f"of the backward layer. Received: {states!r}"
            )
        half = 0 if states is None else len(states) // 2
        self.forward_layer.reset_states(None if states is None else states[:half])
        self.backward_layer.reset_states(None if states is None else states[half:])

    reset_state = reset_states

    def _symbolic_dtype(self, input_dtype: str | None) -> str:
        return self.compute_dtype

    def get_config(self) -> dict[str, Any]:
        inner = _without_prefix(registry.layers.serialize(self.forward_layer), "forward_")
        config = {**Layer.get_config(self), "layer": inner, "merge_mode": self.merge_mode}
        if self._has_own_backward_layer:
            config["backward_layer"] = _without_prefix(registry.layers.serialize(self.backward_layer), "backward_")
        if self._num_constants:
            config["num_constants"] = self._num_constants
        return config


def _without_prefix(serialized: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Undo in a serialized layer what Bidirectional set: its name, and zeros for masked steps."""
    config = dict(serialized["config"])
    config["name"] = config["name"].removeprefix(prefix)
    config.pop("zero_output_for_mask", None)
    return {**serialized, "config": config}


def _fresh_copy(layer: Any) -> Any:
    """Return an unbuilt layer with the settings of `layer`."""
    if not layer.built:
        return copy.deepcopy(layer)
    cell = getattr(layer, "cell", None)
    classes = {type(item) for item in (cell, *getattr(cell, "cells", ())) if item is not None}
    custom = {registry.get_registered_name(item): item for item in classes}
    return type(layer).from_config(layer.get_config(), custom_objects=custom)
