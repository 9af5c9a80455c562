"""Layers of every Keras generation's style, their weights, names, checks and modes."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import keras_torch as keras
from keras_torch import Input, InputSpec, Layer, Model, config, layers


class Keras1Dense(Layer):
    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.W = self.add_weight((input_shape[1], self.output_dim), initializer="glorot_uniform", name=f"{self.name}_W")

    def call(self, x, mask=None):
        return torch.matmul(x, self.W)

    def get_output_shape_for(self, input_shape):
        return (input_shape[0], self.output_dim)


class Keras2Dense(Layer):
    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[1], self.output_dim), initializer="uniform", trainable=True
        )
        super().build(input_shape)

    def call(self, x):
        return x @ self.kernel

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.output_dim)


class Keras3Dense(Layer):
    def __init__(self, units, in_features):
        super().__init__()
        self.w = self.add_weight(shape=(in_features, units), initializer="ones")
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

    def call(self, inputs):
        return torch.matmul(inputs, self.w)


class Block(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.stack = []
        for units in (4, 5):
            self.stack.append(layers.Dense(units))
        self.by_name = {"last": layers.Dense(2)}
        self.pair = (layers.Dense(2), nn.Linear(2, 3))

    def call(self, x, training=None):
        assert training in (True, False)
        for layer in self.stack:
            x = layer(x)
        return self.pair[1](self.pair[0](self.by_name["last"](x)))


@pytest.mark.parametrize("make", [lambda: Keras1Dense(3), lambda: Keras2Dense(3), lambda: Keras3Dense(3, 6)])
def test_layers_written_for_each_generation_build_run_and_report_shapes(make):
    layer = make()
    output = layer(Input((6,)))
    assert tuple(output.shape) == (None, 3)
    assert layer.output_shape == (None, 3)
    x = np.random.default_rng(0).random((2, 6), dtype="float32")
    kernel = layer.get_weights()[0]
    np.testing.assert_allclose(layer(x).detach().numpy(), x @ kernel, rtol=1e-5, atol=1e-6)
    assert layer.count_params() == sum(w.size for w in layer.get_weights())


def test_layers_in_lists_dicts_and_tuples_are_tracked_also_when_appended_later():
    block = Block()
    output = block(Input((3,)))
    assert tuple(output.shape) == (None, 3)
    assert len(block.trainable_weights) == 2 * 5
    assert len(list(block.parameters())) == 10
    block.trainable = False
    assert block.trainable_weights == []
    assert len(block.non_trainable_weights) == 10
    assert not any(parameter.requires_grad for parameter in block.parameters())


def test_weights_are_listed_trainable_first_and_written_in_keras_layout():
    layer = layers.BatchNormalization()
    layer.build((None, 4))
    assert [w.shape for w in layer.weights] == [(4,)] * 4
    assert len(layer.trainable_weights) == 2
    dense = layers.Dense(3)
    dense.build((None, 5))
    assert tuple(dense.kernel.shape) == (5, 3)
    assert tuple(dense.linear.weight.shape) == (3, 5)
    kernel = np.arange(15, dtype="float32").reshape(5, 3)
    dense.set_weights([kernel, np.zeros(3)])
    np.testing.assert_array_equal(dense.linear.weight.detach().numpy(), kernel.T)
    np.testing.assert_array_equal(dense.get_weights()[0], kernel)
    assert dense.kernel.value.data_ptr() == dense.linear.weight.data_ptr()


def test_set_weights_names_the_mismatch_and_changes_nothing():
    dense = layers.Dense(3, name="head")
    dense.build((None, 5))
    before = dense.get_weights()
    with pytest.raises(ValueError, match="head.*takes 2 arrays.*Received: 1"):
        dense.set_weights([np.zeros((5, 3))])
    with pytest.raises(ValueError, match=r"head.*bias.*\(3,\).*Received: an array of shape \(4,\)"):
        dense.set_weights([np.ones((5, 3)), np.zeros(4)])
    for old, new in zip(before, dense.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_wrong_input_shape_names_layer_expected_and_received():
    dense = layers.Dense(3, name="head")
    dense(torch.zeros(2, 5))
    with pytest.raises(ValueError, match=r"layer 'head'.*size 5 on axis -1.*\(2, 6\)"):
        dense(torch.zeros(2, 6))
    with pytest.raises(ValueError, match=r"layer 'head'.*min_ndim=2, found ndim=1"):
        dense(torch.zeros(5))


def test_an_unknown_argument_suggests_the_nearest_one():
    with pytest.raises(TypeError, match='unitz.*Did you mean "units"'):
        layers.Dense(3, unitz=4)


class Column:
    """What another library's arrays have in common."""

    def __init__(self, items):
        self.items = items

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.items, dtype=dtype)


@pytest.mark.parametrize(
    ("layer", "items"),
    [
        (layers.Dense(2, kernel_initializer="ones"), [[1.0, 2.0]]),
        (layers.CategoryEncoding(num_tokens=3), [0, 2]),
        (layers.Normalization(mean=1.0, variance=4.0), [[1.0], [3.0]]),
        (layers.Hashing(3), [0, 1, 2]),
        (layers.Hashing(3), ["a", "b"]),
        (layers.StringLookup(vocabulary=["a"]), ["a", "b"]),
    ],
)
def test_what_numpy_reads_as_an_array_goes_into_a_layer(layer, items):
    torch.testing.assert_close(layer(Column(items)), layer(np.asarray(items)))


def test_arrays_lists_and_other_float_types_are_converted():
    dense = layers.Dense(2)
    assert dense(np.ones((3, 4))).dtype == torch.float32
    assert dense([[1, 2, 3, 4]]).shape == (1, 2)
    with pytest.raises(ValueError, match="array of dtype"):
        dense(np.array([["a", "b", "c", "d"]]))


def test_layers_are_in_inference_mode_until_told_and_training_overrides_for_one_call():
    dropout = layers.Dropout(0.5)
    x = torch.ones(64, 64)
    torch.testing.assert_close(dropout(x), x)
    assert (dropout(x, training=True) == 0).any()
    assert not dropout.training
    nested = keras.Sequential([keras.Sequential([layers.Dropout(0.5)])])
    torch.testing.assert_close(nested(x), x)
    assert (nested(x, training=True) == 0).any()
    torch.testing.assert_close(nested(x), x)


def test_a_call_that_trains_by_default_does_so_unless_somebody_says_otherwise():
    seen = []

    class Flow(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, inputs, training=True):
            seen.append(training)
            return self.dense(inputs)

    flow, x, y = Flow(), np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    flow.compile("sgd", "mse")
    flow(x)
    flow.fit(x, y, verbose=0)
    assert seen.pop(0) and seen.pop() and not any(seen)
    seen.clear()
    flow.evaluate(x, y, verbose=0)
    flow.predict(x, verbose=0)
    assert seen == [False, False]
    outer = keras.Sequential([Input((2,)), flow])
    seen.clear()
    outer(x), outer(x, training=False), outer.predict(x, verbose=0), flow(x)
    assert seen == [True, False, False, True]


def test_layers_that_cannot_do_without_their_mask_get_a_symbolic_one():
    class Softmax(Layer):
        def call(self, inputs, mask=None):
            weights = torch.exp(inputs) * mask.unsqueeze(-1)
            return weights / weights.sum(1, keepdim=True)

    x = Input((None,), dtype="int32")
    scores = Softmax()(layers.Dense(1)(layers.Embedding(9, 4, mask_zero=True)(x)))
    assert tuple(scores.shape) == (None, None, 1)
    found = Model(x, scores)(np.array([[3, 4, 0, 0]]))[0, :, 0]
    assert float(found[:2].detach().sum()) == pytest.approx(1) and not found[2:].any()


def test_layers_with_tables_of_few_positions_have_symbolic_outputs():
    class Positions(Layer):
        def __init__(self):
            super().__init__()
            self.table = layers.Embedding(5, 3)

        def call(self, inputs):
            return inputs[..., None] + self.table(torch.arange(inputs.shape[1]))

    x = Input((None,))
    assert tuple(Positions()(x).shape) == (None, None, 3)


def test_nodes_tell_inputs_and_outputs_of_each_call():
    shared = layers.Dense(2, name="shared")
    a, b = Input((3,)), Input((3,))
    first, second = shared(a), shared(b)
    assert shared.get_input_at(0) is a
    assert shared.get_output_at(1) is second
    assert shared.output_shape == (None, 2)
    with pytest.raises(AttributeError, match="called 2 times.*get_input_at"):
        _ = shared.input
    with pytest.raises(AttributeError, match="never called on a symbolic tensor"):
        _ = layers.Dense(2).output
    assert first is not second


def test_add_loss_and_regularizers_are_collected_once_per_call():
    class WithLoss(Layer):
        def call(self, inputs):
            self.add_loss(inputs.sum() * 0.1)
            return inputs

    layer = WithLoss()
    x = torch.ones(2, 3)
    layer(x)
    layer(x)
    assert len(layer.losses) == 1
    torch.testing.assert_close(layer.losses[0], torch.tensor(0.6))
    dense = layers.Dense(2, kernel_regularizer="l2", activity_regularizer="l1")
    model = keras.Sequential([Input((3,)), dense])
    model(x)
    assert len(model.losses) == 2
    activity, penalty = model.losses
    torch.testing.assert_close(activity, 0.01 * dense(x).abs().sum() / len(x))
    torch.testing.assert_close(penalty, 0.01 * (dense.kernel.value**2).sum())


def test_names_count_per_class_as_each_generation_does():
    keras.symbolic.reset_names()
    assert [layers.Dense(1).name for _ in range(2)] == ["dense", "dense_1"]
    keras.symbolic.reset_names()
    with keras.config.dialect_scope("2"):
        assert [layers.Dense(1).name for _ in range(2)] == ["dense_1", "dense_2"]


def test_layers_copy_and_pickle_with_their_weights():
    block = Block()
    block(torch.ones(1, 3))
    for twin in (copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
        assert len(twin.weights) == len(block.weights)
        torch.testing.assert_close(twin(torch.ones(1, 3)), block(torch.ones(1, 3)))
    twin.stack[0].kernel.assign(np.zeros((3, 4)))
    assert block.stack[0].get_weights()[0].any()


def test_an_input_spec_is_checked_on_symbolic_tensors_too():
    class Picky(Layer):
        def __init__(self):
            super().__init__(name="picky")
            self.input_spec = InputSpec(ndim=3)

        def call(self, inputs):
            return inputs

    with pytest.raises(ValueError, match="layer 'picky'.*ndim=3, found ndim=2"):
        Picky()(Input((3,)))


def test_state_dict_and_plain_torch_tools_see_ordinary_parameters():
    model = keras.Sequential([Input((3,)), layers.Dense(2, name="head")])
    assert list(model.state_dict()) == ["head.linear.weight", "head.linear.bias"]
    calls = []
    model.get_layer("head").register_forward_hook(lambda module, args, output: calls.append(output.shape))
    model(torch.ones(4, 3))
    assert calls == [(4, 2)]


def test_a_torch_module_applied_to_a_symbolic_tensor_is_trained_with_the_model():
    x = Input((3,))
    linear = nn.Linear(3, 2)
    model = Model(x, linear(x))
    assert {id(p) for p in model.parameters()} == {id(p) for p in linear.parameters()}
    assert model.count_params() == 8
    torch.testing.assert_close(model(torch.ones(1, 3)), linear(torch.ones(1, 3)))


def test_weights_are_named_after_the_layers_around_them_in_each_generation_s_way():
    model = keras.Sequential([layers.Bidirectional(layers.LSTM(3), input_shape=(4, 2)), layers.Dense(2)])
    names = [weight.path for weight in model.weights]
    assert names[0] == "sequential/bidirectional/forward_lstm/lstm_cell/kernel"
    assert names[-2:] == ["sequential/dense/kernel", "sequential/dense/bias"]
    assert [weight.name for weight in model.layers[1].weights] == ["kernel", "bias"]
    with keras.config.dialect_scope("tf"):
        model = keras.Sequential([layers.Dense(2, input_shape=(4,), name="last")])
        assert [weight.name for weight in model.weights] == ["last/kernel:0", "last/bias:0"]


def test_a_mask_may_be_an_array():
    x = np.array([[1.0, 2.0, 3.0]], "float32")
    mask = np.array([[True, False, True]])
    layer = keras.layers.Softmax()
    torch.testing.assert_close(layer(x, mask=mask), layer(torch.tensor(x), mask=torch.tensor(mask)))


def test_an_attribute_may_have_the_name_of_a_weight():
    class Scaled(Layer):
        def __init__(self):
            super().__init__()
            self.factor = self.add_weight(shape=(1,), initializer="ones", name="inner")
            self.add_weight(shape=(2,), initializer="zeros", name="rate")
            self.inner = layers.Dense(2)
            self.rate = 0.5

        def call(self, x):
            return self.inner(x) * self.factor

    layer = Scaled()
    assert layer(torch.ones(1, 3)).shape == (1, 2)
    assert layer.rate == 0.5
    assert [tuple(weight.shape) for weight in layer.trainable_weights] == [(1,), (2,), (3, 2), (2,)]
    assert len(list(layer.parameters())) == 4


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_trainable_must_be_a_bool_since_tf_keras(value):
    with config.dialect_scope("3"), pytest.raises(ValueError, match="Dense: `trainable` must be a bool. Received"):
        layers.Dense(2, trainable=value)
    with config.dialect_scope("tf"), pytest.raises(TypeError, match="`trainable` must be a bool"):
        layers.Dense(2, trainable=value)
    with config.dialect_scope("2"):
        assert layers.Dense(2, trainable=value).trainable is bool(value)


def test_symbolic_outputs_of_a_layer_that_knows_its_output_shape_need_no_call():
    class Unfinished(Layer):
        def call(self, x):
            raise RuntimeError

        def compute_output_shape(self, input_shape):
            return input_shape, {"half": (input_shape[0], input_shape[1] // 2)}

    same, other = Unfinished().compute_output_spec(Input((4,)))
    assert (same.shape, other["half"].shape) == ((None, 4), (None, 2))


def test_a_layer_may_say_that_its_output_spec_is_not_known():
    class Unsure(Layer):
        def call(self, x):
            return x[:, :2]

        def compute_output_spec(self, *args, **kwargs):
            raise NotImplementedError

    model = keras.Sequential([Unsure()])
    assert model(np.ones((3, 4))).shape == (3, 2)
    assert Unsure()(Input((4,))).shape == (None, 2)


def test_lists_that_hold_themselves_end():
    layer, dense = Layer(), layers.Dense(2)
    inner = [dense]
    inner.append(inner)
    layer.blocks = inner
    empty = [1]
    empty.append({"again": empty})
    layer.numbers = empty
    assert dense in list(layer.modules())


def test_the_penalty_of_a_shared_layer_counts_once():
    # Seen in Keras 2.15 and 3.15: one entry in each case.
    dense = layers.Dense(3, kernel_regularizer="l2")
    inner = [keras.Model(image, dense(image)) for image in (keras.Input((3,)), keras.Input((3,)))]
    image = keras.Input((3,))
    assert len(keras.Model(image, inner[1](inner[0](image))).losses) == 1
    assert len(keras.Model(image, dense(inner[0](image))).losses) == 1


def test_a_layer_of_ones_own_may_say_what_its_losses_are():
    class Penalized(layers.Layer):
        @property
        def losses(self):
            return [torch.tensor(7.0)]

        def call(self, inputs):
            return inputs

    image = keras.Input((3,))
    assert keras.Model(image, Penalized()(image)).losses == [7.0]


def test_what_follows_a_positional_training_is_an_argument_still():
    class Decoder(keras.layers.Layer):
        def call(self, x, memory, training, mask=None, scale=1.0):
            return x * scale + (1.0 if training else 0.0)

    layer = Decoder()
    x = torch.ones(2, 3)
    assert layer(x, None, True, None, 3.0)[0, 0] == 4
    assert layer(x, x, False, None, torch.tensor(2.0))[0, 0] == 2
