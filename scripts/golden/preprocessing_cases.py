"""Layers that learn from data, or take text, for preprocessing_values.py and tests/layers/test_preprocessing_golden.py.

Pure data: each case has the layer, its arguments, what it is adapted to (arrays, or a list of batches), or the
vocabulary that is set, and the inputs of one call. Which versions record it: Keras 3 on torch has no text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

BOTH = ("2.15", "3.15")


@dataclass(frozen=True)
class Case:
    """One layer: `batches` is a stream to adapt to, `data` an array, `sets` the arguments of `set_vocabulary`."""

    layer: str
    arguments: dict[str, Any]
    inputs: Any
    data: Any = None
    batches: list[Any] = field(default_factory=list)
    sets: tuple[Any, ...] = ()
    keras: tuple[str, ...] = ("2.15",)
    several: bool = False

    def arrays(self) -> list[np.ndarray]:
        """The inputs as arrays, one unless `several`."""
        return [np.asarray(item) for item in (self.inputs if self.several else [self.inputs])]


TEXTS = [
    "The cat, the hat; THE bat!",
    "a  cat\tsat\non  the mat",
    "É naïve Über-cat's d.o.g",
    "",
    'x_y {z} [w] ~q` "p" #1 $2 %3 & (4) *5 +6 -7 /8 :9 <0> = ? @ \\ ^ |',
    "non\u00a0breaking \u2003 em\x1cfile 漢字 🙂",
    "bat bat cat",
]
WORDS = [["cat", "bat", ""], ["É", "zz", "cat"], ["[UNK]", "hat", "漢"]]
COLUMN = [["cat"], ["bat"], [""], ["zz"]]
DOCUMENTS = [["cat", "cat", "bat"], ["cat", "hat", ""], ["bat", "hat", "hat"], ["é", "Z", "a"]]
NUMBERS = [[5, 3, 3], [9, -4, 0], [7, 5, 2**40]]
# Keras 2.15 can weigh documents by frequency only if each has as many different tokens.
PAIRS = [["cat", "cat", "bat"], ["cat", "hat", "hat"], ["bat", "hat", "hat"], ["é", "Z", "é"]]
NUMBER_PAIRS = [[5, 5, 3], [3, 0, 3], [9, 7, 7], [-1, 2**40, -1]]
COUNTED = [[5, 5, 3], [3, 0, 9], [9, 7, 7], [-1, 5, 2**40]]
FLOATS = np.random.RandomState(17).standard_normal((40, 3)).astype("float32") * [1, 10, 0.5] + [0, 20, 1]
FLOATS = FLOATS.astype("float32")
VOCABULARY = ["cat", "bat", "hat", "É"]
IDF = [0.5, 1.25, 2.0, 3.0]
MODES = ("one_hot", "multi_hot", "count")

CASES: dict[str, Case] = {
    "normalization": Case("Normalization", {}, FLOATS[:5], FLOATS, keras=BOTH),
    "normalization_batches": Case("Normalization", {}, FLOATS[:5], batches=[FLOATS[:7], FLOATS[7:]]),
    "normalization_one": Case("Normalization", {"axis": None}, FLOATS[:5], FLOATS, keras=BOTH),
    "normalization_axes": Case(
        "Normalization", {"axis": (1, 2)}, FLOATS.reshape(10, 4, 3)[:2], FLOATS.reshape(10, 4, 3), keras=BOTH
    ),
    "normalization_inverted": Case("Normalization", {"invert": True}, FLOATS[:5], FLOATS, keras=BOTH),
    "discretization": Case("Discretization", {"num_bins": 4}, FLOATS[:9], FLOATS, keras=BOTH),
    "discretization_coarse": Case(
        "Discretization", {"num_bins": 5, "epsilon": 0.1}, FLOATS[:9], batches=[FLOATS, FLOATS * 2], keras=BOTH
    ),
    "discretization_multi_hot": Case(
        "Discretization", {"num_bins": 3, "output_mode": "multi_hot"}, FLOATS[:9], FLOATS[:30], keras=BOTH
    ),
    "strings_given": Case("StringLookup", {"vocabulary": VOCABULARY}, WORDS),
    "strings_mask": Case("StringLookup", {"vocabulary": VOCABULARY, "mask_token": ""}, WORDS),
    "strings_with_special": Case("StringLookup", {"vocabulary": ["", "[UNK]", *VOCABULARY], "mask_token": ""}, WORDS),
    "strings_set": Case("StringLookup", {}, WORDS, sets=(VOCABULARY,)),
    "strings_many_unknown": Case(
        "StringLookup", {"vocabulary": VOCABULARY, "num_oov_indices": 3, "mask_token": "zz"}, WORDS
    ),
    "strings_none_unknown": Case("StringLookup", {"vocabulary": VOCABULARY, "num_oov_indices": 0}, [["cat", "É"]]),
    "strings_learnt": Case("StringLookup", {}, WORDS, DOCUMENTS),
    "strings_learnt_flat": Case("StringLookup", {"mask_token": ""}, WORDS, sum(DOCUMENTS, [])),
    "strings_learnt_batches": Case("StringLookup", {"max_tokens": 4}, WORDS, batches=[DOCUMENTS[:1], DOCUMENTS[1:]]),
    "strings_learnt_tf_idf": Case("StringLookup", {"output_mode": "tf_idf"}, WORDS, PAIRS),
    "strings_learnt_tf_idf_padded": Case(
        "StringLookup",
        {"output_mode": "tf_idf", "max_tokens": 9, "pad_to_max_tokens": True, "num_oov_indices": 2},
        WORDS,
        PAIRS,
    ),
    "strings_tf_idf": Case(
        "StringLookup", {"output_mode": "tf_idf", "vocabulary": VOCABULARY, "idf_weights": IDF}, WORDS
    ),
    "strings_tf_idf_with_special": Case(
        "StringLookup",
        {"output_mode": "tf_idf", "vocabulary": ["[UNK]", *VOCABULARY], "idf_weights": [9.0, *IDF]},
        WORDS,
    ),
    "strings_padded": Case(
        "StringLookup",
        {"output_mode": "count", "vocabulary": VOCABULARY, "max_tokens": 8, "pad_to_max_tokens": True},
        WORDS,
    ),
    "strings_inverted": Case("StringLookup", {"vocabulary": VOCABULARY, "invert": True}, [[1, 2, 0], [4, 3, 9]]),
    "strings_inverted_mask": Case(
        "StringLookup",
        {"vocabulary": VOCABULARY, "invert": True, "mask_token": "", "oov_token": "?"},
        [[1, 2, 0], [4, 5, 9]],
    ),
    "strings_before_adapt": Case("StringLookup", {"mask_token": ""}, WORDS),
    "strings_count_before_adapt": Case("StringLookup", {"output_mode": "count"}, WORDS),
    "strings_unknown_without_place": Case("StringLookup", {"vocabulary": VOCABULARY, "num_oov_indices": 0}, WORDS),
    "strings_one": Case("StringLookup", {"vocabulary": VOCABULARY}, "bat"),
    "strings_one_row": Case("StringLookup", {"vocabulary": VOCABULARY, "output_mode": "multi_hot"}, WORDS[0]),
    "integers_given": Case("IntegerLookup", {"vocabulary": [5, 3, 9]}, NUMBERS),
    "integers_mask": Case("IntegerLookup", {"vocabulary": [5, 3, 9], "mask_token": 0}, NUMBERS),
    "integers_many_unknown": Case("IntegerLookup", {"vocabulary": [5, 3, 9], "num_oov_indices": 3}, NUMBERS),
    "integers_none_unknown": Case("IntegerLookup", {"vocabulary": [5, 3, 9], "num_oov_indices": 0}, [[9, 5, 3]]),
    "integers_learnt": Case("IntegerLookup", {}, NUMBERS, COUNTED),
    "integers_learnt_few": Case("IntegerLookup", {"max_tokens": 4, "mask_token": 0}, NUMBERS, COUNTED),
    "integers_learnt_tf_idf": Case("IntegerLookup", {"output_mode": "tf_idf"}, NUMBERS, NUMBER_PAIRS),
    "integers_inverted": Case("IntegerLookup", {"vocabulary": [5, 3, 9], "invert": True}, [[1, 0], [3, 8]]),
    "integers_before_adapt": Case("IntegerLookup", {}, NUMBERS),
    "texts_before_adapt": Case("TextVectorization", {}, TEXTS),
    "texts_two_columns": Case("TextVectorization", {"vocabulary": VOCABULARY}, [["a", "b"]]),
    "texts_learnt": Case("TextVectorization", {}, TEXTS, TEXTS),
    "texts_column": Case("TextVectorization", {}, [[text] for text in TEXTS], TEXTS),
    "texts_one": Case("TextVectorization", {}, "the cat and the bat", TEXTS),
    "texts_batches": Case("TextVectorization", {"max_tokens": 6}, TEXTS, batches=[TEXTS[:2], TEXTS[2:]]),
    "texts_as_they_are": Case("TextVectorization", {"standardize": None}, TEXTS, TEXTS),
    "texts_lower": Case("TextVectorization", {"standardize": "lower"}, TEXTS, TEXTS),
    "texts_strip": Case("TextVectorization", {"standardize": "strip_punctuation"}, TEXTS, TEXTS),
    "texts_characters": Case("TextVectorization", {"split": "character"}, TEXTS, TEXTS),
    "texts_tokens": Case("TextVectorization", {"split": None}, WORDS, DOCUMENTS),
    "texts_tokens_cut": Case("TextVectorization", {"split": None, "output_sequence_length": 2}, WORDS, DOCUMENTS),
    "texts_tokens_filled": Case("TextVectorization", {"split": None, "output_sequence_length": 5}, WORDS, DOCUMENTS),
    "texts_tokens_counted": Case("TextVectorization", {"split": None, "output_mode": "count"}, WORDS, DOCUMENTS),
    "texts_bigrams": Case("TextVectorization", {"ngrams": 2}, TEXTS, TEXTS),
    "texts_ngrams": Case("TextVectorization", {"ngrams": (3, 1)}, TEXTS, TEXTS),
    "texts_token_ngrams": Case("TextVectorization", {"split": None, "ngrams": 2}, WORDS, DOCUMENTS),
    "texts_length": Case("TextVectorization", {"output_sequence_length": 4}, TEXTS, TEXTS),
    "texts_longer": Case("TextVectorization", {"output_sequence_length": 30}, TEXTS, TEXTS),
    "texts_multi_hot": Case("TextVectorization", {"output_mode": "multi_hot"}, TEXTS, TEXTS),
    "texts_count": Case("TextVectorization", {"output_mode": "count", "max_tokens": 7}, TEXTS, TEXTS),
    "texts_count_padded": Case(
        "TextVectorization", {"output_mode": "count", "max_tokens": 60, "pad_to_max_tokens": True}, TEXTS, TEXTS
    ),
    "texts_tf_idf": Case("TextVectorization", {"output_mode": "tf_idf"}, TEXTS, TEXTS),
    "texts_given": Case("TextVectorization", {"vocabulary": VOCABULARY}, TEXTS),
    "texts_given_tf_idf": Case(
        "TextVectorization", {"vocabulary": VOCABULARY, "idf_weights": IDF, "output_mode": "tf_idf"}, TEXTS
    ),
    "texts_set": Case("TextVectorization", {}, TEXTS, sets=(["", "[UNK]", *VOCABULARY],)),
    "hashing": Case("Hashing", {"num_bins": 7}, WORDS),
    "hashing_mask": Case("Hashing", {"num_bins": 7, "mask_value": ""}, WORDS),
    "hashing_salt": Case("Hashing", {"num_bins": 7, "salt": 1234}, WORDS),
    "hashing_two_salts": Case("Hashing", {"num_bins": 7, "salt": [3, 2**40], "mask_value": "cat"}, WORDS),
    "hashing_one_bin": Case("Hashing", {"num_bins": 1, "mask_value": ""}, WORDS),
    "hashing_integers": Case("Hashing", {"num_bins": 7}, NUMBERS),
    "hashing_integers_mask": Case("Hashing", {"num_bins": 7, "mask_value": 3}, NUMBERS),
    "hashing_integers_salt": Case("Hashing", {"num_bins": 7, "salt": 5}, NUMBERS),
    "hashing_int32": Case("Hashing", {"num_bins": 7, "dtype": "int32"}, NUMBERS),
    "hashing_lengths": Case("Hashing", {"num_bins": 2**31}, ["ab漢d" * n for n in range(30)]),
    "hashing_lengths_salt": Case("Hashing", {"num_bins": 2**31, "salt": [7, 8]}, ["ab漢d" * n for n in range(30)]),
    "crossing": Case("HashedCrossing", {"num_bins": 9}, [COLUMN, [[1], [2], [-3], [2**40]]], several=True),
    "crossing_rows": Case("HashedCrossing", {"num_bins": 9}, [WORDS[0], WORDS[1], [4, 5, 6]], several=True),
    "crossing_integers": Case("HashedCrossing", {"num_bins": 9}, [[1, 2, -3], [4, 5, 2**40]], several=True),
    "crossing_one_hot": Case(
        "HashedCrossing", {"num_bins": 5, "output_mode": "one_hot"}, [COLUMN, COLUMN], several=True
    ),
    **{
        f"strings_{mode}{end}": Case("StringLookup", {"vocabulary": VOCABULARY, "output_mode": mode, **more}, inputs)
        for mode in MODES
        for end, inputs in (("", WORDS[0] if mode == "one_hot" else WORDS), ("_column", COLUMN))
        for more in ({"mask_token": ""},)
    },
    **{
        f"integers_{mode}": Case(
            "IntegerLookup",
            {"vocabulary": [5, 3, 9], "output_mode": mode, "mask_token": 0},
            NUMBERS[0] if mode == "one_hot" else NUMBERS,
        )
        for mode in MODES
    },
    **{
        f"hashing_{mode}": Case(
            "Hashing", {"num_bins": 5, "output_mode": mode}, WORDS[0] if mode == "one_hot" else WORDS
        )
        for mode in MODES
    },
}
