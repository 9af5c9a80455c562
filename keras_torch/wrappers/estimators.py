"""Keras 3's estimators: a compiled model, or a function that makes one of the data."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_torch.models import Model, clone_model

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
    from sklearn.utils.metadata_routing import MetadataRequest
    from sklearn.utils.multiclass import type_of_target
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "SKLearnClassifier, SKLearnRegressor and SKLearnTransformer need scikit-learn 1.6 or later: "
        "`pip install scikit-learn`."
    ) from error


class _Estimator(BaseEstimator):
    """What the three have in common.

    Args:
        model: A compiled model, of which each fit trains a copy, or a function of `X`, `y` and `model_kwargs` that
            returns one.
        warm_start: Whether a second fit goes on with the model of the first.
        model_kwargs: More arguments of the function.
        fit_kwargs: Arguments of the model's `fit`.

    After `fit`, `model_` is the trained model and `history_` its History.
    """

    model_: Any
    history_: Any

    def __init__(
        self,
        model: Any,
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags

    def __sklearn_clone__(self) -> Any:
        return type(self)(**self.get_params(deep=False))

    @property
    def epoch_(self) -> int:
        """How many epochs the last fit had."""
        return len(self.history_.epoch) if hasattr(self, "history_") else 0

    def set_fit_request(self, **kwargs: Any) -> Any:
        """Say which metadata `fit` wants from meta-estimators, where scikit-learn's metadata routing is on."""
        self._metadata_request = MetadataRequest(owner=type(self).__name__)
        for name, alias in kwargs.items():
            self._metadata_request.fit.add_request(param=name, alias=alias)
        return self

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Any:
        """Train a model on arrays; `kwargs` go to its `fit`, before those of `fit_kwargs`."""
        X, y = validate_data(self, X, y)
        y = self._encoded(y)
        model = self.model_ if self.warm_start and hasattr(self, "model_") else self._new_model(X, y)
        if not model.compiled or not model.loss or not model.optimizer:
            raise RuntimeError(f"`model` must be compiled, with a loss and an optimizer. Received: {model}")
        self.history_ = model.fit(X, y, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        return self

    def _new_model(self, X: np.ndarray, y: np.ndarray) -> Any:
        if isinstance(self.model, Model):
            return clone_model(self.model)
        return self.model(X=X, y=y, **(self.model_kwargs or {}))

    def _encoded(self, y: np.ndarray) -> np.ndarray:
        """Return targets for the model, one row for each sample."""
        type_of_target(y)
        self._target_ndim = y.ndim
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return self.model_.predict(validate_data(self, X, reset=False))

    def predict(self, X: Any) -> np.ndarray:
        """Return the model's predictions, in the form of the targets."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self._target_ndim == 1 and outputs.ndim == 2 and outputs.shape[1] == 1 else outputs


class SKLearnClassifier(ClassifierMixin, _Estimator):
    """A model with one output for each class as a classifier.

    The classes may have any names; the model sees one column for each, and so needs a loss such as
    "categorical_crossentropy". `classes_` holds them. ValueError for targets that are no classes, and for one class.

    Args:
        model: A compiled model, of which each fit trains a copy, or a function of `X`, `y` and `model_kwargs` that
            returns one.
        warm_start: Whether a second fit goes on with the model of the first.
        model_kwargs: More arguments of the function.
        fit_kwargs: Arguments of the model's `fit`.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags

    def _encoded(self, y: np.ndarray) -> np.ndarray:
        kind = type_of_target(y, raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError(
                "Only binary and multiclass targets are supported by SKLearnClassifier. Unknown label type: "
                f"Received: targets of the kind {kind!r}"
            )
        self.classes_ = np.unique(y)
        if len(self.classes_) == 1:
            raise ValueError(
                f"SKLearnClassifier can't train when only one class is present. Received: {self.classes_[0]!r} only"
            )
        self._target_ndim = y.ndim
        return (y.reshape(-1, 1) == self.classes_).astype("float64")

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the model's outputs."""
        return self._outputs(X)

    def predict(self, X: Any) -> np.ndarray:
        """Return the class with the largest output."""
        found = self.classes_[self._outputs(X).argmax(axis=1)] if hasattr(self, "classes_") else self._outputs(X)
        return found if self._target_ndim == 1 else found.reshape(-1, 1)


class SKLearnRegressor(RegressorMixin, _Estimator):
    """A model as a regressor.

    Args:
        model: A compiled model, of which each fit trains a copy, or a function of `X`, `y` and `model_kwargs` that
            returns one.
        warm_start: Whether a second fit goes on with the model of the first.
        model_kwargs: More arguments of the function.
        fit_kwargs: Arguments of the model's `fit`.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class SKLearnTransformer(TransformerMixin, _Estimator):
    """A model that turns data into features.

    Args:
        model: A compiled model, of which each fit trains a copy, or a function of `X`, `y` and `model_kwargs` that
            returns one.
        warm_start: Whether a second fit goes on with the model of the first.
        model_kwargs: More arguments of the function.
        fit_kwargs: Arguments of the model's `fit`.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags

    def transform(self, X: Any) -> np.ndarray:
        """Return the model's outputs."""
        return self._outputs(X)
