"""What attention with several heads shares: projections around `F.scaled_dot_product_attention`."""

from __future__ import annotations

import inspect
import string
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from keras_torch import config, constraints, initializers, regularizers
from keras_torch.engine import call as call_steps
from keras_torch.engine.call import state
from keras_torch.layers.attention import as_mask, attend, causal_mask, penalty
from keras_torch.layers.einsum_dense import EinsumDense
from keras_torch.layers.noise import Noise, dropout
from keras_torch.layers.spatial import whole_numbers
from keras_torch.symbolic import Shape, unique_name

Sizes = tuple[int | None, ...]
# How many arguments `_compute_attention` takes after query, key and value.
_OWN_OPTIONS = 4
_NOT_FLASH = [SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


def _projection(name: str) -> property:
    """Return Keras's name for a layer inside, which subclasses may put another in place of."""
    return property(lambda self: getattr(self, name), lambda self, layer: setattr(self, name, layer))


class HeadedAttention(Noise):
    """Base of the attention layers that project query, key and value to heads, attend, and project back.

    The projections are the layers `query_dense`, `key_dense`, `value_dense` and `output_dense`, with `use_gate` also
    `gate_dense` (https://arxiv.org/abs/2505.06708), and by Keras's names `_query_dense` and so on. Subclasses set the
    numbers of heads and their sizes, and may override `_compute_attention`.
    """

    _query_heads: int
    _key_heads: int
    _key_size: int
    _value_size: int
    _output_sizes: tuple[int, ...] | None = None
    _axes: tuple[int, ...] = (1,)
    _general = False
    _shapes: tuple[Any, Any, Any] = (None, None, None)
    _options = _OWN_OPTIONS
    # Whether a subclass has put equations or a softmax of its own in place of ours.
    _has_own_parts = False
    _attend_by_parts: Callable[..., tuple[Tensor, Tensor]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "_compute_attention" in cls.__dict__:
            cls._options = _count_options(cls._compute_attention)

    def __init__(
        self,
        dropout: float,
        use_bias: bool,
        sliding_window: int | None,
        flash_attention: bool | None,
        kernel_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        bias_regularizer: Any,
        activity_regularizer: Any,
        kernel_constraint: Any,
        bias_constraint: Any,
        use_gate: bool,
        seed: int | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.dropout = self._checked_rate(dropout)
        self.use_bias = use_bias
        self.use_gate = use_gate
        self.sliding_window = None if sliding_window is None else self._size(sliding_window, "sliding_window")
        self._flash_argument = flash_attention
        self._flash_attention = flash_attention or config.is_flash_attention_enabled()
        if self._flash_attention and self.dropout:
            raise ValueError(
                f"Layer {self.name!r}: `dropout` must be 0 with flash attention. Received: dropout={dropout}. Call "
                "`keras.config.disable_flash_attention()` or leave `flash_attention` out."
            )
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        # The projections have it, not this layer.
        self._dense_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def _size(self, value: Any, argument: str) -> int:
        return whole_numbers(value, 1, argument, self.name)[0]

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:  # type: ignore[override]
        """Make the projections. ValueError if value and key differ in more than their last axis."""
        self._make_projections(Shape(query_shape), Shape(value_shape), key_shape)
        self.built = True

    def _make_projections(self, query_shape: Sizes, value_shape: Sizes, key_shape: Any) -> None:
        key_shape = self._checked_key(value_shape, key_shape)
        free = len(query_shape) - 1
        heads, key_heads = self._query_heads, self._key_heads
        self.query_dense = self._dense("query", query_shape, 1, (heads, self._key_size))
        self.key_dense = self._dense("key", key_shape, 1, (key_heads, self._key_size))
        if self.use_gate:
            sizes = (heads, self._value_size)
            self.gate_dense = self._dense("gate", query_shape, 1, sizes, activation="sigmoid")
        self.value_dense = self._dense("value", value_shape, 1, (key_heads, self._value_size))
        outputs = self._output_sizes or (query_shape[-1],)
        headed = (*query_shape[:-1], heads, self._value_size)
        self.output_dense = self._dense("attention_output", headed, 2, outputs)
        self._shapes = (query_shape, value_shape, key_shape)
        self._general = len(query_shape) != 3 or len(value_shape) != 3
        self._build_attention(free + 2)
        if config.dialect() == "3":
            # Keras 3 has layers inside, of which later ones of the same classes get their numbers.
            for prefix in ("softmax", "dropout"):
                unique_name(prefix)

    def _checked_key(self, value_shape: Sizes, key_shape: Any) -> Sizes:
        key_shape = value_shape if key_shape is None else Shape(key_shape)
        if value_shape[1:-1] != key_shape[1:-1]:
            raise ValueError(
                f"Layer {self.name!r}: `value` and `key` must have equal shapes but for the last axis. Received: "
                f"shapes {value_shape} and {key_shape}"
            )
        return key_shape

    def _dense(self, name: str, input_shape: Sizes, summed: int, sizes: Sequence[Any], **more: Any) -> EinsumDense:
        letters = string.ascii_lowercase
        free = len(input_shape) - summed
        end = free + summed
        kept, joined, new = letters[:free], letters[free:end], letters[end : end + len(sizes)]
        layer = EinsumDense(
            f"{kept}{joined},{joined}{new}->{kept}{new}",
            output_shape=(*(None,) * (free - 1), *sizes),
            bias_axes=new if self.use_bias else None,
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            activity_regularizer=self._dense_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            dtype=self.dtype_policy,
            name=name,
            **more,
        )
        layer._build_once(input_shape)
        return layer

    def _axes_between(self, free: int) -> tuple[int, ...]:
        return tuple(range(1, free))

    def _build_attention(self, rank: int) -> None:
        """Plan the einsums that serve any number of axes, for projections of that rank."""
        self._axes = self._axes_between(rank - 2)
        letters = string.ascii_lowercase
        query = letters[:rank]
        spare = iter(letters[rank:])
        key = "".join(next(spare) if axis in self._axes else query[axis] for axis in range(rank))
        batch = "".join(query[axis] for axis in range(rank - 1) if axis not in self._axes)
        scores = batch + "".join(text[axis] for text in (query, key) for axis in self._axes)
        self._score_equation, self._score_rank = f"{query},{key}->{scores}", len(scores)
        self._output_equation = f"{scores},{key}->{query}"

    def call(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return (batch, T, outputs), or a pair of it and the weights (batch, heads, T, S).

        `attention_mask` (batch, T, S), True where attention is allowed, is joined with the masks of the inputs.
        """
        key = value if key is None else key
        mask = None
        if any(item is not None for item in (query_mask, value_mask, key_mask, attention_mask)):
            masks = [(query, query_mask, -1), (value, value_mask, -2), (key, key_mask, -2)]
            mask = self._joined_mask(masks, attention_mask)
        # Alone it needs no tensor: torch's kernels know it.
        is_causal = (
            bool(use_causal_mask) and mask is None and self.sliding_window is None and self._options == _OWN_OPTIONS
        )
        if not is_causal and (use_causal_mask or self.sliding_window is not None):
            mask = self._positions(mask, query, value, use_causal_mask)
        training = self.training if training is None else training
        # Whoever calls this layer deals with masks: none is looked for or attached inside.
        nested, state.in_program = state.in_program, True
        try:
            heads = self.query_dense(query), self.key_dense(key), self.value_dense(value)
            given: tuple[Any, ...] = (mask, training, return_attention_scores, is_causal)[: self._options]
            output, weights = self._compute_attention(*heads, *given)
            if self.use_gate:
                output = output * self.gate_dense(query)
            output = self.output_dense(output)
        finally:
            state.in_program = nested
        return (output, weights) if return_attention_scores else output

    def _joined_mask(self, masks: list[tuple[Tensor, Any, int]], attention_mask: Any) -> Tensor | None:
        """Return the masks of the inputs and the explicit one as one of shape (batch, T, S), or None."""
        query, value = masks[0][0], masks[1][0]
        joined = None
        if attention_mask is not None:
            joined = as_mask(attention_mask, query)
            sizes = tuple(tensor.shape[axis] for tensor in (query, value) for axis in self._axes)
            found = tuple(joined.shape[-len(sizes) :])
            fits = len(found) == len(sizes) and all(n in (1, size) for n, size in zip(found, sizes, strict=True))
            if not fits and self._is_builtin:
                raise ValueError(
                    f"Layer {self.name!r}: `attention_mask` must have the shape (batch, {', '.join(map(str, sizes))}). "
                    f"Received: shape {tuple(joined.shape)}"
                )
        for tensor, mask, axis in masks:
            if mask is None:
                continue
            if tuple(mask.shape[:2]) != tuple(tensor.shape[:2]):
                raise ValueError(
                    f"Layer {self.name!r}: a mask must have the shape of its input, (batch, steps). "
                    f"Received: mask of shape {tuple(mask.shape)}, input of shape {tuple(tensor.shape)}"
                )
            mask = as_mask(mask, tensor).unsqueeze(axis)
            if joined is not None and joined.dim() == 4 and not self._general:
                mask = mask.unsqueeze(1)
            joined = mask if joined is None else joined & mask
        return joined

    def _positions(self, mask: Tensor | None, query: Tensor, value: Tensor, causal: bool) -> Tensor | None:
        """Add the restrictions by position to a mask."""
        queries, keys = query.shape[1], value.shape[1]
        if causal:
            earlier = causal_mask(queries, keys, query.device)
            mask = earlier if mask is None else mask & earlier
        if self.sliding_window is not None:
            steps = torch.arange(max(queries, keys), device=query.device)
            near = (steps[:queries, None] - steps[None, :keys]).abs() < self.sliding_window
            mask = near if mask is None else mask & near
        return mask

    def _compute_attention(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend, given projections (batch, steps, heads, size); return such an output, and the weights or None."""
        if self._has_own_parts:
            return self._attend_by_parts(query, key, value, attention_mask, training, use_causal_mask)
        if return_attention_scores and self._flash_attention:
            raise ValueError(
                f"Layer {self.name!r}: `return_attention_scores` must be False with flash attention, which does not "
                "compute them. Call `keras.config.disable_flash_attention()` or leave `flash_attention` out."
            )
        if attention_mask is not None:
            attention_mask = as_mask(attention_mask, query)
            # Up to the axes of the weights: those of the heads, and of the batch, come before those of the steps.
            for _ in range(self._score_rank - attention_mask.dim()):
                attention_mask = attention_mask.unsqueeze(-len(self._axes) * 2 - 1)
        generator = self._generator(query.device) if training and self.dropout else None
        openly = return_attention_scores or self._general or generator is not None
        if use_causal_mask and (openly or attention_mask is not None):
            earlier = causal_mask(query.shape[1], key.shape[1], query.device)
            attention_mask = earlier if attention_mask is None else attention_mask & earlier
            use_causal_mask = False
        if openly:
            return self._attend_openly(query, key, value, attention_mask, training, generator)
        if self._flash_attention is None:
            return self._attend(query, key, value, attention_mask, training, use_causal_mask), None
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION if self._flash_attention else _NOT_FLASH):
            return self._attend(query, key, value, attention_mask, training, use_causal_mask), None

    def _attend(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, training: bool, causal: bool
    ) -> Tensor:
        function = F.scaled_dot_product_attention if mask is None or self._zeroes_rows() else attend
        output = function(
            query.transpose(1, 2),
            key.transpose(1, 2),
            value.transpose(1, 2),
            mask,
            dropout_p=self.dropout if training else 0.0,
            is_causal=causal,
            enable_gqa=self._query_heads != self._key_heads,
        )
        return output.transpose(1, 2)

    def _zeroes_rows(self, openly: bool = False) -> bool:
        """Whether a query that may attend to nothing gets zeros, not the mean of all values.

        So it is in Keras 3 where weights are computed openly, which it does for them to be returned or dropped.
        """
        return config.dialect() not in ("1", "2", "tf") and (openly or self.dropout > 0)

    def _attend_openly(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        training: bool,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor]:
        """Attend with the weights at hand, over any axes."""
        if self._query_heads != self._key_heads:
            repeats = self._query_heads // self._key_heads
            key, value = key.repeat_interleave(repeats, 2), value.repeat_interleave(repeats, 2)
        scores = torch.einsum(self._score_equation, query * self._key_size**-0.5, key)
        if mask is not None:
            scores = scores + penalty(mask, scores, -3e4)
        count = len(self._axes)
        weights = torch.softmax(scores.flatten(-count), -1).unflatten(-1, scores.shape[-count:])
        if mask is not None and self._zeroes_rows(openly=True):
            weights = weights.masked_fill(~mask, 0.0)
        dropped = dropout(weights, self.dropout, None, generator) if training and self.dropout else weights
        return torch.einsum(self._output_equation, dropped, value), weights

    _query_dense = _projection("query_dense")
    _key_dense = _projection("key_dense")
    _value_dense = _projection("value_dense")
    _gate_dense = _projection("gate_dense")
    _output_dense = _projection("output_dense")

    def compute_output_shape(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> Sizes:
        """Return the query's shape with the output sizes in place of the last axis."""
        if value_shape is not None:
            self._checked_key(tuple(value_shape), key_shape)
        return (*query_shape[:-1], *(self._output_sizes or query_shape[-1:]))

    def _symbolic_outputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if kwargs.get("return_attention_scores"):
            return call_steps.infer_outputs(self, args, kwargs)
        return super()._symbolic_outputs(args, kwargs)

    def get_config(self) -> dict[str, Any]:
        settings = {
            **super().get_config(),
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "use_gate": self.use_gate,
            "sliding_window": self.sliding_window,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self._dense_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "seed": self.seed,
        }
        if self._flash_argument is not None:
            settings["flash_attention"] = self._flash_argument
        return settings


def _count_options(compute_attention: Callable[..., Any]) -> int:
    """Return how many of the mask, the mode and whether to return weights a subclass's `_compute_attention` takes.

    Keras 2.15 passes on the first two only, so there are overrides of both lengths.
    """
    kinds = [parameter.kind for parameter in inspect.signature(compute_attention).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return 3
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return max(0, min(3, sum(kind in positional for kind in kinds) - 4))
