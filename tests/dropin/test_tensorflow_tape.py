"""`tf.GradientTape` and custom training give TensorFlow's numbers (`scripts/golden/tensorflow_values.py`)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from keras_torch import dropin

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "tensorflow_215.json").read_text(encoding="utf-8"))
TRAINING = GOLDEN["training"]


@pytest.fixture
def tf():
    with dropin.install("tf"):
        import tensorflow

        yield tensorflow


def read(item):
    return np.array(item["data"], item["dtype"]) if isinstance(item, dict) else [read(part) for part in item]


@pytest.fixture
def network(tf):
    inputs = tf.keras.Input((6, 6, 1))
    h = tf.keras.layers.Conv2D(3, 3, activation="relu")(inputs)
    h = tf.keras.layers.BatchNormalization()(h)
    h = tf.keras.layers.MaxPooling2D()(h)
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(4)(tf.keras.layers.Flatten()(h)))
    model.set_weights(read(TRAINING["weights"]))
    return model


def test_gradients_of_a_network_of_convolutions_are_those_of_tensorflow(tf, network):
    compute = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        loss = compute(read(TRAINING["labels"]), network(read(TRAINING["batch"]), training=True))
    gradients = tape.gradient(loss, network.trainable_variables)
    assert float(loss) == pytest.approx(TRAINING["loss"], abs=1e-5)
    for variable, found, expected in zip(
        network.trainable_variables, gradients, read(TRAINING["gradients"]), strict=True
    ):
        assert tuple(found.shape) == tuple(variable.shape)
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-5, err_msg=variable.name)


@pytest.mark.parametrize("name", list(TRAINING["losses"]))
def test_a_loop_outside_fit_takes_tensorflows_path(tf, network, name: str):
    compute = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = getattr(tf.keras.optimizers, name)(0.01)

    @tf.function
    def step(batch, labels):
        with tf.GradientTape() as tape:
            loss = compute(labels, network(batch, training=True))
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return loss

    losses = [float(step(read(TRAINING["batch"]), read(TRAINING["labels"]))) for _ in range(6)]
    np.testing.assert_allclose(losses, TRAINING["losses"][name], rtol=1e-5)


def test_a_train_step_with_a_tape_takes_tensorflows_path(tf):
    class WithTape(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = tf.keras.layers.Dense(5, activation="tanh")
            self.out = tf.keras.layers.Dense(1)

        def call(self, x):
            return self.out(self.hidden(x))

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            self.compiled_metrics.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    golden = TRAINING["train_step"]
    model = WithTape()
    model.build((None, 3))
    model.set_weights(read(golden["weights"]))
    model.compile(tf.keras.optimizers.Adam(0.05), "mse", metrics=["mae"])
    history = model.fit(read(golden["x"]), read(golden["y"]), batch_size=4, epochs=3, shuffle=False, verbose=0).history
    assert list(history) == list(golden["history"])
    for key, values in golden["history"].items():
        np.testing.assert_allclose(history[key], values, rtol=1e-5, err_msg=key)


def test_nested_tapes_give_second_derivatives(tf):
    golden = TRAINING["hessian"]
    point = tf.constant(read(golden["point"]))
    with tf.GradientTape() as outer:
        outer.watch(point)
        with tf.GradientTape() as inner:
            inner.watch(point)
            value = tf.reduce_sum(point**3 * tf.reverse(point, [0]))
        slope = inner.gradient(value, point)
    np.testing.assert_allclose(slope.numpy(), read(golden["slope"]), rtol=1e-5)
    np.testing.assert_allclose(outer.jacobian(slope, point).numpy(), read(golden["matrix"]), rtol=1e-5)
    assert not point.requires_grad


@pytest.mark.parametrize("at_once", [True, False])
def test_jacobians_of_samples(tf, at_once: bool):
    golden = TRAINING["batch_jacobian"]
    rows = tf.constant(read(golden["rows"]))
    with tf.GradientTape() as tape:
        tape.watch(rows)
        value = tf.sin(rows) * tf.reduce_sum(rows, 1, keepdims=True)
    found = tape.batch_jacobian(value, rows, experimental_use_pfor=at_once)
    np.testing.assert_allclose(found.numpy(), read(golden["result"]), rtol=1e-5, atol=1e-6)


def test_sources_may_be_nested_and_unconnected_ones_have_no_gradient(tf):
    a, b, c = tf.Variable(2.0), tf.Variable([1.0, 2.0]), tf.Variable(5.0)
    with tf.GradientTape(persistent=True) as tape:
        value = a * a + tf.reduce_sum(b)
    found = tape.gradient(value, {"a": a, "rest": [b, c]})
    assert found["a"].numpy() == 4
    assert found["rest"][0].numpy().tolist() == [1, 1]
    assert found["rest"][1] is None
    assert tape.gradient(value, c, unconnected_gradients="zero").numpy() == 0
    assert tape.gradient(value, c, unconnected_gradients=tf.UnconnectedGradients.ZERO).numpy() == 0
    assert tape.gradient([value, a], a).numpy() == 5
    assert tape.gradient(value, b, output_gradients=tf.constant(3.0)).numpy().tolist() == [3, 3]


def test_a_constant_that_is_not_watched_has_no_gradient(tf):
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        value = x * x
    assert tape.gradient(value, x) is None


def test_only_what_is_watched_counts_where_variables_are_not(tf):
    a, b = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape(watch_accessed_variables=False, persistent=True) as tape:
        tape.watch(a)
        value = a * b
    assert tape.gradient(value, a).numpy() == 3
    assert tape.gradient(value, b) is None
    assert tape.watched_variables() == (a,)


def test_a_variable_that_is_not_trainable_can_be_watched(tf):
    a = tf.Variable(2.0, trainable=False)
    with tf.GradientTape() as tape:
        value = a * a
    assert tape.gradient(value, a) is None
    with tf.GradientTape() as tape:
        tape.watch(a)
        value = a * a
    assert tape.gradient(value, a).numpy() == 4


def test_nothing_is_recorded_while_recording_is_stopped(tf):
    a = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        value = a * a
        with tape.stop_recording():
            other = a * a * a
    assert not other.requires_grad
    assert tape.gradient(value, a).numpy() == 4


def test_a_tape_gives_gradients_once_unless_it_is_persistent(tf):
    a = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        value = a * a
    tape.gradient(value, a)
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.gradient(value, a)


def test_two_tapes_over_one_computation_both_give_gradients(tf):
    a, b = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape() as first, tf.GradientTape() as second:
        shared = a * a * b
        one, other = shared * 2.0, shared * shared
    assert first.gradient(one, a).numpy() == 24
    assert second.gradient(other, b).numpy() == 2 * 16 * 3


def test_following_the_gradient_of_an_image_leaves_no_graph_behind(tf):
    image = tf.ones((4,))
    for _ in range(3):
        with tf.GradientTape() as tape:
            tape.watch(image)
            value = tf.reduce_sum(image**2)
        image = image - 0.25 * tape.gradient(value, image)
        assert image.grad_fn is None
    assert image.numpy().tolist() == [0.125] * 4


def test_a_tape_records_where_gradients_are_off(tf):
    a = tf.Variable(2.0)
    with torch.no_grad():
        with tf.GradientTape() as tape:
            value = a * a
        assert tape.gradient(value, a).numpy() == 4


def test_gradients_with_respect_to_what_a_layer_gave(tf):
    inputs = tf.keras.Input((4, 4, 1))
    features = tf.keras.layers.Conv2D(2, 3)(inputs)
    outputs = tf.keras.layers.Dense(3)(tf.keras.layers.Flatten()(features))
    model = tf.keras.Model(inputs, [features, outputs])
    with tf.GradientTape() as tape:
        seen, scores = model(tf.ones((1, 4, 4, 1)))
        best = scores[:, 1]
    assert tuple(tape.gradient(best, seen).shape) == (1, 2, 2, 2)


def test_the_gradients_of_recurrent_layers_stand_in_keras_layout(tf):
    layer = tf.keras.layers.LSTM(3)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(layer(tf.ones((2, 4, 5))))
    gradients = tape.gradient(value, layer.trainable_variables)
    assert [tuple(g.shape) for g in gradients] == [(5, 12), (3, 12), (12,)]
    with tf.GradientTape() as tape:
        value = layer(tf.ones((1, 4, 5)))
    assert tuple(tape.jacobian(value, layer.trainable_variables)[0].shape) == (1, 3, 5, 12)


def test_own_gradients_and_computing_again(tf):
    @tf.custom_gradient
    def clipped(x):
        return x, lambda upstream: tf.clip_by_value(upstream, -0.5, 0.5)

    @tf.recompute_grad
    def squared(x):
        return x * x

    x = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        one, other = clipped(x) * 10.0, squared(x)
    assert tape.gradient(one, x).numpy() == 0.5
    assert tape.gradient(other, x).numpy() == 6


def test_what_is_no_tensor_cannot_be_watched(tf):
    with pytest.raises(ValueError, match="`watch` takes tensors"), tf.GradientTape() as tape:
        tape.watch(3.0)
    with pytest.raises(NotImplementedError, match=r"model\.trainable_variables"):
        tf.GradientTape().watched_variables()
