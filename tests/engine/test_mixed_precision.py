"""Layers and models of mixed dtype policies: types of weights, inputs, outputs and gradients."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config, layers

HALF = {"mixed_float16": torch.float16, "mixed_bfloat16": torch.bfloat16}


def floats(rows: int = 4, columns: int = 3) -> torch.Tensor:
    return torch.linspace(-1, 1, rows * columns).reshape(rows, columns)


@pytest.mark.parametrize("policy", HALF)
def test_weights_stay_float32_and_the_computation_is_in_half_precision(policy: str) -> None:
    dense = layers.Dense(2, activation="tanh", dtype=policy)
    outputs = dense(floats())
    outputs.float().sum().backward()
    kernel, bias = dense.get_weights()
    half = HALF[policy]
    expected = torch.tanh(floats().to(half) @ torch.tensor(kernel).to(half) + torch.tensor(bias).to(half))
    assert outputs.dtype == half
    torch.testing.assert_close(outputs, expected)
    assert dense.kernel.dtype == dense.linear.weight.dtype == dense.linear.weight.grad.dtype == torch.float32
    assert kernel.dtype == np.float32


class Scale(keras.Layer):
    """A layer that uses weights in every way Keras offers, and notes their dtypes in `call`."""

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(shape=(3,), name="scale")
        self.parts = [self.add_weight(shape=(3,)), self.add_weight(shape=(3,))]
        self.named = {"one": self.add_weight(shape=(3,))}
        self.pair = (self.add_weight(shape=(3,)),)
        self.exact = self.add_weight(shape=(3,), autocast=False)
        self.calls = self.add_weight(shape=(), trainable=False, initializer="zeros")
        self.whole = self.add_weight(shape=(), trainable=False, initializer="zeros", dtype="int32")

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        self.calls.assign_add(1.0)
        self.seen = {
            "scale": self.scale.dtype,
            "value": self.scale.value.dtype,
            "part": (inputs * self.parts[1]).dtype,
            "named": (inputs * self.named["one"]).dtype,
            "pair": (inputs * self.pair[0]).dtype,
            "exact": self.exact.dtype,
            "whole": self.whole.dtype,
        }
        return inputs * self.scale * self.parts[0]


def test_the_variables_of_a_layer_of_ones_own_are_cast_in_call_only() -> None:
    layer = Scale(dtype="mixed_bfloat16")
    outputs = layer(floats())
    half = torch.bfloat16
    assert layer.seen == {
        "scale": half,
        "value": half,
        "part": half,
        "named": half,
        "pair": half,
        "exact": torch.float32,
        "whole": torch.int32,
    }
    assert outputs.dtype == half
    held = [layer.scale, *layer.parts, layer.named["one"], *layer.pair]
    assert all(type(item) is keras.Variable and item.dtype == torch.float32 for item in held)
    assert layer.scale is layer.weights[0] and layer.calls.numpy() == 1.0
    torch.testing.assert_close(outputs, floats().to(half) * layer.scale.to(half) * layer.parts[0].to(half))


def test_an_error_in_call_leaves_the_weights_as_they_were() -> None:
    class Broken(Scale):
        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("broken")

    layer = Broken(dtype="mixed_bfloat16")
    with pytest.raises(RuntimeError, match="broken"):
        layer(floats())
    assert {weight.dtype for weight in layer.trainable_weights} == {torch.float32}


def test_a_layer_may_keep_float32_in_a_mixed_model() -> None:
    config.set_dtype_policy("mixed_float16")
    inputs = keras.Input((3,))
    hidden = layers.Dense(4)(inputs)
    outputs = layers.Dense(2, dtype="float32")(hidden)
    model = keras.Model(inputs, outputs)
    assert (inputs.dtype, hidden.dtype, outputs.dtype) == ("float32", "float16", "float32")
    assert model.dtype_policy.name == "mixed_float16" and model.compute_dtype == "float16"
    found = model(floats())
    assert found.dtype == torch.float32
    assert model.predict(floats(), verbose=0).dtype == np.float32


def test_inputs_of_a_functional_model_are_not_rounded_before_the_first_layer() -> None:
    config.set_dtype_policy("mixed_bfloat16")
    inputs = keras.Input((1,))
    model = keras.Model(inputs, layers.Identity(dtype="float32")(inputs))
    x = torch.tensor([[1.0001]])
    assert torch.equal(model(x), x)


def test_a_subclassed_model_casts_what_it_takes_and_its_own_weights() -> None:
    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__(dtype="mixed_bfloat16")
            self.dense = layers.Dense(3, dtype="float32")
            self.scale = self.add_weight(shape=(3,), initializer="ones")

        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            self.seen = inputs.dtype, self.dense(inputs).dtype
            return inputs * self.scale

    model = Net()
    assert model(floats()).dtype == torch.bfloat16
    assert model.seen == (torch.bfloat16, torch.float32)
    assert model.scale.dtype == torch.float32


def test_integers_stay_integers() -> None:
    embedding = layers.Embedding(5, 2, dtype="mixed_float16")
    assert embedding(torch.tensor([[1, 2]])).dtype == torch.float16
    assert embedding.embeddings.dtype == torch.float32
    assert layers.Reshape((1, 3), dtype="mixed_float16")(torch.ones(2, 3, dtype=torch.int64)).dtype == torch.int64


def test_autocast_false_leaves_inputs_and_not_the_weights() -> None:
    class Plain(keras.Layer):
        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs

    assert Plain(dtype="mixed_float16", autocast=False)(floats()).dtype == torch.float32
    assert Plain(dtype="mixed_float16")(floats()).dtype == torch.float16


@pytest.mark.parametrize("policy", HALF)
def test_statistics_of_batches_are_float32(policy: str) -> None:
    norm = layers.BatchNormalization(dtype=policy)
    x = 1000 + floats(64, 3)
    assert norm(x, training=True).dtype == HALF[policy]
    assert {weight.dtype for weight in norm.weights} == {torch.float32}
    mean = x.to(HALF[policy]).float().mean(0)
    torch.testing.assert_close(torch.tensor(norm.moving_mean.numpy()), 0.01 * mean)


@pytest.mark.parametrize("cell", ["SimpleRNN", "GRU", "LSTM"])
@pytest.mark.parametrize("options", [{}, {"activation": "softsign"}, {"recurrent_dropout": 0.5}])
def test_recurrent_layers_run_and_learn(cell: str, options: dict[str, Any]) -> None:
    layer = getattr(layers, cell)(3, return_sequences=True, dtype="mixed_bfloat16", **options)
    outputs = layer(torch.ones(2, 4, 3), training=True)
    assert outputs.dtype == torch.bfloat16
    outputs.float().sum().backward()
    gradients = [storage.grad for weight in layer.trainable_weights for storage in weight.storages]
    assert len(gradients) >= 3 and all(grad is not None and grad.dtype == torch.float32 for grad in gradients)


def test_weights_of_a_cell_of_ones_own_are_cast_once_for_all_steps() -> None:
    class Cell(keras.Layer):
        state_size = 3

        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight(shape=(3, 3))
            self.seen: set[int] = set()

        def call(self, inputs: torch.Tensor, states: Any) -> Any:
            self.seen.add(id(self.kernel))
            output = inputs @ self.kernel + states[0]
            return output, [output]

    layer = layers.RNN(Cell(dtype="mixed_bfloat16"), dtype="mixed_bfloat16")
    layer(torch.ones(2, 4, 3))
    layer.cell.seen.clear()
    assert layer(torch.ones(2, 4, 3)).dtype == torch.bfloat16
    assert len(layer.cell.seen) == 1


def test_copies_and_pickles_cast_their_own_weights() -> None:
    dense = layers.Dense(2, dtype="mixed_bfloat16")
    expected = dense(floats())
    for twin in (copy.deepcopy(dense), pickle.loads(pickle.dumps(dense))):
        dense.linear.weight.data.zero_()
        assert torch.equal(twin(floats()), expected)
        assert twin.linear.weight.dtype == torch.float32 and twin.dtype_policy == dense.dtype_policy
        dense.set_weights(twin.get_weights())


def test_the_policy_stands_in_the_config_where_a_name_would_not_do() -> None:
    serialized = {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": "mixed_float16"},
        "registered_name": None,
    }
    dense = layers.Dense(2, dtype="mixed_float16")
    assert dense.get_config()["dtype"] == serialized
    assert layers.Dense.from_config(dense.get_config()).dtype_policy.name == "mixed_float16"
    assert layers.Dense(2, dtype="float16").get_config()["dtype"] == "float16"
    with config.dialect_scope("tf"):
        assert dense.get_config()["dtype"] == {"class_name": "Policy", "config": {"name": "mixed_float16"}}


def test_the_policy_may_be_set_before_the_layer_is_built() -> None:
    dense = layers.Dense(2)
    dense.dtype_policy = "mixed_bfloat16"
    assert dense(floats()).dtype == torch.bfloat16
    dense.dtype_policy = "float32"
    assert dense(floats()).dtype == torch.float32 and "forward" not in vars(dense)


def test_a_float32_layer_has_nothing_to_do_with_it() -> None:
    assert "forward" not in vars(layers.Dense(2)) and layers.Dense(2)._policy is None


def test_a_conversion_with_torch_ends_the_mixture() -> None:
    dense = layers.Dense(2, dtype="mixed_bfloat16")
    dense(floats())
    dense.to(torch.float64)
    assert dense.compute_dtype == dense.dtype == "float64"
    assert dense(floats()).dtype == torch.float64


def test_a_model_of_a_mixed_policy_is_saved_and_loaded(tmp_path: Any) -> None:
    config.set_dtype_policy("mixed_bfloat16")
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(4, name="half"), layers.Dense(1, dtype="float32", name="whole")]
    )
    model.save(tmp_path / "model.h5")
    config.set_dtype_policy(None)
    loaded = keras.models.load_model(tmp_path / "model.h5", compile=False)
    assert loaded.get_layer("half").dtype_policy.name == "mixed_bfloat16"
    assert loaded.get_layer("whole").dtype_policy.name == "float32"
    assert torch.equal(loaded(floats()), model(floats()))
    twin = keras.models.clone_model(model)
    assert [layer.dtype_policy.name for layer in twin.layers] == ["mixed_bfloat16", "float32"]


def test_masks_and_graphs_pass_through_half_precision() -> None:
    config.set_dtype_policy("mixed_bfloat16")
    inputs = keras.Input((4,), dtype="int32")
    x = layers.Embedding(7, 3, mask_zero=True)(inputs)
    x = layers.MultiHeadAttention(2, 2)(x, x)
    x = layers.LayerNormalization()(x + 1)
    outputs = layers.Dense(1, dtype="float32")(layers.LSTM(3)(x))
    model = keras.Model(inputs, outputs)
    assert model.layers[1].output.dtype == "bfloat16" and outputs.dtype == "float32"
    tokens = torch.tensor([[1, 2, 0, 0], [3, 0, 0, 0]])
    padded = torch.tensor([[1, 2, 0], [3, 0, 0]])
    assert model(tokens).dtype == torch.float32
    again = keras.Model(inputs, model.layers[1].output)(tokens)
    assert again._keras_mask.sum() == 3 and padded.shape == (2, 3)


def test_threads_do_not_see_the_cast_weights_of_each_other() -> None:
    layer = Scale(dtype="mixed_bfloat16")
    expected = layer(floats())
    wrong: list[Any] = []

    def work() -> None:
        for _ in range(50):
            if not torch.equal(layer(floats()), expected):
                wrong.append("value")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and layer.scale.dtype == torch.float32


@pytest.mark.parametrize("kind", ["dense", "own"])
def test_a_mixed_layer_compiles_into_one_graph(kind: str) -> None:
    torch.compiler.reset()
    layer = layers.Dense(3, dtype="mixed_bfloat16") if kind == "dense" else Stateless(dtype="mixed_bfloat16")
    expected = layer(floats())
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    outputs = compiled(floats())
    torch.testing.assert_close(outputs, expected)
    outputs.float().sum().backward()
    assert all(weight.grad.dtype == torch.float32 for weight in layer.trainable_weights)


class Stateless(keras.Layer):
    """A layer of one's own with weights in a list."""

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(shape=(3,))
        self.parts = [self.add_weight(shape=(3,))]

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs * self.scale * self.parts[0] + self.scale.value


@pytest.mark.gpu
@pytest.mark.parametrize("policy", HALF)
def test_layers_compute_on_a_gpu_what_they_do_on_the_cpu(policy: str) -> None:
    x = torch.rand(4, 6, 3)
    for layer in (
        layers.Conv1D(4, 3, dtype=policy),
        layers.LSTM(4, dtype=policy),
        layers.BatchNormalization(dtype=policy),
    ):
        layer(x.cuda())
        found = layer.cuda()(x.cuda())
        assert found.dtype == HALF[policy] and {w.dtype for w in layer.weights} == {torch.float32}
        found.float().sum().backward()
        torch.testing.assert_close(found.cpu(), layer.cpu()(x), rtol=3e-2, atol=3e-2)
