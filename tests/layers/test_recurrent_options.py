"""What recurrent layers do beyond numbers that real Keras can give: dropout masks, kept states, user cells, errors."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config
from keras_torch.layers import GRU, LSTM, RNN, LSTMCell, SimpleRNN, SimpleRNNCell, StackedRNNCells

LAYERS = [SimpleRNN, GRU, LSTM]
BOTH = {"return_sequences": True, "return_state": True}


def data(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("dialect", [None, "tf"])
@pytest.mark.parametrize(
    ("options", "count"),
    [({}, 1), ({"recurrent_dropout": 0.5}, 4), ({"implementation": 1}, 4), ({"implementation": 0}, 4)],
)
def test_gates_share_a_dropout_mask_unless_there_is_recurrent_dropout_or_implementation_1(options, count, dialect):
    with config.dialect_scope(dialect):
        layer = LSTM(8, dropout=0.5, **options)
        layer(data(4, 5, 3), training=True)
        assert len(layer.cell._masks["input"]) == count


@pytest.mark.parametrize(("options", "count"), [({}, 4), ({"implementation": 2}, 1)])
def test_in_keras_2_implementation_alone_decides_how_many_dropout_masks_there_are(options, count):
    with config.dialect_scope("2"):
        layer = LSTM(8, dropout=0.5, recurrent_dropout=0.5, **options)
        layer(data(4, 5, 3), training=True)
        assert len(layer.cell._masks["input"]) == len(layer.cell._masks["recurrent"]) == count


def test_consume_less_of_keras_1_is_an_implementation():
    with config.dialect_scope("1"):
        found = [LSTM(4, **given).implementation for given in ({}, {"consume_less": "mem"}, {"consume_less": "gpu"})]
    assert found == [1, 1, 2]
    assert GRU(4).implementation == 2
    assert GRU.from_config(GRU(4, implementation=1).get_config()).implementation == 1
    assert "implementation" not in LSTM(4, recurrent_dropout=0.5).get_config()


@pytest.mark.parametrize("options", [{}, {"recurrent_dropout": 0.3}, {"implementation": 1}])
@pytest.mark.parametrize("cls", [GRU, LSTM])
def test_dropout_keeps_the_mean_of_the_gates_inputs(cls, options):
    layer = cls(3, dropout=0.3, use_bias=False, **options)
    layer.build((None, 1, 2))
    rows = 4000
    masks = []
    layer(torch.ones(rows, 1, 2), training=True)
    masks = torch.cat([mask.flatten(0, 1) for mask in layer.cell._masks.values()], 1)
    values = masks.unique()
    torch.testing.assert_close(values, torch.tensor([0.0, 1 / 0.7]))
    assert masks.mean().item() == pytest.approx(1.0, abs=0.04)
    torch.testing.assert_close(layer(torch.ones(2, 1, 2)), layer(torch.ones(2, 1, 2)))


@pytest.mark.parametrize("cls", LAYERS)
def test_recurrent_dropout_of_all_states_leaves_each_step_alone(cls):
    """With every state dropped a step sees its input only, at all times the same."""
    layer = cls(4, recurrent_dropout=1.0, return_sequences=True)
    x = data(3, 1, 2).expand(3, 5, 2)
    sequence = layer(x, training=True)
    if cls is SimpleRNN:
        torch.testing.assert_close(sequence, sequence[:, :1].expand_as(sequence))
    alone = layer(x[:, :1])
    torch.testing.assert_close(sequence[:, :1], alone)


@pytest.mark.parametrize("scale", [0.3, 3.0])
def test_the_last_states_of_a_long_masked_lstm_are_those_of_its_step_loop(scale):
    """`nn.LSTM` runs the steps; the states after the last kept one are worked out from its outputs."""
    x = (scale * data(3, 150, 4)).requires_grad_(True)
    kept = torch.rand(3, 150, generator=torch.Generator().manual_seed(2)) > torch.tensor([[0.0], [0.4], [2.0]])
    first = [data(3, 5).requires_grad_(True), data(3, 5).requires_grad_(True)]
    layers = [
        LSTM(5, return_state=True, use_cudnn=fused, recurrent_initializer="random_normal") for fused in (True, False)
    ]
    found = []
    for layer in layers:
        layer(x)
        layer.set_weights(
            [scale * np.random.default_rng(i).normal(0, 1, w.shape) for i, w in enumerate(layer.get_weights())]
        )
        outputs = layer(x, mask=kept, initial_state=first)
        loss = sum((item * (index + 1)).sum() for index, item in enumerate(outputs))
        found.append([*outputs, *torch.autograd.grad(loss, [x, *first, *layer.parameters()])])
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found[0][1][2], first[0][2])
    torch.testing.assert_close(found[0][2][2], first[1][2])


@pytest.mark.parametrize("dialect", [None, "2", "tf", "3"])
def test_given_states_of_a_stateful_layer_count_but_in_tf_keras_only_while_the_kept_are_zero(dialect):
    with config.dialect_scope(dialect):
        x, given = data(4, 6, 3), [data(4, 5), 2 * data(4, 5)]
        layer = LSTM(5, stateful=True)
        first = layer(x, initial_state=given)
        kept = [state.clone() for state in layer.states]
        second = layer(x, initial_state=given)
        layer.reset_states(states=[state.numpy() for state in kept])
        continued = layer(x)
        assert not torch.allclose(first, continued)
        torch.testing.assert_close(second, continued if dialect == "tf" else first)
        layer.reset_states()
        torch.testing.assert_close(layer(x, initial_state=given), first)


@pytest.mark.parametrize("cls", LAYERS)
def test_a_stateful_layer_comes_back_from_its_config_with_its_batch_size(cls):
    layer = cls(5, stateful=True, batch_input_shape=(4, 6, 3), **BOTH)
    again = cls.from_config(json.loads(json.dumps(layer.get_config())))
    assert again.stateful and again.get_config() == layer.get_config()
    model = keras.Sequential([cls(5, stateful=True, batch_input_shape=(4, 6, 3))])
    assert model.input_shape == (4, 6, 3)
    x = data(4, 6, 3)
    first, second = model(x), model(x)
    assert not torch.allclose(first, second)
    twin = keras.Sequential.from_config(json.loads(json.dumps(model.get_config())))
    twin.set_weights(model.get_weights())
    torch.testing.assert_close(twin(x), first)
    model.reset_states()
    torch.testing.assert_close(model.predict(x.numpy(), batch_size=4, verbose=0), first.detach().numpy())


def test_a_stateful_layer_in_a_model_without_input_shape_keeps_to_the_first_batch_size():
    model = keras.Sequential([LSTM(4, stateful=True), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = data(8, 5, 3).numpy(), np.zeros((8, 1), "float32")
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    assert [tuple(state.shape) for state in model.layers[0].states] == [(4, 4)] * 2
    with pytest.raises(ValueError, match="batches of 4 samples"):
        model(x[:3])


@pytest.mark.parametrize("cls", LAYERS)
def test_states_and_dropout_survive_pickling(cls):
    x = data(4, 6, 3)
    layer = cls(5, stateful=True, dropout=0.2, seed=1)
    layer(x, training=True)
    twin = pickle.loads(pickle.dumps(layer))
    torch.testing.assert_close(twin(x), layer(x))


class Counter:
    """A cell that is no layer and makes its first states as Keras 3 asks for them."""

    state_size = [2, [1, 3]]
    output_size = 2

    def get_initial_state(self, batch_size=None):
        return [torch.ones(batch_size, 2), [torch.zeros(batch_size, 1), torch.zeros(batch_size, 3)]]

    def call(self, inputs, states):
        first, (count, sums) = states
        return first + count, [first, [count + 1, sums + inputs]]


class CounterOfKeras2(Counter):
    """The same, asked for its first states as in tf.keras."""

    def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
        assert dtype is torch.float32 or dtype == "float32"
        return super().get_initial_state(batch_size)


@pytest.mark.parametrize("cell", [Counter, CounterOfKeras2])
@pytest.mark.parametrize("masked", [False, True])
def test_cells_may_nest_their_states_and_make_the_first(cell, masked):
    x = data(2, 4, 3)
    mask = torch.tensor([[1, 0, 1, 1], [0, 0, 1, 1]], dtype=torch.bool) if masked else None
    output, first, (count, sums) = RNN(cell(), return_state=True)(x, mask=mask)
    steps = torch.tensor([[4.0], [4.0]]) if mask is None else mask.sum(1, keepdim=True).float()
    torch.testing.assert_close(output, steps.expand(2, 2))
    torch.testing.assert_close(count, steps)
    torch.testing.assert_close(sums, (x if mask is None else x * mask.unsqueeze(2)).sum(1))
    assert first.eq(1).all()


def test_a_state_may_be_an_image():
    class Blur(keras.layers.Layer):
        state_size = torch.Size((4, 4, 1))
        output_size = torch.Size((4, 4, 1))

        def call(self, inputs, states):
            state = 0.5 * (states[0] + inputs)
            return state, [state]

    x = data(2, 3, 4, 4, 1)
    sequence, state = RNN(Blur(), **BOTH)(x)
    assert sequence.shape == (2, 3, 4, 4, 1)
    torch.testing.assert_close(state, (x * torch.tensor([0.125, 0.25, 0.5]).view(1, 3, 1, 1, 1)).sum(1))


def test_cells_that_want_to_know_are_told_whether_training_is_on():
    class Doubling(keras.layers.Layer):
        state_size = 3

        def call(self, inputs, states, training=None):
            output = inputs * (2.0 if training else 1.0)
            return output, [output]

    x = data(2, 4, 3)
    layer = RNN([Doubling(), Doubling()])
    torch.testing.assert_close(layer(x), x[:, -1])
    torch.testing.assert_close(layer(x, training=True), 4 * x[:, -1])


@pytest.mark.parametrize("cls", LAYERS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("options", [{}, {"activation": "softsign"}, {"recurrent_dropout": 0.3}, {"unroll": True}])
def test_an_empty_batch_gives_empty_outputs(cls, masked, options):
    x = torch.zeros(0, 5, 3, requires_grad=True)
    layer = cls(4, **options, **BOTH)
    for training in (False, True):
        outputs = layer(x, mask=torch.ones(0, 5, dtype=torch.bool) if masked else None, training=training)
        assert [tuple(item.shape) for item in outputs] == [(0, 5, 4), *[(0, 4)] * (len(outputs) - 1)]
        sum(item.sum() for item in outputs).backward()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("cls", LAYERS)
@pytest.mark.parametrize("options", [{}, {"activation": "softsign"}, {"recurrent_dropout": 0.3}])
def test_layers_of_half_precision_compute_in_it(cls, options, dtype):
    layer = cls(4, dtype=dtype, **options, **BOTH)
    x, mask = data(3, 5, 2), torch.tensor([[1, 1, 0, 0, 0], [0, 1, 0, 1, 1], [1, 1, 1, 1, 1]], dtype=torch.bool)
    wide = cls(4, **options, **BOTH)
    wide(x)
    layer(x)
    wide.set_weights(
        [weight.astype("float32") for weight in (np.asarray(w.value.detach().float()) for w in layer.weights)]
    )
    for found, expected in zip(layer(x, mask=mask), wide(x, mask=mask), strict=True):
        assert found.dtype is config.torch_dtype(dtype)
        torch.testing.assert_close(found.float(), expected, rtol=0.05, atol=0.05)
    sum(item.sum() for item in layer(x, mask=mask, training=True)).backward()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SimpleRNN(-1), "`units` must be an integer ≥ 1"),
        (lambda: GRU(2.5), "whole numbers for the argument `units`"),
        (lambda: LSTM(4, implementation=3), "`implementation` must be 1"),
        (lambda: LSTM(4, dropout="much"), "`dropout` must be a number"),
        (lambda: GRU(4, recurrent_dropout=None), "`recurrent_dropout` must be a number"),
        (lambda: StackedRNNCells([]), "`cells` must be a list of at least one cell"),
        (lambda: StackedRNNCells(LSTMCell(3)), "`cells` must be a list of at least one cell"),
        (lambda: StackedRNNCells([LSTMCell(3), "cell"]), "must have a method `call"),
        (lambda: RNN(keras.layers.Dense(3)), "a `state_size`"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_wrong_calls_are_named():
    x = data(4, 6, 3)
    with pytest.raises(ValueError, match="argument `constants`"):
        LSTM(5)(x, constants=[data(4, 2)])
    with pytest.raises(ValueError, match="expected ndim=3"):
        LSTM(5)(data(4, 6, 3, 2))
    with pytest.raises(ValueError, match=r"`mask` of shape \(batch, time\) = \(4, 6\)"):
        GRU(5)(x, mask=torch.ones(4, 6, 3, dtype=torch.bool))
    layer = SimpleRNN(5, stateful=True)
    layer(x)
    with pytest.raises(ValueError, match=r"state 0 must have the shape \(4, 5\). Received: \(3, 5\)"):
        layer.reset_states([np.zeros((3, 5))])
    with pytest.raises(ValueError, match="has 1 states"):
        SimpleRNNCell(5)(x[:, 0], [data(4, 5), data(4, 5)])
    with pytest.raises(ValueError, match="has 2 states. Received: `states` of 1"):
        LSTMCell(5)(x[:, 0], data(4, 5))


def test_whole_numbers_go_into_stacked_cells():
    rnn = RNN([LSTMCell(4), SimpleRNNCell(3)])
    numbers = np.arange(12).reshape(2, 3, 2)
    assert torch.equal(rnn(numbers), rnn(numbers.astype("float32")))


@pytest.mark.parametrize("order", [("mask", "training", "initial_state"), ("initial_state", "mask", "training")])
@pytest.mark.parametrize("base", [LSTM, GRU])
def test_a_subclass_passes_arguments_on_in_the_order_of_either_generation(base, order):
    class Passing(base):
        def call(self, inputs, mask=None, training=None, initial_state=None):
            given = {"mask": mask, "training": training, "initial_state": initial_state}
            return super().call(inputs, *(given[name] for name in order))

    x, mask = torch.rand(2, 4, 3), torch.tensor([[True, True, False, False], [True] * 4])
    layer, plain = Passing(5), base(5)
    layer(x), plain(x)
    plain.set_weights(layer.get_weights())
    states = [torch.rand(2, 5) for _ in range(len(plain.get_initial_state(x)))]
    for given in ({}, {"mask": mask}, {"initial_state": states}, {"mask": mask, "initial_state": states}):
        for training in ({}, {"training": True}):
            torch.testing.assert_close(layer(x, **given, **training), plain(x, **given, **training))
