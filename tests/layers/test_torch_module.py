"""Torch modules as layers: wrapped, in Sequential, and called directly on symbolic tensors."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from keras_torch import Input, layers
from keras_torch.models import Model, Sequential, clone_model, load_model

X = np.random.RandomState(1).standard_normal((24, 3)).astype("float32")
Y = np.random.RandomState(2).standard_normal((24, 1)).astype("float32")


def block() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.ReLU())


def wrapped() -> tuple[Model, layers.TorchModuleWrapper]:
    layer = layers.TorchModuleWrapper(block(), name="block")
    inputs = Input((3,))
    model = Model(inputs, layers.Dense(1)(layer(inputs)))
    model.compile("sgd", "mse")
    return model, layer


def changed(before: list[np.ndarray], after: list[np.ndarray]) -> list[bool]:
    return [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]


def test_parameters_are_trained_and_statistics_follow() -> None:
    model, layer = wrapped()
    before = layer.get_weights()
    model.fit(X, Y, epochs=1, verbose=0)
    # A bias in front of a batch normalization has no gradient.
    assert changed(before, layer.get_weights()) == [True, False, True, True, True, True, True]
    assert [w.trainable for w in layer.weights] == [True] * 4 + [False] * 3
    assert [w.path for w in layer.weights[:2]] == ["block/module/0/weight", "block/module/0/bias"]


def test_a_frozen_module_keeps_parameters_and_statistics() -> None:
    model, layer = wrapped()
    layer.trainable = False
    model.compile("sgd", "mse")
    before = layer.get_weights()
    model.fit(X, Y, epochs=1, verbose=0)
    assert not any(changed(before, layer.get_weights()))
    assert layer.module[2].training is False and len(model.trainable_weights) == 2
    assert layer(torch.tensor(X), training=True).shape == (24, 4)
    layer.trainable = True
    assert len(layer.trainable_weights) == 4


def test_the_module_follows_the_mode_of_the_call() -> None:
    layer = layers.TorchModuleWrapper(nn.Dropout(0.5))
    ones = torch.ones(200)
    assert torch.equal(layer(ones), ones)
    assert set(layer(ones, training=True).tolist()) == {0.0, 2.0}
    assert torch.equal(layer(ones), ones)


def test_weights_and_buffers_are_saved_and_loaded(tmp_path) -> None:
    model, layer = wrapped()
    model.fit(X, Y, epochs=1, verbose=0)
    expected = model.get_weights()
    model.save_weights(tmp_path / "w.weights.h5")
    other, _ = wrapped()
    other.load_weights(tmp_path / "w.weights.h5")
    assert not any(changed(expected, other.get_weights()))


def test_a_saved_module_is_loaded_only_when_trusted_or_given(tmp_path) -> None:
    model, _ = wrapped()
    model.save(tmp_path / "m.h5")
    with pytest.raises(ValueError, match="'block' holds a pickled torch module.*custom_objects.*safe_mode=False"):
        load_model(tmp_path / "m.h5")
    expected = model.predict(X, verbose=0)
    trusted = load_model(tmp_path / "m.h5", safe_mode=False)
    given = load_model(tmp_path / "m.h5", custom_objects={"block": block()})
    for loaded in (trusted, given):
        np.testing.assert_allclose(loaded.predict(X, verbose=0), expected, rtol=1e-6, atol=1e-6)


def test_copies_pickles_and_clones_compute_the_same_with_weights_of_their_own() -> None:
    model, layer = wrapped()
    expected = model.predict(X, verbose=0)
    twins = [copy.deepcopy(model), pickle.loads(pickle.dumps(model)), clone_model(model)]
    twins[2].set_weights(model.get_weights())
    layer.set_weights([0 * w for w in layer.get_weights()])
    for twin in twins:
        np.testing.assert_allclose(twin.predict(X, verbose=0), expected, rtol=1e-6, atol=1e-6)


def test_a_config_gives_an_equal_module() -> None:
    layer = layers.TorchModuleWrapper(nn.Linear(3, 2), output_shape=(None, 2))
    twin = layers.TorchModuleWrapper.from_config(layer.get_config())
    assert twin.module is not layer.module
    torch.testing.assert_close(twin(X), layer(X))
    assert twin.compute_output_shape((None, 3)) == (None, 2)


@pytest.mark.parametrize("trainable", [True, False])
def test_it_compiles_without_a_graph_break(trainable: bool) -> None:
    layer = layers.TorchModuleWrapper(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), trainable=trainable)
    layer(X)
    layer.train()
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(torch.tensor(X)), copy.deepcopy(layer)(torch.tensor(X)))


def test_lazy_modules_are_initialized_from_the_input_shape() -> None:
    model = Sequential([Input((3,)), nn.LazyLinear(5), nn.LazyBatchNorm1d(), layers.Dense(1)])
    assert [tuple(w.shape) for w in model.layers[0].weights] == [(5, 3), (5,)]
    assert float(model.layers[1].module.num_batches_tracked) == 0
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    assert all(changed(before, model.get_weights())[2:])
    unbuilt = layers.TorchModuleWrapper(nn.LazyLinear(5))
    assert unbuilt.weights == []
    assert unbuilt(X).shape == (24, 5)


def test_a_lazy_module_that_does_not_fit_its_input_is_named() -> None:
    layer = layers.TorchModuleWrapper(nn.LazyConv2d(3, 2), name="images")
    with pytest.raises(ValueError, match="'images': the lazy parameters of .*Conv2d"):
        layer.build((None, 3))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_the_module_is_cast_to_a_given_type_and_lends_its_own_otherwise(dtype: str) -> None:
    torch_dtype = getattr(torch, dtype)
    assert layers.TorchModuleWrapper(nn.Linear(3, 2), dtype=dtype)(X).dtype == torch_dtype
    own = layers.TorchModuleWrapper(nn.Linear(3, 2, dtype=torch_dtype))
    assert own.dtype == dtype and own(X).dtype == torch_dtype
    assert own(X[:0]).shape == (0, 2)


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(2, 4)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.first(x) + self.second(y), self.first(x)


@pytest.mark.parametrize("wrap", [layers.TorchModuleWrapper, lambda module: module])
def test_modules_with_several_inputs_and_outputs(wrap) -> None:
    module = Pair()
    inputs = [Input((3,)), Input((2,))]
    model = Model(inputs, list(wrap(module)(*inputs)))
    data = [torch.randn(5, 3), torch.randn(5, 2)]
    torch.testing.assert_close(tuple(model(data)), module(*data))
    assert len(model.trainable_weights) == 4


def test_an_embedding_module_takes_integers_as_the_first_layer() -> None:
    model = Sequential([nn.Embedding(5, 3), layers.Flatten(), layers.Dense(1)])
    assert model(np.array([[1, 4]])).shape == (1, 1)


class Functions(nn.Module):
    """Calls the functions of torch with its own mode."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.dropout(x, 0.5, self.training)


@pytest.mark.parametrize("module", [nn.Dropout(0.5), Functions(), nn.Sequential(nn.Identity(), nn.Dropout(0.5))])
def test_randomness_of_a_module_on_symbolic_tensors_follows_the_model(module: nn.Module) -> None:
    inputs = Input((50,))
    model = Model(inputs, module(inputs))
    ones = torch.ones(4, 50)
    assert torch.equal(model(ones), ones)
    assert set(model(ones, training=True).unique().tolist()) == {0.0, 2.0}
    assert torch.equal(torch.tensor(model.predict(ones, verbose=0)), ones)


def test_a_module_that_was_in_inference_when_called_follows_the_model_too() -> None:
    inputs = Input((50,))
    model = Model(inputs, nn.Dropout(0.5).eval()(inputs))
    assert set(model(torch.ones(4, 50), training=True).unique().tolist()) == {0.0, 2.0}


def test_a_batch_normalization_on_symbolic_tensors_is_part_of_the_model(tmp_path) -> None:
    norm = nn.BatchNorm1d(4)
    inputs = Input((3,))
    # A bias in front of it would have no gradient but rounding.
    linear = nn.Linear(3, 4, bias=False)
    model = Model(inputs, layers.Dense(1)(norm(linear(inputs))))
    assert len(model.get_weights()) == 8 and len(model.trainable_weights) == 5
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    assert all(changed(before, model.get_weights()))
    mean = norm.running_mean.clone()
    model.predict(X, verbose=0)
    assert torch.equal(norm.running_mean, mean)
    expected = model.get_weights()
    model.save_weights(tmp_path / "w.weights.h5")
    model.set_weights(before)
    model.load_weights(tmp_path / "w.weights.h5")
    assert not any(changed(expected, model.get_weights()))


def test_a_module_called_twice_counts_once() -> None:
    inputs = Input((3,))
    norm = nn.BatchNorm1d(3)
    model = Model(inputs, norm(norm(inputs)))
    assert len(model.weights) == 5


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(TypeError, match="`module` must be a torch.nn.Module"):
        layers.TorchModuleWrapper(torch.relu)


def test_a_torch_module_that_makes_tensors_says_that_it_must_be_wrapped():
    inputs = Input((5, 3))
    module = nn.LSTM(3, 4, batch_first=True)
    with pytest.raises(AttributeError, match=r"TorchModuleWrapper\(module\)\(x\)"):
        module(inputs)
    output, _ = layers.TorchModuleWrapper(module)(inputs)
    x = torch.ones(2, 5, 3)
    torch.testing.assert_close(Model(inputs, output)(x), module(x)[0])
