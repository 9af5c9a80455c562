"""`keras.quantizers`: arithmetic of quantized values. Quantized layers of Keras do not exist here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from keras_torch import config
from keras_torch.backend.devices import together
from keras_torch.errors import NeedsAnotherBackend
from keras_torch.ops.arguments import axes, convert, floating, operation

__all__ = [
    "AWQConfig",
    "AbsMaxQuantizer",
    "Float8QuantizationConfig",
    "GPTQConfig",
    "Int4QuantizationConfig",
    "Int8QuantizationConfig",
    "QuantizationConfig",
    "Quantizer",
    "abs_max_quantize",
    "abs_max_quantize_grouped_with_zero_point",
    "compute_float8_amax_history",
    "compute_float8_scale",
    "deserialize",
    "fake_quant_with_min_max_vars",
    "get",
    "pack_int4",
    "quantize_and_dequantize",
    "serialize",
    "unpack_int4",
]


class QuantizationConfig(NeedsAnotherBackend):
    """Keras 3's description of how layers are quantized. Raises."""

    needs = "Keras's quantized layers"
    instead = "Use `torchao.quantize_(model, ...)`, which quantizes the torch modules inside the model."


class Int8QuantizationConfig(QuantizationConfig):
    """Keras 3's description of layers in int8. Raises."""


class Int4QuantizationConfig(QuantizationConfig):
    """Keras 3's description of layers in int4. Raises."""


class Float8QuantizationConfig(QuantizationConfig):
    """Keras 3's description of layers in float8. Raises."""


class GPTQConfig(QuantizationConfig):
    """Keras 3's description of quantization by GPTQ. Raises."""


class AWQConfig(QuantizationConfig):
    """Keras 3's description of quantization by AWQ. Raises."""


class Quantizer:
    """Base of what turns values into integers; subclasses define `__call__`."""

    def __init__(self, output_dtype: str = "int8") -> None:
        self.output_dtype = output_dtype

    def __call__(self, x: Any) -> Any:
        return x

    def get_config(self) -> dict[str, Any]:
        """Return the arguments. Subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} defines no `get_config`.")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Quantizer:
        """Make a quantizer from `get_config`."""
        return cls(**config)


class AbsMaxQuantizer(Quantizer):
    """`abs_max_quantize` with its arguments."""

    def __init__(
        self,
        axis: Any = None,
        value_range: tuple[int, int] = (-127, 127),
        epsilon: float | None = None,
        output_dtype: str = "int8",
    ) -> None:
        super().__init__(output_dtype)
        self.axis = (axis,) if isinstance(axis, int) else axis if axis is None else tuple(axis)
        self.value_range = (value_range[0], value_range[1])
        self.epsilon = config.epsilon() if epsilon is None else epsilon

    def __call__(self, x: Any, axis: Any = None, to_numpy: bool = False) -> Any:
        """Return the integers and their scale."""
        axis = self.axis if axis is None else axis
        return abs_max_quantize(x, axis, self.value_range, self.output_dtype, self.epsilon, to_numpy)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "axis": self.axis,
            "value_range": self.value_range,
            "epsilon": self.epsilon,
            "output_dtype": self.output_dtype,
        }


def abs_max_quantize(
    inputs: Any,
    axis: Any,
    value_range: tuple[int, int] = (-127, 127),
    dtype: str = "int8",
    epsilon: float | None = None,
    to_numpy: bool = False,
) -> Any:
    """Return whole numbers and the scale that leads to them: the largest absolute value along `axis` is the last one.

    `inputs` are about the numbers divided by the scale.
    """
    x = floating(inputs)
    working = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    largest = working.abs().amax(axes(working, axis), keepdim=True)
    scale = value_range[1] / (largest + (config.epsilon() if epsilon is None else epsilon))
    found = (working * scale).round().clamp(*value_range).to(config.torch_dtype(dtype))
    scale = scale.to(x.dtype)
    return (found.cpu().numpy(), scale.detach().cpu().numpy()) if to_numpy else (found, scale)


def abs_max_quantize_grouped_with_zero_point(*args: Any, **kwargs: Any) -> Any:
    """Raise: groups of weights belong to Keras's layers in int4."""
    raise NotImplementedError(
        "`abs_max_quantize_grouped_with_zero_point` serves Keras's layers in int4, which do not exist here. Use "
        "`abs_max_quantize`, or `torchao.quantize_(model, ...)`."
    )


@operation
def fake_quant_with_min_max_vars(
    inputs: Any, min_vals: Any, max_vals: Any, num_bits: int = 8, narrow_range: bool = False, axis: int | None = None
) -> Any:
    """Round to one of `2**num_bits` values from `min_vals` to `max_vals`, moved so that 0 is one of them.

    With `axis` limits are one a slice. Gradients go through where nothing was cut off (`torch.fake_quantize_*`).
    """
    x = floating(inputs)
    low, high = (floating(item).to(x.device, torch.float32) for item in (min_vals, max_vals))
    first, last = int(narrow_range), 2**num_bits - 1
    scale = (high - low) / (last - first)
    zero = (first - low / scale).round().clamp(first, last).to(torch.int32)
    if axis is None:
        return torch.fake_quantize_per_tensor_affine(x, scale.reshape(()), zero.reshape(()), first, last)
    return torch.fake_quantize_per_channel_affine(x, scale.reshape(-1), zero.reshape(-1), axis % x.dim(), first, last)


@together
def compute_float8_scale(amax: Any, scale: Any, dtype_max: float, margin: int = 0) -> Any:
    """Return the scale of values whose largest is `amax` in a float8 type; the old one where that is unknown."""
    amax, scale = floating(amax), floating(scale)
    found = (dtype_max / amax) / 2**margin
    found = torch.where(amax > 0, found, 1.0 / scale)
    return 1.0 / torch.where(torch.isfinite(amax), found, 1.0 / scale)


def compute_float8_amax_history(x: Any, amax_history: Any) -> Any:
    """Return the largest absolute values of the last steps, with that of `x` first."""
    history = floating(amax_history)
    found = torch.roll(history, -1)
    found[0] = floating(x).abs().max().to(found.dtype)
    return found


@together
def quantize_and_dequantize(inputs: Any, scale: Any, quantized_dtype: Any, compute_dtype: Any) -> Any:
    """Return values as a float8 type holds them, divided by `scale` and multiplied again."""
    kind = quantized_dtype if isinstance(quantized_dtype, torch.dtype) else getattr(torch, str(quantized_dtype))
    x, scale = floating(inputs), floating(scale)
    limits = torch.finfo(kind)
    scaled = (x / scale.to(x.dtype)).clamp(limits.min, limits.max).to(kind)
    result = config.torch_dtype(compute_dtype)
    return scaled.to(result) * scale.to(result)


def pack_int4(arr: Any, axis: int = 0, dtype: str = "int8") -> Any:
    """Return two 4 bit numbers a byte along an axis, the packed shape, and the length before.

    `dtype` is "int8" or "uint8" as the numbers were.
    """
    x = convert(arr)
    if dtype not in ("int8", "uint8"):
        raise ValueError(f"`dtype` must be 'int8' or 'uint8'. Received: dtype={dtype!r}")
    length = x.shape[axis]
    x = x.movedim(axis, 0).to(torch.int16)
    x = torch.cat((x, x.new_zeros((length % 2, *x.shape[1:]))))
    packed = (x[::2] & 15) | ((x[1::2] & 15) << 4)
    packed = packed.to(torch.uint8)
    packed = (packed.view(torch.int8) if dtype == "int8" else packed).movedim(0, axis)
    return packed, tuple(packed.shape), length


def unpack_int4(packed: Any, orig_len: int, axis: int = 0, dtype: str = "int8") -> Any:
    """Return the numbers that `pack_int4` packed."""
    x = convert(packed)
    if dtype not in ("int8", "uint8"):
        raise ValueError(f"`dtype` must be 'int8' or 'uint8'. Received: dtype={dtype!r}")
    x = x.movedim(axis, 0).to(torch.int16) & 255
    found = torch.stack((x & 15, x >> 4), 1).flatten(0, 1)[:orig_len]
    found = torch.where(found > 7, found - 16, found) if dtype == "int8" else found
    return found.to(config.torch_dtype(dtype)).movedim(0, axis)


def serialize(initializer: Any) -> dict[str, Any]:
    """Return the config of a quantizer."""
    kind = type(initializer)
    return {
        "module": "keras.quantizers",
        "class_name": kind.__name__,
        "config": initializer.get_config(),
        "registered_name": None,
    }


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the quantizer of a config."""
    known = {"AbsMaxQuantizer": AbsMaxQuantizer, "abs_max_quantizer": AbsMaxQuantizer, **(custom_objects or {})}
    name = config["class_name"] if isinstance(config, Mapping) else config
    if name not in known:
        raise ValueError(f"Unknown quantizer: {name!r}. Known: {sorted(known)}")
    return known[name](**(config.get("config", {}) if isinstance(config, Mapping) else {}))


def get(identifier: Any, **kwargs: Any) -> Any:
    """Return the quantizer of a name, a config or an instance; None for None."""
    if identifier is None or isinstance(identifier, Quantizer):
        return identifier
    if isinstance(identifier, (str, Mapping)):
        return deserialize(identifier)
    if callable(identifier):
        return identifier(**kwargs) if isinstance(identifier, type) else identifier
    raise ValueError(f"Could not interpret the quantizer. Received: {identifier!r}")
