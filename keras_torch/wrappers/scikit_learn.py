"""Keras 1's and 2's estimators: a function that builds a model, with the arguments of it and of the training."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_torch import config
from keras_torch.models import Sequential
from keras_torch.utils.generic_utils import has_arg
from keras_torch.utils.numerical import to_categorical

__all__ = ["BaseWrapper", "KerasClassifier", "KerasRegressor"]


class BaseWrapper:
    """A model as an estimator of scikit-learn, built anew by each `fit`.

    Args:
        build_fn: A function, a method or an object to call, that returns a compiled model. Without it the class's own
            `__call__` is used.
        sk_params: Arguments of `build_fn`, and of the model's `fit`, `predict` and `evaluate`, which can be searched
            over. Each goes where it is known; ValueError for one that nothing knows.
    """

    _estimator_type: str | None = None

    def __init__(self, build_fn: Callable[..., Any] | None = None, **sk_params: Any) -> None:
        self.build_fn = build_fn
        self.sk_params = sk_params
        self.check_params(sk_params)

    def _builder(self) -> Callable[..., Any]:
        if self.build_fn is not None:
            return self.build_fn
        if not callable(self):
            raise TypeError(f"{type(self).__name__} needs `build_fn`, or a class of it with `__call__`. Received: None")
        return self

    def check_params(self, params: dict[str, Any]) -> None:
        """Raise ValueError for a name that neither the function nor the model's methods have as an argument."""
        functions = [Sequential.fit, Sequential.predict, Sequential.predict_classes, Sequential.evaluate]
        functions.append(self._builder())
        for name in params:
            if not any(_takes(function, name) for function in functions):
                raise ValueError(
                    f"{name} is not a legal parameter: neither `build_fn` nor `fit`, `predict` and `evaluate` have it."
                )

    def get_params(self, **params: Any) -> dict[str, Any]:
        """Return `sk_params` and `build_fn`."""
        return {**self.sk_params, "build_fn": self.build_fn}

    def set_params(self, **params: Any) -> BaseWrapper:
        """Change some of `sk_params`, or `build_fn`."""
        self.build_fn = params.pop("build_fn", self.build_fn)
        self.check_params(params)
        self.sk_params.update(params)
        return self

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Any:
        """Build a model and train it; `kwargs` go to its `fit`, before those of `sk_params`. Return its History."""
        builder = self._builder()
        self.model = builder(**self.filter_sk_params(builder))
        arguments = copy.deepcopy(self.filter_sk_params(Sequential.fit))
        arguments.update(kwargs)
        return self.model.fit(x, self._targets(y), **arguments)

    def _targets(self, y: Any) -> Any:
        """Return classes as one column for each, where the loss needs that."""
        loss = self.model.loss
        name = loss if isinstance(loss, str) else getattr(loss, "__name__", getattr(loss, "name", None))
        return to_categorical(y) if name == "categorical_crossentropy" and np.ndim(y) != 2 else y

    def filter_sk_params(self, fn: Callable[..., Any], override: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return those of `sk_params` that `fn` has as arguments, and all of `override`."""
        return {**{name: value for name, value in self.sk_params.items() if _takes(fn, name)}, **(override or {})}

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model")

    def __sklearn_tags__(self) -> Any:
        from sklearn import utils

        kind = self._estimator_type
        return utils.Tags(
            estimator_type=kind,
            target_tags=utils.TargetTags(required=True),
            transformer_tags=None,
            classifier_tags=utils.ClassifierTags() if kind == "classifier" else None,
            regressor_tags=utils.RegressorTags() if kind == "regressor" else None,
            non_deterministic=True,
        )


@functools.lru_cache(maxsize=256)
def _old_names(function: Callable[..., Any]) -> frozenset[str]:
    translator = getattr(function, "translator", None)
    return frozenset(translator.row.renamed) if translator is not None else frozenset()


def _takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function has an argument of that name, today or in Keras 1."""
    return has_arg(function, name) or (inspect.isfunction(function) and name in _old_names(function))


class KerasClassifier(BaseWrapper):
    """A classifier with classes of any names, kept in `classes_`.

    The model has one output for each class, or a single one for two classes. Arguments are those of `BaseWrapper`.
    """

    _estimator_type = "classifier"

    def fit(self, x: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> Any:
        """Train a new model on classes of shape `(samples,)`, `(samples, 1)`, or with one column for each class."""
        y = np.array(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
        elif y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1):
            self.classes_ = np.unique(y)
            y = np.searchsorted(self.classes_, y)
        else:
            raise ValueError(f"`y` must have one or two axes. Received: y of shape {y.shape}")
        self.n_classes_ = len(self.classes_)
        if sample_weight is not None:
            kwargs["sample_weight"] = sample_weight
        return super().fit(x, y, **kwargs)

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """Return the classes: the one with the largest output, or for a single output whether it is above 0.5."""
        outputs = self.model.predict(x, **self.filter_sk_params(Sequential.predict_classes, kwargs))
        return self.classes_[outputs.argmax(axis=-1) if outputs.shape[-1] > 1 else (outputs > 0.5).astype("int32")]

    def predict_proba(self, x: Any, **kwargs: Any) -> np.ndarray:
        """Return one probability for each class; a single output p gives `(1 - p, p)`."""
        outputs = self.model.predict(x, **self.filter_sk_params(Sequential.predict_proba, kwargs))
        return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """Return the accuracy that the model measures. ValueError if it was compiled without."""
        y = self._targets(np.searchsorted(self.classes_, y))
        kwargs = self.filter_sk_params(Sequential.evaluate, kwargs)
        logs = self.model.evaluate(x, y, **{**kwargs, "return_dict": True})
        for name in ("acc", "accuracy"):
            if name in logs:
                return float(logs[name])
        raise ValueError(
            "The model measures no accuracy: pass `metrics=['accuracy']` to its `compile`. "
            f"Received: a model that measures {sorted(logs)}"
        )


class KerasRegressor(BaseWrapper):
    """A regressor. Arguments are those of `BaseWrapper`."""

    _estimator_type = "regressor"

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """Return the outputs, without axes of size 1 behind the first."""
        outputs = self.model.predict(x, **self.filter_sk_params(Sequential.predict, kwargs))
        return outputs.squeeze(tuple(axis for axis in range(1, outputs.ndim) if outputs.shape[axis] == 1))

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """Return the loss with its sign turned, so that more is better; in the dialect 1, as in Keras 1, the loss."""
        loss = self.model.evaluate(x, y, **self.filter_sk_params(Sequential.evaluate, kwargs))
        loss = loss[0] if isinstance(loss, list) else loss
        return float(loss) if config.dialect() == "1" else -float(loss)
