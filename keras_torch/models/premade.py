"""Keras 2's ready-made models, `LinearModel` and `WideDeepModel` (Cheng et al. 2016, arXiv:1606.07792)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.utils import _pytree as pytree

from keras_torch import activations, initializers, optimizers, registry, regularizers
from keras_torch.layers import Dense
from keras_torch.models.model import Model


class LinearModel(Model):
    """The sum of a linear function of each input, in a tensor, a list or a dict, and a bias.

    Each input has a `Dense` layer without bias in `dense_layers`; those of a dict have its keys as names, sorted.
    """

    def __init__(
        self,
        units: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "zeros",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias: Any = None

    def build(self, input_shape: Any = None) -> None:
        """Make a layer for each input."""
        if isinstance(input_shape, Mapping):
            shapes: list[tuple[Any, Any]] = sorted(input_shape.items())
        else:
            several = len(input_shape) > 0 and isinstance(input_shape[0], (tuple, list))
            shapes = [(None, shape) for shape in (input_shape if several else [input_shape])]
        options = {
            "use_bias": False,
            "kernel_initializer": self.kernel_initializer,
            "kernel_regularizer": self.kernel_regularizer,
        }
        self.dense_layers = [Dense(self.units, name=name, **options) for name, _ in shapes]
        for layer, (_, shape) in zip(self.dense_layers, shapes, strict=True):
            layer.build(shape)
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.units,), initializer=self.bias_initializer, regularizer=self.bias_regularizer
            )
        self.built = True

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Add up what the layers make of their inputs."""
        if isinstance(inputs, Mapping):
            names = [layer.name for layer in self.dense_layers]
            missing = [name for name in names if name not in inputs]
            if missing:
                raise ValueError(
                    f"Model {self.name!r} takes a dict with the keys {names}; missing: {missing}. "
                    f"Received: {list(inputs)}"
                )
            inputs = [inputs[name] for name in names]
        given = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        parts = [layer(item) for layer, item in zip(self.dense_layers, given, strict=True)]
        total = sum(parts[1:], parts[0])
        return self.activation(total if self.bias is None else total + self.bias)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": self.dtype,
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
        }


class WideDeepModel(Model):
    """The activation of the sum of a linear and a deep model, which are trained together.

    A list of two inputs has one for each model; any other is given to both. `compile` takes a list of two optimizers,
    too: for the weights of the linear model and for those of the deep one.
    """

    def __init__(self, linear_model: Any, dnn_model: Any, activation: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.linear_model = linear_model
        self.dnn_model = dnn_model
        self.activation = activations.get(activation)

    def _optimizer_of(self, given: Any) -> Any:
        if not isinstance(given, (list, tuple)):
            return super()._optimizer_of(given)
        linear, deep = map(super()._optimizer_of, given)
        return optimizers.MultiOptimizer(
            lambda variable: linear if any(variable is own for own in self.linear_model.weights) else deep
        )

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Add the outputs of both models, which may be structures."""
        both = isinstance(inputs, (list, tuple)) and len(inputs) == 2
        linear_inputs, deep_inputs = inputs if both else (inputs, inputs)
        outputs = self.linear_model(linear_inputs), self.dnn_model(deep_inputs, training=training)
        return pytree.tree_map(lambda one, other: self.activation(one + other), *outputs)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": self.dtype,
            "linear_model": registry.layers.serialize(self.linear_model),
            "dnn_model": registry.layers.serialize(self.dnn_model),
            "activation": activations.serialize(self.activation),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> WideDeepModel:
        """Make the model, and the two in it, from the result of `get_config`."""
        models = {key: registry.layers.get(config[key], custom_objects) for key in ("linear_model", "dnn_model")}
        return cls(**{**config, **models})


registry.layers.add({"LinearModel": LinearModel, "WideDeepModel": WideDeepModel})
