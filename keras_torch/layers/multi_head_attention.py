"""MultiHeadAttention and GroupQueryAttention."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

from keras_torch import config
from keras_torch.layers.attention_parts import AttentionParts
from keras_torch.layers.headed_attention import HeadedAttention
from keras_torch.symbolic import Shape

_SHAPES = ("query_shape", "value_shape", "key_shape")


class MultiHeadAttention(AttentionParts, HeadedAttention):
    """Attention of `num_heads` heads of `key_dim` numbers each (https://arxiv.org/abs/1706.03762).

    Called as `layer(query, value, key=value)` on (batch, T, ...) and (batch, S, ...); returns (batch, T, outputs).
    `output_shape` replaces the size of the query's last axis. Inputs with more axes attend over `attention_axes`, by
    default all but the first and the last. `sliding_window` lets steps see only those less than that far away.
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            dropout,
            use_bias,
            sliding_window,
            flash_attention,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            use_gate,
            seed,
            **kwargs,
        )
        self.num_heads = self._query_heads = self._key_heads = self._size(num_heads, "num_heads")
        self.key_dim = self._key_size = self._size(key_dim, "key_dim")
        use_key_dim = value_dim is None or (value_dim == 0 and config.dialect() == "tf")
        self.value_dim = self._value_size = self.key_dim if use_key_dim else self._size(value_dim, "value_dim")
        if output_shape:
            sizes = output_shape if isinstance(output_shape, Sequence) else (output_shape,)
            self._output_sizes = tuple(self._size(size, "output_shape") for size in sizes)
        axes = (attention_axes,) if isinstance(attention_axes, numbers.Integral) else attention_axes
        if axes is not None and not (isinstance(axes, Sequence) and all(isinstance(a, numbers.Integral) for a in axes)):
            raise ValueError(
                f"Layer {self.name!r}: `attention_axes` must be an integer or integers. "
                f"Received: attention_axes={attention_axes!r}"
            )
        self.attention_axes = None if axes is None else tuple(int(axis) for axis in axes)

    def build(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> None:  # type: ignore[override]
        """Make the projections, by the method that subclasses override to make more.

        A `call` of one's own that takes no value calls that method itself.
        """
        if value_shape is not None or type(self).call is HeadedAttention.call:
            shapes = (None if shape is None else Shape(shape) for shape in (query_shape, value_shape, key_shape))
            self._build_from_signature(*shapes)
        self.built = True

    def _axes_between(self, free: int) -> tuple[int, ...]:
        if not self.attention_axes:
            return super()._axes_between(free)
        axes = tuple(axis if axis >= 0 else axis + free + 1 for axis in self.attention_axes)
        if not all(0 < axis < free for axis in axes):
            raise ValueError(
                f"Layer {self.name!r}: `attention_axes` must lie between the first and the last axis. "
                f"Received: attention_axes={self.attention_axes}, query of {free + 1} axes"
            )
        return axes

    def get_config(self) -> dict[str, Any]:
        settings = {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "output_shape": self._output_sizes,
            "attention_axes": self.attention_axes,
        }
        if config.dialect() == "tf":
            # Keras 2.15 cannot do without them, Keras 3 refuses them: no file with this layer suits both.
            settings |= {name: shape and tuple(shape) for name, shape in zip(_SHAPES, self._shapes, strict=True)}
        return settings

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Make a layer from a config; from one of Keras 2.15, which holds the shapes of the inputs, a built one."""
        shapes = [_plain_shape(config.get(name)) for name in _SHAPES]
        rest = {key: value for key, value in config.items() if key not in _SHAPES}
        layer = super().from_config(rest, custom_objects)
        if None not in shapes:
            layer._build_once(*shapes)
        return layer


def _plain_shape(shape: Any) -> tuple[int | None, ...] | None:
    """Return a shape that Keras 2.15 may have written as a TensorShape."""
    shape = shape.get("items") if isinstance(shape, dict) else shape
    return None if shape is None else tuple(shape)


class GroupQueryAttention(HeadedAttention):
    """Multi-head attention whose query heads share fewer key and value heads (https://arxiv.org/abs/2305.13245).

    Called as MultiHeadAttention, on inputs of three axes. ValueError unless `num_query_heads` is a multiple of
    `num_key_value_heads`.
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            dropout,
            use_bias,
            sliding_window,
            flash_attention,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            use_gate,
            seed,
            **kwargs,
        )
        self.head_dim = self._key_size = self._value_size = self._size(head_dim, "head_dim")
        self.num_query_heads = self._query_heads = self._size(num_query_heads, "num_query_heads")
        self.num_key_value_heads = self._key_heads = self._size(num_key_value_heads, "num_key_value_heads")
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                f"Layer {self.name!r}: `num_query_heads` must be a multiple of `num_key_value_heads`. Received: "
                f"num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}"
            )

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:  # type: ignore[override]
        """Make the projections. ValueError for inputs of more or fewer than three axes."""
        for shape in (query_shape, value_shape, key_shape):
            if shape is not None and len(shape) != 3:
                raise ValueError(
                    f"Layer {self.name!r}: GroupQueryAttention takes inputs (batch, steps, features). "
                    f"Received: shape {tuple(shape)}"
                )
        super().build(query_shape, value_shape, key_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "head_dim": self.head_dim,
            "num_query_heads": self.num_query_heads,
            "num_key_value_heads": self.num_key_value_heads,
        }
