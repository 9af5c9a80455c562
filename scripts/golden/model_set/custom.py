"""Custom classes and functions: layers, losses, metrics, whole models, registered or passed as `custom_objects`.

Their arithmetic is operators on tensors, so that it runs on TensorFlow and torch.
"""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import numpy as np

from model_set import KERAS_3, Entry, numbers

PACKAGE = "golden"


@functools.cache
def classes(keras: Any) -> SimpleNamespace:
    """The custom classes of one Keras; all but `Unregistered` ones are registered."""
    layers = keras.layers
    scope = getattr(keras, "name_scope", None) or keras.backend.name_scope
    found = SimpleNamespace()

    def build(layer, shape):
        """Build a layer inside another; Keras 2 names weights by the scope they are made in."""
        with scope(layer.name):
            layer.build(shape)

    def registered(item):
        setattr(found, item.__name__, item)
        return keras.saving.register_keras_serializable(PACKAGE)(item)

    @registered
    class Scale(layers.Layer):
        """Multiplies by a weight per feature; `power` is a plain argument."""

        def __init__(self, power=1, initializer="ones", **kwargs):
            super().__init__(**kwargs)
            self.power = power
            self.initializer = keras.initializers.get(initializer)

        def build(self, input_shape):
            self.scale = self.add_weight(name="scale", shape=(input_shape[-1],), initializer=self.initializer)
            self.shift = self.add_weight(name="shift", shape=(1,), initializer="zeros", trainable=False)
            super().build(input_shape)

        def call(self, inputs):
            return inputs * self.scale**self.power + self.shift

        def get_config(self):
            mine = {"power": self.power, "initializer": keras.initializers.serialize(self.initializer)}
            return {**super().get_config(), **mine}

    @registered
    class Tower(layers.Layer):
        """Layers in a list, in a dict and in a list of lists, and one that is made in `build`."""

        def __init__(self, units, activation=None, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.activation = keras.activations.get(activation)
            self.steps = [layers.Dense(units), layers.BatchNormalization(), layers.Dense(units)]
            self.heads = {"low": layers.Dense(units), "high": Scale(2)}

        def build(self, input_shape):
            shape = tuple(input_shape)
            for step in self.steps:
                build(step, shape)
                shape = (*shape[:-1], self.units)
            for head in self.heads.values():
                build(head, shape)
            self.late = layers.Dense(1, use_bias=False, name="late")
            build(self.late, shape)
            super().build(input_shape)

        def call(self, inputs, training=None):
            x = self.steps[0](inputs)
            x = self.activation(self.steps[1](x, training=training))
            x = self.steps[2](x)
            return self.heads["low"](x) + self.heads["high"](x) * self.late(x)

        def compute_output_shape(self, input_shape):
            return (*input_shape[:-1], self.units)

        def get_config(self):
            mine = {"units": self.units, "activation": keras.activations.serialize(self.activation)}
            return {**super().get_config(), **mine}

    @registered
    class Store(layers.Layer):
        """Says itself how its weights are stored."""

        def build(self, input_shape):
            self.table = self.add_weight(name="table", shape=(input_shape[-1], 2), initializer="glorot_uniform")
            self.count = self.add_weight(name="count", shape=(), initializer="zeros", trainable=False)
            super().build(input_shape)

        def call(self, inputs):
            return inputs @ (self.table * 1.0) + self.count

        def compute_output_shape(self, input_shape):
            return (*input_shape[:-1], 2)

        def save_own_variables(self, store):
            store["table"] = np.asarray(self.get_weights()[0])
            store["count"] = np.asarray(self.get_weights()[1])

        def load_own_variables(self, store):
            self.set_weights([np.asarray(store["table"]), np.asarray(store["count"])])

    @registered
    class Doubled(layers.Wrapper):
        """A wrapper: the layer it holds is applied twice."""

        def build(self, input_shape):
            if not self.layer.built:
                build(self.layer, input_shape)
            super().build(input_shape)

        def call(self, inputs):
            return self.layer(self.layer(inputs))

        def compute_output_shape(self, input_shape):
            return input_shape

    @registered
    class Wide(layers.Dense):
        """A built-in class with one more argument."""

        def __init__(self, units, gain=1.0, **kwargs):
            super().__init__(units, **kwargs)
            self.gain = gain

        def call(self, inputs):
            return super().call(inputs) * self.gain

        def get_config(self):
            return {**super().get_config(), "gain": self.gain}

    @registered
    def bent(x):
        return x * 0.9 + 0.1

    @registered
    class Third(keras.initializers.Initializer):
        def __init__(self, value=3.0):
            self.value = value

        def __call__(self, shape, dtype=None, **kwargs):
            return keras.initializers.Constant(1.0 / self.value)(shape, dtype=dtype)

        def get_config(self):
            return {"value": self.value}

    @registered
    class Gap(keras.losses.Loss):
        def __init__(self, power=2, name="gap", **kwargs):
            super().__init__(name=name, **kwargs)
            self.power = power

        def call(self, y_true, y_pred):
            return (y_true - y_pred) ** self.power

        def get_config(self):
            return {**super().get_config(), "power": self.power}

    @registered
    def distance(y_true, y_pred):
        return (y_true - y_pred) ** 2 * 0.5

    @registered
    def gap(y_true, y_pred):
        return keras.losses.mean_squared_error(y_true, y_pred) * 0.5

    @registered
    class Offset(keras.metrics.Mean):
        def __init__(self, base=0.0, name="offset", **kwargs):
            super().__init__(name=name, **kwargs)
            self.base = base

        def update_state(self, y_true, y_pred, sample_weight=None):
            values = keras.losses.mean_absolute_error(y_true, y_pred) + self.base
            return super().update_state(values, sample_weight=sample_weight)

        def get_config(self):
            return {**super().get_config(), "base": self.base}

    @registered
    class Halving(keras.optimizers.schedules.LearningRateSchedule):
        def __init__(self, start=0.1):
            self.start = start

        def __call__(self, step):
            return self.start / (1.0 + step * 0.5) if isinstance(step, (int, float)) else self._of(step)

        def _of(self, step):
            return self.start / (1.0 + keras.ops.cast(step, "float32") * 0.5)

        def get_config(self):
            return {"start": self.start}

    @registered
    class Twin(keras.Model):
        """A subclassed model with layers of its own, in a list, and a weight."""

        def __init__(self, units=3, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.first = layers.Dense(units, activation="tanh")
            self.blocks = [Tower(units, "tanh"), keras.Sequential([layers.Dense(units), layers.BatchNormalization()])]
            self.last = layers.Dense(1)

        def call(self, inputs, training=None):
            x = self.first(inputs)
            for block in self.blocks:
                x = block(x, training=training)
            return self.last(x)

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    @registered
    class Reported(keras.Model):
        """A functional model of another class."""

        def total(self):
            return len(self.layers)

    class Unregistered(Scale):
        pass

    class Loose(keras.Model):
        """A subclassed model that nothing knows how to make again: for weights alone."""

        def __init__(self):
            super().__init__()
            self.recurrent = layers.Bidirectional(layers.LSTM(2))
            self.heads = {"b": layers.Dense(1), "a": layers.Dense(1)}
            self.inner = Twin(2)

        def call(self, inputs):
            x = self.recurrent(inputs)
            return self.heads["a"](x) + self.heads["b"](x) * self.inner(x)

    found.Unregistered, found.Loose = Unregistered, Loose
    return found


def register(keras: Any) -> None:
    """Register the classes once more, after something cleared the registry."""
    for name, item in vars(classes(keras)).items():
        if name not in ("Unregistered", "Loose"):
            keras.saving.register_keras_serializable(PACKAGE)(item)


def _compiled(keras, model, loss="mse", **more):
    model.compile(keras.optimizers.SGD(learning_rate=0.05, momentum=0.9), loss, **more)
    return model


def custom_layers(keras, version):
    """Layers with weights of their own and with layers in lists and dicts, and a subclass of a built-in layer."""
    own, layers = classes(keras), keras.layers
    source = keras.Input((4,), name="source")
    x = own.Scale(2, initializer=own.Third(2.0), name="scale")(source)
    x = own.Tower(3, activation="tanh", name="tower")(x)
    x = own.Wide(3, gain=0.5, activation=own.bent, kernel_initializer=own.Third(), name="wide")(x)
    x = own.Doubled(layers.Dense(3, name="inner"), name="doubled")(x)
    model = keras.Model(source, layers.Dense(1, name="score")(x), name="custom_layers")
    return _compiled(keras, model), numbers(1, 6, 4), numbers(2, 6, 1)


def custom_storage(keras, version):
    """A layer that says itself how its weights are stored."""
    own, layers = classes(keras), keras.layers
    source = keras.Input((4,), name="source")
    model = keras.Model(source, own.Store(name="store")(layers.Dense(3, name="dense")(source)), name="custom_storage")
    return _compiled(keras, model), numbers(3, 6, 4), numbers(4, 6, 2)


def custom_compiled(keras, version):
    """Losses and metrics of the user."""
    own, layers = classes(keras), keras.layers
    source = keras.Input((4,), name="source")
    outputs = [layers.Dense(2, name="left")(source), layers.Dense(2, name="right")(source)]
    model = keras.Model(source, outputs, name="custom_compiled")
    _compiled(keras, model, [own.Gap(4), own.distance], metrics=[[own.Offset(0.5)], [own.gap, "mae"]])
    return model, numbers(5, 6, 4), [numbers(6, 6, 2), numbers(7, 6, 2)]


def custom_schedule(keras, version):
    """A learning rate that a class of the user computes."""
    own = classes(keras)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="dense")], name="custom_schedule")
    model.compile(keras.optimizers.SGD(own.Halving(0.2), momentum=0.5), "mse")
    return model, numbers(8, 6, 3), numbers(9, 6, 2)


def custom_passed(keras, version):
    """A class that is not registered, and comes by `custom_objects`."""
    own = classes(keras)
    source = keras.Input((3,), name="source")
    model = keras.Model(source, own.Unregistered(1, name="scale")(source), name="custom_passed")
    return _compiled(keras, model), numbers(10, 6, 3), numbers(11, 6, 3)


def functional_subclass(keras, version):
    """A functional model whose class is the user's."""
    own = classes(keras)
    source = keras.Input((3,), name="source")
    model = own.Reported(source, keras.layers.Dense(2, name="dense")(source), name="reported")
    return _compiled(keras, model, metrics=["mae"]), numbers(12, 6, 3), numbers(13, 6, 2)


def subclassed(keras, version):
    """A registered subclass with a config."""
    model = classes(keras).Twin(3, name="twin")
    x = numbers(14, 6, 4)
    model(x)
    return _compiled(keras, model), x, numbers(15, 6, 1)


def subclassed_inside(keras, version):
    """A subclassed model as a layer of a functional one."""
    source = keras.Input((4,), name="source")
    x = classes(keras).Twin(2, name="twin")(source)
    model = keras.Model(source, keras.layers.Dense(1, name="score")(x), name="around")
    return _compiled(keras, model), numbers(16, 6, 4), numbers(17, 6, 1)


def loose(keras, version):
    """A subclass without a config: its weights alone can be stored."""
    model = classes(keras).Loose()
    x = numbers(18, 4, 3, 2)
    model(x)
    return _compiled(keras, model), x, numbers(19, 4, 1)


def _passed(keras: Any) -> dict[str, Any]:
    return {"Unregistered": classes(keras).Unregistered}


def _reported(keras: Any) -> dict[str, Any]:
    # In .h5 files Keras 3 writes the bare name of a model's class.
    return {"Reported": classes(keras).Reported}


WEIGHTS = ("weights.h5", "weights")
MODELS = {
    "custom-layers": Entry(custom_layers),
    "custom-storage": Entry(custom_storage, formats=("keras", "weights.h5")),
    "custom-compiled": Entry(custom_compiled),
    "custom-schedule": Entry(custom_schedule, keras=KERAS_3),
    "custom-passed": Entry(custom_passed, objects=_passed),
    "functional-subclass": Entry(functional_subclass, objects=_reported),
    "subclassed": Entry(subclassed, formats=("keras", *WEIGHTS)),
    "subclassed-inside": Entry(subclassed_inside),
    "loose": Entry(loose, formats=WEIGHTS),
}
