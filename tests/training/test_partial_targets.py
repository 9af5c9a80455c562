"""Targets of models of which only some outputs have a loss."""

import numpy as np
import pytest

import keras_torch as keras


@pytest.mark.parametrize("wrap", [lambda y: y, lambda y: [y], lambda y: {"b": y}])
def test_one_target_goes_to_the_one_output_with_a_loss(wrap):
    x = keras.Input((3,))
    a = keras.layers.Dense(4, name="a")(x)
    b = keras.layers.Dense(2, name="b", kernel_initializer="zeros")(a)
    model = keras.Model(x, [a, b])
    model.compile("sgd", {"b": "mse"})
    data, target = np.ones((6, 3)), wrap(np.full((6, 2), 2.0))
    loss = model.test_on_batch(data, target)
    np.testing.assert_allclose(np.ravel(loss)[0], 4.0)
    model.train_on_batch(data, target)
    model.fit(data, target, batch_size=3, verbose=0)
    assert np.ravel(model.evaluate(data, target, verbose=0))[0] < 4.0


def two_headed(data_axis=3):
    x = keras.Input((data_axis,))
    heads = {name: keras.layers.Dense(1, name=name, kernel_initializer="zeros")(x) for name in "ab"}
    return keras.Model(x, heads)


@pytest.mark.parametrize(
    ("weights", "total", "first"),
    [(None, 10.0, 6.0), ({"a": [1.0, 2.0], "b": 0.5}, 10.0, 8.0), ({"a": 2.0}, 16.0, 6.0)],
)
def test_several_losses_of_one_output_are_added_up(weights, total, first):
    model = two_headed()
    model.compile("sgd", {"a": ["mse", "mae"], "b": "mse"}, loss_weights=weights)
    data, target = np.ones((4, 3)), np.full((4, 1), 2.0)
    logs = model.evaluate(data, {"a": target, "b": target}, verbose=0, return_dict=True)
    assert logs == pytest.approx({"loss": total, "a_loss": first, "b_loss": 4.0})


def test_several_losses_need_as_many_weights():
    with pytest.raises(ValueError, match="output 'a' one weight for each of its 2 losses"):
        two_headed().compile("sgd", {"a": ["mse", "mae"], "b": "mse"}, loss_weights={"a": [1.0], "b": 1.0})


class Added(keras.layers.Layer):
    def call(self, first, second=None):
        return first if second is None else first + second


@pytest.mark.parametrize("named", [False, True])
def test_an_optional_input_may_be_none_in_fit_and_predict(named):
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b", optional=True)
    outputs = keras.layers.Dense(1, kernel_initializer="ones")(Added()(a, b))
    model = keras.Model({"a": a, "b": b} if named else [a, b], outputs)
    model.compile("sgd", "mse")
    data = np.ones((5, 3), "float32")
    without, both = ({"a": data, "b": b} if named else [data, b] for b in (None, data))
    np.testing.assert_allclose(model.predict(without, verbose=0), np.full((5, 1), 3.0))
    np.testing.assert_allclose(model.predict(both, verbose=0), np.full((5, 1), 6.0))
    model.fit(without, np.ones((5, 1)), batch_size=2, verbose=0)
    with pytest.raises(ValueError, match="'a'"):
        model.predict({"a": None, "b": data} if named else [None, data], verbose=0)


class _Nested(keras.Model):
    def __init__(self):
        super().__init__()
        self.p = keras.layers.Dense(1, kernel_initializer="ones", name="p")
        self.q = keras.layers.Dense(2, kernel_initializer="zeros", name="q")

    def call(self, x):
        return {"a": self.p(x), "b": {"d": self.q(x), "c": self.p(x)}}


@pytest.mark.parametrize("subclassed", [False, True])
def test_losses_targets_and_weights_are_built_like_nested_outputs(subclassed):
    model = _Nested()
    if not subclassed:
        x = keras.Input((3,))
        model = keras.Model(x, model.call(x))
    model.compile(
        "sgd",
        loss={"a": "mse", "b": {"c": "mae", "d": "mse"}},
        loss_weights={"a": 1, "b": {"c": 2, "d": 3}},
        metrics={"a": ["mae"], "b": {"d": ["mse"]}},
    )
    one = np.ones((4, 1))
    y = {"b": {"c": one, "d": np.full((4, 2), 3.0)}, "a": 5 * one}
    logs = model.train_on_batch(np.ones((4, 3)), y, return_dict=True)
    # Predictions are 3, 3 and (0, 0).
    losses = {"a_loss": 4, "b/c_loss": 2, "b/d_loss": 9, "loss": 4 + 2 * 2 + 3 * 9}
    assert logs == pytest.approx(losses | ({"mae": 2, "mse": 9} if subclassed else {"p_mae": 2, "q_mse": 9}))
