"""SimpleRNN, GRU, LSTM, RNN and cells: which path runs, states, dropout, user cells, configs, errors."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch
from torch import nn

import keras_torch as keras
from keras_torch import config
from keras_torch.layers import GRU, LSTM, RNN, GRUCell, LSTMCell, SimpleRNN, SimpleRNNCell, StackedRNNCells

LAYERS = [SimpleRNN, GRU, LSTM]
BOTH = {"return_sequences": True, "return_state": True}


def data(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def built(layer, x):
    layer(x)
    weights = [np.random.default_rng(i).normal(0, 0.5, w.shape) for i, w in enumerate(layer.get_weights())]
    layer.set_weights(weights)
    return layer


def fused_calls(layer):
    """Return a list that grows with each run of the layer's torch module."""
    calls = []
    layer.cell.rnn.register_forward_hook(lambda *_: calls.append(1))
    return calls


@pytest.mark.parametrize(("cls", "module"), [(SimpleRNN, nn.RNN), (GRU, nn.GRU), (LSTM, nn.LSTM)])
@pytest.mark.parametrize("masked", [False, True])
def test_default_settings_run_the_fused_torch_module_once(cls, module, masked):
    x = data(4, 6, 3)
    layer = built(cls(5, return_sequences=True, dropout=0.2, recurrent_dropout=0.2 * masked), x)
    assert type(layer.cell.rnn) is module
    calls = fused_calls(layer)
    layer(x, mask=torch.rand(4, 6) > 0.5) if masked else layer(x)
    assert calls == [1]
    if not masked:
        layer(x, training=True)
        assert calls == [1, 1]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("cls", LAYERS)
@pytest.mark.parametrize("options", [{}, {"return_sequences": True}, BOTH, {"use_bias": False}, {"go_backwards": True}])
def test_fused_path_and_step_loop_agree(cls, options, masked):
    x = data(4, 6, 3).requires_grad_(True)
    mask = (
        {"mask": torch.tensor(np.random.default_rng(0).random((4, 6)) > [[0.5], [0.5], [0.5], [2]])} if masked else {}
    )
    results = []
    for unroll in (False, True):
        layer = built(cls(5, unroll=unroll, **options), x)
        outputs = layer(x, **mask)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        torch.cat([o.flatten() for o in outputs]).square().sum().backward()
        results.append([*outputs, x.grad, *(w.grad for w in layer.weights)])
        x.grad = None
    for fused, loop in zip(*results, strict=True):
        torch.testing.assert_close(fused, loop, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        LSTM(5, recurrent_activation="hard_sigmoid"),
        LSTM(5, activation="relu"),
        GRU(5, reset_after=False),
        SimpleRNN(5, activation="sigmoid"),
        LSTM(5, use_cudnn=False),
    ],
    ids=lambda layer: layer.name,
)
def test_other_settings_run_the_step_loop(layer):
    x = data(4, 6, 3)
    layer(x)
    if layer.cell.is_fused:
        calls = fused_calls(layer)
        layer(x)
        assert calls == []


def test_recurrent_dropout_takes_the_loop_in_training_only():
    x = data(4, 6, 3)
    layer = built(LSTM(5, recurrent_dropout=0.5), x)
    calls = fused_calls(layer)
    layer(x, training=True)
    assert calls == []
    layer(x)
    assert calls == [1]


def test_an_error_in_the_fused_module_is_raised(monkeypatch):
    x = data(4, 6, 3)
    layer = built(LSTM(5), x)

    def fail(*args):
        raise RuntimeError("cuDNN is unhappy")

    monkeypatch.setattr(layer.cell.rnn, "forward", fail)
    with pytest.raises(RuntimeError, match="unhappy"):
        layer(x)


def test_weights_have_keras_names_order_and_shapes():
    x = data(4, 6, 3)
    shapes = {SimpleRNN: [(3, 5), (5, 5), (5,)], GRU: [(3, 15), (5, 15), (2, 15)], LSTM: [(3, 20), (5, 20), (20,)]}
    for cls, expected in shapes.items():
        layer = cls(5)
        layer(x)
        assert [w.name for w in layer.weights] == ["kernel", "recurrent_kernel", "bias"]
        assert [tuple(w.shape) for w in layer.weights] == expected
        assert layer.weights == layer.trainable_weights
        assert layer.count_params() == sum(p.numel() for p in layer.parameters())
        assert layer.cell.name == f"{'simple_rnn' if cls is SimpleRNN else cls.__name__.lower()}_cell"
    assert [tuple(w.shape) for w in built(GRU(5, reset_after=False), x).weights][2] == (15,)
    assert len(built(LSTM(5, use_bias=False), x).weights) == 2


@pytest.mark.parametrize("activation", ["sigmoid", "hard_sigmoid"])
def test_forget_gate_bias_starts_with_ones(activation):
    layer = LSTM(5, recurrent_activation=activation)
    layer.build((None, 6, 3))
    np.testing.assert_array_equal(layer.get_weights()[2], np.repeat([0, 1, 0, 0], 5))
    layer = LSTM(5, recurrent_activation=activation, unit_forget_bias=False)
    layer.build((None, 6, 3))
    assert not layer.get_weights()[2].any()


def test_the_inner_module_is_an_ordinary_torch_lstm():
    x = data(4, 6, 3)
    layer = built(LSTM(5, return_sequences=True), x)
    module = nn.LSTM(3, 5, batch_first=True)
    module.load_state_dict(layer.cell.rnn.state_dict())
    torch.testing.assert_close(module(x)[0], layer(x))
    assert [name for name, _ in layer.named_parameters()] == [
        "cell.rnn.weight_ih_l0",
        "cell.rnn.weight_hh_l0",
        "cell.rnn.bias_ih_l0",
    ]


@pytest.mark.parametrize("cls", LAYERS)
def test_weights_survive_get_set_copy_and_state_dict(cls):
    x = data(4, 6, 3)
    layer = built(cls(5), x)
    values = [np.random.default_rng(9).normal(size=w.shape).astype("float32") for w in layer.get_weights()]
    layer.set_weights(values)
    for given, found in zip(values, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(given, found)
    torch.testing.assert_close(copy.deepcopy(layer)(x), layer(x))
    other = cls(5)
    other(x)
    other.load_state_dict(layer.state_dict())
    torch.testing.assert_close(other(x), layer(x))


def test_regularizers_constraints_and_freezing_reach_the_cell():
    x = data(4, 6, 3)
    layer = GRU(5, kernel_regularizer="l2", recurrent_constraint="non_neg", activity_regularizer="l1")
    layer(x)
    kernel = layer.weights[0]
    expected = 0.01 * np.square(kernel.numpy()).sum()
    assert float(layer.losses[-1].detach()) == pytest.approx(expected, rel=1e-5)
    assert len(layer.losses) == 2
    assert layer.weights[1].constraint is layer.recurrent_constraint
    layer.trainable = False
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == 3
    assert not any(p.requires_grad for p in layer.parameters())


def identity_rnn(**options):
    """Return a recurrence that passes its (dropped-out) inputs through."""
    layer = SimpleRNN(8, activation="linear", use_bias=False, return_sequences=True, **options)
    layer.build((None, 5, 8))
    layer.set_weights([np.eye(8), np.zeros((8, 8))])
    return layer


def test_input_dropout_uses_one_mask_for_all_steps():
    x = torch.ones(4, 5, 8)
    layer = identity_rnn(dropout=0.5)
    output = layer(x, training=True)
    assert set(output.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(output, output[:, :1].expand_as(output))
    assert not torch.equal(output, layer(x, training=True))
    assert torch.equal(layer(x), x)


def test_fused_input_dropout_uses_one_mask_for_all_steps():
    x = torch.ones(4, 5, 8)
    layer = SimpleRNN(8, activation="relu", use_bias=False, return_sequences=True, dropout=0.5)
    layer.build((None, 5, 8))
    layer.set_weights([np.eye(8), np.zeros((8, 8))])
    output = layer(x, training=True)
    assert set(output.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(output, output[:, :1].expand_as(output))


def test_recurrent_dropout_draws_one_mask_per_gate_and_keeps_it():
    layer = LSTM(8, recurrent_dropout=0.5, dropout=0.5)
    x = data(4, 5, 3)
    layer(x, training=True)
    masks = layer.cell._masks
    assert masks["recurrent"].shape == (4, 4, 8) and masks["input"].shape == (4, 4, 3)
    assert not torch.equal(masks["recurrent"][0], masks["recurrent"][1])


def test_a_seed_makes_dropout_repeatable():
    x = torch.ones(4, 5, 8)
    first, second = identity_rnn(dropout=0.5, seed=3), identity_rnn(dropout=0.5, seed=3)
    assert torch.equal(first(x, training=True), second(x, training=True))


@pytest.mark.parametrize("cls", LAYERS)
def test_stateful_layers_continue_where_the_last_batch_ended(cls):
    x = data(4, 6, 3)
    layer = built(cls(5, stateful=True, return_sequences=True), x)
    layer.reset_states()
    parts = torch.cat([layer(x[:, :2]), layer(x[:, 2:])], 1)
    layer.reset_states()
    torch.testing.assert_close(layer(x), parts)
    assert len(layer.states) == (2 if cls is LSTM else 1)
    values = [np.full((4, 5), 0.3, "float32")] * len(layer.states)
    layer.reset_states(states=values)
    stateless = cls.from_config({**layer.get_config(), "stateful": False})
    stateless(x)
    stateless.set_weights(layer.get_weights())
    expected = stateless(x, initial_state=[torch.tensor(value) for value in values])
    torch.testing.assert_close(layer(x), expected)


def test_stateful_errors():
    x = data(4, 6, 3)
    layer = LSTM(5, stateful=True)
    layer(x)
    with pytest.raises(ValueError, match="batches of one size"):
        layer(x[:2])
    with pytest.raises(ValueError, match="has 2 states. Received: 1"):
        layer.reset_states([np.zeros((4, 5))])
    with pytest.raises(ValueError, match=r"state 1 must have the shape.*Received: \(4, 6\)"):
        layer.reset_states([np.zeros((4, 5)), np.zeros((4, 6))])
    with pytest.raises(AttributeError, match="must be stateful"):
        LSTM(5).reset_states()


def test_initial_state_may_be_given_in_every_way():
    x, h, c = data(4, 6, 3), data(4, 5), 2 * data(4, 5)
    layer = built(LSTM(5), x)
    expected = layer(x, initial_state=[h, c])
    assert not torch.allclose(expected, layer(x))
    inputs = keras.Input((None, 3)), keras.Input((5,)), keras.Input((5,))
    by_name = keras.Model(inputs, layer(inputs[0], initial_state=inputs[1:]))
    by_list = keras.Model(inputs, layer(list(inputs)))
    for found in (layer([x, h, c]), layer(x, [h, c]), by_name([x, h, c]), by_list([x, h, c])):
        torch.testing.assert_close(found, expected)
    torch.testing.assert_close(layer(x, initial_state=[h.numpy(), c.numpy()]), expected)
    gru = built(GRU(5), x)
    torch.testing.assert_close(gru(x, initial_state=h), gru(x, initial_state=[h]))


def test_encoder_decoder_model_survives_its_config():
    encoder_inputs, decoder_inputs = keras.Input((None, 3)), keras.Input((None, 4))
    _, *states = LSTM(5, return_state=True)(encoder_inputs)
    outputs, _, _ = LSTM(5, **BOTH)(decoder_inputs, initial_state=states)
    model = keras.Model([encoder_inputs, decoder_inputs], outputs)
    batch = [data(2, 6, 3), data(2, 7, 4)]
    again = keras.Model.from_config(json.loads(json.dumps(model.get_config())))
    again.set_weights(model.get_weights())
    torch.testing.assert_close(again(batch), model(batch))


def test_symbolic_shapes_and_masks():
    inputs = keras.Input((7, 3))
    assert LSTM(5)(inputs).shape == (None, 5)
    assert [tuple(t.shape) for t in LSTM(5, **BOTH)(inputs)] == [(None, 7, 5), (None, 5), (None, 5)]
    masked = keras.layers.Masking()(inputs)
    assert LSTM(5)(masked)._keras_mask is None
    sequence, state = GRU(5, **BOTH)(masked)
    assert sequence._keras_mask is not None and state._keras_mask is None
    assert LSTM(5).compute_output_shape((2, 7, 3)) == (2, 5)


def test_masked_model_ignores_padding():
    x = data(2, 6, 3)
    x[0, 4:] = 0
    x[1, :2] = 0
    model = keras.Sequential([keras.Input((None, 3)), keras.layers.Masking(), LSTM(5)])
    result = model(x)
    torch.testing.assert_close(result[:1], model(x[:1, :4]))
    torch.testing.assert_close(result[1:], model(x[1:, 2:]))


def test_time_major_puts_time_first():
    x = data(4, 6, 3)
    layer = built(LSTM(5, time_major=True, **BOTH), x.transpose(0, 1))
    plain = built(LSTM(5, **BOTH), x)
    mask = torch.rand(4, 6) > 0.5
    for options in ({}, {"mask": mask}):
        expected = plain(x, **options)
        found = layer(x.transpose(0, 1), **{key: value.t() for key, value in options.items()})
        torch.testing.assert_close(found[0], expected[0].transpose(0, 1))
        torch.testing.assert_close(found[1:], expected[1:])
    assert layer.compute_output_shape((6, 4, 3))[0] == (6, 4, 5)
    assert layer.get_config()["time_major"] is True and "time_major" not in plain.get_config()


class Accumulator(keras.layers.Layer):
    """A cell in the style of Keras 2."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel", initializer="uniform")
        self.built = True

    def call(self, inputs, states):
        output = states[0] + torch.matmul(inputs, self.kernel)
        return output, [output]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_user_cells_run_alone_and_stacked():
    x = data(4, 6, 3)
    layer = RNN(Accumulator(5), return_sequences=True)
    output = layer(x)
    torch.testing.assert_close(output, torch.cumsum(x @ layer.cell.kernel, 1))
    stack = RNN([Accumulator(5), Accumulator(2)], return_state=True)
    output, first, second = stack(x)
    assert [tuple(t.shape) for t in (output, first, second)] == [(4, 2), (4, 5), (4, 2)]
    assert [tuple(t.shape) for t in stack(keras.Input((None, 3)))] == [(None, 2), (None, 5), (None, 2)]
    again = RNN.from_config(json.loads(json.dumps(stack.get_config())), custom_objects={"Accumulator": Accumulator})
    again(x)
    again.set_weights(stack.get_weights())
    torch.testing.assert_close(again(x)[0], output)


def test_user_cells_may_take_training_and_constants():
    class Scaled(Accumulator):
        def call(self, inputs, states, constants=None, training=None):
            output = states[0] + inputs @ self.kernel * constants[0] * (2.0 if training else 1.0)
            return output, [output]

    x, scale = data(4, 6, 3), data(4, 5)
    layer = RNN(Scaled(5))
    output = layer(x, constants=[scale])
    torch.testing.assert_close(output, (x @ layer.cell.kernel).sum(1) * scale)
    torch.testing.assert_close(layer(x, constants=[scale], training=True), 2 * output)
    torch.testing.assert_close(layer([x, torch.zeros(4, 5), scale]), output)


def test_a_cell_subclass_that_overrides_call_is_called():
    class Doubled(LSTMCell):
        def call(self, inputs, states, training=None):
            output, states = super().call(inputs, states)
            return 2 * output, states

    x = data(4, 6, 3)
    layer, plain = built(RNN(Doubled(5)), x), built(LSTM(5), x)
    torch.testing.assert_close(layer(x), 2 * plain(x))


@pytest.mark.parametrize(("cell_cls", "cls"), [(SimpleRNNCell, SimpleRNN), (GRUCell, GRU), (LSTMCell, LSTM)])
def test_cells_step_by_step_agree_with_the_layer(cell_cls, cls):
    x = data(4, 6, 3)
    layer = built(cls(5), x)
    cell = cell_cls(5)
    states = cell.get_initial_state(batch_size=4)
    states = states if isinstance(states, list) else [states]
    cell(x[:, 0], states)
    cell.set_weights(layer.get_weights())
    for step in x.unbind(1):
        output, states = cell(step, states)
    torch.testing.assert_close(output, layer(x))
    torch.testing.assert_close(RNN(cell)(x), layer(x))


def test_stacked_cells_run_fused_and_agree_with_single_steps():
    x = data(4, 6, 3)
    stack = StackedRNNCells([LSTMCell(5), GRUCell(4)])
    layer = built(RNN(stack, return_state=True), x)
    output, lstm_states, gru_state = layer(x)
    states = stack.get_initial_state(batch_size=4)
    for step in x.unbind(1):
        expected, states = stack(step, states)
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close([lstm_states, gru_state], states)


@pytest.mark.parametrize(
    "layer",
    [
        SimpleRNN(5, activation="relu", go_backwards=True),
        GRU(5, reset_after=False, recurrent_activation="hard_sigmoid", dropout=0.1, recurrent_dropout=0.2, seed=3),
        LSTM(5, unit_forget_bias=False, zero_output_for_mask=True, stateful=True, kernel_regularizer="l2", **BOTH),
        LSTMCell(5),
        RNN([LSTMCell(5), GRUCell(4)]),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_configs_round_trip(layer):
    configuration = json.loads(json.dumps(keras.layers.serialize(layer)))
    again = keras.layers.deserialize(configuration)
    assert again.get_config() == layer.get_config()


def test_configs_of_both_keras_generations_are_read():
    common = {"name": "lstm", "units": 5, "activation": "tanh", "unit_forget_bias": True}
    assert LSTM.from_config({**common, "implementation": 2, "time_major": False}).units == 5
    assert LSTM.from_config({**common, "zero_output_for_mask": False, "seed": None}).units == 5


def test_attributes_are_those_of_the_cell():
    layer = LSTM(5, dropout=0.1)
    assert (layer.units, layer.dropout, layer.cell.units, layer.state_size) == (5, 0.1, 5, [5, 5])
    layer.recurrent_dropout = 0.3
    assert layer.cell.recurrent_dropout == 0.3
    assert layer.recurrent_initializer is layer.cell.recurrent_initializer


def test_settings_changed_after_building_are_honoured():
    x = data(4, 6, 3)
    layer = built(GRU(5), x)
    layer.activation = keras.activations.get("relu")
    expected = built(GRU(5, activation="relu"), x)
    torch.testing.assert_close(layer(x), expected(x))


def test_float64_layers():
    x = data(4, 6, 3).double()
    assert LSTM(5, dtype="float64")(x).dtype is torch.float64


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: LSTM(0), None, "`units` must be an integer ≥ 1"),
        (lambda: GRU(-2), None, "`units` must be an integer ≥ 1"),
        (lambda: LSTM(4), (2, 3), "expected ndim=3, found ndim=2"),
        (lambda: LSTM(4), (2, 0, 3), "needs at least one time step"),
        (lambda: RNN(object()), None, "must have a method `call"),
        (lambda: LSTM(4, recurrent_activation="relu", use_cudnn=True), (2, 5, 3), "no fused module"),
        (lambda: LSTM(4, use_cudnn="yes"), None, "`use_cudnn` must be"),
    ],
)
def test_wrong_settings_and_shapes_are_named(make, shape, message):
    with pytest.raises(ValueError, match=message):
        layer = make()
        layer(torch.zeros(shape))


def test_wrong_calls_are_named():
    x = data(4, 6, 3)
    layer = LSTM(5)
    layer(x)
    with pytest.raises(ValueError, match="expected size 3 on axis 2"):
        layer(data(4, 6, 2))
    with pytest.raises(ValueError, match="has 2 states. Received: `initial_state` of 1"):
        layer(x, initial_state=[torch.zeros(4, 5)])
    with pytest.raises(ValueError, match=r"state 1 must have the shape \(4, 5\).*Received: \(4, 6\)"):
        layer(x, initial_state=[torch.zeros(4, 5), torch.zeros(4, 6)])
    with pytest.raises(ValueError, match=r"`mask` of shape \(batch, time\) = \(4, 6\)"):
        layer(x, mask=torch.ones(4, 5, dtype=torch.bool))
    with pytest.raises(ValueError, match="cannot unroll"):
        LSTM(5, unroll=True)(keras.Input((None, 3)))
    with pytest.raises(ValueError, match="needs to know the size of the last axis"):
        LSTM(5)(keras.Input((4, None)))


def test_classic_dialects_have_their_own_defaults():
    before = config.dialect()
    config.set_dialect("2")
    try:
        layer = GRU(5)
        assert layer.reset_after is False and layer.recurrent_activation.__name__ == "hard_sigmoid"
    finally:
        config.set_dialect(before)
    assert GRU(5).reset_after is True


@pytest.mark.parametrize("cls", LAYERS)
def test_a_batch_of_one_and_one_unit_train(cls):
    x = data(1, 6, 3).requires_grad_()
    layer = built(cls(1, return_sequences=True, recurrent_dropout=1e-9), x)
    layer(x, training=True).sum().backward()
    assert x.grad.abs().sum() > 0
    torch.testing.assert_close(layer(x, training=True), layer(torch.cat((x, x)))[:1])


@pytest.mark.parametrize("cls", LAYERS)
def test_a_stateful_layer_of_known_batch_size_starts_with_zeros_and_keeps_to_it(cls):
    layer = cls(5, stateful=True)
    assert layer.states[0] is None
    with pytest.raises(ValueError, match=r"is stateful .* needs to know the batch size.*batch_shape"):
        layer(keras.Input((6, 3)))
    layer.build((4, 6, 3))
    assert [tuple(state.shape) for state in layer.states] == [(4, 5)] * layer.cell.state_count
    assert not any(state.any() for state in layer.states)
    with pytest.raises(ValueError, match="batches of 4 samples"):
        layer(data(3, 6, 3))


def test_call_works_on_symbolic_tensors():
    inputs = keras.Input((6, 3))
    layer = LSTM(5, return_state=True)
    layer(inputs)
    assert tuple(layer.get_initial_state(inputs)[0].shape) == (None, 5)
    outputs = layer.call(inputs)
    x = data(4, 6, 3)
    found = keras.backend.function([inputs], outputs)([x.numpy()])
    for item, expected in zip(found, layer(x), strict=True):
        np.testing.assert_allclose(item, expected.detach().numpy(), atol=1e-6)


class WithConstants(keras.layers.Layer):
    """A cell whose build takes the shapes of the constants, as in Keras 2."""

    def __init__(self, units, **kwargs):
        self.units = self.state_size = units
        super().__init__(**kwargs)

    def build(self, input_shape):
        step, constant = input_shape
        self.kernel = self.add_weight("kernel", (step[-1], self.units))
        self.constant_kernel = self.add_weight("constant_kernel", (constant[-1], self.units))

    def call(self, inputs, states, constants):
        output = states[0] + inputs @ self.kernel + constants[0] @ self.constant_kernel
        return output, [output]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@pytest.mark.parametrize("wrap", [RNN, lambda cell: keras.layers.Bidirectional(RNN(cell))])
@pytest.mark.parametrize("stacked", [False, True])
def test_cells_of_keras_2_are_built_with_the_shapes_of_the_constants(wrap, stacked):
    x, constant = data(4, 6, 3), data(4, 2)
    with config.dialect_scope("2"):
        layer = wrap(StackedRNNCells([GRUCell(7), WithConstants(5)]) if stacked else WithConstants(5))
        output = layer(x, constants=constant)
        assert layer.get_config()["num_constants"] == 1
        again = type(layer).from_config(layer.get_config(), custom_objects={"WithConstants": WithConstants})
        again([x, constant])
        again.set_weights(layer.get_weights())
        torch.testing.assert_close(again([x, constant]), output)


def test_stacked_cells_of_keras_2_have_flat_states():
    cells = [LSTMCell(3), LSTMCell(6)]
    assert RNN(cells, return_state=True).compute_output_shape((None, 5, 4))[1] == [(None, 3), (None, 3)]
    with config.dialect_scope("2"):
        layer = RNN(cells, return_state=True)
        assert layer.state_size == (3, 3, 6, 6)
        shapes = layer.compute_output_shape((None, 5, 4))
        assert shapes == [(None, 6), (None, 3), (None, 3), (None, 6), (None, 6)]
        assert [tuple(item.shape) for item in layer(data(2, 5, 4))[1:]] == [(2, 3), (2, 3), (2, 6), (2, 6)]


@pytest.mark.parametrize("dialect", [None, "2"])
def test_the_states_of_stacked_cells_may_be_reversed(dialect):
    x = data(2, 5, 4)
    with config.dialect_scope(dialect):
        cells = [GRUCell(3), GRUCell(6)]
        stack = StackedRNNCells(cells, reverse_state_order=True)
        assert StackedRNNCells.from_config(stack.get_config()).reverse_state_order
        output, *states = RNN(stack, return_state=True)(x)
        assert [tuple(item.shape) for item in states] == [(2, 6), (2, 3)]
        torch.testing.assert_close(output, RNN(cells)(x))
        torch.testing.assert_close(RNN(stack)(x, initial_state=states), RNN(cells)(x, initial_state=states[::-1]))
