"""Models as estimators of scikit-learn, in the way of Keras 1 and 2 and in that of Keras 3."""

from __future__ import annotations

import functools
import pickle
from typing import Any

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone, is_classifier, is_regressor  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

import keras_torch as keras  # noqa: E402
from keras_torch import config  # noqa: E402
from keras_torch.callbacks import EarlyStopping  # noqa: E402
from keras_torch.layers import Dense  # noqa: E402
from keras_torch.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer  # noqa: E402
from keras_torch.wrappers.scikit_learn import KerasClassifier, KerasRegressor  # noqa: E402

RANDOM = np.random.RandomState(3)
X = RANDOM.normal(size=(60, 4)).astype("float32")
LABELS = np.where(X[:, 0] > 0.4, 2, np.where(X[:, 0] < -0.4, 0, 1))
NAMES = np.array(["low", "middle", "high"])[LABELS]
VALUES = X @ np.array([1.0, -2.0, 0.5, 0.0], "float32")


@pytest.fixture(autouse=True)
def _seed() -> None:
    keras.utils.set_random_seed(5)


def classifier(hidden: int = 8, loss: str = "categorical_crossentropy", outputs: int = 3, metrics: Any = ("accuracy",)):
    model = keras.Sequential([keras.Input((4,)), Dense(hidden, activation="relu")])
    model.add(Dense(outputs, activation="softmax" if outputs > 1 else "sigmoid"))
    model.compile(keras.optimizers.Adam(0.05), loss, metrics=list(metrics))
    return model


def regressor(hidden: int = 8):
    model = keras.Sequential([keras.Input((4,)), Dense(hidden, activation="relu"), Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return model


class Builder:
    def __call__(self, hidden: int = 8) -> Any:
        return classifier(hidden)

    def method(self, hidden: int = 8) -> Any:
        return classifier(hidden)


class Own(KerasClassifier):
    def __call__(self, hidden: int = 8) -> Any:
        return classifier(hidden)


@pytest.mark.parametrize(
    "make",
    [
        functools.partial(KerasClassifier, classifier),
        functools.partial(KerasClassifier, Builder()),
        functools.partial(KerasClassifier, build_fn=Builder().method),
        functools.partial(KerasClassifier, functools.partial(classifier, loss="sparse_categorical_crossentropy")),
        Own,
    ],
    ids=["function", "object", "method", "partial", "class"],
)
def test_a_classifier_learns_classes_of_any_names(make: Any) -> None:
    found = make(hidden=16, epochs=30, batch_size=20, verbose=0)
    history = found.fit(X, NAMES, sample_weight=np.ones(60))
    assert len(history.epoch) == 30
    assert found.classes_.tolist() == ["high", "low", "middle"] and found.n_classes_ == 3
    assert np.mean(found.predict(X) == NAMES) > 0.9
    probabilities = found.predict_proba(X, batch_size=7)
    assert probabilities.shape == (60, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert found.score(X, NAMES) == pytest.approx(np.mean(found.predict(X) == NAMES))
    assert found.model.layers[0].units == 16


def test_targets_with_a_column_for_each_class_and_single_outputs_are_understood() -> None:
    found = KerasClassifier(classifier, epochs=1, verbose=0)
    found.fit(X, np.eye(3)[LABELS])
    assert found.classes_.tolist() == [0, 1, 2] and found.predict(X).shape == (60,)
    binary = KerasClassifier(classifier, loss="binary_crossentropy", outputs=1, epochs=20, verbose=0)
    binary.fit(X, X[:, :1] > 0)
    assert binary.predict(X).shape == (60, 1) and binary.predict(X).dtype == bool
    assert binary.predict_proba(X).shape == (60, 2)
    assert binary.score(X, X[:, :1] > 0) > 0.8
    with pytest.raises(ValueError, match=r"`y` must have one or two axes. Received: y of shape \(2, 2, 2\)"):
        binary.fit(X, np.zeros((2, 2, 2)))


def test_a_regressor_scores_by_its_loss() -> None:
    found = KerasRegressor(regressor, epochs=40, verbose=0, batch_size=16)
    found.fit(X, VALUES)
    assert found.predict(X).shape == (60,) and found.predict(X[:1]).shape == (1,)
    loss = float(np.mean((found.predict(X) - VALUES) ** 2))
    assert found.score(X, VALUES) == pytest.approx(-loss, rel=1e-4) and loss < 1
    with config.dialect_scope("1"):
        assert found.score(X, VALUES) == pytest.approx(loss, rel=1e-4)


def test_arguments_go_where_they_are_known_and_others_are_refused() -> None:
    found = KerasClassifier(classifier, hidden=3, nb_epoch=2, verbose=0)
    assert found.get_params() == {"hidden": 3, "nb_epoch": 2, "verbose": 0, "build_fn": classifier}
    assert found.set_params(hidden=5, build_fn=classifier) is found
    assert len(found.fit(X, LABELS).epoch) == 2 and found.model.layers[0].units == 5
    assert found.filter_sk_params(classifier, {"loss": "mse"}) == {"hidden": 5, "loss": "mse"}
    for make in (lambda: KerasClassifier(classifier, colour=1), lambda: found.set_params(colour=1)):
        with pytest.raises(ValueError, match="colour is not a legal parameter"):
            make()
    with pytest.raises(TypeError, match="KerasRegressor needs `build_fn`.*Received: None"):
        KerasRegressor()
    with pytest.raises(ValueError, match=r"measures no accuracy.*Received: a model that measures \['loss'\]"):
        plain = KerasClassifier(classifier, metrics=(), verbose=0)
        plain.fit(X, LABELS)
        plain.score(X, LABELS)


def test_the_old_estimators_work_in_searches_pipelines_and_cross_validation() -> None:
    stop = [EarlyStopping(monitor="loss", patience=2)]
    found = KerasClassifier(classifier, epochs=1, verbose=0, callbacks=stop)
    assert is_classifier(found) and is_regressor(KerasRegressor(regressor))
    again = clone(found)
    assert again.build_fn is classifier and again.sk_params["epochs"] == 1
    search = GridSearchCV(clone(found), {"hidden": [2, 16], "epochs": [15]}, cv=2, error_score="raise")
    search.fit(X, NAMES)
    assert search.best_params_["epochs"] == 15 and search.best_estimator_.model.layers[0].units in (2, 16)
    assert search.predict(X).shape == (60,)
    pipeline = make_pipeline(StandardScaler(), KerasClassifier(classifier, epochs=15, verbose=0))
    pipeline.fit(X, NAMES)
    assert pipeline.score(X, NAMES) > 0.5 and set(pipeline.predict(X)) <= set(NAMES)
    scores = cross_val_score(KerasRegressor(regressor, epochs=1, verbose=0), X, VALUES, cv=2, error_score="raise")
    assert scores.shape == (2,) and (scores < 0).all()
    scored = cross_val_score(
        KerasClassifier(classifier, epochs=1, verbose=0), X, LABELS, cv=2, scoring="roc_auc_ovr", error_score="raise"
    )
    assert scored.shape == (2,)


def for_data(X: Any, y: Any, hidden: int = 8) -> Any:
    return classifier(hidden, outputs=y.shape[1])


def test_keras_3s_classifier_trains_copies_of_a_model_or_models_from_a_function() -> None:
    model = classifier()
    before = [value.copy() for value in model.get_weights()]
    found = SKLearnClassifier(model, fit_kwargs={"epochs": 30, "verbose": 0})
    with pytest.raises(NotFittedError):
        found.predict(X)
    assert found.epoch_ == 0
    assert found.fit(X, NAMES) is found
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))
    assert found.epoch_ == 30 and found.classes_.tolist() == ["high", "low", "middle"]
    assert found.score(X, NAMES) > 0.8 and found.decision_function(X).shape == (60, 3)
    made = SKLearnClassifier(for_data, model_kwargs={"hidden": 5}, fit_kwargs={"epochs": 1, "verbose": 0})
    made.fit(X, LABELS, epochs=2)
    assert made.epoch_ == 2 and made.model_.layers[0].units == 5 and made.fit_kwargs["epochs"] == 1
    for y, problem in ((VALUES, "Only binary and multiclass"), (np.ones(60), "only one class is present")):
        with pytest.raises(ValueError, match=problem):
            clone(made).fit(X, y)
    with pytest.raises(RuntimeError, match="must be compiled, with a loss"):
        SKLearnClassifier(keras.Sequential([Dense(3)])).fit(X, LABELS)


def test_a_warm_start_goes_on_with_the_same_model() -> None:
    found = SKLearnRegressor(regressor(), warm_start=True, fit_kwargs={"epochs": 1, "verbose": 0}).fit(X, VALUES)
    first = found.model_
    assert found.fit(X, VALUES).model_ is first
    assert found.set_params(warm_start=False).fit(X, VALUES).model_ is not first
    assert found.predict(X).shape == (60,) and is_regressor(found)


def test_keras_3s_estimators_work_in_searches_pipelines_and_cross_validation() -> None:
    found = SKLearnClassifier(for_data, model_kwargs={"hidden": 2}, fit_kwargs={"epochs": 2, "verbose": 0})
    assert is_classifier(found) and clone(found).fit_kwargs == {"epochs": 2, "verbose": 0}
    search = GridSearchCV(found, {"model_kwargs": [{"hidden": 2}, {"hidden": 3}]}, cv=2, error_score="raise")
    assert search.fit(X, NAMES).best_estimator_.model_.layers[0].units in (2, 3)
    features = SKLearnTransformer(regressor(), fit_kwargs={"epochs": 1, "verbose": 0})
    pipeline = make_pipeline(features, SKLearnRegressor(build_one, fit_kwargs={"epochs": 1, "verbose": 0}))
    assert pipeline.fit(X, VALUES).predict(X).shape == (60,)
    assert pickle.loads(pickle.dumps(pipeline)).predict(X).shape == (60,)


def build_one(X: Any, y: Any) -> Any:
    model = keras.Sequential([keras.Input((X.shape[1],)), Dense(1)])
    model.compile("sgd", "mse")
    return model
