"""Keras 1 and 2's helpers for tests of one's own layers: random data, and the round a layer is sent through."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_torch import backend, registry
from keras_torch.layers import Input
from keras_torch.legacy import translated
from keras_torch.models import Model, Sequential

__all__ = ["get_test_data", "keras_test", "layer_test"]

Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@translated("get_test_data")
def get_test_data(
    num_train: int = 1000,
    num_test: int = 500,
    input_shape: tuple[int, ...] = (10,),
    output_shape: tuple[int, ...] = (2,),
    classification: bool = True,
    num_classes: int = 2,
) -> Split:
    """Return random `(x_train, y_train), (x_test, y_test)`: normal values around the class, or around a number.

    The targets are the classes, or normal values of `output_shape` around the same number.
    """
    count = num_train + num_test
    center: np.ndarray
    y: np.ndarray
    if classification:
        center = y = np.random.randint(0, num_classes, size=(count,))
    else:
        center = np.random.random((count,))
        y = np.stack([np.random.normal(place, 0.7, size=output_shape) for place in center])
    x = np.stack([np.random.normal(place, 0.7, size=input_shape) for place in center])
    return (x[:num_train], y[:num_train]), (x[num_train:], y[num_train:])


def keras_test(func: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a test so that layer names and seeds are counted anew behind it."""

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return func(*args, **kwargs)
        finally:
            backend.clear_session()

    return wrapper


def _require(holds: bool, layer: Any, what: str) -> None:
    if not holds:
        raise AssertionError(f"Layer {layer.name!r} of class {type(layer).__name__}: {what}")


def layer_test(
    layer_cls: Any,
    kwargs: dict[str, Any] | None = None,
    input_shape: tuple[int | None, ...] | None = None,
    input_dtype: str | None = None,
    input_data: Any = None,
    expected_output: Any = None,
    expected_output_dtype: str | None = None,
    fixed_batch_size: bool = False,
) -> np.ndarray:
    """Check a layer class in models, with its weights, its config and training; return what it computes.

    Sizes that are None in `input_shape` (batch size first) are drawn at random, as is the data unless given.
    AssertionError says what does not hold.
    """
    if input_data is None:
        if input_shape is None:
            raise ValueError("`layer_test` needs `input_shape` or `input_data`. Received neither.")
        sizes = [np.random.randint(1, 4) if size is None else size for size in input_shape]
        input_dtype = input_dtype or backend.floatx()
        input_data = 10 * np.random.random(sizes).astype(input_dtype)
    shape = tuple(input_data.shape) if input_shape is None else tuple(input_shape)
    input_dtype = input_dtype or str(input_data.dtype)
    layer = layer_cls(**(kwargs or {}))
    size: dict[str, Any] = {"batch_shape": shape} if fixed_batch_size else {"shape": shape[1:]}
    x = Input(dtype=input_dtype, **size)
    y = layer(x)
    _require(
        expected_output_dtype is None or backend.dtype(y) == expected_output_dtype,
        layer,
        f"the dtype of its output must be {expected_output_dtype}. Received: {backend.dtype(y)}",
    )
    layer.set_weights(layer.get_weights())
    model = Model(x, y)
    output = model.predict(input_data)
    _compare(layer, output, layer.compute_output_shape(shape), expected_output)
    again = Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again.predict(input_data), output, rtol=1e-3, atol=1e-5)
    sequential = Sequential([layer_cls.from_config(_with_input(layer, shape, input_dtype))])
    sequential.set_weights(model.get_weights())
    found = sequential.predict(input_data)
    _compare(layer, found, layer.compute_output_shape(shape), expected_output)
    sequential.compile("rmsprop", "mse")
    sequential.train_on_batch(input_data, found)
    registry.layers.from_dict(
        {"class_name": layer_cls.__name__, "config": layer.get_config()}, {layer_cls.__name__: layer_cls}
    )
    return found


def _with_input(layer: Any, shape: tuple[int | None, ...], dtype: str) -> dict[str, Any]:
    return {**layer.get_config(), "batch_input_shape": (None, *shape[1:]), "name": f"{layer.name}_in_sequential"}


def _compare(layer: Any, output: np.ndarray, shape: tuple[int | None, ...], expected: Any) -> None:
    """Check an output against the shape that the layer foretells, and against the expected values if there are any."""
    agree = len(shape) == output.ndim and all(a is None or a == b for a, b in zip(shape, output.shape, strict=False))
    _require(agree, layer, f"`compute_output_shape` gives {tuple(shape)}, but the output has the shape {output.shape}")
    if expected is not None:
        np.testing.assert_allclose(output, expected, rtol=1e-3)
