"""Normalization, CategoryEncoding, Discretization: what is not in the golden files."""

import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import keras_torch as keras
from keras_torch import Input, Model, Sequential, config, layers

DATA = np.random.default_rng(5).normal(50.0, 3.0, (103, 4)).astype("float32")


class Halves(keras.utils.Sequence):
    """Two batches of inputs and targets."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return DATA[:40] if index == 0 else DATA[40:], np.zeros(1)


def generator():
    yield from (DATA[:10], DATA[10:])


SOURCES = {
    "array": lambda: DATA,
    "tensor": lambda: torch.tensor(DATA),
    "list of lists": DATA.tolist,
    "list of batches": lambda: [DATA[:7], torch.tensor(DATA[7:])],
    "dataset": lambda: TensorDataset(torch.tensor(DATA), torch.zeros(len(DATA))),
    "loader": lambda: DataLoader(TensorDataset(torch.tensor(DATA)), batch_size=9),
    "sequence": Halves,
    "generator": generator,
}


@pytest.mark.parametrize("source", SOURCES)
def test_normalization_learns_the_same_from_every_kind_of_data(source):
    layer = layers.Normalization()
    layer.adapt(SOURCES[source]())
    mean, variance, count = layer.get_weights()
    np.testing.assert_allclose(mean, DATA.mean(0, dtype="float64"), rtol=1e-6)
    np.testing.assert_allclose(variance, DATA.var(0, dtype="float64"), rtol=1e-5)
    assert count == len(DATA)
    np.testing.assert_allclose(layer(DATA).numpy().std(0), 1.0, rtol=1e-4)


def test_normalization_in_small_batches_is_exact_far_from_zero():
    data = np.random.default_rng(1).normal(1e4, 1.0, (1000, 2))
    whole, parts = layers.Normalization(dtype="float64"), layers.Normalization(dtype="float64")
    whole.adapt(data)
    parts.adapt(data, batch_size=7)
    np.testing.assert_allclose(parts.get_weights()[1], data.var(0), rtol=1e-10)
    np.testing.assert_allclose(parts.get_weights()[1], whole.get_weights()[1], rtol=1e-10)


def test_adapting_again_forgets_and_steps_limit_the_batches():
    layer = layers.Normalization(axis=None)
    layer.adapt(DATA)
    layer.adapt([[0.0], [2.0]])
    np.testing.assert_allclose(layer(torch.tensor([[0.0], [1.0], [2.0]])), [[-1.0], [0.0], [1.0]])
    layer.adapt(iter([np.array([[0.0], [2.0]]), np.array([[100.0]])]), steps=1)
    assert layer.adapt_mean.numpy() == 1.0 and layer.is_adapted


def test_a_list_of_inputs_with_targets_is_a_list_of_batches():
    layer = layers.Normalization(axis=None)
    layer.adapt([(np.array([[0.0], [2.0]]), np.zeros(2)), (np.array([[4.0]]), np.zeros(1))])
    assert layer.adapt_mean.numpy() == 2.0


def test_the_mean_of_a_normalization_has_the_axes_of_the_inputs():
    layer = layers.Normalization(axis=1)
    layer.adapt(np.zeros((2, 3, 5)))
    assert tuple(layer.mean.shape) == tuple(layer.variance.shape) == (1, 3, 1)


def test_inverse_normalization_undoes_it():
    layer, inverse = layers.Normalization(), layers.Normalization(invert=True)
    layer.adapt(DATA)
    inverse.adapt(DATA)
    np.testing.assert_allclose(inverse(layer(DATA)), DATA, rtol=1e-5)


def test_a_model_with_normalization_trains_and_its_weights_survive_files_and_pickles(tmp_path):
    def make():
        return Sequential([Input((4,)), layers.Normalization(), layers.Dense(1)])

    model, twin = make(), make()
    model.layers[0].adapt(DATA)
    model.compile("sgd", "mse")
    model.fit(DATA, DATA[:, :1] * 0, verbose=0)
    model.save_weights(tmp_path / "w.h5")
    twin.load_weights(tmp_path / "w.h5")
    np.testing.assert_allclose(twin.predict(DATA, verbose=0), model.predict(DATA, verbose=0), rtol=1e-6)
    copy = pickle.loads(pickle.dumps(model.layers[0]))
    np.testing.assert_array_equal(copy(DATA), model.layers[0](DATA))


def test_given_statistics_move_with_the_layer_and_come_back_from_the_config():
    layer = layers.Normalization(mean=np.array([1.0, 2.0]), variance=torch.tensor([4.0, 9.0]))
    layer.build((None, 2))
    assert layer.to(torch.float64)._given_mean.dtype == torch.float64
    twin = layers.Normalization.from_config(layer.get_config())
    np.testing.assert_allclose(twin(np.array([[3.0, 5.0]])), [[1.0, 1.0]])
    assert layer.weights == []


@pytest.mark.parametrize(
    ("arguments", "shape", "message"),
    [
        ({"axis": 3}, (2, 3), "`axis` must lie in -2..1"),
        ({"axis": -1}, (2, None), "must be known"),
        ({"mean": 1.0}, (2, 3), "go together"),
        ({"mean": [1.0], "variance": 1.0}, (2, 3), "same shape"),
        ({"mean": [[1.0]], "variance": [[1.0]]}, (2, 3), "at most as many axes"),
        ({"mean": [1.0, 2.0], "variance": [1.0, 2.0]}, (2, 3), "must fit the axes"),
    ],
)
def test_normalization_refuses_what_does_not_fit(arguments, shape, message):
    with pytest.raises(ValueError, match=message):
        layers.Normalization(**arguments).build(shape)


def test_what_cannot_be_learnt_from_is_named():
    layer = layers.Normalization()
    with pytest.raises(TypeError, match="takes an array, a tensor"):
        layer.adapt(3)
    with pytest.raises(TypeError, match="only be adapted to numbers"):
        layer.adapt(["a", "b"])
    with pytest.raises(ValueError, match="at least one batch"):
        layer.adapt(iter([]))
    with pytest.raises(ValueError, match="at least one batch"):
        layer.adapt([])
    layer.adapt(DATA)
    with pytest.raises(ValueError, match=r"sizes \(4,\)"):
        layer.adapt(DATA[:, :3])
    with pytest.raises(ValueError, match="were given"):
        layers.Normalization(mean=1.0, variance=1.0).adapt(DATA)


def test_category_numbers_out_of_range_are_an_error(monkeypatch):
    # On a GPU the program stops.
    monkeypatch.setenv("KERAS_TORCH_DEVICE", "cpu")
    layer = layers.CategoryEncoding(num_tokens=3)
    with pytest.raises(ValueError, match="from 0 to 2.*Received: numbers from 0 to 3"):
        layer(np.array([[0, 3]]))
    with pytest.raises(ValueError, match="Received: numbers from -1 to 1"):
        layer(np.array([[-1, 1]]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "`num_tokens` must be 1 or more"),
        ({"num_tokens": 0}, "`num_tokens` must be 1 or more"),
        ({"num_tokens": 3, "output_mode": "int"}, "`output_mode` must be one of"),
        ({"num_tokens": 3, "sparse": True}, "`sparse=True` is not supported"),
    ],
)
def test_category_encoding_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.CategoryEncoding(**arguments)


def test_count_weights_need_the_count_mode():
    with pytest.raises(ValueError, match="`count_weights`"):
        layers.CategoryEncoding(num_tokens=3)(np.array([[0, 1]]), count_weights=np.ones((1, 2)))


def test_count_weights_may_be_symbolic():
    numbers, weights = Input((3,), dtype="int32"), Input((3,))
    model = Model([numbers, weights], layers.CategoryEncoding(4, "count")(numbers, count_weights=weights))
    found = model.predict([np.array([[0, 1, 1]]), np.array([[0.5, 1.0, 2.0]])], verbose=0)
    np.testing.assert_allclose(found, [[0.5, 3.0, 0.0, 0.0]])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_encodings_have_the_dtype_of_the_layer(dtype):
    assert layers.CategoryEncoding(3, dtype=dtype)(np.array([[0, 1]])).dtype == config.torch_dtype(dtype)


def test_an_empty_batch_is_encoded():
    assert layers.CategoryEncoding(3)(np.zeros((0, 2), "int64")).shape == (0, 3)
    assert layers.Discretization([0.0])(np.zeros((0, 2), "float32")).shape == (0, 2)


def test_discretization_needs_boundaries_and_gives_the_integers_of_the_generation():
    layer = layers.Discretization(num_bins=4)
    with pytest.raises(ValueError, match="no boundaries yet"):
        layer(DATA)
    layer.adapt(DATA)
    assert layer(DATA).dtype == torch.int32
    assert np.bincount(layer(DATA).numpy().ravel()).min() > len(DATA) * 0.8
    with config.dialect_scope("tf"):
        assert layers.Discretization(bins=[0.0])(DATA).dtype == torch.int64


def test_learnt_boundaries_survive_config_and_pickle_and_can_be_learnt_anew():
    layer = layers.Discretization(num_bins=4)
    layer.adapt(DATA)
    twin = layers.deserialize(layers.serialize(layer))
    np.testing.assert_array_equal(twin(DATA), layer(DATA))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(layer))(DATA), layer(DATA))
    twin.adapt(DATA * 2)
    assert twin.bin_boundaries != layer.bin_boundaries


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either `num_bins`"),
        ({"num_bins": 3, "bin_boundaries": [1.0]}, "either `num_bins`"),
        ({"num_bins": -1}, "must not be negative"),
        ({"bin_boundaries": [2.0, 1.0]}, "increasing order"),
        ({"bin_boundaries": [1.0], "output_mode": "tf_idf"}, "`output_mode` must be one of"),
        ({"bin_boundaries": [1.0], "sparse": True}, "not supported"),
    ],
)
def test_discretization_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.Discretization(**arguments)


def test_given_boundaries_are_not_learnt():
    with pytest.raises(ValueError, match="cannot be adapted"):
        layers.Discretization([0.0]).adapt(DATA)


def test_a_preprocessing_layer_of_ones_own_sees_every_batch():
    class Largest(layers.PreprocessingLayer):
        def reset_state(self):
            self.largest = 0.0

        def update_state(self, data):
            self.largest = max(self.largest, float(data.max()))

        def call(self, inputs):
            return inputs / self.largest

    layer = Largest()
    layer.adapt(DataLoader(TensorDataset(torch.tensor(DATA)), batch_size=10))
    assert float(layer(DATA).max()) == pytest.approx(1.0)


def test_tf_names_of_arguments_are_translated():
    assert layers.CategoryEncoding(max_tokens=3).num_tokens == 3
    assert layers.Discretization(bins=3).num_bins == 3
