"""Base classes and helpers that packages import from the files of Keras's layers, for layers of their own."""

from __future__ import annotations

from typing import Any

from keras_torch import backend
from keras_torch.engine import Layer
from keras_torch.layers.convolution_base import BaseConvolution
from keras_torch.layers.convolutional import Conv as AnyConv
from keras_torch.layers.dropout_masks import DropoutMasks
from keras_torch.layers.noise import Noise
from keras_torch.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
    GlobalPooling,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
    Pooling,
)
from keras_torch.layers.separable import DepthwiseConv as AnyDepthwiseConv


class _Kind(type):
    """Our layers count as instances of the base that they had in Keras, and their classes as subclasses of it."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return super().__instancecheck__(instance) or isinstance(instance, cls.__dict__.get("_stands_for", ()))

    def __subclasscheck__(cls, subclass: type) -> bool:
        return super().__subclasscheck__(subclass) or issubclass(subclass, cls.__dict__.get("_stands_for", ()))


class Conv(AnyConv, metaclass=_Kind):
    """A convolution over `rank` axes, which come first: `Conv(rank, filters, kernel_size, ...)`."""

    _stands_for = BaseConvolution

    def __init__(self, rank: int, *args: Any, **kwargs: Any) -> None:
        self.rank = rank
        super().__init__(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {"rank": self.rank, **super().get_config()}


class DepthwiseConv(AnyDepthwiseConv, metaclass=_Kind):
    """A depthwise convolution over `rank` axes, which come first."""

    _stands_for = AnyDepthwiseConv

    def __init__(self, rank: int, *args: Any, **kwargs: Any) -> None:
        self.rank = rank
        super().__init__(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {"rank": self.rank, **super().get_config()}


class _Pooling(Pooling):
    """Keras 2's base of pooling layers: subclasses define `_pooling_function`, which is told all by name."""

    def _pooling_function(self, inputs: Any, **window: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define `_pooling_function(inputs, pool_size, ...)`.")

    def call(self, inputs: Any) -> Any:
        # Sequences were pooled as images of width 1.
        extra = (1,) if self.rank == 1 else ()
        output = self._pooling_function(
            inputs=inputs.unsqueeze(self._unit_axis) if extra else inputs,
            pool_size=self.pool_size + extra,
            strides=self.strides + extra,
            padding=self.padding,
            data_format=self.data_format,
        )
        return output.squeeze(self._unit_axis) if extra else output

    @property
    def _unit_axis(self) -> int:
        return 2 if self.data_format == "channels_last" else 3


class _Pooling1D(_Pooling, metaclass=_Kind):
    rank = 1
    _stands_for = (MaxPooling1D, AveragePooling1D)


class _Pooling2D(_Pooling, metaclass=_Kind):
    rank = 2
    _stands_for = (MaxPooling2D, AveragePooling2D)


class _Pooling3D(_Pooling, metaclass=_Kind):
    rank = 3
    _stands_for = (MaxPooling3D, AveragePooling3D)


class GlobalPooling1D(GlobalPooling, metaclass=_Kind):
    """Base of layers that reduce time; subclasses define `call`."""

    rank = 1
    _stands_for = (GlobalMaxPooling1D, GlobalAveragePooling1D)


class GlobalPooling2D(GlobalPooling, metaclass=_Kind):
    """Base of layers that reduce images; subclasses define `call`."""

    rank = 2
    _stands_for = (GlobalMaxPooling2D, GlobalAveragePooling2D)


class GlobalPooling3D(GlobalPooling, metaclass=_Kind):
    """Base of layers that reduce volumes; subclasses define `call`."""

    rank = 3
    _stands_for = (GlobalMaxPooling3D, GlobalAveragePooling3D)


class BaseRandomLayer(Noise):
    """Base of random layers in tf.keras 2.9 to 2.15; how the numbers are drawn is torch's affair."""

    compute_output_shape = Layer.compute_output_shape

    def __init__(self, seed: int | None = None, force_generator: bool = False, rng_type: Any = None, **kwargs: Any):
        super().__init__(seed=seed, **kwargs)

    def _operations(self) -> int:
        return 0


def _generate_dropout_mask(ones: Any, rate: float, training: Any = None, count: int = 1) -> Any:
    """Return `ones` with a share of them dropped while training, or a list of `count` such masks."""

    def dropped() -> Any:
        return backend.dropout(ones, rate)

    masks = [backend.in_train_phase(dropped, ones, training=training) for _ in range(count)]
    return masks if count > 1 else masks[0]


def _generate_dropout_ones(inputs: Any, dims: int) -> Any:
    """Return ones of `dims` columns, for `_generate_dropout_mask`, in as many rows as the inputs have."""
    return backend.ones((backend.shape(inputs)[0], dims))


def _standardize_args(inputs: Any, initial_state: Any, constants: Any, num_constants: Any) -> tuple[Any, Any, Any]:
    """Tell the inputs of a recurrent layer from the states and constants that may stand behind them in one list."""
    if isinstance(inputs, list):
        if initial_state is not None or constants is not None:
            raise ValueError(
                "A list of inputs holds the initial states and constants itself. "
                f"Received: initial_state={initial_state!r}, constants={constants!r}"
            )
        end = len(inputs) - (num_constants or 0)
        constants = inputs[end:] or None
        initial_state = inputs[1:end] or None
        inputs = inputs[0]
    return inputs, _listed(initial_state), _listed(constants)


def _listed(x: Any) -> Any:
    return x if x is None or isinstance(x, list) else list(x) if isinstance(x, tuple) else [x]


DropoutRNNCell = DropoutRNNCellMixin = DropoutMasks
BaseConv = _Conv = Conv
BaseDepthwiseConv = DepthwiseConv
_GlobalPooling1D, _GlobalPooling2D, _GlobalPooling3D = GlobalPooling1D, GlobalPooling2D, GlobalPooling3D

__all__ = [
    "BaseConv",
    "BaseDepthwiseConv",
    "BaseRandomLayer",
    "Conv",
    "DepthwiseConv",
    "DropoutRNNCell",
    "DropoutRNNCellMixin",
    "GlobalPooling1D",
    "GlobalPooling2D",
    "GlobalPooling3D",
]
