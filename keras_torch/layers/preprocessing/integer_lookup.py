"""IntegerLookup: integers as indices of a vocabulary, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from keras_torch.layers.preprocessing.hashing_ops import hash_integers
from keras_torch.layers.preprocessing.index_lookup import IndexLookup


class IntegerLookup(IndexLookup):
    """Replace integers by their index in a vocabulary, with `torch.searchsorted`; `invert=True` does the reverse.

    Outputs as IndexLookup says. With several `num_oov_indices`, unknown integers go to the one at their remainder, or
    with `oov_method="farmhash"` to one by the hash of their digits (SipHash with a `salt`). ValueError for unknown
    integers where `num_oov_indices` is 0.
    """

    _input_dtype = "int64"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int | None = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if vocabulary_dtype != "int64":
            raise ValueError(
                f"IntegerLookup {name!r}: `vocabulary_dtype` must be 'int64'. Received: {vocabulary_dtype!r}"
            )
        if salt is not None and oov_method != "farmhash":
            raise ValueError(
                f"IntegerLookup {name!r}: `salt` needs oov_method='farmhash'. Received: oov_method={oov_method!r}"
            )
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=mask_token,
            oov_token=oov_token,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            sparse=sparse,
            pad_to_max_tokens=pad_to_max_tokens,
            oov_method=oov_method,
            salt=salt,
            name=name,
            **kwargs,
        )

    def _token(self, value: Any) -> int:
        return int(value)

    def _adapt_batch(self, batch: Any) -> torch.Tensor:
        return super()._adapt_batch(batch).long()

    def _rebuild_table(self) -> None:
        tokens = np.array(self.get_vocabulary() if self.invert else self._tokens, np.int64)
        order = np.argsort(tokens, kind="stable")
        device = self._place.device
        values = tokens if self.invert else tokens[order]
        self.register_buffer("_keys", torch.from_numpy(values).to(device), persistent=False)
        self.register_buffer("_indices", torch.from_numpy(order + self._token_start).to(device), persistent=False)

    def _find(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        inputs = inputs.long()
        if len(self._keys):
            place = torch.searchsorted(self._keys, inputs).clamp(max=len(self._keys) - 1)
            known, indices = self._keys[place] == inputs, self._indices[place]
        else:
            known, indices = torch.zeros_like(inputs, dtype=torch.bool), inputs
        masked = None if self.mask_token is None else inputs == self.mask_token
        if self.num_oov_indices == 0:
            self._check_known(inputs, known if masked is None else known | masked)
        indices = indices.where(known, self._place_of_unknown(inputs))
        if masked is None:
            return indices, None
        return (indices.masked_fill(masked, 0), None) if self.output_mode == "int" else (indices, ~masked)

    def _place_of_unknown(self, inputs: torch.Tensor) -> Any:
        if self.num_oov_indices < 2:
            return self._oov_start
        if self.oov_method == "farmhash":
            return hash_integers(inputs, self.num_oov_indices, self.salt or []) + self._oov_start
        return inputs.remainder(self.num_oov_indices) + self._oov_start

    def _check_known(self, inputs: torch.Tensor, known: torch.Tensor) -> None:
        """ValueError for unknown integers; on a GPU the program stops there, without a wait here."""
        if torch.compiler.is_compiling() or inputs.device.type != "cpu":
            torch._assert_async(known.all())
        elif not known.all():
            self._refuse_unknown(inputs[~known].unique().tolist())

    def _name_of(self, inputs: torch.Tensor) -> torch.Tensor:
        inputs = inputs.long()
        if not len(self._keys):
            return torch.full_like(inputs, self.oov_token)
        known = (inputs >= 0) & (inputs < len(self._keys))
        return self._keys[inputs.where(known, 0)].where(known, self.oov_token)
