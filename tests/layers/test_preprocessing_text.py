"""StringLookup, IntegerLookup, TextVectorization, Hashing, HashedCrossing: what is not in the golden files."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

import keras_torch as keras
from keras_torch import Input, Model, Sequential, config, dropin, layers
from keras_torch.layers.preprocessing import fingerprints

TEXTS = np.array(["foo bar", "bar baz", "Baz, bada boom!", "baz"] * 3)
TARGETS = np.arange(12.0)


class Sentences(Dataset):
    """Pairs of a text and a number."""

    def __len__(self):
        return len(TEXTS)

    def __getitem__(self, index):
        return str(TEXTS[index]), float(TARGETS[index])


class Batches(keras.utils.Sequence):
    """The same in batches of three."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        part = slice(3 * index, 3 * index + 3)
        return TEXTS[part], TARGETS[part]


def generator():
    while True:
        yield TEXTS[:5], TARGETS[:5]
        yield TEXTS[5:], TARGETS[5:]


def vectorization(**arguments):
    layer = layers.TextVectorization(**arguments)
    layer.adapt(TEXTS)
    return layer


def classifier():
    model = Sequential(
        [
            Input((1,), dtype="string"),
            vectorization(),
            layers.Embedding(10, 4, mask_zero=True),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("form", [TEXTS, TEXTS.astype(object), TEXTS[:, None], TEXTS.tolist(), TEXTS.astype("S")])
def test_a_model_takes_text_in_every_form(form):
    model = classifier()
    np.testing.assert_array_equal(model.predict(form, verbose=0), model.predict(TEXTS, verbose=0))


def test_a_model_trains_on_arrays_of_text():
    model = classifier()
    history = model.fit(TEXTS, TARGETS, epochs=3, batch_size=5, validation_split=0.25, verbose=0).history
    assert history["loss"][2] < history["loss"][0] and len(history["val_loss"]) == 3
    assert model.evaluate(TEXTS, TARGETS, verbose=0) > 0
    assert model.train_on_batch(TEXTS[:2], TARGETS[:2]) >= 0
    assert model.predict_on_batch(TEXTS[:2]).shape == (2, 1)


@pytest.mark.parametrize("source", [Sentences, Batches, generator, lambda: DataLoader(Sentences(), batch_size=4)])
def test_streams_of_text_train_and_are_learnt_from(source):
    model = classifier()
    model.fit(source(), steps_per_epoch=1, verbose=0)
    layer = layers.TextVectorization()
    layer.adapt(source(), steps=4)
    assert layer.get_vocabulary(include_special_tokens=False) == ["baz", "bar", "foo", "boom", "bada"]


def test_text_without_a_declared_input_is_understood():
    model = Sequential([vectorization(), layers.Embedding(10, 4), layers.GlobalAveragePooling1D(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(TEXTS, TARGETS, verbose=0)
    assert model.predict(TEXTS, verbose=0).shape == (12, 1)
    lookup = Sequential([layers.StringLookup(vocabulary=["foo"])])
    assert lookup.predict(np.array([["foo"], ["b"]]), verbose=0).tolist() == [[1], [0]]


class Subclassed(Model):
    """A model that looks text up in its `call`."""

    def __init__(self):
        super().__init__()
        self.vectorize = vectorization()
        self.embed = layers.Embedding(10, 3)
        self.score = layers.Dense(1)

    def call(self, inputs):
        return self.score(self.embed(self.vectorize(inputs)).mean(1))


def test_subclassed_models_take_text_eagerly_and_symbolically():
    model = Subclassed()
    model.compile("sgd", "mse")
    model.fit(TEXTS, TARGETS, verbose=0)
    words = Input((1,), dtype="string")
    outer = Model(words, Subclassed()(words))
    assert outer.output_shape == (None, 1)
    assert outer.predict(TEXTS, verbose=0).shape == (12, 1)


def test_text_and_numbers_go_into_one_model_by_name():
    words, numbers = Input((1,), dtype="string", name="words"), Input((2,), name="numbers")
    found = layers.Flatten()(layers.Embedding(4, 2)(layers.StringLookup(vocabulary=["a", "b"])(words)))
    model = Model([words, numbers], layers.Dense(1)(layers.concatenate([found, numbers])))
    model.compile("sgd", "mse")
    data = {"words": np.array(["a", "b", "c"]), "numbers": np.ones((3, 2))}
    model.fit(data, np.zeros(3), verbose=0)
    assert model.predict(data, verbose=0).shape == (3, 1)


def test_models_with_text_are_saved_cloned_and_copied(tmp_path):
    model = classifier()
    wanted = model.predict(TEXTS, verbose=0)
    model.save(tmp_path / "model.h5")
    loaded = keras.models.load_model(tmp_path / "model.h5")
    np.testing.assert_array_equal(loaded.predict(TEXTS, verbose=0), wanted)
    np.testing.assert_array_equal(copy.deepcopy(model).predict(TEXTS, verbose=0), wanted)
    clone = keras.models.clone_model(model)
    assert clone.layers[0].get_vocabulary() == model.layers[0].get_vocabulary()
    clone.layers[0].adapt(np.array(["new words"]))
    assert clone.layers[0].get_vocabulary() == ["", "[UNK]", "words", "new"]


def test_a_lookup_can_be_the_end_of_a_model():
    names = layers.StringLookup(vocabulary=["a", "b"], invert=True)
    model = Sequential([Input((2,), dtype="int64"), names])
    assert model.outputs[0].dtype == "string"
    found = model.predict(np.array([[1, 2], [2, 0], [9, 1]]), batch_size=2, verbose=0)
    assert found.tolist() == [["a", "b"], ["b", "[UNK]"], ["[UNK]", "a"]]


def test_layers_are_called_on_single_strings_and_empty_batches():
    layer = vectorization(output_sequence_length=4)
    assert layer("foo bar").tolist() == layer(["foo bar"])[0].tolist()
    assert layers.StringLookup(vocabulary=["a"])("a").tolist() == 1
    assert layer(np.array([], object)).shape == (0, 4)
    assert layers.StringLookup(vocabulary=["a"], output_mode="count")(np.zeros((0, 3), "<U1")).shape == (0, 2)


def test_layers_that_take_numbers_refuse_text_and_the_other_way_round():
    with pytest.raises(ValueError, match="takes numbers"):
        layers.Dense(3)(Input((1,), dtype="string"))
    with pytest.raises(ValueError, match="takes numbers"):
        layers.Dense(3)(np.array([["a"]]))
    with pytest.raises(TypeError, match="must be text"):
        classifier().predict(np.zeros((2, 1)), verbose=0)
    with pytest.raises(TypeError, match="must be text"):
        layers.StringLookup(vocabulary=["a"])(np.array([[1]]))
    with pytest.raises(TypeError, match="must be text.*NoneType"):
        layers.StringLookup(vocabulary=["a"])(np.array(["a", None], object))


def test_outputs_are_on_the_device_that_the_layer_was_moved_to():
    layer = layers.StringLookup(vocabulary=["a"]).to("meta")
    assert layer._place.device.type == "meta"
    assert layers.IntegerLookup(vocabulary=[3]).to(torch.float64)(torch.tensor([3])).tolist() == [1]


def test_a_vocabulary_may_come_from_a_file_but_not_from_a_config(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("é\nb\n", encoding="utf-8")
    layer = layers.StringLookup(vocabulary=str(path))
    assert layer.get_vocabulary() == ["[UNK]", "é", "b"]
    assert layer.get_config()["vocabulary"] == ["é", "b"]
    for cls in (layers.StringLookup, layers.TextVectorization):
        found = {**cls(vocabulary=["b"]).get_config(), "vocabulary": str(path)}
        with pytest.raises(ValueError, match="names a file"):
            cls.from_config(found)
    with pytest.raises(ValueError, match="no vocabulary file"):
        layers.StringLookup(vocabulary=str(tmp_path / "none.txt"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_tokens": 1}, "`max_tokens` must be more than 1"),
        ({"num_oov_indices": -1}, "`num_oov_indices` must not be negative"),
        ({"output_mode": "ints"}, "`output_mode` must be one of"),
        ({"sparse": True}, "`sparse=True` is not supported"),
        ({"pad_to_max_tokens": True}, "needs `max_tokens`"),
        ({"invert": True, "output_mode": "count"}, "`invert=True` goes with"),
        ({"invert": True, "oov_token": None}, "needs an `oov_token`"),
        ({"vocabulary": [1, 2, 1]}, "must differ. Repeated:"),
        ({"vocabulary": []}, "must not be empty"),
        ({"vocabulary": [1, 7], "mask_token": 7}, "must begin with"),
        ({"vocabulary": [1, -1], "invert": True, "oov_token": -1}, "must begin with"),
        ({"vocabulary": [1, 2, 3], "max_tokens": 3}, "more than `max_tokens`"),
        ({"vocabulary": [1], "output_mode": "tf_idf"}, "`idf_weights` must be given"),
        ({"vocabulary": [1], "idf_weights": [1.0]}, "has a meaning only where `output_mode` is 'tf_idf'"),
        ({"vocabulary": [1], "idf_weights": [1.0, 2.0], "output_mode": "tf_idf"}, "one number for each"),
        ({"vocabulary_dtype": "int32"}, "`vocabulary_dtype` must be 'int64'"),
        ({"salt": 1}, "needs oov_method='farmhash'"),
        ({"salt": "a", "oov_method": "farmhash"}, "one integer or two"),
        ({"oov_method": "md5"}, "`oov_method` must be one of"),
    ],
)
def test_lookups_refuse_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.IntegerLookup(**arguments)


def test_what_is_not_in_the_vocabulary_needs_a_place(monkeypatch):
    # On a GPU the program stops.
    monkeypatch.setenv("KERAS_TORCH_DEVICE", "cpu")
    with pytest.raises(ValueError, match=r"\['c'\].*Use `num_oov_indices=1`"):
        layers.StringLookup(vocabulary=["a", "b"], num_oov_indices=0)(["a", "c"])
    with pytest.raises(ValueError, match=r"\[4, 9\]"):
        layers.IntegerLookup(vocabulary=[3], num_oov_indices=0)([9, 3, 4])


def test_a_given_vocabulary_is_not_learnt_and_a_learnt_one_keeps_its_size():
    with pytest.raises(ValueError, match="cannot be adapted"):
        layers.StringLookup(vocabulary=["a"]).adapt(["b"])
    with pytest.raises(ValueError, match="cannot be adapted"):
        layers.TextVectorization(vocabulary=["a"]).adapt(["b"])
    layer = layers.StringLookup(output_mode="count")
    layer.adapt(["a", "b"])
    with pytest.raises(RuntimeError, match="cannot change"):
        layer.adapt(["a"])


def test_unknown_integers_are_spread_by_remainder_or_by_hash():
    by_remainder = layers.IntegerLookup(vocabulary=[5], num_oov_indices=2)
    by_hash = layers.IntegerLookup(vocabulary=[5], num_oov_indices=2, oov_method="farmhash")
    numbers = np.arange(100) * 2 + 10
    assert set(by_remainder(numbers).tolist()) == {0}
    np.testing.assert_array_equal(by_hash(numbers), layers.Hashing(2)(numbers))
    salted = layers.StringLookup(vocabulary=["a"], num_oov_indices=9, salt=[1, 2])
    words = [f"w{n}" for n in range(50)]
    np.testing.assert_array_equal(salted(words), layers.Hashing(9, salt=[1, 2])(words))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"standardize": "upper"}, "`standardize` must be one of.*a function or None"),
        ({"split": "words"}, "`split` must be one of"),
        ({"ngrams": [1, 2]}, "`ngrams` must be"),
        ({"ngrams": 0}, "`ngrams` must be"),
        ({"output_mode": "none"}, "`output_mode` must be one of"),
        ({"output_mode": "one_hot"}, "texts of different lengths"),
        ({"output_mode": "count", "output_sequence_length": 3}, "`output_sequence_length` must be None"),
        ({"output_sequence_length": 2.5}, "`output_sequence_length` must be None"),
        ({"ragged": True}, "`ragged=True` is not supported"),
        ({"sparse": True, "output_mode": "count"}, "`sparse=True` is not supported"),
    ],
)
def test_text_vectorization_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.TextVectorization(**arguments)


def upper(texts):
    return np.char.upper(texts)


def by_comma(texts):
    return [text.split(",") for text in texts.tolist()]


def test_text_is_cleaned_and_split_by_functions_of_arrays():
    layer = layers.TextVectorization(standardize=upper, split=by_comma)
    layer.adapt(["a,b c", "b c"])
    assert layer.get_vocabulary() == ["", "[UNK]", "B C", "A"]
    assert layer(["b c,q"]).tolist() == [[2, 1]]
    found = layers.serialize(layer)
    twin = layers.deserialize(found, {"upper": upper, "by_comma": by_comma})
    assert twin(["b c,a"]).tolist() == [[2, 3]]
    assert pickle.loads(pickle.dumps(layer))(["b c,a"]).tolist() == [[2, 3]]
    with pytest.raises(ValueError, match="uses the function 'upper' as `standardize`"):
        layers.deserialize(found)


def test_rows_of_tokens_may_have_different_lengths():
    layer = layers.TextVectorization(split=None, standardize=None)
    layer.adapt([["a", "b"], ["b"]])
    assert layer.get_vocabulary() == ["", "[UNK]", "b", "a"]
    assert layer([["b"], ["a", "c", "b"]]).tolist() == [[2, 0, 0], [3, 1, 2]]
    with pytest.raises(ValueError, match="different lengths"):
        layers.StringLookup(vocabulary=["a"])([["a"], ["a", "b"]])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_counts_have_the_dtype_of_the_layer(dtype):
    wanted = config.torch_dtype(dtype)
    assert layers.StringLookup(vocabulary=["a"], output_mode="count", dtype=dtype)(["a"]).dtype == wanted
    assert layers.Hashing(3, output_mode="count", dtype=dtype)(["a"]).dtype == wanted
    weighed = layers.StringLookup(vocabulary=["a"], idf_weights=[2.0], output_mode="tf_idf", dtype=dtype)
    assert weighed(["a", "a"]).tolist() == [0.0, 4.0] and weighed(["a"]).dtype == wanted


@pytest.mark.parametrize(
    ("cls", "arguments", "message"),
    [
        (layers.Hashing, {"num_bins": 0}, "`num_bins` must be a positive integer"),
        (layers.Hashing, {"num_bins": None}, "`num_bins` must be a positive integer"),
        (layers.Hashing, {"num_bins": 3, "salt": [1]}, "`salt` must be one integer or two"),
        (layers.Hashing, {"num_bins": 3, "output_mode": "tf_idf"}, "`output_mode` must be one of"),
        (layers.Hashing, {"num_bins": 3, "dtype": "float32"}, "`dtype` must be a type of integers"),
        (layers.HashedCrossing, {"num_bins": 3, "dtype": "float32"}, "`dtype` must be a type of integers"),
        (layers.HashedCrossing, {"num_bins": 3, "output_mode": "count"}, "`output_mode` must be one of"),
        (layers.HashedCrossing, {"num_bins": 3, "sparse": True}, "not supported"),
    ],
)
def test_hashing_refuses_bad_arguments(cls, arguments, message):
    with pytest.raises(ValueError, match=message):
        cls(**arguments)


def test_crossings_need_two_features_of_one_shape():
    layer = layers.HashedCrossing(5)
    for inputs, message in (
        ([np.array([1])], "two or more features"),
        ([np.zeros((2, 3), int), np.zeros((2, 3), int)], "of one shape"),
        ([np.array([1]), np.array([1, 2])], "of one shape"),
        ([np.array([1]), np.array([0.5])], "strings or integers"),
    ):
        with pytest.raises(ValueError, match=message):
            layer(inputs)


def test_crossings_of_text_and_numbers_go_into_models():
    words, numbers = Input((1,), dtype="string"), Input((1,), dtype="int64")
    crossing = layers.HashedCrossing(5, output_mode="one_hot")
    model = Model([words, numbers], crossing([words, numbers]))
    data = [np.array(["a", "b"]), np.array([3, 4])]
    assert model.output_shape == (None, 5)
    np.testing.assert_array_equal(model.predict(data, verbose=0), crossing(data))


def test_hashes_do_not_depend_on_the_company_of_a_string():
    words = ["x" * length + "é" for length in range(150)]
    together = fingerprints.fingerprints(words)
    assert together.tolist() == [fingerprints.fingerprints([word])[0] for word in words]
    # From TensorFlow's documentation of to_hash_bucket_fast, and the vectors of the SipHash paper.
    assert (fingerprints.fingerprints(["Hello", "TensorFlow", "2.x"]) % np.uint64(3)).tolist() == [0, 2, 2]
    key = [0x0706050403020100, 0x0F0E0D0C0B0A0908]
    assert fingerprints.keyed_hashes(["".join(map(chr, range(15)))], key)[0] == 0xA129CA6149BE45E5


def test_tf_keras_paths_and_positions_lead_here():
    with config.dialect_scope("tf"):
        layer = layers.StringLookup(None, 1, None, "[UNK]", ["a"], None, "utf-8", True)
    assert layer.invert
    old = layers.IntegerLookup(max_values=5, mask_value=0, oov_value=-2)
    assert (old.max_tokens, old.mask_token, old.oov_token) == (5, 0, -2)
    with dropin.install("tf"):
        import tensorflow as tf
        from tensorflow.keras.layers.experimental.preprocessing import TextVectorization

        assert TextVectorization is layers.TextVectorization
        assert tf.keras.layers.experimental.preprocessing.Normalization is layers.Normalization
        assert tf.keras.Input((1,), dtype=tf.string).dtype == "string"


@pytest.mark.parametrize("items", [["a", "b", "a", "c"], [3, 4, 3, 5]])
def test_a_stack_without_an_input_learns_from_the_data_whether_it_hashes_text_or_numbers(items):
    model = Sequential([layers.Hashing(50), layers.Embedding(50, 2), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    data = np.array(items).reshape(-1, 1)
    model.fit(data, np.ones(4), verbose=0)
    assert model.inputs[0].dtype == ("string" if isinstance(items[0], str) else "int64")
    found = model.predict(data, verbose=0)
    assert Sequential.from_config(model.get_config()).inputs[0].dtype == model.inputs[0].dtype
    assert found[0] == found[2] and found[0] != found[1]


def test_a_stack_of_text_layers_inside_another_is_built_for_text():
    inner = Sequential([layers.Hashing(5, output_mode="one_hot")])
    outputs = inner(Input((1,), dtype="string"))
    assert inner.inputs[0].dtype == "string" and outputs.shape == (None, 5)


def test_weights_of_documents_become_as_many_as_max_tokens_only_where_they_are_used() -> None:
    made = {"vocabulary": ["a", "b"], "idf_weights": [2.0, 4.0], "output_mode": "tf_idf", "pad_to_max_tokens": True}
    huge = layers.StringLookup(max_tokens=10**12, **made)
    assert huge(Input((2,), dtype="string")).shape == (None, 10**12)
    small = layers.StringLookup(max_tokens=5, **made)
    np.testing.assert_array_equal(small(np.array([["a", "a", "b"]])), [[0.0, 4.0, 4.0, 0.0, 0.0]])
    small.save_own_variables(stored := {})
    np.testing.assert_array_equal(stored["idf_weights"], [3.0, 2.0, 4.0, 0.0, 0.0])
