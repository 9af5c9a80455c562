"""ReversibleEmbedding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keras_torch import config
from keras_torch.engine.call import flat_tensors, state
from keras_torch.engine.initial_values import without_values
from keras_torch.engine.masking import set_mask
from keras_torch.engine.tensor_layout import TRANSPOSED
from keras_torch.layers.embeddings import Embedding
from keras_torch.symbolic import KerasTensor, internal_nodes


class ReversibleEmbedding(Embedding):
    """An Embedding that `layer(hidden, reverse=True)` runs backwards: from `output_dim` numbers to `input_dim` logits.

    The way back is `F.linear` with the same table, or with one of its own unless `tie_weights`; it is computed in
    `reverse_dtype`, and `logit_soft_cap` bounds the logits by `cap * tanh(logits / cap)`. New in Keras 3.13.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer,
            embeddings_regularizer,
            embeddings_constraint,
            mask_zero,
            **kwargs,
        )
        self.tie_weights = tie_weights
        self.reverse_dtype = None if reverse_dtype is None else config.dtype_name(reverse_dtype)
        if logit_soft_cap is not None and not logit_soft_cap > 0:
            raise ValueError(
                f"Layer {self.name!r}: `logit_soft_cap` must be a positive number. Received: {logit_soft_cap!r}"
            )
        self.logit_soft_cap = logit_soft_cap

    def build(self, input_shape: Any = None) -> None:
        """Make the table, and the one for the way back."""
        super().build(input_shape)
        if not self.tie_weights:
            self.linear = without_values(nn.Linear, self.output_dim, self.input_dim, bias=False)
            self.add_view("reverse_embeddings", "linear.weight", TRANSPOSED, initializer=self.embeddings_initializer)

    def call(self, inputs: Tensor, reverse: bool = False) -> Tensor:
        """Look rows up, or with `reverse` project (batch, ..., output_dim) to (batch, ..., input_dim)."""
        if not reverse:
            output = super().call(inputs)
            if self.mask_zero and not state.in_program:
                set_mask(output, torch.ne(inputs, 0))
            return output
        table = self.embedding.weight if self.tie_weights else self.linear.weight
        if self.reverse_dtype is not None:
            dtype = config.torch_dtype(self.reverse_dtype)
            inputs, table = inputs.to(dtype), table.to(dtype)
        logits = F.linear(inputs, table)
        cap = self.logit_soft_cap
        return logits if cap is None else torch.tanh(logits / cap) * cap

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return None: only the call itself knows whether it runs backwards, and so whether there is a mask."""
        return None

    def compute_output_shape(self, input_shape: Any, reverse: bool = False) -> tuple[int | None, ...]:
        """Return (batch, ..., output_dim), or with `reverse` (batch, ..., input_dim)."""
        return (*input_shape[:-1], self.input_dim) if reverse else super().compute_output_shape(input_shape)

    def _symbolic_outputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        inputs = flat_tensors(args)[0]
        reverse = kwargs.get("reverse", args[1] if len(args) > 1 else False)
        dtype = self.reverse_dtype if reverse and self.reverse_dtype else self.compute_dtype
        output = KerasTensor(self.compute_output_shape(tuple(inputs.shape), reverse), dtype)
        if self.mask_zero and not reverse:
            with internal_nodes():
                set_mask(output, torch.ne(inputs, 0))
        return output

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "tie_weights": self.tie_weights,
            "reverse_dtype": self.reverse_dtype,
            "logit_soft_cap": self.logit_soft_cap,
        }
