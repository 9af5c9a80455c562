"""Recurrent layers as scripts for Keras 1 and 2.0 derived them from Recurrent, and cells from AbstractRNNCell."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import activations
from keras_torch import backend as K
from keras_torch.engine import InputSpec
from keras_torch.initializers import initializations
from keras_torch.layers import (
    RNN,
    AbstractRNNCell,
    ConvRecurrent2D,
    Dense,
    Layer,
    Masking,
    Recurrent,
    SimpleRNN,
    _time_distributed_dense,
    time_distributed_dense,
)


def data(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


class Plain(Recurrent):
    """A simple recurrence, in the manner of Keras 1: initializations, a list of weights, its own states."""

    def __init__(self, output_dim, init="glorot_uniform", activation="tanh", dropout_U=0.0, **kwargs):
        self.output_dim = output_dim
        self.init = initializations.get(init)
        self.activation = activations.get(activation)
        self.dropout_U = dropout_U
        self.uses_learning_phase = dropout_U > 0
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.input_spec = [InputSpec(shape=input_shape)]
        if self.stateful:
            self.reset_states()
        else:
            self.states = [None]
        self.input_dim = input_shape[2]
        self.W = self.init((self.input_dim, self.output_dim), name=f"{self.name}_W")
        self.U = self.init((self.output_dim, self.output_dim), name=f"{self.name}_U")
        self.b = K.zeros((self.output_dim,), name=f"{self.name}_b")
        self.reducer = K.zeros((self.input_dim, self.output_dim))
        self.trainable_weights = [self.W, self.U, self.b]
        if self.initial_weights is not None:
            self.set_weights(self.initial_weights)
            del self.initial_weights

    def reset_states(self):
        shape = self.input_spec[0].shape
        if hasattr(self, "kept"):
            K.set_value(self.states[0], np.zeros((shape[0], self.output_dim)))
        else:
            self.states = [K.zeros((shape[0], self.output_dim))]
            self.kept = True

    def get_initial_states(self, x):
        summed = K.sum(K.zeros_like(x), axis=1)
        return [K.dot(summed, self.reducer)]

    def preprocess_input(self, x):
        shape = K.int_shape(x)
        return time_distributed_dense(x, self.W, self.b, None, shape[2], self.output_dim, shape[1])

    def get_constants(self, x):
        if not 0 < self.dropout_U < 1:
            return [K.cast_to_floatx(1.0)]
        ones = K.tile(K.ones_like(K.reshape(x[:, 0, 0], (-1, 1))), (1, self.output_dim))
        return [K.in_train_phase(K.dropout(ones, self.dropout_U), ones)]

    def step(self, x, states):
        before, mask = states
        output = self.activation(x + K.dot(before * mask, self.U))
        return output, [output]

    def get_config(self):
        config = {
            "output_dim": self.output_dim,
            "init": self.init.__name__,
            "activation": self.activation.__name__,
            "dropout_U": self.dropout_U,
        }
        return dict(list(super().get_config().items()) + list(config.items()))


class AttentiveLSTM(Recurrent):
    """An LSTM whose every step looks at all inputs, in the manner of Keras 2.0: `units`, add_weight, constants."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_spec = [InputSpec(shape=(None, units)), InputSpec(shape=(None, units))]

    def build(self, input_shape):
        if isinstance(input_shape, list):
            input_shape = input_shape[0]
        batch = input_shape[0] if self.stateful else None
        features = input_shape[2]
        self.input_spec[0] = InputSpec(shape=(batch, None, features))
        self.states = [None, None]
        if self.stateful:
            self.reset_states()
        self.score_x = self.add_weight(shape=(features, features), name="score_x", initializer="glorot_uniform")
        self.score_h = self.add_weight(shape=(self.units, features), name="score_h", initializer="glorot_uniform")
        self.score = self.add_weight(shape=(features, 1), name="score", initializer="ones")
        self.kernel = self.add_weight(shape=(2 * features + self.units, 4 * self.units), name="kernel")
        self.bias = self.add_weight(shape=(4 * self.units,), name="bias", initializer="zeros")
        self.built = True

    def get_constants(self, inputs, training=None):
        return [inputs, K.dot(inputs, self.score_x)]

    def step(self, x, states):
        h, c, sequence, projected = states
        scores = K.dot(K.tanh(projected + K.expand_dims(K.dot(h, self.score_h), 1)), self.score)
        context = K.sum(K.softmax(scores, axis=1) * sequence, axis=1)
        sums = K.bias_add(K.dot(K.concatenate([x, context, h]), self.kernel), self.bias)
        u = self.units
        i, f = K.sigmoid(sums[:, :u]), K.sigmoid(sums[:, u : 2 * u])
        c = f * c + i * K.tanh(sums[:, 2 * u : 3 * u])
        h = K.sigmoid(sums[:, 3 * u :]) * K.tanh(c)
        return h, [h, c]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Decoder(Recurrent):
    """Repeats one vector and feeds its outputs back, by a `call` of its own around Recurrent's."""

    def __init__(self, units, length, **kwargs):
        super().__init__(return_sequences=True, **kwargs)
        self.units, self.length = units, length
        self.input_spec = [InputSpec(ndim=2)]

    def build(self, input_shape):
        self.states = [None]
        self.kernel = self.add_weight((input_shape[-1], self.units), initializer="glorot_uniform", name="kernel")
        self.back = self.add_weight((self.units, self.units), initializer="orthogonal", name="back")
        self.built = True

    def call(self, inputs, mask=None):
        return super().call(K.repeat(inputs, self.length))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.length, self.units)

    def step(self, x, states):
        output = K.relu(K.dot(x, self.kernel) + K.dot(states[0], self.back))
        return output, [output]


def pair(**options):
    """A Plain layer and a SimpleRNN of the same weights."""
    x = data(3, 5, 4)
    with keras.config.dialect_scope("1"):
        mine = Plain(2, **options)
    real = SimpleRNN(2, **options)
    real(x)
    mine(x)
    mine.set_weights(real.get_weights())
    return mine, real, x


@pytest.mark.parametrize("options", [{}, {"return_sequences": True}, {"go_backwards": True}])
def test_a_layer_in_the_manner_of_keras_1_computes_what_simple_rnn_does(options):
    mine, real, x = pair(**options)
    torch.testing.assert_close(mine(x), real(x))
    assert [tuple(w.shape) for w in mine.weights] == [(4, 2), (2, 2), (2,)]
    mask = torch.tensor([[True, True, False, True, False]] * 3)
    torch.testing.assert_close(mine(x, mask=mask), real(x, mask=mask))
    assert mine.compute_output_shape((None, None, 4)) == real.compute_output_shape((None, None, 4))


def test_it_trains_in_a_sequential_model_and_comes_back_from_its_config():
    with keras.config.dialect_scope("1"):
        model = keras.Sequential()
        model.add(Masking(input_shape=(5, 4)))
        model.add(Plain(3, return_sequences=True, dropout_U=0.2))
        model.add(Plain(2))
        model.compile("sgd", "mse")
        before = model.get_weights()
        model.fit(data(8, 5, 4).numpy(), data(8, 2).numpy(), nb_epoch=1, verbose=0)
        assert not any(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
        text = model.to_json()
        again = keras.models.model_from_json(text, custom_objects={"Plain": Plain})
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again.predict(data(2, 5, 4), verbose=0), model.predict(data(2, 5, 4), verbose=0))


def test_constants_see_the_learning_phase():
    layer = Plain(2, dropout_U=0.5)
    x = data(3, 5, 4)
    torch.testing.assert_close(layer(x), layer(x))
    assert not torch.allclose(layer(x, training=True), layer(x, training=True))


def test_initial_weights_and_input_dim_of_keras_1():
    arrays = [np.full((4, 2), 0.1), np.full((2, 2), 0.2), np.full(2, 0.3)]
    with keras.config.dialect_scope("1"):
        layer = Plain(2, weights=arrays, input_dim=4, input_length=5, consume_less="mem")
        model = keras.Sequential([layer])
    assert model.input_shape == (None, 5, 4) and layer.consume_less == "mem"
    for mine, given in zip(layer.get_weights(), arrays, strict=True):
        np.testing.assert_allclose(mine, given, rtol=1e-6)


@pytest.mark.parametrize("make", [lambda: Plain(2, stateful=True), lambda: AttentiveLSTM(2, stateful=True)])
def test_stateful_layers_go_on_and_are_reset(make):
    model = keras.Sequential([keras.Input(batch_shape=(3, 5, 4)), make()])
    layer = model.layers[-1]
    x = data(3, 5, 4)
    first = model(x)
    second = model(x)
    assert not torch.allclose(first, second)
    torch.testing.assert_close(K.eval(layer.states[0]), second.detach().numpy())
    layer.reset_states()
    torch.testing.assert_close(model(x), first)
    model(x).sum().backward()
    assert len(layer.weights) == len(layer.trainable_weights) == (3 if isinstance(layer, Plain) else 5)


def test_reset_states_takes_arrays_and_checks_them():
    layer = AttentiveLSTM(2, stateful=True, batch_input_shape=(3, 5, 4))
    keras.Sequential([layer])
    layer.reset_states([np.ones((3, 2)), np.zeros((3, 2))])
    np.testing.assert_array_equal(K.get_value(layer.states[0]), np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"2 states of shape \(3, 2\)"):
        layer.reset_states([np.ones((3, 2))])
    with pytest.raises(AttributeError, match="must be stateful"):
        AttentiveLSTM(2).reset_states()
    with pytest.raises(ValueError, match="has to know the batch size"):
        AttentiveLSTM(2, stateful=True)(keras.Input((5, 4)))


def test_an_attentive_lstm_looks_at_all_inputs_in_every_step():
    x = data(3, 5, 4)
    layer = AttentiveLSTM(2, return_sequences=True, return_state=True)
    outputs, h, c = layer(x)
    score_x, score_h, score, kernel, bias = (torch.tensor(w) for w in layer.get_weights())
    state, cell, expected = torch.zeros(3, 2), torch.zeros(3, 2), []
    for t in range(5):
        scores = torch.tanh(x @ score_x + (state @ score_h)[:, None]) @ score
        context = (torch.softmax(scores, 1) * x).sum(1)
        i, f, g, o = (torch.cat((x[:, t], context, state), 1) @ kernel + bias).chunk(4, 1)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        state = o.sigmoid() * cell.tanh()
        expected.append(state)
    torch.testing.assert_close(outputs, torch.stack(expected, 1))
    torch.testing.assert_close([h, c], [state, cell])


def test_initial_states_come_as_tensors_of_the_graph():
    inputs, h, c = keras.Input((None, 4)), keras.Input((2,)), keras.Input((2,))
    layer = AttentiveLSTM(2, return_state=True)
    outputs = layer(inputs, initial_state=[h, c])
    assert [t.shape for t in outputs] == [(None, 2)] * 3
    model = keras.Model([inputs, h, c], outputs)
    x, first = data(3, 5, 4), [data(3, 2), 2 * data(3, 2)]
    torch.testing.assert_close(model([x, *first])[0], layer([x, *first])[0])
    assert not torch.allclose(model([x, *first])[0], layer(x)[0])
    with pytest.raises(ValueError, match="has 2 states"):
        layer(x, initial_state=[first[0]])


def test_a_decoder_repeats_its_input_and_feeds_outputs_back():
    layer = Decoder(3, 4)
    x = data(2, 5)
    output = layer(x)
    assert output.shape == (2, 4, 3) and layer(keras.Input((5,))).shape == (None, 4, 3)
    kernel, back = (torch.tensor(w) for w in layer.get_weights())
    state = torch.zeros(2, 3)
    for t in range(4):
        state = torch.relu(x @ kernel + state @ back)
        torch.testing.assert_close(output[:, t], state)


def test_masks_pass_with_sequences_only():
    x = Masking()(keras.Input((None, 4)))
    assert getattr(AttentiveLSTM(2)(x), "_keras_mask", None) is None
    assert AttentiveLSTM(2, return_sequences=True)(x)._keras_mask is not None


def test_configs_of_recurrent_have_what_its_constructor_takes():
    layer = AttentiveLSTM(2, go_backwards=True, implementation=2)
    config = json.loads(json.dumps(layer.get_config()))
    assert config["implementation"] == 2 and config["go_backwards"] is True
    assert AttentiveLSTM.from_config(config).get_config() == layer.get_config()


def test_recurrent_without_a_step_or_a_length_says_so():
    class Empty(Recurrent):
        units = 3

    with pytest.raises(NotImplementedError, match="must define `step"):
        Empty()(data(2, 3, 4))
    with pytest.raises(ValueError, match="cannot unroll"):
        Plain(2, unroll=True)(keras.Input((None, 4)))


class Leaky(ConvRecurrent2D):
    """The mean of the images so far, by a convolution."""

    def build(self, input_shape):
        self.states = [None]
        self.kernel = self.add_weight((*self.kernel_size, input_shape[-1], self.filters), name="kernel")
        self.built = True

    def step(self, x, states):
        output = (K.conv2d(x, self.kernel, padding=self.padding, strides=self.strides) + states[0]) / 2
        return output, [output]


def test_conv_recurrent_2d_runs_the_steps_of_a_subclass():
    x = data(2, 3, 5, 4, 2)
    with keras.config.dialect_scope("1"):
        layer = Leaky(nb_filter=3, nb_row=2, nb_col=2, border_mode="same", dim_ordering="tf", return_sequences=True)
    output = layer(x)
    assert output.shape == (2, 3, 5, 4, 3) == layer.compute_output_shape((2, 3, 5, 4, 2))
    first = K.conv2d(x[:, 0], layer.kernel, padding="same") / 2
    torch.testing.assert_close(output[:, 0], first)
    torch.testing.assert_close(output[:, 1], (K.conv2d(x[:, 1], layer.kernel, padding="same") + first) / 2)


class Minimal(AbstractRNNCell):
    """A cell in the manner of tf.keras."""

    def __init__(self, units, **kwargs):
        self.units = units
        super().__init__(**kwargs)

    @property
    def state_size(self):
        return self.units

    @property
    def output_size(self):
        return self.units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="uniform", name="kernel")
        self.back = self.add_weight(shape=(self.units, self.units), initializer="uniform", name="back")
        self.built = True

    def call(self, inputs, states):
        output = K.dot(inputs, self.kernel) + K.dot(states[0], self.back)
        return output, output


def test_a_cell_derived_from_abstract_rnn_cell_runs_in_rnn():
    x = data(2, 3, 4)
    layer = RNN(Minimal(3), return_state=True)
    output, state = layer(x)
    expected = torch.zeros(2, 3)
    for t in range(3):
        expected = x[:, t] @ layer.cell.kernel + expected @ layer.cell.back
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close(state, expected)
    assert layer.cell.get_initial_state(batch_size=5).shape == (5, 3)
    model = keras.Sequential([keras.Input((None, 4)), RNN([Minimal(3), Minimal(2)]), Dense(1)])
    assert model.output_shape == (None, 1)
    with pytest.raises(NotImplementedError, match="must define the property `state_size`"):
        AbstractRNNCell().state_size  # noqa: B018


def test_listed_weights_are_all_weights_of_a_layer_in_their_order():
    class Listed(Layer):
        def build(self, input_shape):
            self.unused = K.zeros((7,))
            self.b = K.zeros((2,), name="b")
            self.W = K.variable(np.ones((input_shape[-1], 2)), name="W")
            self.rate = K.variable(0.5, name="rate")
            self.trainable_weights = [self.W, self.b]
            self.non_trainable_weights = [self.rate]

        def call(self, x):
            return (K.dot(x, self.W) + self.b) * self.rate

    layer = Listed()
    assert layer(data(3, 4)).shape == (3, 2)
    assert [w.local_path for w in layer.weights] == ["W", "b", "rate"]
    assert [w.local_path for w in layer.trainable_weights] == ["W", "b"]
    assert not layer.rate.requires_grad and layer.W.requires_grad
    layer.trainable = False
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == 3


class Attending(Recurrent):
    """Keeps the inputs of `call` for its steps, and changes tensors by augmented assignment."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.return_sequences = True

    def build(self, input_shape):
        self.batch_size, self.timesteps, self.features = input_shape
        self.states = [None]
        self.first = self.add_weight(shape=(self.features, self.units), name="first", initializer="glorot_uniform")
        self.look = self.add_weight(shape=(self.features, self.units), name="look", initializer="glorot_uniform")
        self.b = self.add_weight(shape=(self.units,), name="b", initializer="ones")
        self.out = self.add_weight(shape=(self.features, self.units), name="out", initializer="glorot_uniform")
        self.built = True

    def call(self, x):
        self.sequence = x
        self.looks = _time_distributed_dense(x, self.look, self.b, timesteps=self.timesteps)
        return super().call(x)

    def get_initial_state(self, inputs):
        return [activations.tanh(K.dot(inputs[:, 0], self.first))]

    def step(self, x, states):
        weights = K.exp(K.sum(self.looks * K.expand_dims(states[0], 1), axis=-1, keepdims=True))
        total = K.sum(weights, axis=1)
        weights /= K.repeat(total, self.timesteps)
        context = K.squeeze(K.batch_dot(weights, self.sequence, axes=1), axis=1)
        context += x
        output = activations.tanh(K.dot(context, self.out))
        return output, [output]


def test_augmented_assignments_in_steps_leave_other_tensors_alone():
    x = data(3, 5, 4)
    layer = Attending(2)
    found = layer(x)
    found.square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in layer.weights)
    first, look, b, out = (torch.tensor(w) for w in layer.get_weights())
    state = torch.tanh(x[:, 0] @ first)
    for t in range(5):
        weights = torch.softmax(((x @ look + b) * state[:, None]).sum(-1), 1)
        state = torch.tanh(((weights[..., None] * x).sum(1) + x[:, t]) @ out)
        torch.testing.assert_close(found[:, t], state)
    torch.testing.assert_close(x, data(3, 5, 4))


def test_augmented_assignments_of_our_own_code_stay_in_place():
    class Summing(Recurrent):
        units = 3

        def build(self, input_shape):
            self.states = [None]
            self.inner = keras.layers.LSTM(3, recurrent_activation="hard_sigmoid")
            self.built = True

        def step(self, x, states):
            kept = states[0]
            kept += self.inner(K.expand_dims(x, 1))
            return kept, [kept]

    x = data(2, 4, 5)
    layer = Summing(return_sequences=True)
    with torch.no_grad():
        found = layer(x)
        steps = [layer.inner(x[:, t : t + 1]) for t in range(4)]
    torch.testing.assert_close(found, torch.stack(steps, 1).cumsum(1))


def test_a_step_that_a_subclass_of_lstm_would_not_get_run_is_refused() -> None:
    class Own(keras.layers.LSTM):
        def step(self, x, states):
            return x, states

    with pytest.raises(NotImplementedError, match="Layer 'own'.*`step`.*`Recurrent`"):
        Own(3)(torch.zeros(2, 4, 3))
