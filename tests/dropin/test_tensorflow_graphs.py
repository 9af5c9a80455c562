"""Graphs and sessions of TensorFlow 1: placeholders, variables and optimizers, with and without layers."""

from __future__ import annotations

import numpy as np
import pytest

import keras_torch
from keras_torch import dropin
from keras_torch.dropin.tensorflow import graph

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = (X[:, :1] * 2 + 1).astype("float32")


@pytest.fixture(params=["2", "tf"])
def tf(request):
    with dropin.install(request.param):
        import tensorflow

        if request.param == "tf":
            tensorflow.compat.v1.disable_eager_execution()
        yield tensorflow.compat.v1
        tensorflow.compat.v1.reset_default_graph()
        graph.set_eager(None)


def run(tf, code, **names):
    """Run the lines of a script, which describe a graph where the same lines in a function of ours would not."""
    scope = {"tf": tf, "X": X, "Y": Y, "np": np, "__name__": "__main__", **names}
    exec(code, scope)
    return scope


MODEL = """
x = tf.placeholder(tf.float32, [None, 4], name="x")
y = tf.placeholder(tf.float32, [None, 1], name="y")
W = tf.get_variable("W", shape=[4, 1], initializer=tf.zeros_initializer())
b = tf.Variable(tf.zeros([1]), name="b")
predicted = tf.matmul(x, W) + b
loss = tf.reduce_mean(tf.square(predicted - y)) + 1e-4 * tf.nn.l2_loss(W)
step = tf.train.get_or_create_global_step()
train = tf.train.AdamOptimizer(0.1).minimize(loss, global_step=step)
session = tf.Session()
session.run(tf.global_variables_initializer())
"""


def test_variables_of_a_graph_are_trained(tf):
    found = run(tf, MODEL + "losses = [session.run([train, loss], feed_dict={x: X, y: Y})[1] for _ in range(100)]")
    assert found["losses"][-1] < 0.01 < 1 < found["losses"][0]
    session, b = found["session"], found["b"]
    assert session.run(found["step"]) == 100
    np.testing.assert_allclose(session.run(b), [1], atol=0.1)
    assert [item.name.partition(":")[0] for item in tf.trainable_variables()] == ["W", "b"]
    session.run(tf.global_variables_initializer())
    assert session.run(b).tolist() == [0]
    assert b.eval(session).tolist() == session.run(b.read_value()).tolist()


def test_assignments_run_when_a_session_runs_them(tf):
    found = run(tf, MODEL + "double = tf.assign(b, 2 * b + 1)")
    session, b = found["session"], found["b"]
    assert session.run(b).tolist() == [0]
    assert [session.run(found["double"]).tolist() for _ in range(3)] == [[1], [3], [7]]
    session.run(b.assign_add([1.0]))
    b.load([5.0], session)
    assert session.run([b, found["W"]])[0].tolist() == [5]


def test_gradients_are_computed_and_applied(tf):
    lines = """
optimizer = tf.train.GradientDescentOptimizer(0.5)
pairs = [(tf.clip_by_norm(g, 0.1), v) for g, v in optimizer.compute_gradients(loss, var_list=[b])]
clipped = optimizer.apply_gradients(pairs)
slope = tf.gradients(loss, [W])[0]
"""
    found = run(tf, MODEL + lines)
    session, feed = found["session"], {found["x"]: X, found["y"]: Y}
    expected = -2 * X.T @ Y / len(X)
    np.testing.assert_allclose(session.run(found["slope"], feed), expected, rtol=1e-4, atol=1e-5)
    found["clipped"].run(feed, session)
    np.testing.assert_allclose(session.run(found["b"]), [0.05], rtol=1e-5)
    assert session.run(found["W"]).any() == False  # noqa: E712


def test_layers_in_a_graph_are_trained(tf):
    lines = """
keras = tf.keras
x, y = tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.float32, [None, 1])
hidden = keras.layers.Dropout(0.1)(keras.layers.Dense(16, activation="relu")(x))
loss = tf.reduce_mean(keras.losses.mean_squared_error(y, keras.layers.Dense(1)(hidden)))
train = tf.train.AdamOptimizer(0.05).minimize(loss)
K = keras.backend
session = tf.Session(config=tf.ConfigProto(allow_soft_placement=True))
K.set_session(session)
with session.as_default():
    before = loss.eval(feed_dict={x: X, y: Y})
    for _ in range(60):
        train.run(feed_dict={x: X, y: Y, K.learning_phase(): 1})
    after = session.run(loss, feed_dict={x: X, y: Y, K.learning_phase(): 0})
"""
    found = run(tf, lines)
    assert found["after"] < 0.2 * found["before"]


def test_a_saver_brings_variables_back(tf, tmp_path):
    found = run(tf, MODEL + "saver = tf.train.Saver(max_to_keep=1)")
    session, b, saver = found["session"], found["b"], found["saver"]
    b.load([3.0])
    paths = [saver.save(session, str(tmp_path / "model.ckpt"), global_step=number) for number in (1, 2)]
    assert tf.train.latest_checkpoint(str(tmp_path)) == paths[1] == str(tmp_path / "model.ckpt-2")
    b.load([0.0])
    saver.restore(session, paths[1])
    assert session.run(b).tolist() == [3]
    with pytest.raises(FileNotFoundError):
        saver.restore(session, paths[0])
    tf.reset_default_graph()
    with pytest.raises(ValueError, match="save_weights"):
        tf.train.Saver()


def test_a_loss_without_variables_is_an_error(tf):
    x = tf.placeholder(tf.float32, [None, 4])
    with pytest.raises(ValueError, match="no trainable variable"):
        tf.train.AdamOptimizer().minimize(tf.reduce_mean(x))


LAYERS = """
x = tf.placeholder(tf.float32, [None, 4])
y = tf.placeholder(tf.float32, [None, 1])
dense = layers.Dense(1, name="dense_of_graph")
penalty = 0.25 * tf.nn.l2_loss(dense(x) * 0) + 0.5 * tf.nn.l2_loss(dense.kernel)
loss = tf.reduce_mean(tf.square(dense(x) - y)) + penalty
scale = tf.Variable(1.0, name="scale")
train = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
session = tf.Session()
session.run(tf.global_variables_initializer())
"""


def test_penalties_of_weights_of_layers_are_part_of_a_graph(tf):
    found = run(tf, LAYERS, layers=keras_torch.layers)
    dense, session = found["dense"], found["session"]
    for _ in range(3):
        kernel, bias = dense.get_weights()
        error = X @ kernel + bias - Y
        loss, _ = session.run([found["loss"], found["train"]], {found["x"]: X, found["y"]: Y})
        assert loss == pytest.approx((error**2).mean() + 0.25 * (kernel**2).sum(), rel=1e-5)
        expected = kernel - 0.1 * (2 * X.T @ error / len(X) + 0.5 * kernel)
        np.testing.assert_allclose(dense.get_weights()[0], expected, rtol=1e-5, atol=1e-6)


def test_weights_of_layers_are_variables_of_the_graph_and_saved(tf, tmp_path):
    found = run(tf, LAYERS, layers=keras_torch.layers)
    names = ["scale:0", "dense_of_graph/kernel:0", "dense_of_graph/bias:0"]
    assert [item.name for item in tf.trainable_variables()] == names
    assert [item.name for item in tf.global_variables("dense")] == names[1:]
    session, dense = found["session"], found["dense"]
    saver = tf.train.Saver()
    path = saver.save(session, str(tmp_path / "model"))
    before = dense.get_weights()
    dense.set_weights([before[0] + 1, before[1] + 1])
    session.run(tf.global_variables_initializer())
    assert (dense.get_weights()[0] == before[0] + 1).all()
    saver.restore(session, path)
    for old, new in zip(before, dense.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_gradients_are_weighted_by_those_of_what_comes_behind(tf):
    code = """
weights = tf.placeholder(tf.float32, [None, 1])
found = tf.gradients(dense(x), tf.trainable_variables()[1:], weights)
both = tf.gradients([dense(x), x], x, [weights, x])
"""
    found = run(tf, LAYERS + code, layers=keras_torch.layers)
    given = {found["x"]: X, found["weights"]: Y}
    kernel, bias = found["session"].run(found["found"], given)
    np.testing.assert_allclose(kernel, X.T @ Y, rtol=1e-5)
    np.testing.assert_allclose(bias, Y.sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        found["session"].run(found["both"], given)[0], Y @ found["dense"].get_weights()[0].T + X, rtol=1e-5, atol=1e-6
    )
    with pytest.raises(ValueError, match="stop_gradients"):
        tf.gradients(found["loss"], found["x"], stop_gradients=[found["x"]])


def test_keras_optimizer_for_tensorflow_takes_what_tf_train_has(tf):
    inner = tf.train.RMSPropOptimizer(0.01)
    model = keras_torch.Sequential([keras_torch.Input((4,)), keras_torch.layers.Dense(1)])
    model.compile(keras_torch.optimizers.TFOptimizer(inner), "mse")
    assert model.optimizer is inner
    before = model.get_weights()[0]
    model.fit(X, Y, epochs=1, verbose=0)
    assert not np.array_equal(before, model.get_weights()[0])
