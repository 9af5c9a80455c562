"""CategoryEncoding: category numbers as one-hot, multi-hot or count vectors."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch.layers.preprocessing.base import PreprocessingLayer, check_choice, refuse_sparse
from keras_torch.layers.preprocessing.encoding import ENCODINGS, check_range, encode, encoded_shape


class CategoryEncoding(PreprocessingLayer):
    """Turn whole numbers below `num_tokens` into vectors of that size, with `Tensor.scatter_add`.

    `output_mode` "one_hot": a vector for each number, (batch, 1) → (batch, num_tokens), others get a new last axis.
    "multi_hot", "count": one for each sample, (..., n) → (..., num_tokens); `count_weights` of the inputs' shape are
    added up instead of ones. Outputs are floats. ValueError for numbers out of range.
    """

    def __init__(
        self, num_tokens: int | None = None, output_mode: str = "multi_hot", sparse: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        output_mode = "multi_hot" if output_mode == "binary" else output_mode
        check_choice(self, "output_mode", output_mode, ENCODINGS)
        refuse_sparse(self, sparse)
        if num_tokens is None or num_tokens < 1:
            raise ValueError(
                f"Layer {self.name!r}: `num_tokens` must be 1 or more. Received: {num_tokens!r}. If the number of "
                "categories is not known, use IntegerLookup."
            )
        self.num_tokens = num_tokens
        self.output_mode = output_mode
        self.built = True

    def call(self, inputs: torch.Tensor, count_weights: Any = None) -> torch.Tensor:
        weights = None
        if count_weights is not None:
            if self.output_mode != "count":
                raise ValueError(
                    f"Layer {self.name!r}: `count_weights` has a meaning only where `output_mode` is 'count'. "
                    f"Received: output_mode={self.output_mode!r}"
                )
            weights = torch.as_tensor(count_weights, dtype=self._compute_torch_dtype, device=inputs.device)
        indices = inputs.long()
        check_range(indices, self.num_tokens, self.name, "num_tokens")
        return encode(indices, self.output_mode, self.num_tokens, self._compute_torch_dtype, weights)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)

    def _symbolic_dtype(self, input_dtype: str | None) -> str:
        return self.compute_dtype

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_tokens": self.num_tokens, "output_mode": self.output_mode}
