"""Embedding."""

from __future__ import annotations

import numbers
from typing import Any

import torch
from torch import Tensor, nn

from keras_torch import config, constraints, initializers, regularizers
from keras_torch.backend.tensors import as_tensor
from keras_torch.engine import Layer
from keras_torch.layers.lora import LoRA
from keras_torch.layers.noise import Dropout
from keras_torch.layers.spatial import whole_numbers
from keras_torch.symbolic.inference import check_indices, trial


class Embedding(LoRA, Layer):
    """Replace each integer by a row of a trained table: an `nn.Embedding`.

    Input (batch, ...) of integers from 0 to `input_dim - 1` (floats are truncated), output (batch, ..., output_dim).
    With `mask_zero`, 0 means padding. An index out of range raises ValueError on the CPU; CUDA reports it only as a
    device-side assertion. `dropout` drops that fraction of the words while training, each wherever it occurs (Keras 1).
    `weights`, a table, is there at once. Up to Keras 2.15, and here in all dialects but "3", a Sequential model that
    starts with an Embedding takes inputs of shape (batch, input_length).
    """

    _input_dtype = "int32"
    _adapted = "embeddings"

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        input_length: Any = None,
        dropout: float = 0.0,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ) -> None:
        if input_length is not None or config.dialect() != "3":
            lengths = tuple(input_length) if isinstance(input_length, (list, tuple)) else (input_length,)
            if not kwargs.keys() & {"input_shape", "batch_input_shape", "batch_shape"}:
                kwargs["batch_input_shape"] = (kwargs.pop("batch_size", None), *lengths)
        if weights is not None:
            kwargs["weights"] = weights if isinstance(weights, (list, tuple)) else [weights]
        super().__init__(**kwargs)
        self._take_lora(lora_rank, lora_alpha)
        self.input_dim = whole_numbers(input_dim, 1, "input_dim", self.name)[0]
        self.output_dim = whole_numbers(output_dim, 1, "output_dim", self.name)[0]
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = bool(mask_zero)
        self.supports_masking = self.mask_zero
        self.input_length = input_length
        if not isinstance(dropout, numbers.Real) or not 0 <= float(dropout) < 1:
            raise ValueError(
                f"Layer {self.name!r}: `dropout` must be a number from 0 to below 1. Received: {dropout!r}"
            )
        self.dropout: float = dropout
        self._noise: Dropout | None = Dropout(dropout) if dropout else None
        if weights is not None and type(self).build is Embedding.build:
            # A subclass's `build` may need what its `__init__` has yet to set.
            self._build_once(None)

    def build(self, input_shape: Any = None) -> None:
        """Make the table (input_dim, output_dim)."""
        # Left to itself nn.Embedding draws random numbers even on the meta device, for which torch loads its compiler.
        table = torch.empty(self.input_dim, self.output_dim, device="meta")
        self.embedding = nn.Embedding(self.input_dim, self.output_dim, _weight=table)
        self.add_view(
            "embeddings",
            "embedding.weight",
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )
        if self._noise is not None:
            self._noise.build(input_shape)
        super().build(input_shape)
        self._build_lora()

    def call(self, inputs: Tensor) -> Tensor:
        """Look the rows up."""
        if inputs.dtype not in (torch.int64, torch.int32):
            inputs = inputs.to(torch.int64)
        try:
            if trial.running:
                check_indices(inputs, self.input_dim)
            output = self.embedding(inputs)
        except IndexError as error:
            raise ValueError(
                f"Layer {self.name!r} takes integers from 0 to {self.input_dim - 1} (`input_dim` is {self.input_dim}). "
                f"Received: values from {int(inputs.min())} to {int(inputs.max())}. Make `input_dim` the largest index "
                "plus 1."
            ) from error
        if self._noise is None or not self.training:
            return output
        kept = self._noise.call(output.new_ones(self.input_dim))
        return output * kept[inputs].unsqueeze(-1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """With `mask_zero`, True where the input is not 0."""
        return torch.ne(as_tensor(inputs), 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return (batch, ..., output_dim); lengths that the input leaves open are taken from `input_length`."""
        if self.input_length is None:
            return (*input_shape, self.output_dim)
        lengths = self.input_length if isinstance(self.input_length, (list, tuple)) else (self.input_length,)
        known = tuple(input_shape[1:])
        fits = len(lengths) == len(known) and all(
            size is None or length is None or size == length for size, length in zip(known, lengths, strict=True)
        )
        if not fits:
            raise ValueError(
                f"Layer {self.name!r} has `input_length`={self.input_length}. Received: input shape "
                f"{tuple(input_shape)}"
            )
        sizes = [length if size is None else size for size, length in zip(known, lengths, strict=True)]
        return (input_shape[0], *sizes, self.output_dim)

    def _symbolic_dtype(self, input_dtype: str | None) -> str:
        return self.compute_dtype

    def get_config(self) -> dict[str, Any]:
        # Keras 3 knows none of the two.
        old = {"dropout": self.dropout} if self.dropout else {}
        if self.input_length is not None:
            old["input_length"] = self.input_length
        return {
            **super().get_config(),
            **old,
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
            **self._lora_config(),
        }
