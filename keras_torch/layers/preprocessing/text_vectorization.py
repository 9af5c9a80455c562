"""TextVectorization: texts as rows of token indices, or as bags of tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

import numpy as np
import torch

from keras_torch import registry
from keras_torch.backend.string_array import StringArray, to_strings
from keras_torch.layers.preprocessing import tokenization
from keras_torch.layers.preprocessing.base import PreprocessingLayer, check_choice
from keras_torch.layers.preprocessing.index_lookup import OUTPUT_MODES
from keras_torch.layers.preprocessing.string_lookup import StringLookup, as_text


class TextVectorization(PreprocessingLayer):
    """Clean texts (batch,) or (batch, 1), split them into tokens, join n-grams, and look them up in a vocabulary.

    `standardize` (of ASCII letters and punctuation) and `split` (at whitespace or characters) may be functions of a
    numpy array of strings, None leaves the step out; `ngrams` is the largest width or a tuple of widths. Output mode
    "int" gives int64 (batch, tokens), index 0 filling up to the longest row or to `output_sequence_length`; the other
    modes are those of StringLookup. RuntimeError if one of them is called before there is a vocabulary.
    """

    _accepts_strings = True
    _lists_are_batches = False

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | Callable[[Any], Any] | None = "lower_and_strip_punctuation",
        split: str | Callable[[Any], Any] | None = "whitespace",
        ngrams: int | tuple[int, ...] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        vocabulary_size: int | None = None,
        has_input_vocabulary: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self._dtype = "string"
        self._standardize, self._split, self._ngrams_arg = standardize, split, ngrams
        self._output_sequence_length = output_sequence_length
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=output_mode,
            sparse=sparse,
            encoding=encoding,
            name=self.name,
            vocabulary_size=vocabulary_size,
            has_input_vocabulary=has_input_vocabulary,
        )
        self._output_mode = self._lookup_layer.output_mode
        self._check_arguments(ragged)
        self._ngrams = range(1, ngrams + 1) if isinstance(ngrams, int) else ngrams
        self.built = True

    def _check_arguments(self, ragged: bool) -> None:
        check_choice(self, "output_mode", self._output_mode, OUTPUT_MODES)
        for argument, value, choices in (
            ("standardize", self._standardize, tokenization.STANDARDIZATIONS),
            ("split", self._split, tuple(tokenization.SPLITS)),
        ):
            if value is not None and not callable(value):
                check_choice(self, argument, value, choices, ", a function or None")
        self._refuse_one_hot(self._split is not None or self._ngrams_arg is not None)
        if ragged:
            raise ValueError(
                f"Layer {self.name!r}: `ragged=True` is not supported; rows are filled up with 0. Leave it out."
            )
        widths = self._ngrams_arg
        if not (widths is None or _is_size(widths) or (isinstance(widths, tuple) and all(map(_is_size, widths)))):
            raise ValueError(
                f"Layer {self.name!r}: `ngrams` must be None, a positive integer or a tuple of such. "
                f"Received: {widths!r}"
            )
        length = self._output_sequence_length
        if length is not None and (self._output_mode != "int" or not _is_size(length)):
            raise ValueError(
                f"Layer {self.name!r}: `output_sequence_length` must be None, or a positive integer where "
                f"`output_mode` is 'int'. Received: {length!r} with output_mode={self._output_mode!r}"
            )

    def _refuse_one_hot(self, has_rows: bool) -> None:
        if has_rows and self._output_mode == "one_hot":
            raise ValueError(
                f"Layer {self.name!r}: output_mode='one_hot' would give a vector for each token of texts of different "
                "lengths. Use 'multi_hot', or 'int' with an Embedding behind."
            )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Vectorize texts: one, a list, an array, or a symbolic tensor of them."""
        if self._split is None and args and _is_ragged(args[0]):
            return self._from_rows([list(map(str, row)) for row in args[0]])
        return super().__call__(*as_text(self, args), **kwargs)

    def tokenize(self, inputs: Any) -> list[list[str]] | StringArray:
        """Return the tokens that are looked up: a list for each text, or without `split` an array of one shape."""
        strings: Any = tokenization.standardize(
            to_strings(inputs, f"The input of layer {self.name!r}"), self._standardize
        )
        if self._split is None:
            if self._ngrams is None:
                return strings
            return self._with_ngrams(np.atleast_2d(strings).tolist())
        if strings.ndim > 1:
            if strings.shape[-1] != 1:
                raise ValueError(
                    f"Layer {self.name!r} splits one text for each sample, so the inputs must have the shape (batch,) "
                    f"or (batch, 1). Received: {strings.shape}. Use `split=None` for tokens."
                )
            strings = strings.reshape(strings.shape[:-1])
        if strings.ndim > 1:
            raise ValueError(f"Layer {self.name!r} takes the shape (batch,) or (batch, 1). Received: {strings.shape}")
        return self._with_ngrams(tokenization.split(strings.reshape(-1), self._split))

    def _with_ngrams(self, rows: list[list[str]]) -> list[list[str]]:
        return rows if self._ngrams is None else [tokenization.ngrams(row, self._ngrams) for row in rows]

    def call(self, inputs: Any) -> torch.Tensor:
        tokens = self.tokenize(inputs)
        if isinstance(tokens, list):
            result = self._from_rows(tokens)
            return result[0] if np.ndim(inputs) == 0 else result
        found = self._lookup_layer(tokens)
        length = self._output_sequence_length
        if length is None or not found.dim():
            return found
        found = found[..., :length]
        return torch.nn.functional.pad(found, (0, length - found.shape[-1]))

    def _from_rows(self, rows: list[list[str]]) -> torch.Tensor:
        """Look up rows of tokens of different lengths."""
        lookup, length = self._lookup_layer, self._output_sequence_length
        lookup.check_ready()
        self._refuse_one_hot(has_rows=True)
        if length is not None:
            rows = [row[:length] for row in rows]
        sizes = np.fromiter(map(len, rows), np.int64, len(rows))
        width = length if length is not None else int(sizes.max(initial=0))
        filled = np.arange(width) < sizes[:, None]
        indices = np.zeros(filled.shape, np.int64)
        indices[filled] = lookup.find(list(chain.from_iterable(rows)))
        found = torch.from_numpy(indices).to(lookup._place.device)
        if lookup.output_mode == "int":
            return found
        valid = torch.from_numpy(filled).to(found.device) & (found >= 0)
        return lookup._encode(found, valid)

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary from texts; for "tf_idf", each is a document."""
        self._lookup_layer.check_adaptable()
        super().adapt(data, batch_size, steps)

    def _adapt_batch(self, batch: Any) -> Any:
        if self._split is None and _is_ragged(batch):
            return batch
        return to_strings(batch, f"The data that layer {self.name!r} is adapted to")

    def update_state(self, data: Any) -> None:
        tokens = data if isinstance(data, list) else self.tokenize(data)
        self._lookup_layer.update_state(tokens)

    def reset_state(self) -> None:
        self._lookup_layer.reset_state()

    def finalize_state(self) -> None:
        self._lookup_layer.finalize_state()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """Return the tokens in the order of their indices, padding ("") and unknown first unless left out."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """Return the number of indices: tokens, padding and unknown."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Take a list of tokens, or a text file with one on each line, as `StringLookup.set_vocabulary` does."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    def save_own_variables(self, store: Any) -> None:
        """Store what the vocabulary's layer stores."""
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        """Take what `save_own_variables` stored."""
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, dir_path: Any) -> None:
        """Write a vocabulary that was not given to the constructor to `vocabulary.txt`."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path: Any) -> None:
        """Read what `save_assets` of this class or of Keras wrote into a folder."""
        self._lookup_layer.load_assets(dir_path)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = tuple(input_shape)
        if self._output_mode == "int":
            if self._split is None and self._ngrams is None:
                return shape if self._output_sequence_length is None else (*shape[:-1], self._output_sequence_length)
            return (*shape[:1], self._output_sequence_length)
        if self._split is None:
            return self._lookup_layer.compute_output_shape(shape)
        return self._lookup_layer.compute_output_shape((*shape[:1], None))

    def _symbolic_dtype(self, input_dtype: str | None) -> str:
        return self._lookup_layer._symbolic_dtype(input_dtype)

    def get_config(self) -> dict[str, Any]:
        lookup = self._lookup_layer
        result = {
            **super().get_config(),
            "max_tokens": lookup.max_tokens,
            "standardize": _function_config(self._standardize),
            "split": _function_config(self._split),
            "ngrams": self._ngrams_arg,
            "output_mode": self._output_mode,
            "output_sequence_length": self._output_sequence_length,
            "pad_to_max_tokens": lookup.pad_to_max_tokens,
            "sparse": False,
            "ragged": False,
            "encoding": lookup.encoding,
        }
        return result | lookup.vocabulary_config() | {"vocabulary_size": self.vocabulary_size()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> TextVectorization:
        """Make a layer from what `get_config` returned; functions are found among the custom objects."""
        config = {**config, "name": config.get("name")}
        StringLookup.check_config(config)
        custom = registry.known_custom_objects(custom_objects)
        for key in ("standardize", "split"):
            config[key] = _find_function(config.get(key), key, config["name"], custom)
        if isinstance(config.get("ngrams"), list):
            config["ngrams"] = tuple(config["ngrams"])
        return cls(**config)


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_ragged(value: Any) -> bool:
    rows = isinstance(value, (list, tuple)) and bool(value) and all(isinstance(row, (list, tuple)) for row in value)
    return rows and len({len(row) for row in value}) > 1


def _function_config(value: Any) -> Any:
    """Return the name of a function in Keras's form; a name or None as it is."""
    if not callable(value):
        return value
    name = registry.get_registered_name(value)
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}


def _find_function(value: Any, key: str, layer: str | None, custom: Mapping[str, Any]) -> Any:
    if value is None or callable(value) or value in (*tokenization.STANDARDIZATIONS, *tokenization.SPLITS):
        return value
    name = value.get("config") if isinstance(value, Mapping) else value
    if isinstance(name, str) and name in custom:
        return custom[name]
    raise ValueError(
        f"Layer {layer!r} uses the function {name!r} as `{key}`, which is not known. Pass it: "
        f"`custom_objects={{{name!r}: function}}`."
    )
