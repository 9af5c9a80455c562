"""StringLookup: strings as indices of a vocabulary, and back."""

from __future__ import annotations

from itertools import repeat
from typing import Any

import numpy as np
import torch

from keras_torch.backend.ragged import RaggedTensor
from keras_torch.backend.string_array import StringArray, is_text, to_strings
from keras_torch.layers.preprocessing.fingerprints import buckets
from keras_torch.layers.preprocessing.index_lookup import IndexLookup

_UNKNOWN, _MASKED = -1, -2


class StringLookup(IndexLookup):
    """Replace strings, in a numpy array or list, by their index in a vocabulary; `invert=True` does the reverse.

    Outputs as IndexLookup says, on the layer's device; the inverse gives a numpy array of strings. With several
    `num_oov_indices`, FarmHash (or SipHash with a `salt` of one or two integers) spreads unknown strings over them.
    TypeError for inputs that are no text; ValueError for unknown strings where `num_oov_indices` is 0.
    """

    _accepts_strings = True
    vocabulary_dtype = "string"

    @property
    def _input_dtype(self) -> str:
        return "int64" if self.invert else "string"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        self.encoding = encoding
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
            salt=salt,
            name=name,
            **kwargs,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Look up strings: one, a list, an array, or a symbolic tensor of them."""
        return super().__call__(*as_text(self, args), **kwargs)

    def _token(self, value: Any) -> str:
        return value.decode(self.encoding) if isinstance(value, bytes) else str(value)

    def _adapt_batch(self, batch: Any) -> Any:
        return to_strings(batch, f"The data that layer {self.name!r} is adapted to")

    def _rebuild_table(self) -> None:
        self._default = self._oov_start if self.num_oov_indices == 1 else _UNKNOWN
        self._table = dict(zip(self._tokens, range(self._token_start, self.vocabulary_size()), strict=True))
        if self.mask_token is not None:
            self._table[self.mask_token] = 0 if self.output_mode == "int" else _MASKED
        self._names = np.array(self.get_vocabulary(), object) if self.invert else None

    def find(self, tokens: list[str]) -> np.ndarray:
        """Return the index of each of a list of strings, -2 for masked ones that drop out."""
        indices = np.fromiter(map(self._table.get, tokens, repeat(self._default)), np.int64, len(tokens))
        if self.num_oov_indices != 1:
            unknown = np.flatnonzero(indices == _UNKNOWN)
            if unknown.size:
                strings = np.array([tokens[place] for place in unknown.tolist()], object)
                if not self.num_oov_indices:
                    self._refuse_unknown(dict.fromkeys(strings.tolist()))
                indices[unknown] = buckets(strings, self.num_oov_indices, self.salt) + self._oov_start
        return indices

    def _find(self, inputs: StringArray) -> tuple[torch.Tensor, torch.Tensor | None]:
        strings = to_strings(inputs, f"The input of layer {self.name!r}")
        indices = torch.from_numpy(self.find(strings.ravel().tolist()).reshape(strings.shape)).to(self._place.device)
        drops = self.mask_token is not None and self.output_mode != "int"
        return indices, indices != _MASKED if drops else None

    def _name_of(self, inputs: Any) -> StringArray:
        indices = np.asarray(inputs.cpu() if isinstance(inputs, torch.Tensor) else inputs).astype(np.int64)
        known = (indices >= 0) & (indices < len(self._names))  # type: ignore[arg-type]
        names = self._names[np.where(known, indices, 0)] if len(self._names) else np.full(indices.shape, "", object)  # type: ignore
        result = np.where(known, names, np.array(self.oov_token, object))
        return np.asarray(result, object).view(StringArray)

    def get_config(self) -> dict[str, Any]:
        result = {**super().get_config(), "encoding": self.encoding}
        del result["vocabulary_dtype"]
        return result


def as_text(layer: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments of a call with a string, or a list of strings, or a column of a table, as a StringArray."""
    if args and isinstance(args[0], RaggedTensor):
        return args
    if args and hasattr(args[0], "to_numpy"):
        args = (args[0].to_numpy(), *args[1:])
    if args and (is_text(args[0]) or _is_list_of_text(args[0])):
        return (to_strings(args[0], f"The input of layer {layer.name!r}"), *args[1:])
    return args


def _is_list_of_text(value: Any) -> bool:
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return is_text(value)
