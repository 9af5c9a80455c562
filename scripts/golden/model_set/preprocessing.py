"""Layers that learn from data before training, and layers that take words."""

from __future__ import annotations

import numpy as np

from model_set import TF, Entry, integers, numbers

WORDS = np.array([["cat", "bat", "zz"], ["hat", "cat", "cat"], ["É", "hat", ""], ["bat", "bat", "mat"]])
TEXTS = np.array([["The cat, the hat"], ["a bat on THE mat"], ["É cat"], ["hat hat hat"]])


def learnt_numbers(keras, version):
    """Normalization, Discretization and what counts whole numbers."""
    layers = keras.layers
    values, ids = numbers(1, 8, 3) * 4, integers(2, 6, 8, 2, dtype="int64")
    norm, bins = layers.Normalization(name="norm"), layers.Discretization(num_bins=4, name="bins")
    if version == "3.15":
        # Without TensorFlow it learns nothing.
        bins = layers.Discretization(bin_boundaries=[-2.0, 0.5, 1.0], name="bins")
    fixed = layers.Normalization(mean=[0.5, 1.0, -1.0], variance=[1.0, 4.0, 0.25], invert=True, name="fixed")
    back = layers.Normalization(axis=None, name="scalar")
    for layer in (norm, back, bins)[: 2 if version == "3.15" else 3]:
        layer.adapt(values)
    source, index = keras.Input((3,), name="source"), keras.Input((2,), dtype="int64", name="index")
    parts = [norm(source), fixed(source), back(source), layers.Rescaling(0.1, offset=0.5, name="scaled")(source)]
    x = layers.Dense(3, activation="tanh", name="dense")(layers.Concatenate(name="numbers")(parts))
    encoded = layers.CategoryEncoding(6, output_mode="multi_hot", name="encoded")(index)
    binned = layers.Embedding(5, 2, name="table")(bins(source))
    x = layers.Concatenate(name="all")([x, encoded, layers.Flatten(name="flat")(binned)])
    model = keras.Model([source, index], layers.Dense(1, name="score")(x), name="learnt_numbers")
    model.compile(keras.optimizers.SGD(0.02), "mse")
    return model, [values, ids], numbers(3, 8, 1)


def counted(keras, version):
    """Lookups of whole numbers."""
    layers = keras.layers
    ids = integers(4, 9, 8, 2, dtype="int64")
    plain = layers.IntegerLookup(vocabulary=[3, 5, 1], num_oov_indices=1, name="plain")
    learnt = layers.IntegerLookup(max_tokens=5, mask_token=0, output_mode="count", name="learnt")
    learnt.adapt(ids)
    source = keras.Input((2,), dtype="int64", name="source")
    outputs = [plain(source), learnt(source)]
    return keras.Model(source, outputs, name="counted"), ids, None


def hashed(keras, version):
    """Hashes of whole numbers."""
    layers = keras.layers
    left, right = (keras.Input((1,), dtype="int64", name=name) for name in ("left", "right"))
    crossed = layers.HashedCrossing(7, output_mode="one_hot", name="crossed")([left, right])
    model = keras.Model([left, right], [layers.Hashing(5, name="hashing")(left), crossed], name="hashed")
    return model, [integers(5, 20, 4, 1, dtype="int64"), integers(6, 20, 4, 1, dtype="int64")], None


def words(keras, version):
    """Vocabularies that were given and learnt, in the layers that take text."""
    layers = keras.layers
    given = layers.StringLookup(vocabulary=["cat", "bat", "É"], mask_token="", num_oov_indices=2, name="given")
    learnt = layers.StringLookup(output_mode="multi_hot", name="learnt")
    learnt.adapt(WORDS)
    weighted = layers.StringLookup(
        vocabulary=["cat", "bat"], idf_weights=[0.5, 1.25], output_mode="tf_idf", name="weighted"
    )
    source = keras.Input((3,), dtype="string", name="source")
    ids = given(source)
    x = layers.Flatten(name="flat")(layers.Embedding(6, 2, name="table")(ids))
    x = layers.Concatenate(name="joined")([x, learnt(source), weighted(source)])
    score = layers.Dense(1, name="score")(x)
    model = keras.Model(source, score, name="words")
    model.compile(keras.optimizers.SGD(0.02), "mse")
    return model, WORDS.astype(object), numbers(7, 4, 1)


def texts(keras, version):
    """TextVectorization, learnt and given."""
    layers = keras.layers
    learnt = layers.TextVectorization(output_sequence_length=5, name="learnt")
    learnt.adapt(TEXTS)
    bags = layers.TextVectorization(output_mode="count", ngrams=2, max_tokens=9, name="bags")
    bags.adapt(TEXTS)
    source = keras.Input((1,), dtype="string", name="source")
    x = layers.GlobalAveragePooling1D(name="mean")(layers.Embedding(20, 3, name="table")(learnt(source)))
    x = layers.Concatenate(name="joined")([x, bags(source)])
    model = keras.Model(source, layers.Dense(1, name="score")(x), name="texts")
    model.compile(keras.optimizers.SGD(0.02), "mse")
    return model, TEXTS.astype(object), numbers(8, 4, 1)


MODELS = {
    "learnt-numbers": Entry(learnt_numbers, rough=False),
    # Keras 2.15 writes no learnt vocabulary to .h5.
    "counted": Entry(counted, keras=TF, steps=0, rough=False, unable=(("2.15", "h5"),)),
    "hashed": Entry(hashed, keras=TF, steps=0, rough=False),
    "words": Entry(words, keras=TF, rough=False, unable=(("2.15", "h5"),)),
    "texts": Entry(texts, keras=TF, rough=False, unable=(("2.15", "h5"),)),
}
