"""IndexLookup: what StringLookup and IntegerLookup share, a vocabulary and outputs made of its indices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.backend.ragged import RaggedTensor
from keras_torch.layers.preprocessing.base import PreprocessingLayer, check_choice, refuse_sparse
from keras_torch.layers.preprocessing.encoding import encode, encoded_shape

OUTPUT_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
_ASSET = "vocabulary.txt"
_OLD_MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


class IndexLookup(PreprocessingLayer):
    """Replace tokens by their place in a vocabulary, or (`invert=True`) places by tokens.

    Places: first the mask token (only where `output_mode` is "int" and `mask_token` is not None), then
    `num_oov_indices` places for what is not in the vocabulary, then the tokens, the most frequent first and of equally
    frequent ones the greatest first. `output_mode` "int" gives int64; the others floats as CategoryEncoding does, from
    which masked tokens drop out; "tf_idf" weighs counts. Subclasses give `_token`, `_rebuild_table` and `_find`.
    """

    _lists_are_batches = False
    vocabulary_dtype = "int64"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: Any = None,
        oov_token: Any = None,
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: int | Sequence[int] | None = None,
        vocabulary_size: int | None = None,
        has_input_vocabulary: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        output_mode = _OLD_MODES.get(output_mode, output_mode)
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert, self.output_mode, self.pad_to_max_tokens = invert, output_mode, pad_to_max_tokens
        self.oov_method = oov_method
        self._check_arguments(sparse, idf_weights)
        self.salt = self._as_key(salt)
        if output_mode == "int":
            self._dtype = "int64"
        # Where learnt or set tokens are in a config, they are no reason not to adapt the layer again.
        self._is_fixed = vocabulary is not None if has_input_vocabulary is None else has_input_vocabulary
        self.input_vocabulary: list[Any] | None = None
        self.input_idf_weights = None if idf_weights is None else np.asarray(idf_weights).tolist()
        self._tokens: list[Any] = []
        self._has_vocabulary = False
        self._waiting_idf: np.ndarray | None = None
        # A size without tokens comes from the config of a layer whose vocabulary was learnt, by Keras.
        told = vocabulary is None and vocabulary_size is not None and vocabulary_size > self._token_start
        self._frozen_size: int | None = vocabulary_size if told else None
        self.register_buffer("_place", torch.empty(0, dtype=torch.int64, device=config.default_device()), False)
        self.register_buffer("idf_weights", None, persistent=False)
        self._forget_counts()
        self._rebuild_table()
        self.built = True
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
            if self._is_fixed:
                self.input_vocabulary = (
                    self._tokens if isinstance(vocabulary, str) else list(map(self._token, vocabulary))
                )

    def _check_arguments(self, sparse: bool, idf_weights: Any) -> None:
        check_choice(self, "output_mode", self.output_mode, OUTPUT_MODES)
        check_choice(self, "oov_method", self.oov_method, ("floormod", "farmhash"))
        refuse_sparse(self, sparse)
        if self.max_tokens is not None and self.max_tokens <= 1:
            raise ValueError(f"Layer {self.name!r}: `max_tokens` must be more than 1. Received: {self.max_tokens!r}")
        if self.num_oov_indices < 0:
            raise ValueError(
                f"Layer {self.name!r}: `num_oov_indices` must not be negative. Received: {self.num_oov_indices!r}"
            )
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise ValueError(f"Layer {self.name!r}: `pad_to_max_tokens=True` needs `max_tokens`. Received: None")
        if self.invert and self.output_mode != "int":
            raise ValueError(
                f"Layer {self.name!r}: `invert=True` goes with output_mode='int' only. "
                f"Received: output_mode={self.output_mode!r}"
            )
        if self.invert and self.oov_token is None:
            raise ValueError(f"Layer {self.name!r}: `invert=True` needs an `oov_token`. Received: None")
        if idf_weights is not None and self.output_mode != "tf_idf":
            raise ValueError(
                f"Layer {self.name!r}: `idf_weights` has a meaning only where `output_mode` is 'tf_idf'. "
                f"Received: output_mode={self.output_mode!r}"
            )

    def _as_key(self, salt: Any) -> list[int] | None:
        if salt is None:
            return None
        key = [salt, salt] if isinstance(salt, int) else list(salt) if isinstance(salt, (list, tuple)) else []
        if len(key) != 2:
            raise ValueError(f"Layer {self.name!r}: `salt` must be one integer or two. Received: {salt!r}")
        return key

    def _token(self, value: Any) -> Any:
        """Return an item of a vocabulary as a plain Python value."""
        raise NotImplementedError(f"{type(self).__name__} must define `_token(self, value)`.")

    def _rebuild_table(self) -> None:
        """Make what `_find` looks things up in from `_tokens`."""
        raise NotImplementedError(f"{type(self).__name__} must define `_rebuild_table(self)`.")

    def _find(self, inputs: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return indices, and where they are valid (None: everywhere), that is, not masked."""
        raise NotImplementedError(f"{type(self).__name__} must define `_find(self, inputs)`.")

    def _name_of(self, inputs: Any) -> Any:
        """Return the tokens at the indices `inputs`."""
        raise NotImplementedError(f"{type(self).__name__} must define `_name_of(self, inputs)`.")

    @property
    def _oov_start(self) -> int:
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def _token_start(self) -> int:
        return self._oov_start + self.num_oov_indices

    @property
    def _special_tokens(self) -> list[Any]:
        return [self.mask_token] * self._oov_start + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """Return the tokens in the order of their indices, the mask and unknown tokens first unless left out."""
        return [*self._special_tokens, *self._tokens] if include_special_tokens else list(self._tokens)

    def vocabulary_size(self) -> int:
        """Return the number of indices: tokens, places for unknown ones, and the mask."""
        return self._token_start + len(self._tokens)

    vocab_size = vocabulary_size

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Take a list or array of tokens, or a text file with one on each line, in place of learning from data.

        The mask and unknown tokens may stand in front, all of them or none. `idf_weights`, one for each item, belong to
        output mode "tf_idf". ValueError for repeated or misplaced tokens, or more than `max_tokens`.
        """
        if (idf_weights is None) == (self.output_mode == "tf_idf"):
            raise ValueError(
                f"Layer {self.name!r}: `idf_weights` must be given where `output_mode` is 'tf_idf', and only there. "
                f"Received: output_mode={self.output_mode!r}, idf_weights={idf_weights!r}"
            )
        if isinstance(vocabulary, str):
            found, has_special = self._read(vocabulary), False
        else:
            found = [self._token(item) for item in vocabulary]
            special = self._special_tokens
            has_special = found[: len(special)] == special
        tokens = found[self._token_start :] if has_special else found
        self._check_vocabulary(tokens, found)
        self._adopt(tokens)
        if idf_weights is not None:
            self._set_idf(np.asarray(idf_weights, dtype="float64"), len(found), has_special)

    def _read(self, path: str) -> list[Any]:
        if not Path(path).is_file():
            raise ValueError(f"Layer {self.name!r}: there is no vocabulary file {path!r}.")
        if self.output_mode == "tf_idf":
            raise ValueError(
                f"Layer {self.name!r}: output mode 'tf_idf' cannot take the vocabulary from a file, which has no "
                f"`idf_weights`. Pass lists. Received: {path!r}"
            )
        text = Path(path).read_text(encoding=getattr(self, "encoding", "utf-8"))
        return [self._token(line) for line in text.removesuffix("\n").split("\n")]

    def _check_vocabulary(self, tokens: list[Any], given: list[Any]) -> None:
        if not given:
            raise ValueError(f"Layer {self.name!r}: `vocabulary` must not be empty. Received: {given!r}")
        if len(set(tokens)) != len(tokens):
            repeated = [token for token, count in Counter(tokens).items() if count > 1]
            raise ValueError(f"Layer {self.name!r}: the items of `vocabulary` must differ. Repeated: {repeated[:10]}")
        reserved = {"mask_token": self.mask_token, "oov_token": self.oov_token if self.invert else None}
        for argument, token in reserved.items():
            if token is not None and token in tokens:
                raise ValueError(
                    f"Layer {self.name!r}: `vocabulary` must begin with {self._special_tokens}, or contain neither the "
                    f"mask nor the unknown token. Received: `{argument}` {token!r} at index {given.index(token)}"
                )
        size = self._token_start + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                f"Layer {self.name!r}: `vocabulary` has {size} items, the special tokens included, which is more than "
                f"`max_tokens`. Received: max_tokens={self.max_tokens}"
            )

    def _adopt(self, tokens: list[Any]) -> None:
        self._check_size(self._token_start + len(tokens))
        self._tokens, self._has_vocabulary = tokens, True
        self.input_vocabulary = None
        self._rebuild_table()

    def _check_size(self, size: int) -> None:
        """Outputs of other modes than "int" are as wide as the vocabulary, and layers behind may count on that."""
        free = self.output_mode == "int" or self.pad_to_max_tokens
        if not free and self._frozen_size not in (None, size):
            raise RuntimeError(
                f"Layer {self.name!r}: with output_mode={self.output_mode!r} and `pad_to_max_tokens=False` the size of "
                f"the vocabulary cannot change once it is set. It was {self._frozen_size}. Received: {size}"
            )
        self._frozen_size = size

    def _set_idf(self, weights: np.ndarray, count: int, has_special: bool) -> None:
        if weights.shape != (count,):
            raise ValueError(
                f"Layer {self.name!r}: `idf_weights` must have one number for each of the {count} items of the "
                f"vocabulary. Received: the shape {weights.shape}"
            )
        if not has_special:
            # Nothing is known of the documents with unknown tokens.
            weights = np.pad(weights, (self._token_start, 0), constant_values=weights.mean())
        self.idf_weights = torch.tensor(weights, dtype=self._compute_torch_dtype, device=self._place.device)

    def load_learnt(self, weights: np.ndarray) -> None:
        """Take the weights of documents that Keras 2.15 keeps as a weight, the special tokens included."""
        if self.output_mode == "tf_idf" and self._has_vocabulary:
            self._set_idf(weights[: self.vocabulary_size()], self.vocabulary_size(), True)

    def save_own_variables(self, store: Any) -> None:
        """Store the weights of documents, of output mode "tf_idf", under "idf_weights"."""
        if self.output_mode == "tf_idf" and self.idf_weights is not None:
            stored = self.idf_weights.detach().cpu().numpy()
            store["idf_weights"] = np.pad(stored, (0, self._depth() - len(stored)))

    def load_own_variables(self, store: Any) -> None:
        """Take the weights of documents; without a vocabulary they wait for `load_assets`."""
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            self._waiting_idf = np.asarray(store["idf_weights"])
            self.load_learnt(self._waiting_idf)

    def save_assets(self, dir_path: Any) -> None:
        """Write a vocabulary that was not given to the constructor to `vocabulary.txt`, one token on each line."""
        if not self._is_fixed and self._has_vocabulary:
            text = "\n".join(str(token) for token in self.get_vocabulary())
            (Path(dir_path) / _ASSET).write_text(text, encoding="utf-8")

    def load_assets(self, dir_path: Any) -> None:
        """Read what `save_assets` of this class or of Keras wrote into a folder; None stands for no folder."""
        path = None if dir_path is None else Path(dir_path) / _ASSET
        if self._is_fixed or path is None or not path.is_file():
            return
        lines = path.read_text(encoding="utf-8").split("\n")
        # In files of tf.keras the last token may be empty; Keras 3 takes empty ones at the end for none.
        while lines and not lines[-1] and config.dialect() != "tf":
            lines.pop()
        is_number = self.vocabulary_dtype.startswith("int")
        tokens = [self._token(int(line) if is_number else line) for line in lines]
        special = self._special_tokens
        if len(tokens) <= len(special) and tokens == special[: len(tokens)]:
            return
        idf = self._waiting_idf
        self.set_vocabulary(tokens, None if idf is None else idf[: len(tokens)])

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary from data; for "tf_idf", each row is a document, and so is each item of a list."""
        self.check_adaptable()
        if isinstance(data, (list, np.ndarray, torch.Tensor)) and np.ndim(data[0] if len(data) else 0) == 0:
            data = self._adapt_batch(data)[:, None]
        super().adapt(data, batch_size, steps)

    def check_adaptable(self) -> None:
        """ValueError if the vocabulary was given to the constructor."""
        if self._is_fixed:
            raise ValueError(
                f"Layer {self.name!r} cannot be adapted, because it was made with a `vocabulary`. Make a layer without."
            )

    def update_state(self, data: Any) -> None:
        """Count the tokens of a batch: an array, of which one of one axis is one document, or a list of documents."""
        rows = data if isinstance(data, list) else self._adapt_batch(data).tolist()
        if not isinstance(rows, list) or not rows or not isinstance(rows[0], list):
            rows = [rows if isinstance(rows, list) else [rows]]
        self._counts.update(chain.from_iterable(map(_leaves, rows)))
        if self.output_mode == "tf_idf":
            self._document_counts.update(chain.from_iterable(set(_leaves(row)) for row in rows))
            self._documents += len(rows)

    def reset_state(self) -> None:
        self._forget_counts()

    def _forget_counts(self) -> None:
        self._counts: Counter[Any] = Counter()
        self._document_counts: Counter[Any] = Counter()
        self._documents = 0

    def finalize_state(self) -> None:
        if not self._counts:
            self._check_size(self.vocabulary_size())
            return
        for token in (self.mask_token, self.oov_token):
            self._counts.pop(token, None)
        order = sorted(((count, token) for token, count in self._counts.items()), reverse=True)
        room = None if self.max_tokens is None else max(0, self.max_tokens - self._token_start)
        tokens = [token for _, token in order[:room]]
        self._adopt(tokens)
        if self.output_mode == "tf_idf":
            found = np.array([self._document_counts[token] for token in tokens], "float64")
            self._set_idf(np.log(1.0 + self._documents / (1.0 + found)), len(tokens), False)
        self._forget_counts()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Look up values; of a RaggedTensor row by row."""
        if args and isinstance(args[0], RaggedTensor):
            return args[0].each(lambda values: self(values, *args[1:], **kwargs))
        return super().__call__(*args, **kwargs)

    def call(self, inputs: Any) -> Any:
        self.check_ready()
        if self.invert:
            return self._name_of(inputs)
        indices, valid = self._find(inputs)
        return indices if self.output_mode == "int" else self._encode(indices, valid)

    def _encode(self, indices: torch.Tensor, valid: torch.Tensor | None) -> torch.Tensor:
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        result = encode(indices, mode, self._depth(), self._compute_torch_dtype, valid=valid)
        if self.output_mode != "tf_idf":
            return result
        # Only here do the weights become as many as `max_tokens`: in a config, that may be any number.
        weights = self.idf_weights.to(result)
        return result * torch.nn.functional.pad(weights, (0, result.shape[-1] - len(weights)))

    def check_ready(self) -> None:
        """RuntimeError if there is no vocabulary yet."""
        if not self._has_vocabulary:
            raise RuntimeError(
                f"Layer {self.name!r} has no vocabulary yet. Call `adapt(data)` first, or pass `vocabulary`."
            )

    def _depth(self) -> int:
        depth = self.max_tokens if self.pad_to_max_tokens else self._frozen_size
        if depth is None:
            raise RuntimeError(
                f"Layer {self.name!r} needs its vocabulary before it is called, because with output_mode="
                f"{self.output_mode!r} it decides the size of the outputs. Call `adapt(data)`, or pass `vocabulary`."
            )
        return depth

    def _refuse_unknown(self, tokens: Iterable[Any]) -> None:
        raise ValueError(
            f"Layer {self.name!r} has no place for tokens that are not in its vocabulary, since `num_oov_indices` is "
            f"0. Received: {list(tokens)[:10]}. Use `num_oov_indices=1`."
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        depth = None if self.output_mode == "int" else self._depth()
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        return encoded_shape(input_shape, mode, depth)

    def _symbolic_dtype(self, input_dtype: str | None) -> str:
        if self.invert:
            return self.vocabulary_dtype
        return "int64" if self.output_mode == "int" else self.compute_dtype

    def get_config(self) -> dict[str, Any]:
        result = {
            **super().get_config(),
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": False,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "vocabulary_dtype": self.vocabulary_dtype,
            "oov_method": self.oov_method,
            "salt": self.salt,
        }
        return result | self.vocabulary_config()

    def vocabulary_config(self) -> dict[str, Any]:
        """Return the vocabulary as arguments. Keras writes one that was learnt beside the config, or nowhere."""
        size = self._frozen_size
        if self._is_fixed or not self._tokens:
            given = {"vocabulary": self.input_vocabulary, "idf_weights": self.input_idf_weights}
            return {**given, "vocabulary_size": size}
        tokens = self.get_vocabulary()
        idf = None if self.idf_weights is None else self.idf_weights[: len(tokens)].tolist()
        return {"vocabulary": tokens, "idf_weights": idf, "vocabulary_size": size, "has_input_vocabulary": False}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Make a layer from what `get_config` returned. ValueError if it names a file: a config opens none."""
        cls.check_config(config)
        return super().from_config(config, custom_objects)

    @staticmethod
    def check_config(config: dict[str, Any]) -> None:
        """ValueError if a config names a file as vocabulary."""
        if isinstance(config.get("vocabulary"), str):
            raise ValueError(
                f"The config of layer {config.get('name')!r} names a file as `vocabulary`, which is not opened. Make "
                f"the layer yourself. Received: {config['vocabulary']!r}"
            )


def _leaves(row: Any) -> Iterable[Any]:
    """The tokens of one document, which may have more axes."""
    if row and isinstance(row, list) and isinstance(row[0], list):
        return chain.from_iterable(map(_leaves, row))
    return row if isinstance(row, list) else [row]
