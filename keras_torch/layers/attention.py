"""Attention and AdditiveAttention: Luong- and Bahdanau-style attention of a query to values, without projections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from keras_torch.engine import call as call_steps
from keras_torch.layers.noise import Noise, dropout


def causal_mask(queries: int, keys: int, device: torch.device) -> Tensor:
    """Return booleans (queries, keys) that let each step see itself and the steps before."""
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril()


def as_mask(mask: Any, like: Tensor) -> Tensor:
    """Return a mask given as an array or tensor as booleans beside `like`."""
    return torch.as_tensor(mask, device=like.device).to(torch.bool)


def penalty(allowed: Tensor, scores: Tensor, least_half: float) -> Tensor:
    """Return what Keras adds to scores: 0 where attention is allowed, elsewhere a large negative number."""
    least = least_half if scores.dtype == torch.float16 else -1e9
    return torch.zeros(allowed.shape, dtype=scores.dtype, device=scores.device).masked_fill_(~allowed, least)


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any) -> Tensor:
    """`F.scaled_dot_product_attention` where a query that may attend to nothing gets the mean of all values.

    So does Keras, which subtracts a large number from masked scores; torch gives zeros, and with large numbers its
    fused kernels find wrong gradients. Here such a query becomes zero and may attend to everything.
    """
    if mask is not None:
        nothing = ~mask.any(-1, keepdim=True)
        query, mask = query.masked_fill(nothing, 0.0), mask | nothing
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, **options)


class Attention(Noise):
    """Weigh the values by the softmax of the scores of query and key: `softmax(query @ key.T) @ value`.

    Called on [query (batch, Tq, dim), value (batch, Tv, dim)] or with a key (batch, Tv, dim) as a third input; returns
    (batch, Tq, dim), with `return_attention_scores` also the weights (batch, Tq, Tv). `F.scaled_dot_product_attention`
    does it unless the weights are asked for. `score_mode="concat"` scores by a sum of `tanh(query + key)`; `use_scale`
    adds a trained factor. `mask` is [query mask, value mask]: values that are masked get no weight, and outputs of
    masked queries are zero. `use_causal_mask` (up to Keras 2.15 also the constructor's `causal`) lets no step see later
    ones.
    """

    _accepts_integers = False

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        *,
        causal: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                f"Layer {self.name!r}: `score_mode` must be 'dot' or 'concat'. Received: score_mode={score_mode!r}"
            )
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = self._checked_rate(dropout)
        self.causal = causal

    def build(self, input_shape: Any) -> None:
        """Make the factors."""
        self._check_inputs(input_shape)
        self.scale: Any = None
        self.concat_score_weight: Any = None
        if self.use_scale:
            self._add_factor("scale", (), "ones")
        if self.score_mode == "concat":
            self._add_factor("concat_score_weight", (), "ones")
        self.built = True

    def _add_factor(self, name: str, shape: tuple[int, ...], initializer: str) -> None:
        self.__dict__.pop(name, None)
        self.add_weight(shape=shape, name=name, initializer=initializer)

    def _check_inputs(self, inputs: Any) -> None:
        if not isinstance(inputs, (list, tuple)) or call_steps.is_shape(inputs) or len(inputs) not in (2, 3):
            raise ValueError(
                f"Layer {self.name!r}: {type(self).__name__} must be called on a list of tensors, [query, value] or "
                f"[query, value, key]. Received: {inputs!r}"
            )

    def call(
        self,
        inputs: Sequence[Tensor],
        mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return the weighted values, or a pair of them and the weights, after the dropout."""
        self._check_inputs(inputs)
        query, value = inputs[:2]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = self._masks(inputs, mask)
        rate = self.dropout if (self.training if training is None else training) else 0.0
        allowed = self._allowed(query, key, value_mask, use_causal_mask or self.causal)
        weights = None
        if return_attention_scores or rate or type(self) is not Attention or self.score_mode != "dot":
            scores = self._calculate_scores(query, key)
            if allowed is not None:
                scores = scores + penalty(allowed, scores, -65504.0)
            weights = torch.softmax(scores, -1)
            if rate:
                weights = dropout(weights, rate, None, self._generator(weights.device))
            output = weights @ value
        else:
            output = self._attend(query, key, value, allowed)
        if query_mask is not None:
            output = output * query_mask.unsqueeze(-1).to(output.dtype)
        return (output, weights) if return_attention_scores else output

    def _masks(self, inputs: Sequence[Tensor], mask: Any) -> tuple[Tensor | None, Tensor | None]:
        """Return the masks of query and value. ValueError unless there is one, or None, for each, of its shape."""
        if mask is None:
            return None, None
        if not isinstance(mask, (list, tuple)) or len(mask) not in (2, 3):
            raise ValueError(
                f"Layer {self.name!r}: `mask` must be a list, [query mask, value mask]; each may be None. "
                f"Received: {mask!r}"
            )
        found = []
        for item, tensor in zip(mask[:2], inputs, strict=False):
            if item is not None and tuple(item.shape) != tuple(tensor.shape[:-1]):
                raise ValueError(
                    f"Layer {self.name!r}: each `mask` must have the shape of its input without the last axis. "
                    f"Received: mask of shape {tuple(item.shape)}, input of shape {tuple(tensor.shape)}"
                )
            found.append(None if item is None else as_mask(item, tensor))
        return found[0], found[1]

    def _allowed(self, query: Tensor, key: Tensor, value_mask: Tensor | None, causal: bool) -> Tensor | None:
        """Return booleans (batch or 1, Tq or 1, Tv), True where attention is allowed; None for everywhere."""
        allowed = None if value_mask is None else value_mask.unsqueeze(-2)
        if causal:
            earlier = causal_mask(query.shape[-2], key.shape[-2], query.device)
            allowed = earlier if allowed is None else allowed & earlier
        return allowed

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None) -> Tensor:
        if self.scale is not None:
            query = query * self.scale
        if query.dim() != 3:
            return attend(query, key, value, allowed, scale=1.0)
        # With an axis of one head: torch's fused kernels take four axes only.
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        if allowed is not None and allowed.dim() == 3:
            allowed = allowed.unsqueeze(1)
        return attend(query, key, value, allowed, scale=1.0).squeeze(1)

    def _calculate_scores(self, query: Tensor, key: Tensor) -> Tensor:
        """Return the scores (batch, Tq, Tv) before the softmax."""
        if self.score_mode == "dot":
            scores = query @ key.transpose(-2, -1)
            return scores if self.scale is None else scores * self.scale
        total = query.unsqueeze(-2) + key.unsqueeze(-3)
        total = total if self.scale is None else total * self.scale
        return self.concat_score_weight * torch.tanh(total).sum(-1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the query's mask."""
        return mask[0] if isinstance(mask, (list, tuple)) else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the query's shape with the size of the values last."""
        self._check_inputs(input_shape)
        return (*input_shape[0][:-1], input_shape[1][-1])

    def _symbolic_outputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if kwargs.get("return_attention_scores"):
            return call_steps.infer_outputs(self, args, kwargs)
        return super()._symbolic_outputs(args, kwargs)

    def get_config(self) -> dict[str, Any]:
        settings = {
            **super().get_config(),
            "use_scale": self.use_scale,
            "score_mode": self.score_mode,
            "dropout": self.dropout,
            "seed": self.seed,
        }
        return {**settings, "causal": True} if self.causal else settings


class AdditiveAttention(Attention):
    """Attention whose scores are `sum(scale * tanh(query + key))` over the last axis (https://arxiv.org/abs/1409.0473).

    `scale` is a trained vector, or 1 without `use_scale`. Inputs, masks and outputs are those of Attention.
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Make the scale."""
        self._check_inputs(input_shape)
        self.scale = None
        size = input_shape[0][-1]
        if self.use_scale:
            if size is None:
                raise ValueError(
                    f"Layer {self.name!r}: AdditiveAttention needs a known size of the query's last axis. "
                    f"Received: input shapes {input_shape}"
                )
            self._add_factor("scale", (size,), "glorot_uniform")
        self.built = True

    def _calculate_scores(self, query: Tensor, key: Tensor) -> Tensor:
        total = torch.tanh(query.unsqueeze(-2) + key.unsqueeze(-3))
        return total.sum(-1) if self.scale is None else total @ self.scale

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["score_mode"]
        return config
