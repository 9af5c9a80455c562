"""Parts of MultiHeadAttention under the names that subclasses written for Keras use."""

from __future__ import annotations

import math
import string
from typing import Any

import torch
from torch import Tensor

from keras_torch.layers.advanced_activations import Softmax
from keras_torch.layers.attention import causal_mask
from keras_torch.layers.einsum_dense import EinsumDense
from keras_torch.layers.noise import Dropout
from keras_torch.symbolic import Shape

_OF_PROJECTIONS = (
    *("kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer"),
    *("kernel_constraint", "bias_constraint"),
)


def _setting(name: str) -> property:
    return property(lambda self: getattr(self, name))


def _swapped(equation: str) -> str:
    """Return an equation of two operands for them in the other order."""
    first, second, result = equation.replace("->", ",").split(",")
    return f"{second},{first}->{result}"


class AttentionParts:
    """What a `call` of one's own is made of: equations, sizes, the softmax and the dropout.

    `einsum(_dot_product_equation, key, query)` gives scores (batch, heads, T, S), and
    `einsum(_combine_equation, scores, value)` what they attend to.
    """

    _score_equation: str
    _output_equation: str
    _has_own_parts: bool
    dtype_policy: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._has_own_parts = cls._masked_softmax is not AttentionParts._masked_softmax

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
        return _swapped(self._score_equation)

    @_dot_product_equation.setter
    def _dot_product_equation(self, equation: str) -> None:
        self._score_equation, self._has_own_parts = _swapped(equation), True

    @property
    def _combine_equation(self) -> str:
        return self._output_equation

    @_combine_equation.setter
    def _combine_equation(self, equation: str) -> None:
        self._output_equation, self._has_own_parts = equation, True

    @property
    def _output_shape(self) -> list[int] | None:
        return self._output_sizes and list(self._output_sizes)  # type: ignore[attr-defined]

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
    def _attention_axes(self) -> tuple[int, ...]:
        return self._axes  # type: ignore[attr-defined]

    @property
    def _built_from_signature(self) -> bool:
        """Whether the projections are there."""
        return self._query_shape is not None

    def _build_from_signature(self, query: Any, value: Any, key: Any = None) -> None:
        """Make the projections for tensors, or for their shapes."""
        shapes = [Shape(getattr(item, "shape", item)) for item in (query, value, value if key is None else key)]
        self._make_projections(*shapes)  # type: ignore[attr-defined]

    def _make_output_dense(self, free_dims: int, common_kwargs: dict[str, Any], name: str | None = None) -> EinsumDense:
        """Return a layer that projects heads, behind so many axes, to the outputs; with settings of one's own."""
        sizes = self._output_shape or (self._query_shape[-1],)
        letters = string.ascii_lowercase
        kept, joined = letters[:free_dims], letters[free_dims : free_dims + 2]
        new = letters[free_dims + 2 : free_dims + 2 + len(sizes)]
        return EinsumDense(
            f"{kept}{joined},{joined}{new}->{kept}{new}",
            output_shape=(*(None,) * (free_dims - 1), *sizes),
            bias_axes=new if self._use_bias else None,
            name=name,
            **common_kwargs,
        )

    @property
    def _softmax(self) -> Softmax:
        # Counted from the first axis, as in Keras, which scores with more axes than planned show.
        end = self._score_rank  # type: ignore[attr-defined]
        return self._part(
            "softmax", lambda: Softmax(list(range(end - len(self._attention_axes), end)), dtype=self.dtype_policy)
        )

    @property
    def _dropout_layer(self) -> Dropout:
        return self._part("dropout_layer", lambda: Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy))  # type: ignore[attr-defined]

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

    def _attend_by_parts(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Any, training: bool, causal: bool
    ) -> tuple[Tensor, Tensor]:
        """Attend with the equations, the softmax and the dropout that a subclass has put in place of ours."""
        if causal:
            earlier = causal_mask(query.shape[1], key.shape[1], query.device)
            mask = earlier if mask is None else mask & earlier
        scores = torch.einsum(self._dot_product_equation, key, query / math.sqrt(self._key_dim))
        weights = self._masked_softmax(scores, mask)
        return torch.einsum(self._combine_equation, self._dropout_layer(weights, training=training), value), weights

    def _get_common_kwargs_for_sublayer(self) -> dict[str, Any]:
        """Return the settings that the projections share, for another one."""
        return {
            **{name: getattr(self, name) for name in _OF_PROJECTIONS},
            "activity_regularizer": self._activity_regularizer,
            "dtype": self.dtype_policy,
        }
