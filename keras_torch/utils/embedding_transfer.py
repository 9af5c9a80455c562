"""The weights of an Embedding for another vocabulary."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch

from keras_torch import initializers


def warmstart_embedding_matrix(
    base_vocabulary: Any,
    new_vocabulary: Any,
    base_embeddings: Any,
    new_embeddings_initializer: Any = "uniform",
) -> torch.Tensor:
    """Return embeddings of shape (words of `new_vocabulary`, size): the known words' from `base_embeddings`.

    `base_embeddings` has a row for each word of `base_vocabulary`. The rows of other words come from the initializer.
    Vocabularies are lists, arrays, or paths of text files with a word on each line. ValueError for empty ones.
    """
    old, new = _words(base_vocabulary, "base_vocabulary"), _words(new_vocabulary, "new_vocabulary")
    base = torch.as_tensor(base_embeddings)
    if base.dim() != 2 or len(base) < len(old):
        raise ValueError(
            f"`base_embeddings` must have a row for each of the {len(old)} words of `base_vocabulary`. "
            f"Received: shape {tuple(base.shape)}"
        )
    made = initializers.get(new_embeddings_initializer)((len(new), base.shape[1]), dtype=base.dtype).to(base.device)
    row = {word: number for number, word in enumerate(old)}
    known = [number for number, word in enumerate(new) if word in row]
    if known:
        made[known] = base[[row[new[number]] for number in known]]
    return made


def _words(vocabulary: Any, name: str) -> list[Any]:
    if isinstance(vocabulary, (str, os.PathLike)):
        if not os.path.exists(vocabulary):
            raise ValueError(f"`{name}` is not the path of a file. Received: {vocabulary!r}")
        with open(vocabulary, encoding="utf-8") as file:
            words: list[Any] = file.read().splitlines()
    elif isinstance(vocabulary, (list, tuple, np.ndarray, torch.Tensor)):
        words = vocabulary.tolist() if hasattr(vocabulary, "tolist") else list(vocabulary)
    else:
        raise ValueError(f"`{name}` must be a list, an array or the path of a text file. Received: {type(vocabulary)}")
    if not words:
        raise ValueError(f"`{name}` must have at least one word. Received: {vocabulary!r}")
    return words
