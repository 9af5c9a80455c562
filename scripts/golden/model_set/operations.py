"""Operations between layers: operators on symbolic tensors, TensorFlow's functions in 2.15 and `keras.ops` in 3."""

from __future__ import annotations

from model_set import KERAS_3, TF, Entry, numbers


def _sgd(keras, model):
    model.compile(keras.optimizers.SGD(learning_rate=0.001), "mse")
    return model


def operators(keras, version):
    """What Python's operators record."""
    layers = keras.layers
    source = keras.Input((4, 3), name="source")
    x = layers.Dense(3, name="a")(source)
    y = layers.Dense(3, activation="tanh", name="b")(source)
    x = (x + y) * 0.5 - 1.0 / (y + 3.0) + (-x) ** 2
    x = x[:, 1:] + 2.0 * x[:, :-1]
    x = x[:, 0] - y[:, -1, :]
    model = keras.Model(source, layers.Dense(1, name="score")(x), name="operators")
    return _sgd(keras, model), numbers(1, 6, 4, 3), numbers(2, 6, 1)


def tensorflow_functions(keras, version):
    """TensorFlow's functions on symbolic tensors: TFOpLambda and SlicingOpLambda."""
    import tensorflow as tf

    layers = keras.layers
    source = keras.Input((4, 3), name="source")
    x = layers.Dense(3, name="a")(source)
    x = tf.nn.relu(x) + tf.math.sigmoid(x) - tf.reduce_mean(x, axis=1, keepdims=True)
    x = tf.concat([x, tf.transpose(tf.reshape(x, (-1, 3, 4)), (0, 2, 1))], axis=-1)
    x = tf.math.exp(-tf.square(x)) + tf.maximum(x, 0.1) * tf.cast(x > 0.2, "float32")
    x = tf.reduce_sum(tf.matmul(x, x, transpose_b=True), axis=[1]) / 4.0
    x = tf.squeeze(tf.expand_dims(x, -1), -1)
    model = keras.Model(source, layers.Dense(1, name="score")(x), name="tensorflow_functions")
    return _sgd(keras, model), numbers(3, 6, 4, 3), numbers(4, 6, 1)


def keras_functions(keras, version):
    """`keras.ops` on symbolic tensors."""
    ops, layers = keras.ops, keras.layers
    source = keras.Input((4, 3), name="source")
    x = layers.Dense(3, name="a")(source)
    x = ops.relu(x) + ops.sigmoid(x) - ops.mean(x, axis=1, keepdims=True)
    x = ops.concatenate([x, ops.transpose(ops.reshape(x, (-1, 3, 4)), (0, 2, 1))], axis=-1)
    x = ops.exp(-ops.square(x)) + ops.maximum(x, 0.1) * ops.cast(ops.greater(x, 0.2), "float32")
    x = ops.sum(ops.matmul(x, ops.transpose(x, (0, 2, 1))), axis=1) / 4.0
    x = ops.squeeze(ops.expand_dims(x, -1), -1)
    model = keras.Model(source, layers.Dense(1, name="score")(x), name="keras_functions")
    return _sgd(keras, model), numbers(5, 6, 4, 3), numbers(6, 6, 1)


def added(keras, version):
    """A loss and a metric that are computed from a tensor in the graph."""
    source = keras.Input((3,), name="source")
    hidden = keras.layers.Dense(4, activation="tanh", name="hidden")(source)
    model = keras.Model(source, keras.layers.Dense(2, name="score")(hidden), name="added")
    model.add_loss(keras.backend.mean(keras.backend.abs(hidden)) * 0.1)
    model.add_metric(keras.backend.sum(hidden), name="activity", aggregation="mean")
    return _sgd(keras, model), numbers(7, 6, 3), numbers(8, 6, 2)


MODELS = {
    "added": Entry(added, keras=TF),
    "operators": Entry(operators),
    "tensorflow-functions": Entry(tensorflow_functions, keras=TF),
    "keras-functions": Entry(keras_functions, keras=KERAS_3),
}
