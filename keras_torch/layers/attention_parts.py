"""Parts of MultiHeadAttention under the names that subclasses written for Keras use."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from keras_torch.layers.advanced_activations import Softmax
from keras_torch.layers.noise import Dropout

_OF_PROJECTIONS = (
    *("kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer"),
    *("kernel_constraint", "bias_constraint"),
)


def _setting(name: str) -> property:
    return property(lambda self: getattr(self, name))


class AttentionParts:
    """What a `call` of one's own is made of: equations, sizes, the softmax and the dropout.

    `einsum(_dot_product_equation, key, query)` gives scores (batch, heads, T, S), and
    `einsum(_combine_equation, scores, value)` what they attend to.
    """

    _num_heads = _setting("num_heads")
    _key_dim = _setting("key_dim")
    _value_dim = _setting("value_dim")
    _use_bias = _setting("use_bias")
    _dropout = _setting("dropout")
    _kernel_initializer = _setting("kernel_initializer")
    _bias_initializer = _setting("bias_initializer")
    _kernel_regularizer = _setting("kernel_regularizer")
    _bias_regularizer = _setting("bias_regularizer")
    _kernel_constraint = _setting("kernel_constraint")
    _bias_constraint = _setting("bias_constraint")

    @property
    def _dot_product_equation(self) -> str:
        query, key, scores = self._score_equation.replace("->", ",").split(",")  # type: ignore[attr-defined]
        return f"{key},{query}->{scores}"

    @property
    def _combine_equation(self) -> str:
        return self._output_equation  # type: ignore[attr-defined]

    @property
    def _output_shape(self) -> tuple[int, ...] | None:
        return self._output_sizes  # type: ignore[attr-defined]

    @property
    def _activity_regularizer(self) -> Any:
        return self._dense_regularizer  # type: ignore[attr-defined]

    @property
    def _query_shape(self) -> Any:
        return self._shapes[0]  # type: ignore[attr-defined]

    @property
    def _value_shape(self) -> Any:
        return self._shapes[1]  # type: ignore[attr-defined]

    @property
    def _key_shape(self) -> Any:
        return self._shapes[2]  # type: ignore[attr-defined]

    @property
    def _softmax(self) -> Softmax:
        count = len(self._axes)  # type: ignore[attr-defined]
        return self._part("softmax", lambda: Softmax(-1 if count == 1 else list(range(-count, 0))))

    @property
    def _dropout_layer(self) -> Dropout:
        return self._part("dropout_layer", lambda: Dropout(self.dropout, seed=self.seed))  # type: ignore[attr-defined]

    def _part(self, name: str, make: Any) -> Any:
        """Return a layer without weights, made when asked for, and not counted among the layers inside."""
        parts = self.__dict__.setdefault("_parts", {})
        if name not in parts:
            parts[name] = make()
        return parts[name]

    def _masked_softmax(self, attention_scores: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Return the weights for scores, none where the mask (batch, T, S) is False."""
        if attention_mask is not None:
            for _ in range(attention_scores.dim() - attention_mask.dim()):
                attention_mask = attention_mask.unsqueeze(-len(self._axes) * 2 - 1)  # type: ignore[attr-defined]
        return self._softmax(attention_scores, mask=attention_mask)

    def _get_common_kwargs_for_sublayer(self) -> dict[str, Any]:
        """Return the settings that the projections share, for another one."""
        return {
            **{name: getattr(self, name) for name in _OF_PROJECTIONS},
            "activity_regularizer": self._activity_regularizer,
            "dtype": self.dtype_policy,  # type: ignore[attr-defined]
        }
