"""What the Layers of the four generations offer beside calls and weights."""

import copy
from typing import Any

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import Input, config, layers


def test_a_build_config_builds_an_equal_layer():
    dense = layers.Dense(3)
    assert dense.get_build_config() is None
    dense(torch.ones(2, 5))
    twin = layers.Dense(3)
    twin.build_from_config(dense.get_build_config())
    assert [weight.shape for weight in twin.weights] == [(5, 3), (3,)]
    twin.build_from_config(dense.get_build_config())
    assert len(twin.weights) == 2


def test_own_variables_go_through_a_store():
    norm, twin = layers.BatchNormalization(), layers.BatchNormalization()
    for layer in (norm, twin):
        layer.build((None, 4))
    norm.set_weights([np.full(4, value, "float32") for value in (1, 2, 3, 4)])
    store = {}
    norm.save_own_variables(store)
    assert sorted(store) == ["0", "1", "2", "3"]
    twin.load_own_variables(store)
    for found, wanted in zip(twin.get_weights(), norm.get_weights(), strict=True):
        np.testing.assert_array_equal(found, wanted)
    with pytest.raises(ValueError, match=r"dense.*`store` must hold 0 arrays.*Received: 4.*Build the layer first"):
        layers.Dense(2, name="dense").load_own_variables(store)


def test_a_stateless_call_leaves_the_weights_and_returns_the_new_averages():
    model = keras.Sequential([Input((4,)), layers.Dense(3), layers.BatchNormalization(momentum=0.5)])
    x = torch.rand(6, 4)
    before = model.get_weights()
    trainable = [torch.as_tensor(w.numpy() + 1).requires_grad_() for w in model.trainable_weights]
    fixed = [torch.as_tensor(w.numpy()) for w in model.non_trainable_weights]
    outputs, updated = model.stateless_call(trainable, fixed, x, training=True)
    for found, wanted in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, wanted)
    outputs.square().sum().backward()
    assert trainable[-1].grad.abs().sum() > 0
    for weight, value in zip(model.trainable_weights, trainable, strict=True):
        weight.assign(value)
    torch.testing.assert_close(model(x, training=True), outputs)
    for weight, value in zip(model.non_trainable_weights, updated, strict=True):
        torch.testing.assert_close(torch.as_tensor(weight.numpy()), value)
    with pytest.raises(ValueError, match="takes 4 trainable and 2 non-trainable values. Received: 1 and 2"):
        model.stateless_call(trainable[:1], fixed, x)


def test_a_rematerialized_call_gives_the_same_gradients():
    dense = layers.Dense(3, activation="tanh")
    x = torch.rand(2, 4, requires_grad=True)
    (expected,) = torch.autograd.grad(dense(x).sum(), x)
    (found,) = torch.autograd.grad(dense.rematerialized_call(dense, x).sum(), x)
    torch.testing.assert_close(found, expected)


def test_layers_tell_their_types_layers_metrics_and_signatures():
    class Block(keras.Layer):
        def __init__(self):
            super().__init__()
            self.inner = layers.Bidirectional(layers.GRU(2))
            self.mean = keras.metrics.Mean()

        def call(self, inputs):
            self.mean.update_state(inputs.mean())
            return self.inner(inputs)

    block = Block()
    outputs = block(torch.ones(2, 3, 4))
    assert [type(item).__name__ for item in block.submodules][:3] == ["Bidirectional", "GRU", "GRUCell"]
    assert block.metrics == [block.mean]
    assert len(block.metrics_variables) == len(block.mean.variables)
    assert float(block.mean.result()) == 1.0
    assert block.dtype_policy.name == block.input_dtype == block.dtype_policy.compute_dtype == "float32"
    assert len(block.torch_params) == len(list(block.parameters()))
    assert tuple(block.compute_output_signature(torch.ones(2, 3, 4)).shape) == outputs.shape
    assert tuple(block.symbolic_call(Input((3, 4))).shape) == (None, 4)
    assert block._inbound_nodes == []
    with block.name_scope() as name:
        assert name == block.name
    with pytest.raises(ValueError, match="ndim=3, found ndim=2"):
        block.inner.forward_layer.assert_input_compatibility(torch.ones(2, 3))


def test_paths_of_variables_begin_with_the_scopes_and_layers_around():
    class Own(keras.layers.Layer):
        def build(self, shape):
            with keras.name_scope("inner"):
                self.free = keras.Variable(1.0, name="free")
                self.weight = self.add_weight(shape=(1,), name="weight")

    own, dense = Own(name="own"), layers.Dense(1, name="dense")
    own.build((1,))
    with keras.name_scope("outer"):
        variable = keras.Variable(1.0, name="x")
        dense.build((None, 2))
    assert (variable.path, variable.name) == ("outer/x", "x")
    assert [weight.path for weight in dense.weights] == ["outer/dense/kernel", "outer/dense/bias"]
    assert (own.free.path, own.weight.path) == ("own/inner/free", "own/weight")


def test_what_is_not_supported_says_what_to_do_instead():
    dense = layers.Dense(2, name="head")
    with pytest.raises(NotImplementedError, match="head.*`quantize`.*torch.*int8"):
        dense.quantize("int8")


def test_a_layer_that_counts_its_calls_is_used_in_a_graph_without_a_count():
    class Counts(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.counter = self.add_weight(shape=(), initializer="zeros", dtype="float32", trainable=False)
            self.other = self.add_weight(shape=(), initializer="ones", trainable=False)

        def call(self, x):
            self.counter.assign_add(1)
            self.other.assign(self.other * 2)
            return x

    inputs = keras.Input((3,))
    layer = Counts()
    model = keras.Model(inputs, layer(inputs))
    assert float(layer.counter) == 0 and float(layer.other) == 1
    model.predict_on_batch(torch.zeros(2, 3))
    assert float(layer.counter) == 1 and float(layer.other) == 2


TRAINED, COUNTED = ["kernel", "bias", "gamma", "beta"], ["moving_mean", "moving_variance"]
# As Keras 2.15 and 3.15 list a layer or model with weights `w` and `v` (not trained), a Dense and a BatchNormalization.
ORDERS = {
    ("tf", keras.layers.Layer): (["w", *TRAINED, "v", *COUNTED], ["w", *TRAINED], ["v", *COUNTED]),
    ("tf", keras.Model): ([*TRAINED, *COUNTED, "w", "v"], [*TRAINED, "w"], [*COUNTED, "v"]),
    ("3", keras.layers.Layer): (["w", "v", *TRAINED, *COUNTED], ["w", *TRAINED], ["v", *COUNTED]),
    ("3", keras.Model): (["w", "v", *TRAINED, *COUNTED], ["w", *TRAINED], ["v", *COUNTED]),
}
FROZEN = {("tf", keras.Model): ["w", *TRAINED, *COUNTED, "v"]}


@pytest.mark.parametrize(("dialect", "base"), ORDERS)
def test_own_weights_and_those_of_layers_inside_come_in_keras_s_order(dialect: str, base: Any) -> None:
    class Own(base):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.v = self.add_weight(name="v", shape=(4,), trainable=False)
            self.w = self.add_weight(name="w", shape=(2,))
            self.dense, self.norm = keras.layers.Dense(3), keras.layers.BatchNormalization()

        def call(self, x: Any) -> Any:
            return self.norm(self.dense(x)) + self.w[0]

    def names(weights: Any) -> list[str]:
        return [weight.name.rpartition("/")[2].removesuffix(":0") for weight in weights]

    with config.dialect_scope(dialect):
        layer = Own()
        layer(np.ones((1, 3), "float32"))
        found = (layer.weights, layer.trainable_weights, layer.non_trainable_weights)
        assert tuple(map(names, found)) == ORDERS[dialect, base]
        layer.trainable = False
        expected = FROZEN.get((dialect, base), ["w", "v", *TRAINED, *COUNTED])
        assert names(layer.non_trainable_weights) == expected and layer.trainable_weights == []


# As Keras 2.15 and 3.15 list them.
OF_CONTAINERS = {
    "tf": ["b0", "b1", "k", "d", "m0", "m1", "last", "end", "t0"],
    "3": ["d", "b0", "b1", "k", "m0", "last", "m1", "end", "t0"],
}


@pytest.mark.parametrize("dialect", OF_CONTAINERS)
def test_layers_in_lists_that_are_filled_later_come_in_keras_s_order(dialect: str) -> None:
    class Own(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.blocks, self.table, self.tail = [], {}, []
            self.d = layers.Dense(1, name="d")
            for name in "b0", "b1":
                self.blocks.append(layers.Dense(1, name=name))
            self.table["k"] = layers.Dense(1, name="k")
            self.more = [layers.Dense(1, name="m0")]
            self.last = layers.Dense(1, name="last")
            self.more.append(layers.Dense(1, name="m1"))
            self.end = layers.Dense(1, name="end")
            self.tail = [layers.Dense(1, name="t0")]

        def build(self, shape: Any) -> None:
            for layer in self._children():
                layer.build((None, 1))

    def names(layer: Any) -> list[str]:
        return [weight.path.split("/")[-2] for weight in layer.weights if "kernel" in weight.path]

    with config.dialect_scope(dialect):
        layer = Own()
        layer.build((None, 1))
        expected = OF_CONTAINERS[dialect]
        assert names(layer) == expected
        again = copy.deepcopy(layer)
        assert names(again) == expected
        again.blocks.append(layers.Dense(1, name="new"))
        again.blocks[-1].build((None, 1))
        assert names(again) == ([*expected[:2], "new", *expected[2:]] if dialect == "tf" else [*expected, "new"])
        del again.blocks
        assert names(again) == [name for name in expected if name[0] != "b"]


def test_call_fills_the_cache_that_it_gets_beside_its_inputs_as_before_keras_3():
    class Decoding(keras.layers.Layer):
        def call(self, x: Any, cache: Any = None, seen: Any = ()) -> Any:
            cache["first"]["k"] = x
            seen.append(x)
            x["more"] = 1
            return x["x"]

    for dialect in ("tf", "3"):
        with config.dialect_scope(dialect):
            inputs, cache, seen = {"x": np.ones(2, "float32")}, {"first": {"k": torch.ones(1)}, "more": {}}, []
            result = Decoding()(inputs, cache, seen=seen)
        shared = dialect == "tf"
        assert (cache["first"]["k"].__class__ is dict, len(seen)) == (shared, int(shared))
        assert list(inputs) == ["x"] and result.tolist() == [1, 1]


@pytest.mark.parametrize("dialect", ["2", "tf", "3"])
def test_a_call_of_one_s_own_tells_the_outputs_of_a_layer_derived_from_one_of_keras(dialect):
    class WithTable(layers.Embedding):
        def compute_mask(self, inputs, mask=None):
            return [super().compute_mask(inputs, mask), None]

        def call(self, inputs):
            return [super().call(inputs), self.embeddings + 0]

    with config.dialect_scope(dialect):
        found, table = WithTable(5, 3, mask_zero=True)(Input((4,)))
        assert (tuple(found.shape), tuple(table.shape)) == ((None, 4, 3), (5, 3))
        model = keras.Model(found._keras_history[0].input, [layers.LSTM(2)(found), table])
        assert [part.shape for part in model.predict(np.ones((1, 4)), verbose=0)] == [(1, 2), (5, 3)]


def test_programs_of_keras_print_layers_in_one_line():
    dense = layers.Dense(3, name="head")
    dense.build((None, 2))
    with config.dialect_scope("3"):
        assert repr([dense]) == "[<Dense name=head, built=True>]"
    assert "(linear): Linear(in_features=2" in repr(dense)
