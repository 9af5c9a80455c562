from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import saving_models
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils import _pytree as pytree

import keras_torch as keras
from keras_torch.saving import convert, to_torch
from keras_torch.saving.convert.plain import load_state_dict, state_dict, write_source

layers = keras.layers


def cnn():
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(4, 3, padding="same", activation="relu", name="stem"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Conv2D(4, 3, strides=2, padding="same"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax", name="head"),
        ],
        name="small_cnn",
    )


def is_foreign(module):
    return any(type(part).__module__.startswith("keras_torch.") for part in module.modules())


@pytest.mark.parametrize("name", saving_models.BUILDERS)
def test_predictions_are_equal_for_batches_of_any_size(name, trained_models):
    model, inputs = trained_models(name)
    module = to_torch(model)
    assert not is_foreign(module)
    inputs = inputs if isinstance(inputs, list) else [inputs]
    for count in (1, 3):
        tensors = [torch.as_tensor(item[:count]) for item in inputs]
        expected = model(tensors if len(tensors) > 1 else tensors[0])
        for one, other in zip(pytree.tree_leaves(module(*tensors)), pytree.tree_leaves(expected), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


@pytest.fixture
def trained_models():
    def make(name):
        torch.manual_seed(0)
        model, inputs, targets = saving_models.BUILDERS[name](keras)
        saving_models.train(model, inputs, targets, 2)
        return model, inputs

    return make


def test_the_source_is_readable_torch_with_the_names_of_the_layers(tmp_path):
    torch.manual_seed(0)
    convert_source(cnn(), tmp_path / "net.py")
    text = (tmp_path / "net.py").read_text()
    assert "keras_torch" not in text.partition("import torch")[2]
    for line in (
        "class SmallCnn(nn.Module):",
        "self.stem = nn.Conv2d(2, 4, (3, 3), stride=(1, 1), padding=(1, 1), dilation=(1, 1))",
        "self.batch_normalization = nn.BatchNorm2d(4, eps=0.001, momentum=0.01)",
        "# head: Dense",
        "= self.dropout(",
    ):
        assert line in text
    keys = list(torch.load(tmp_path / "net.pt", weights_only=True))
    assert {"stem.weight", "stem.bias", "batch_normalization.running_var", "head.bias"} <= set(keys)


def convert_source(model, path):
    write_source(model, str(path))


CHECK = """
import sys
class Blocked:
    def find_spec(self, name, *rest):
        if name.split(".")[0] in ("keras_torch", "keras", "h5py"):
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
import numpy as np, torch, net
x = torch.from_numpy(np.load("x.npy"))
np.save("source.npy", net.load("net.pt")(x).detach().numpy())
np.save("program.npy", torch.export.load("net.pt2").module()(x).detach().numpy())
"""


def test_source_and_program_run_where_keras_torch_cannot_be_imported(tmp_path):
    torch.manual_seed(0)
    model = cnn()
    x = np.random.rand(5, 8, 8, 2).astype("float32")
    np.save(tmp_path / "x.npy", x)
    model.save(tmp_path / "model.h5")
    convert(tmp_path / "model.h5", tmp_path / "net.py")
    convert(tmp_path / "model.h5", tmp_path / "net.pt2")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHECK], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    expected = model.predict(x, verbose=0)
    for name in ("source", "program"):
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), expected, atol=1e-6)


def test_a_plain_module_trains_as_torch_does():
    torch.manual_seed(0)
    model = cnn()
    model.get_layer("head").trainable = False
    module = to_torch(model)
    assert isinstance(module.dropout, nn.Dropout)
    assert [name for name, item in module.named_parameters() if not item.requires_grad] == ["head.weight", "head.bias"]
    x = torch.rand(6, 8, 8, 2)
    assert torch.equal(module(x), module(x))
    module.train()
    assert not torch.equal(module(x), module(x))
    before = module.batch_normalization.running_mean.clone()
    module(x).sum().backward()
    assert not torch.equal(module.batch_normalization.running_mean, before)
    assert module.stem.weight.grad is not None and module.head.weight.grad is None
    assert model.get_layer("stem").conv.weight.grad is None


def test_gradients_are_those_of_the_model():
    torch.manual_seed(0)
    inputs = keras.Input((5, 4))
    hidden = layers.LSTM(3, recurrent_activation="hard_sigmoid")(layers.GRU(3, return_sequences=True)(inputs))
    model = keras.Model(inputs, layers.Dense(2)(hidden))
    module = to_torch(model)
    x = torch.rand(2, 5, 4)
    module(x).square().sum().backward()
    model(x).square().sum().backward()
    grads = {name: item.grad for name, item in module.named_parameters()}
    assert grads["gru.weight_ih_l0"].any()
    kernel = model.get_layer("gru").cell.rnn.weight_ih_l0.grad
    torch.testing.assert_close(grads["gru.weight_ih_l0"], kernel)


def test_a_frozen_batch_normalization_stays_as_it_is():
    model = keras.Sequential([keras.Input((3,)), layers.BatchNormalization(trainable=False)])
    module = to_torch(model).train()
    x = torch.rand(4, 3)
    torch.testing.assert_close(module(x), model(x))
    assert not module.batch_normalization.running_mean.any()


def test_what_training_does_differently_is_told_apart(tmp_path):
    model = keras.Sequential([keras.Input((5, 4)), layers.SpatialDropout1D(0.5), layers.GaussianNoise(1.0)])
    module = to_torch(model)
    x = torch.ones(3, 5, 4)
    assert torch.equal(module(x), x)
    noisy = module.train()(x)
    skip = keras.Input((4,))
    dropped = to_torch(keras.Model(skip, layers.Concatenate()([skip, layers.Dropout(0.9)(skip)]))).train()
    assert torch.equal(dropped(torch.ones(9, 4))[:, :4], torch.ones(9, 4))
    assert not torch.equal(noisy, x) and not torch.equal(noisy, module(x))


class Scale(layers.Layer):
    """A layer of a user's, with a weight, a sub-layer and a constant."""

    def build(self, input_shape):
        self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")
        self.dense = layers.Dense(2)
        self.dense.build(input_shape)
        self.table = torch.arange(2.0)

    def call(self, inputs):
        return self.dense(inputs * self.factor) + self.table


def test_layers_of_the_user_are_written_out():
    model = keras.Sequential([keras.Input((3,)), Scale(name="own")])
    module = to_torch(model)
    x = torch.rand(4, 3)
    torch.testing.assert_close(module(x), model(x))
    assert sorted(module.state_dict()) == ["constant_0", "own.dense.bias", "own.dense.weight", "own.factor"]


class Tied(layers.Layer):
    def __init__(self, table, **kwargs):
        super().__init__(**kwargs)
        self.table = nn.Linear(4, 6, bias=False)
        self.table.weight = table.embedding.weight

    def call(self, inputs):
        return self.table(inputs)


def test_tied_weights_stay_tied():
    table = layers.Embedding(6, 4, name="table")
    table.build((None,))
    model = keras.Sequential([keras.Input((3,)), table, Tied(table, name="scores")])
    module = to_torch(model)
    assert module.scores.weight is module.table.weight
    x = torch.tensor([[1.0, 2.0, 5.0]])
    torch.testing.assert_close(module(x), model(x))


KINDS = {
    "additive_attention": (lambda: layers.Attention(), [(4, 3), (5, 3)]),
    "conv_lstm": (lambda: layers.ConvLSTM1D(2, 3, dropout=0.2), [(4, 6, 2)]),
    "conv_transpose": (lambda: layers.Conv2DTranspose(3, 3, strides=2, padding="same"), [(5, 5, 2)]),
    "einsum": (lambda: layers.EinsumDense("abc,cd->abd", (None, 4), activation="gelu"), [(3, 5)]),
    "group_norm": (lambda: layers.GroupNormalization(2), [(4, 4, 6)]),
    "locally": (lambda: layers.LocallyConnected1D(3, 2), [(6, 2)]),
    "rnn": (lambda: layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)]), [(4, 3)]),
    "separable": (lambda: layers.SeparableConv2D(4, 3, activation="relu"), [(6, 6, 3)]),
    "spectral": (lambda: layers.SpectralNormalization(layers.Dense(3)), [(4,)]),
    "time_distributed": (lambda: layers.TimeDistributed(layers.Conv2D(2, 2)), [(3, 4, 4, 1)]),
    "unit_norm": (lambda: layers.UnitNormalization(), [(5,)]),
    "upsampling": (lambda: layers.UpSampling2D(2, interpolation="bilinear"), [(3, 3, 2)]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_layers_compute_the_same_in_plain_torch_and_run_in_training(kind):
    make, shapes = KINDS[kind]
    inputs = [keras.Input(shape) for shape in shapes]
    model = keras.Model(inputs, make()(inputs if len(inputs) > 1 else inputs[0]))
    module = to_torch(model)
    data = [torch.rand(3, *shape) for shape in shapes]
    torch.testing.assert_close(module(*data), model(data if len(data) > 1 else data[0]))
    module.train()(*data)


def test_shared_layers_and_functions_of_torch_are_written_once():
    left, right = keras.Input((3,)), keras.Input((3,))
    shared = layers.Dense(2, name="shared")
    model = keras.Model([left, right], {"sum": torch.tanh(shared(left)) + shared(right), "left": shared(left)[:, 1:]})
    module = to_torch(model)
    x, y = torch.rand(2, 3), torch.rand(2, 3)
    result, expected = module(x, y), model([x, y])
    assert list(result) == list(expected)
    assert all(torch.equal(result[key], expected[key]) for key in expected)
    assert list(module.state_dict()) == ["shared.weight", "shared.bias"]


def test_inputs_of_different_open_lengths_are_kept_apart():
    one, two = keras.Input((None, 4)), keras.Input((None, 4))
    model = keras.Model([one, two], layers.MultiHeadAttention(2, 2)(one, two))
    module = to_torch(model)
    x, y = torch.rand(2, 3, 4), torch.rand(2, 7, 4)
    torch.testing.assert_close(module(x, y), model([x, y]))


class Undecided(layers.Layer):
    def call(self, inputs):
        return inputs * 2 if bool(inputs.sum() > 3) else inputs


def test_what_cannot_be_written_is_an_error_that_says_why(tmp_path):
    model = keras.Sequential([keras.Input((3,)), Undecided()])
    with pytest.raises(ValueError, match="it reads the values of tensors"):
        write_source(model, str(tmp_path / "net.py"))
    assert list(tmp_path.iterdir()) == []
    stateful = keras.Sequential([keras.Input(batch_shape=(2, 3, 4)), layers.LSTM(2, stateful=True)])
    with pytest.raises(ValueError, match="keeps states between batches"):
        write_source(stateful, str(tmp_path / "net.py"))


def test_recording_leaves_the_model_as_it_was():
    torch.manual_seed(0)
    model = cnn()
    before = [array.copy() for array in model.get_weights()]
    state = torch.get_rng_state()
    to_torch(model)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert torch.equal(torch.get_rng_state(), state)
    assert not model.training and F.relu(torch.ones(1)) == 1
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 8, 8, 2)), np.ones((2, 3)), verbose=0)


def test_a_state_dict_comes_back_into_the_model():
    torch.manual_seed(0)
    one = cnn()
    other = keras.models.clone_model(one)
    assert load_state_dict(other, to_torch(one).state_dict())
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
    assert not load_state_dict(other, {"something.else": torch.ones(1)})
    with pytest.raises(ValueError, match="'head.bias' must have the shape"):
        load_state_dict(other, {**state_dict(one), "head.bias": torch.ones(9)})
