"""TensorFlow 1's `tf.metrics` in functions that are metrics: they go on from batch to batch, and are never reset."""

from __future__ import annotations

import numpy as np
import pytest

import keras_torch
from keras_torch import dropin

X = np.random.default_rng(0).random((12, 1)).astype("float32")
Y = np.array([0, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 0], "float32")[:, None]


@pytest.fixture
def tf():
    with dropin.install("2"):
        import tensorflow

        yield tensorflow


def cumulative(function, batches):
    """The mean over batches of what comes of all samples up to each, which Keras 2 reports."""
    ends = np.arange(1, batches + 1) * (len(X) // batches)
    return np.mean([function(Y[:end].ravel(), X[:end].ravel()) for end in ends])


def area(labels, scores):
    pairs = scores[labels == 1][:, None] - scores[labels == 0][None]
    return (np.sign(pairs) / 2 + 0.5).mean()


def iou(labels, scores):
    found, wanted = scores > 0.5, labels > 0
    return np.mean([np.mean((f & w).sum() / (f | w).sum()) for f, w in ((found, wanted), (~found, ~wanted))])


def test_functions_go_on_from_batch_to_batch(tf):
    def auc(y_true, y_pred):
        value = tf.metrics.auc(y_true, y_pred)[1]
        keras_torch.backend.get_session().run(tf.local_variables_initializer())
        return value

    def mean_iou(y_true, y_pred):
        found = []
        for threshold in (0.5, 2.0):
            score, update = tf.metrics.mean_iou(y_true, tf.to_int32(y_pred > threshold), 2)
            with tf.control_dependencies([update]):
                found.append(tf.identity(score))
        return keras_torch.backend.stack(found)[0]

    def recall(y_true, y_pred):
        return tf.metrics.recall(y_true, tf.round(y_pred))[1]

    def rmse(y_true, y_pred):
        return tf.metrics.root_mean_squared_error(y_true, y_pred)[1]

    def mean(y_true, y_pred):
        return tf.metrics.mean(y_pred)[1]

    model = keras_torch.Sequential([keras_torch.layers.Activation("linear", input_shape=(1,))])
    model.compile("sgd", "mse", metrics=[auc, mean_iou, recall, rmse, mean])
    found = dict(zip(model.metrics_names, model.evaluate(X, Y, batch_size=4, verbose=0), strict=True))
    assert found["auc"] == pytest.approx(cumulative(area, 3), abs=0.02)
    assert found["mean_iou"] == pytest.approx(cumulative(iou, 3), rel=1e-5)
    assert found["recall"] == pytest.approx(cumulative(lambda y, x: ((x > 0.5) & (y > 0)).sum() / y.sum(), 3), rel=1e-5)
    assert found["rmse"] == pytest.approx(cumulative(lambda y, x: np.sqrt(((x - y) ** 2).mean()), 3), rel=1e-5)
    assert found["mean"] == pytest.approx(cumulative(lambda y, x: x.mean(), 3), rel=1e-5)
    again = model.evaluate(X[:4], Y[:4], batch_size=4, verbose=0)
    assert again[-1] == pytest.approx(np.concatenate([X, X[:4]]).mean(), rel=1e-5)


def test_elsewhere_and_with_collections_they_are_refused(tf):
    with pytest.raises(NotImplementedError, match=r"`tf\.metrics\.auc` goes on.*keras\.metrics"):
        tf.metrics.auc(Y, X)
    model = keras_torch.Sequential([keras_torch.layers.Activation("linear", input_shape=(1,))])
    model.compile("sgd", "mse", metrics=[lambda y, p: tf.metrics.mean(p, metrics_collections=["kept"])[1]])
    with pytest.raises(ValueError, match=r"no collections.*'kept'"):
        model.evaluate(X, Y, verbose=0)
