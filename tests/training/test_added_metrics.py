"""`add_metric` and `add_loss` of layers and models: in `call`, on symbolic tensors, in files and copies."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import keras_torch as keras

X = np.random.RandomState(0).rand(10, 3).astype("float32")
Y = X.sum(1, keepdims=True)


class Reports(keras.layers.Layer):
    """Hands its inputs on and reports their mean, their sum, and what a metric object makes of them."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.largest = keras.metrics.Mean(name="largest")

    def call(self, inputs):
        self.add_metric(inputs, name="average", aggregation="mean")
        self.add_metric(inputs.sum(), name="total")
        self.add_metric(self.largest(inputs.max()))
        return inputs


def functional():
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(4, name="hidden")(Reports()(inputs))
    return keras.Model(inputs, keras.layers.Dense(1)(hidden))


def test_a_layer_reports_means_over_the_batches_of_an_epoch():
    model = functional()
    model.compile("sgd", "mse", metrics=["mae"])
    history = model.fit(X, Y, batch_size=4, shuffle=False, epochs=2, validation_data=(X[:5], Y[:5]), verbose=0).history
    parts = [X[:4], X[4:8], X[8:]]
    expected = {
        "average": X.mean(),
        "total": np.mean([part.sum() for part in parts]),
        "largest": np.mean([part.max() for part in parts]),
    }
    for name, value in expected.items():
        assert history[name] == pytest.approx([value, value], rel=1e-5)
    assert history["val_average"] == pytest.approx([X[:5].mean()] * 2, rel=1e-5)
    assert list(history)[:2] == ["loss", "mae"]
    assert model.metrics_names == ["loss", "mae", "largest", "average", "total"]


def test_values_reported_in_a_subclassed_model_appear_when_its_weights_are_made_by_the_first_batch():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.head = keras.layers.Dense(1)

        def call(self, inputs):
            outputs = self.head(inputs)
            self.add_metric(inputs.sum(), name="total")
            return outputs

    def batches():
        for _ in range(3):
            yield X[:4], Y[:4]

    model = Own()
    model.compile("sgd", "mse")
    history = model.fit(batches(), epochs=1, verbose=0).history
    assert history["total"] == pytest.approx([X[:4].sum()], rel=1e-5)
    assert model.evaluate(X, Y, batch_size=10, verbose=0, return_dict=True)["total"] == pytest.approx(X.sum(), rel=1e-5)
    assert [metric.name for metric in model.metrics] == ["loss", "total"]


def test_symbolic_values_are_reported_by_the_model_and_survive_configs_and_copies():
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(4, name="hidden")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    model.add_metric(torch.sum(hidden), name="hidden_sum", aggregation="mean")
    model.add_loss(0.5 * hidden)
    assert [metric.name for metric in model.metrics] == ["hidden_sum"]
    assert [type(layer).__name__ for layer in model.layers[-2:]] == ["AddMetric", "AddLoss"]
    for twin in (model, keras.Model.from_config(model.get_config()), keras.models.clone_model(model)):
        twin.set_weights(model.get_weights())
        twin.compile("sgd", "mse", metrics=["mae"])
        logs = twin.evaluate(X, Y, batch_size=10, verbose=0, return_dict=True)
        values = keras.Model(twin.inputs, twin.get_layer("hidden").output).predict(X, verbose=0)
        assert list(logs) == ["loss", "mae", "hidden_sum"]
        assert logs["hidden_sum"] == pytest.approx(values.sum(), rel=1e-4)
        squares = np.mean((twin.predict(X, verbose=0) - Y) ** 2)
        assert logs["loss"] == pytest.approx(squares + 0.5 * values.mean(), rel=1e-4)


def test_trial_runs_on_stand_ins_count_nothing():
    layer = Reports()
    keras.Model.compute_output_shape(keras.Sequential([keras.Input((3,)), layer]), (None, 3))
    assert [float(metric.result()) for metric in layer.metrics] == [0.0, 0.0, 0.0]
    layer(X)
    assert float(layer.metrics[1].result()) == pytest.approx(X.mean(), rel=1e-5)


def test_added_metrics_need_a_name_and_a_known_aggregation():
    layer = keras.layers.Dense(2, name="head")
    with pytest.raises(ValueError, match="'head'.*`add_metric` needs the `name`.*name=None"):
        layer.add_metric(1.0)
    with pytest.raises(ValueError, match="'head'.*`aggregation` must be 'mean'.*'sum'"):
        layer.add_metric(1.0, name="one", aggregation="sum")
    inputs = keras.Input((3,))
    with pytest.raises(ValueError, match="'head'.*symbolic.*model.add_metric"):
        layer.add_metric(inputs, name="one")
    with pytest.raises(ValueError, match="needs the `name`"):
        keras.Model(inputs, layer(inputs)).add_metric(inputs)
    with pytest.raises(ValueError, match="`aggregation` must be 'mean'.*'max'"):
        keras.Model(inputs, layer(inputs)).add_metric(inputs, name="one", aggregation="max")
    with pytest.raises(ValueError, match="no graph"):
        keras.Model(name="own").add_metric(inputs, name="one")
    with pytest.raises(ValueError, match="AddMetric.*`metric_name` must be a text"):
        keras.layers.AddMetric("mean")
