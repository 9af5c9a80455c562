"""What Keras's Layer offers beside calls and weights: build configs, own variables, stateless calls, metrics."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils import checkpoint

from keras_torch import config
from keras_torch.backend.variable import StandIn, Variable
from keras_torch.engine import call as call_steps
from keras_torch.engine.call import flat_tensors
from keras_torch.engine.input_spec import check_inputs
from keras_torch.engine.stateless import call_with, own_tensors
from keras_torch.metrics import Mean, Metric
from keras_torch.symbolic import KerasTensor


def own_metrics(layer: Any) -> list[Metric]:
    """Return the metrics that are attributes of a layer, or stand in a list or dict that is one."""
    found: list[Metric] = []
    for value in vars(layer).values():
        if isinstance(value, Mapping):
            value = list(value.values())
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, Metric) and not any(item is known for known in found):
                found.append(item)
    return found


def _mean(name: Any) -> Mean:
    """Make a running mean, also in the trial run on stand-ins that finds an output shape."""
    with torch.device("cpu"):
        return Mean(name=name)


def as_shapes(item: Any) -> Any:
    """Return shapes, which JSON knows as lists, as tuples again."""
    if call_steps.is_shape(item):
        return tuple(item)
    if isinstance(item, Mapping):
        return {key: as_shapes(part) for key, part in item.items()}
    return [as_shapes(part) for part in item] if isinstance(item, (list, tuple)) else item


def check_added_metric(layer: Any, value: Any, name: Any, aggregation: Any) -> None:
    """Raise ValueError for what `add_metric` cannot report: a value without a name, or another aggregation."""
    if aggregation not in (None, "mean"):
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r}: `add_metric` reports means; `aggregation` must be 'mean' or "
            f"None. Received: {aggregation!r}"
        )
    if not isinstance(name, str):
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r}: `add_metric` needs the `name` under which the logs shall show the "
            f"value. Received: name={name!r}, value={value!r}"
        )


class ApiMixin:
    """The part of Layer that few scripts use."""

    name: str
    input_spec: Any
    _policy: Any
    _batch_input_shape: tuple[int | None, ...] | None
    _own_weights: list[Any]
    _all_own_weights: Callable[[], list[Any]]
    _build_shapes: tuple[Any, ...]
    _children: Callable[[], Iterator[Any]]

    dynamic = False
    quantization_mode = None

    @property
    def batch_input_shape(self) -> tuple[int | None, ...]:
        """What `input_shape` and its kin said, with the batch size; there only if they were given (Keras 1 and 2)."""
        if self._batch_input_shape is None:
            raise AttributeError(f"The layer {self.name!r} was given no input shape.")
        return self._batch_input_shape

    @batch_input_shape.setter
    def batch_input_shape(self, value: tuple[int | None, ...] | None) -> None:
        self._batch_input_shape = value

    @property
    def dtype_policy(self) -> Any:
        """The types of weights and computation, as an object; settable, before `build`, to all that `dtype` takes."""
        return self._policy or config.DTypePolicy(self.dtype)  # type: ignore[attr-defined]

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        self._set_dtype(value)  # type: ignore[attr-defined]

    @property
    def input_dtype(self) -> str:
        """Name of the dtype that float inputs are converted to."""
        return self.compute_dtype  # type: ignore[attr-defined]

    @property
    def _compute_dtype(self) -> str:
        return self.compute_dtype  # type: ignore[attr-defined]

    @property
    def _compute_dtype_object(self) -> torch.dtype:
        return self._compute_torch_dtype  # type: ignore[attr-defined]

    @property
    def submodules(self) -> tuple[Any, ...]:
        """All layers inside, at any depth."""
        found: list[Any] = []
        for child in self._children():
            found += [child, *child.submodules]
        return tuple(found)

    @property
    def torch_params(self) -> torch.nn.ParameterList:
        """The parameters (Keras 3 on torch)."""
        return torch.nn.ParameterList(self.parameters())  # type: ignore[attr-defined]

    @property
    def metrics(self) -> list[Any]:
        """The metrics set as attributes of the layer and of those inside."""
        return own_metrics(self) + [metric for child in self._children() for metric in child.metrics]

    @property
    def metrics_variables(self) -> list[Any]:
        """The state of `metrics`."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def add_metric(self, value: Any, name: str | None = None, aggregation: str | None = None) -> None:
        """Report the mean of `value` over an epoch under `name`; call it inside `call`, as in tf.keras.

        The result of calling a Metric brings its own name and its own way to go on counting. ValueError without a name.
        """
        metric = getattr(value, "_metric_obj", None)
        wanted = name if metric is None else metric.name
        check_added_metric(self, value, wanted, aggregation)
        if isinstance(value, KerasTensor):
            raise ValueError(
                f"Layer {self.name!r}: `add_metric` takes values computed in `call`; a symbolic value of a graph is "
                f"reported by its model, with `model.add_metric(...)`. Received: {value!r}"
            )
        found = next((item for item in own_metrics(self) if item.name == wanted), None)
        if found is None:
            found = _mean(name) if metric is None else metric
            self.__dict__.setdefault("_added_metrics", []).append(found)
            call_steps.versions.metric_version += 1
        # In the trial run that finds the output shape there are no values.
        if metric is None and not (isinstance(value, torch.Tensor) and value.device.type == "meta"):
            with torch.no_grad():
                found.update_state(value)

    def quantize(self, mode: Any = None, **kwargs: Any) -> None:
        """Raise: Keras's quantization is not supported."""
        raise NotImplementedError(
            f"Layer {self.name!r}: `quantize` is not supported; quantize the torch modules inside, e.g. with "
            f"`torchao.quantize_(model, ...)`. Received: mode={mode!r}"
        )

    def finalize_state(self) -> None:
        """Do nothing: a layer computes with the state it has (tf.keras)."""

    @contextlib.contextmanager
    def name_scope(self) -> Iterator[str]:
        """A scope of TensorFlow's graph, which does not exist here."""
        yield self.name

    def assert_input_compatibility(self, inputs: Any) -> None:
        """Check inputs against `input_spec`. ValueError names the mismatch."""
        check_inputs(self.input_spec, [tuple(item.shape) for item in flat_tensors(inputs)], self.name)

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Return symbolic outputs for symbolic inputs without recording a call."""
        return call_steps.infer_outputs(self, args, kwargs)

    def compute_output_signature(self, input_signature: Any) -> Any:
        """Return symbolic outputs for anything with a shape and a dtype (tf.keras)."""
        shapes = call_steps.pytree.tree_map(
            lambda item: call_steps.KerasTensor(item.shape, item.dtype), input_signature
        )
        return call_steps.infer_outputs(self, (shapes,), {})

    def rematerialized_call(self, layer_call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run `layer_call`, and again in the backward pass instead of keeping what is in between."""
        return checkpoint.checkpoint(layer_call, *args, use_reentrant=False, **kwargs)

    def _flatten_layers(self, recursive: bool = True, include_self: bool = True) -> list[Any]:
        # Scripts for tf.keras use it.
        found: dict[int, Any] = {id(self): self} if include_self else {}
        for layer in self._children():  # type: ignore[attr-defined]
            inner = layer._flatten_layers() if recursive else [layer]
            found.update({id(item): item for item in inner if id(item) not in found})
        return list(found.values())

    def get_build_config(self) -> dict[str, Any] | None:
        """Return the shapes that the layer was built for; None before."""
        shapes = self._build_shapes
        if len(shapes) < 2:
            return {"input_shape": shapes[0]} if shapes else None
        named = zip(self._build_argument_names, shapes, strict=True)  # type: ignore[attr-defined]
        return {"shapes_dict": {name: shape for name, shape in named if shape is not None}}

    def build_from_config(self, config: Mapping[str, Any] | None) -> None:
        """Build the layer for the shapes in what `get_build_config` returned."""
        shapes = (config or {}).get("shapes_dict", config) or {}
        if self.built or all(shape is None for shape in shapes.values()):  # type: ignore[attr-defined]
            return
        names = self._build_argument_names  # type: ignore[attr-defined]
        given = [shapes.get(name) for name in names] if shapes.keys() <= set(names) else shapes.values()
        self._build_once(*map(as_shapes, given))  # type: ignore[attr-defined]

    def save_own_variables(self, store: Any) -> None:
        """Put the arrays of the weights made by this very layer into `store`, under "0", "1" and so on."""
        for index, weight in enumerate(self._own_in_order()):
            store[str(index)] = weight.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Assign what `save_own_variables` stored. ValueError if the number differs."""
        weights = self._own_in_order()
        if len(store) != len(weights):
            raise ValueError(
                f"Layer {self.name!r}: `store` must hold {len(weights)} arrays, one for each weight of the layer. "
                f"Received: {len(store)}." + ("" if self.built else " Build the layer first.")  # type: ignore
            )
        for index, weight in enumerate(weights):
            weight.assign(np.asarray(store[str(index)]))

    def _own_in_order(self) -> list[Any]:
        return sorted(self._all_own_weights(), key=lambda weight: not weight.trainable)

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Call the layer with these values for its weights, which stay as they are (`torch.func.functional_call`).

        Returns (outputs, non-trainable values after the call), and with `return_losses` the losses.
        """
        layer: Any = self
        fixed = layer.non_trainable_variables
        parts = (layer.trainable_weights, trainable_variables), (fixed, non_trainable_variables)
        for weights, values in parts:
            if len(weights) != len(values):
                raise ValueError(
                    f"Layer {self.name!r}: `stateless_call` takes {len(layer.trainable_weights)} trainable and "
                    f"{len(fixed)} non-trainable values. Received: {len(trainable_variables)} and "
                    f"{len(non_trainable_variables)}"
                )
        names: dict[int, list[str]] = {}
        for name, tensor in own_tensors(layer).items():
            names.setdefault(id(tensor), []).append(name)
        given: dict[str, torch.Tensor] = {}
        after = []
        states = {id(state): state.value.detach().clone() for state in layer._seed_states()}
        for (weights, values), keep in zip(parts, (True, False), strict=True):
            for weight, value in zip(weights, values, strict=True):
                value = torch.as_tensor(getattr(value, "value", value))
                if id(weight) in states:
                    weight.assign(value)
                    after.append((weight, (weight,)))
                    continue
                storages = weight.to_storage(value if keep else value.detach().clone())
                if isinstance(weight, Variable):
                    storages = (StandIn.of(weight, *storages),)
                given |= {
                    name: item for s, item in zip(weight.storages, storages, strict=True) for name in names[id(s)]
                }
                if not keep:
                    after.append((weight, storages))
        try:
            outputs = call_with(layer, given, args, kwargs)
            results = [weight.from_storage(*storages) for weight, storages in after]
            results = [item.clone() if id(item) in states else item for item in results]
        finally:
            for state in layer._seed_states():
                state.assign(states[id(state)])
        return (outputs, results, layer.losses) if return_losses else (outputs, results)
