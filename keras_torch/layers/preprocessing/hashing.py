"""Hashing: strings and integers as the number of a bucket."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.backend.ragged import RaggedTensor
from keras_torch.backend.string_array import StringArray
from keras_torch.layers.preprocessing.base import PreprocessingLayer, check_choice, refuse_sparse
from keras_torch.layers.preprocessing.encoding import ENCODINGS, encode, encoded_shape
from keras_torch.layers.preprocessing.fingerprints import buckets
from keras_torch.layers.preprocessing.hashing_ops import hash_integers
from keras_torch.layers.preprocessing.string_lookup import as_text


class HashingLayer(PreprocessingLayer):
    """What Hashing and HashedCrossing share: whole numbers out in mode "int", floats in others, text or integers in."""

    _accepts_strings = True

    def __init__(self, num_bins: int, output_mode: str, modes: tuple[str, ...], sparse: bool, **kwargs: Any) -> None:
        wanted = kwargs.get("dtype")
        super().__init__(**kwargs)
        check_choice(self, "output_mode", output_mode, modes)
        refuse_sparse(self, sparse)
        if isinstance(num_bins, bool) or not isinstance(num_bins, int) or num_bins <= 0:
            raise ValueError(f"Layer {self.name!r}: `num_bins` must be a positive integer. Received: {num_bins!r}")
        self.num_bins = num_bins
        self.output_mode = output_mode
        if output_mode == "int" and config.torch_dtype(self._dtype).is_floating_point:
            if wanted is not None:
                raise ValueError(
                    f"Layer {self.name!r}: with `output_mode='int'`, `dtype` must be a type of integers such as "
                    f"'int64'. Received: {wanted!r}"
                )
            self._dtype = "int64"
        self.register_buffer("_place", torch.empty(0, dtype=torch.int64, device=config.default_device()), False)
        self.built = True

    def _encode(self, bins: torch.Tensor) -> torch.Tensor:
        if self.output_mode == "int":
            return bins.to(config.torch_dtype(self._dtype))
        return encode(bins, self.output_mode, self.num_bins, self._compute_torch_dtype)

    def _symbolic_dtype(self, input_dtype: str | None) -> str:
        return self._dtype if self.output_mode == "int" else self.compute_dtype

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_bins": self.num_bins, "output_mode": self.output_mode, "sparse": False}


class Hashing(HashingLayer):
    """Replace strings or integers by a bucket below `num_bins`: TensorFlow's FarmHash, or SipHash with a `salt`.

    Integers are hashed by their digits. `mask_value` goes to bucket 0, which nothing else shares. `salt` is one integer
    or two. Output mode "int" gives int64 (or int32) of the inputs' shape, others floats as CategoryEncoding does.
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_bins, output_mode, ("int", *ENCODINGS), sparse, **kwargs)
        key = [salt, salt] if isinstance(salt, int) else salt
        if key is not None and not (isinstance(key, (list, tuple)) and len(key) == 2):
            raise ValueError(f"Layer {self.name!r}: `salt` must be one integer or two. Received: {salt!r}")
        self.salt = None if key is None else [int(number) for number in key]
        self.mask_value = mask_value

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Hash strings or integers: one, a list, an array, a tensor or a symbolic tensor."""
        if args and isinstance(args[0], RaggedTensor):
            return args[0].each(self)
        return super().__call__(*as_text(self, args), **kwargs)

    def call(self, inputs: Any) -> torch.Tensor:
        masks = self.mask_value is not None and self.num_bins > 1
        count = self.num_bins - masks
        if isinstance(inputs, StringArray):
            bins = torch.from_numpy(buckets(inputs, count, self.salt)).to(self._place.device)
        else:
            inputs = inputs.long()
            bins = hash_integers(inputs, count, self.salt or [])
        if masks:
            masked = inputs == self.mask_value
            if not isinstance(masked, torch.Tensor):
                masked = torch.from_numpy(np.asarray(masked, bool)).to(bins.device)
            bins = (bins + 1).masked_fill(masked, 0)
        return self._encode(bins)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return encoded_shape(input_shape, self.output_mode, self.num_bins)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "salt": self.salt, "mask_value": self.mask_value}
