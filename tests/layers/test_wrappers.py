"""TimeDistributed and Bidirectional: masks, states, configs, names, errors; numbers are in test_recurrent_golden."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch.layers import (
    GRU,
    LSTM,
    RNN,
    BatchNormalization,
    Bidirectional,
    Dense,
    Embedding,
    LSTMCell,
    Masking,
    TimeDistributed,
)


def data(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_time_distributed_applies_the_layer_to_every_step():
    x = data(4, 6, 3)
    layer = TimeDistributed(Dense(2))
    output = layer(x)
    assert output.shape == (4, 6, 2)
    for t in range(6):
        torch.testing.assert_close(output[:, t], layer.layer(x[:, t]))
    assert [w.name for w in layer.weights] == ["kernel", "bias"]


def test_time_distributed_takes_models_and_unknown_lengths():
    inner = keras.Sequential([keras.Input((5, 3)), LSTM(4), Dense(2)])
    inputs = keras.Input((None, 5, 3))
    outputs = TimeDistributed(inner)(inputs)
    assert outputs.shape == (None, None, 2)
    model = keras.Model(inputs, outputs)
    x = data(2, 6, 5, 3)
    torch.testing.assert_close(model(x)[:, 3], inner(x[:, 3]))
    again = keras.Model.from_config(json.loads(json.dumps(model.get_config())))
    again.set_weights(model.get_weights())
    torch.testing.assert_close(again(x), model(x))


def test_time_distributed_model_with_several_outputs():
    a = keras.Input((3,))
    inner = keras.Model(a, [Dense(2)(a), Dense(4)(a)])
    inputs = keras.Input((6, 3))
    first, second = TimeDistributed(inner)(inputs)
    assert first.shape == (None, 6, 2) and second.shape == (None, 6, 4)
    model = keras.Model(inputs, [first, second])
    assert [tuple(t.shape) for t in model(data(2, 6, 3))] == [(2, 6, 2), (2, 6, 4)]


def test_time_distributed_passes_masks_through():
    inputs = keras.Input((None, 3))
    output = TimeDistributed(Dense(2))(Masking()(inputs))
    model = keras.Model(inputs, [output, output._keras_mask, LSTM(2)(output)])
    x = data(2, 4, 3)
    x[0, 2:] = 0
    assert model(x)[1].tolist() == [[True, True, False, False], [True] * 4]


def test_time_distributed_makes_masks_of_its_steps():
    inputs = keras.Input((None, 5), dtype="int32")
    words = TimeDistributed(Embedding(10, 3, mask_zero=True))(inputs)
    assert words.shape == (None, None, 5, 3) and words.dtype == "float32"
    lstm = LSTM(4)
    model = keras.Model(inputs, [words._keras_mask, TimeDistributed(lstm)(words), words])
    tokens = np.array([[[1, 2, 0, 0, 0], [3, 0, 0, 0, 0]]])
    mask, sentences, vectors = model(tokens)
    np.testing.assert_array_equal(mask.numpy(), tokens != 0)
    torch.testing.assert_close(sentences[:, 0], lstm(vectors[:, 0, :2]))
    eager = TimeDistributed(Embedding(10, 3, mask_zero=True))(tokens)
    np.testing.assert_array_equal(eager._keras_mask.numpy(), tokens != 0)


def test_time_distributed_runs_in_the_mode_it_is_called_in():
    layer = TimeDistributed(BatchNormalization())
    x = data(8, 5, 3) * 3 + 1
    output = layer(x, training=True)
    torch.testing.assert_close(output.mean((0, 1)), torch.zeros(3), atol=1e-5, rtol=0)
    assert not torch.allclose(layer(x), output)


def test_time_distributed_steps_through_a_stateful_layer():
    layer = TimeDistributed(LSTM(4, stateful=True))
    x = data(2, 3, 5, 3)
    output = layer(x)
    assert output.shape == (2, 3, 4)
    layer.layer.reset_states()
    torch.testing.assert_close(output[:, 0], layer.layer(x[:, 0]))
    torch.testing.assert_close(output[:, 1], layer.layer(x[:, 1]))


def test_time_distributed_errors():
    with pytest.raises(ValueError, match="at least 3 axes"):
        TimeDistributed(Dense(2))(data(4, 3))
    with pytest.raises(ValueError, match="`layer` must be a Keras layer"):
        TimeDistributed(3)
    for shape in ((3,), (2, 4)):
        with pytest.raises(ValueError, match=r"begins with \(batch, time\) = \(2, 3\)"):
            TimeDistributed(Dense(2))(data(2, 3, 4), mask=torch.ones(shape, dtype=torch.bool))


@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave", None])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("states", [False, True])
def test_bidirectional_symbolic_shapes_are_the_real_ones(merge_mode, sequences, states):
    layer = Bidirectional(LSTM(4, return_sequences=sequences, return_state=states), merge_mode=merge_mode)
    symbolic = layer(keras.Input((6, 3)))
    real = layer(data(2, 6, 3))
    if isinstance(real, list):
        assert [(2, *t.shape[1:]) for t in symbolic] == [tuple(t.shape) for t in real]
        masks = layer.compute_mask(None, torch.ones(2, 6))
        assert len(masks) == len(real)
    else:
        assert (2, *symbolic.shape[1:]) == tuple(real.shape)


def test_bidirectional_runs_both_fused_modules():
    layer = Bidirectional(GRU(4))
    x = data(2, 6, 3)
    layer(x)
    calls = []
    for item in (layer.forward_layer, layer.backward_layer):
        item.cell.rnn.register_forward_hook(lambda *_: calls.append(1))
    layer(x)
    assert calls == [1, 1]


def test_bidirectional_is_a_forward_and_a_backward_layer():
    x = data(2, 6, 3)
    layer = Bidirectional(LSTM(4, return_sequences=True, name="reader"), name="both")
    output = layer(x)
    forward, backward = layer.forward_layer(x), layer.backward_layer(x)
    torch.testing.assert_close(output, torch.cat([forward, backward.flip(1)], -1))
    assert (layer.forward_layer.name, layer.backward_layer.name) == ("forward_reader", "backward_reader")
    assert len(layer.weights) == 6 and layer.layer.units == 4


def test_bidirectional_states_come_and_go_in_order():
    x = data(2, 6, 3)
    layer = Bidirectional(LSTM(4, return_sequences=True, return_state=True))
    states = [data(2, 4) * k for k in range(1, 5)]
    output = layer(x, initial_state=states)
    forward = layer.forward_layer(x, initial_state=states[:2])
    backward = layer.backward_layer(x, initial_state=states[2:])
    torch.testing.assert_close(output[1:], [*forward[1:], *backward[1:]])
    torch.testing.assert_close(layer([x, *states]), output)
    inputs = [keras.Input((None, 3)), *(keras.Input((4,)) for _ in states)]
    model = keras.Model(inputs, layer(inputs[0], initial_state=inputs[1:]))
    torch.testing.assert_close(list(model([x, *states])), output)
    with pytest.raises(ValueError, match="`initial_state` must be a list"):
        layer(x, initial_state=states[:3])


def test_bidirectional_masked_sequences_have_zeros():
    x = data(2, 6, 3)
    mask = torch.tensor([[True, True, False, False, False, False], [True] * 6])
    layer = Bidirectional(LSTM(4, return_sequences=True))
    output = layer(x, mask=mask)
    assert not output[0, 2:].any()
    torch.testing.assert_close(output[:1, :2], layer(x[:1, :2]))
    both = Bidirectional(LSTM(4, return_sequences=True), merge_mode=None)
    for item in both(x, mask=mask):
        assert torch.equal(item._keras_mask, mask)


def test_bidirectional_takes_a_backward_layer():
    x = data(2, 6, 3)
    layer = Bidirectional(LSTM(4), backward_layer=LSTM(5, go_backwards=True, activation="relu"))
    assert layer(x).shape == (2, 9)
    assert layer.compute_output_shape((2, 6, 3)) == (2, 9)
    configuration = json.loads(json.dumps(keras.layers.serialize(layer)))
    again = keras.layers.deserialize(configuration)
    again(x)
    again.set_weights(layer.get_weights())
    torch.testing.assert_close(again(x), layer(x))


def test_bidirectional_config_has_the_plain_layer_in_it():
    layer = Bidirectional(LSTM(4, return_sequences=True, name="reader"), merge_mode="sum")
    layer(data(2, 6, 3))
    configuration = layer.get_config()
    assert configuration["layer"]["config"]["name"] == "reader"
    assert "zero_output_for_mask" not in configuration["layer"]["config"] and "backward_layer" not in configuration
    again = Bidirectional.from_config(json.loads(json.dumps(configuration)))
    assert again.get_config() == configuration


def test_bidirectional_copies_cells_and_functions_of_the_user():
    class Doubled(LSTMCell):
        def call(self, inputs, states, training=None):
            output, states = super().call(inputs, states)
            return 2 * output, states

    x = data(2, 6, 3)
    assert Bidirectional(RNN(Doubled(4)))(x).shape == (2, 8)
    used = RNN(Doubled(4))
    used(x)
    layer = Bidirectional(used)
    assert layer(x).shape == (2, 8) and layer.forward_layer is not used
    assert Bidirectional(LSTM(4, activation=lambda t: t.tanh() * 0.5))(x).shape == (2, 8)


def test_bidirectional_stateful():
    x = data(2, 6, 3)
    layer = Bidirectional(GRU(4, stateful=True, return_sequences=True))
    first = layer(x)
    assert not torch.allclose(layer(x), first)
    layer.reset_states()
    torch.testing.assert_close(layer(x), first)
    assert len(layer.states) == 2
    layer.reset_states([np.zeros((2, 4)), np.zeros((2, 4))])
    torch.testing.assert_close(layer(x), first)


def test_bidirectional_freezes_both_layers():
    layer = Bidirectional(GRU(4), trainable=False)
    layer(data(2, 6, 3))
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == 6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Bidirectional(LSTM(4), merge_mode="add"), "`merge_mode` must be one of"),
        (lambda: Bidirectional(3), "`layer` must be a Keras layer"),
        (lambda: Bidirectional(Dense(3)), "`layer` must be a recurrent layer"),
        (lambda: Bidirectional(LSTM(4), backward_layer=Dense(3)), "`backward_layer` must be a recurrent layer"),
        (lambda: Bidirectional(LSTM(4), backward_layer=LSTM(4)), "must differ in `go_backwards`"),
        (
            lambda: Bidirectional(LSTM(4), backward_layer=LSTM(4, go_backwards=True, return_state=True)),
            "must agree in `return_state`",
        ),
        (lambda: Bidirectional(LSTM(4), backward_layer=3), "`backward_layer` must be a Keras layer"),
    ],
)
def test_bidirectional_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_weights_of_nested_wrappers_train():
    model = keras.Sequential(
        [keras.Input((5, 3)), TimeDistributed(Dense(4)), Bidirectional(GRU(3, return_sequences=True)), LSTM(2)]
    )
    model(data(2, 5, 3)).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in model.trainable_weights)


def test_a_single_tensor_as_the_state_of_both_directions_is_refused():
    with pytest.raises(ValueError, match="must be a list of the forward layer's states"):
        Bidirectional(GRU(3))(keras.Input((5, 4)), initial_state=keras.Input((3,)))


def test_time_distributed_reduces_a_mask_that_its_layer_uses_up():
    inputs = keras.Input((None, None))
    x = TimeDistributed(Embedding(5, 6, mask_zero=True))(inputs)
    x = TimeDistributed(GRU(7))(x)
    model = keras.Model(inputs, GRU(1)(x))
    ids = np.ones((2, 3, 4))
    padded = np.concatenate((ids, np.zeros((2, 2, 4))), 1)
    np.testing.assert_allclose(model.predict(padded, verbose=0), model.predict(ids, verbose=0), atol=1e-6)


def test_time_distributed_takes_several_inputs_and_masks():
    a, b = keras.Input((3,)), keras.Input((4,))
    inner = keras.Model([a, b], [Dense(2)(keras.layers.Concatenate()([a, b])), Dense(5)(b)])
    x, y = keras.Input((None, 3)), keras.Input((None, 4))
    outputs = TimeDistributed(inner)([Masking()(x), y])
    assert [t.shape for t in outputs] == [(None, None, 2), (None, None, 5)]
    one, other = data(2, 6, 3), data(2, 6, 4)
    found = keras.Model([x, y], outputs)([one, other])
    for real, step in zip(found, inner([one[:, 2], other[:, 2]]), strict=True):
        torch.testing.assert_close(real[:, 2], step)


def test_time_distributed_takes_dicts():
    class Total(keras.layers.Layer):
        def call(self, inputs):
            return {"sum": inputs["a"] + inputs["b"], "b": inputs["b"]}

    found = TimeDistributed(Total())({"a": data(2, 3, 4), "b": data(2, 3, 4)})
    torch.testing.assert_close(found["sum"], 2 * data(2, 3, 4))
    symbolic = TimeDistributed(Total())({"a": keras.Input((None, 4)), "b": keras.Input((None, 4))})
    assert {key: tensor.shape for key, tensor in symbolic.items()} == dict.fromkeys(("sum", "b"), (None, None, 4))


def test_a_layer_of_the_user_gets_the_mask_of_its_step_and_the_mode():
    seen = []

    class Watcher(keras.layers.Layer):
        def call(self, inputs, mask=None, training=None):
            seen.append((mask.tolist(), training))
            return inputs

    mask = torch.tensor([[True, False, True], [False, True, True]])
    TimeDistributed(Watcher())(data(2, 3, 4), mask=mask, training=True)
    assert seen == [([True, False, True, False, True, True], True)]


def test_nested_time_distributed_folds_twice():
    layer = TimeDistributed(TimeDistributed(LSTM(3, return_state=True)))
    assert [tuple(t.shape) for t in layer(data(2, 3, 4, 5, 6))] == [(2, 3, 4, 3)] * 3
    assert [t.shape for t in layer(keras.Input((None, None, 5, 6)))] == [(None, None, None, 3)] * 3


def test_time_distributed_calls_its_layer_once_whatever_the_number_of_steps():
    calls = []
    layer = TimeDistributed(Dense(2))
    layer(data(2, 7, 3))
    layer.layer.linear.register_forward_hook(lambda module, args, output: calls.append(tuple(output.shape)))
    layer(data(2, 9, 3))
    assert calls == [(18, 2)]


@pytest.mark.parametrize(("dialect", "masks"), [("1", False), ("2", True), ("tf", True), ("3", False)])
def test_the_generations_differ_in_masks_made_of_single_steps(dialect, masks):
    with keras.config.dialect_scope(dialect):
        words = TimeDistributed(Embedding(5, 2, mask_zero=True))(np.ones((2, 3, 4), "int32"))
    assert (getattr(words, "_keras_mask", None) is not None) == masks


def test_bidirectional_takes_any_layer_with_directions():
    class Running(keras.layers.Layer):
        def __init__(self, go_backwards=False, return_sequences=False, **kwargs):
            super().__init__(**kwargs)
            self.go_backwards, self.return_sequences = go_backwards, return_sequences

        def call(self, inputs):
            sums = (inputs.flip(1) if self.go_backwards else inputs).cumsum(1)
            return sums if self.return_sequences else sums[:, -1]

    x = data(2, 4, 3)
    both = Bidirectional(Running(return_sequences=True))(x)
    torch.testing.assert_close(both, torch.cat((x.cumsum(1), x.flip(1).cumsum(1).flip(1)), -1))
    torch.testing.assert_close(Bidirectional(Running(), merge_mode="ave")(x), x.sum(1))


def test_bidirectional_of_images_passes_masks_and_states():
    x = data(2, 3, 4, 5, 2)
    mask = torch.tensor([[True, True, False], [True, True, True]])
    layer = Bidirectional(keras.layers.ConvLSTM2D(3, 3, padding="same", return_sequences=True, return_state=True))
    output, *states = layer(x, mask=mask)
    assert output.shape == (2, 3, 4, 5, 6) and [tuple(t.shape) for t in states] == [(2, 4, 5, 3)] * 4
    assert not output[0, 2].any() and torch.equal(output._keras_mask, mask)
    torch.testing.assert_close(output[:1, :2], layer(x[:1, :2])[0])
    torch.testing.assert_close(layer(x, mask=mask, initial_state=[torch.zeros_like(s) for s in states])[0], output)


def test_bidirectional_starts_with_given_weights():
    arrays = [np.full(shape, k, "float32") for k in (1, 2) for shape in ((4, 8), (2, 8), (8,))]
    model = keras.Sequential([Bidirectional(LSTM(2), weights=arrays, input_shape=(3, 4))])
    for mine, given in zip(model.get_weights(), arrays, strict=True):
        np.testing.assert_array_equal(mine, given)


def test_a_wrapper_of_the_user_builds_saves_and_trains():
    class Scaled(keras.layers.Wrapper):
        def __init__(self, layer, factor=2.0, **kwargs):
            super().__init__(layer, **kwargs)
            self.factor = factor

        def build(self, input_shape=None):
            if not self.layer.built:
                self.layer.build(input_shape)
                self.layer.built = True
            super().build()

        def compute_output_shape(self, input_shape):
            return self.layer.compute_output_shape(input_shape)

        def call(self, inputs):
            return self.factor * self.layer.call(inputs)

        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

    layer = Scaled(Dense(3), factor=3.0)
    x = data(2, 4)
    torch.testing.assert_close(layer(x), 3 * layer.layer(x))
    assert [w.name for w in layer.trainable_weights] == ["kernel", "bias"]
    again = Scaled.from_config(json.loads(json.dumps(layer.get_config())))
    assert again.factor == 3.0 and again.layer.units == 3
    assert again(keras.Input((4,))).shape == (None, 3)


@pytest.mark.parametrize("dialect", ["1", "2"])
def test_bidirectional_of_keras_1_and_2_repeats_outputs_in_masked_steps(dialect):
    x = data(2, 6, 3)
    mask = torch.tensor([[True, True, False, True, False, False], [True] * 6])
    with keras.config.dialect_scope(dialect):
        layer = Bidirectional(LSTM(4, return_sequences=True))
        output = layer(x, mask=mask)
    forward, backward = output[0].chunk(2, -1)
    torch.testing.assert_close(forward[2], forward[1])
    torch.testing.assert_close(forward[4:], forward[3:4].expand(2, 4))
    torch.testing.assert_close(backward[2], backward[3])
    assert not backward[4:].any()
