"""`sklearn.grid_search` with its list of scores, and `Imputer`."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
from sklearn import model_selection
from sklearn.impute import SimpleImputer

Score = namedtuple("Score", "parameters mean_validation_score cv_validation_scores")


class _Search:
    """What both searches had: `fit_params`, three folds by default, and `grid_scores_`. All folds count alike."""

    cv_results_: dict[str, Any]
    n_splits_: int
    fit_params: dict[str, Any] | None

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Search; the constructor's `fit_params` go to every fit."""
        return super().fit(X, y, **{**(self.fit_params or {}), **params})  # type: ignore[misc]

    @property
    def grid_scores_(self) -> list[Score]:
        """One entry for each set of parameters."""
        found = self.cv_results_
        folds = np.array([found[f"split{index}_test_score"] for index in range(self.n_splits_)]).T
        return [Score(*row) for row in zip(found["params"], found["mean_test_score"], folds, strict=True)]


class GridSearchCV(_Search, model_selection.GridSearchCV):
    """Today's search over all combinations of parameters."""

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        scoring: Any = None,
        fit_params: dict[str, Any] | None = None,
        n_jobs: int | None = 1,
        iid: bool = True,
        refit: Any = True,
        cv: Any = 3,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        error_score: Any = "raise",
    ) -> None:
        shared = {"refit": refit, "cv": cv, "verbose": verbose, "pre_dispatch": pre_dispatch}
        super().__init__(estimator, param_grid, scoring=scoring, n_jobs=n_jobs, error_score=error_score, **shared)
        self.fit_params = fit_params
        self.iid = iid


class RandomizedSearchCV(_Search, model_selection.RandomizedSearchCV):
    """Today's search over random combinations of parameters."""

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        n_iter: int = 10,
        scoring: Any = None,
        fit_params: dict[str, Any] | None = None,
        n_jobs: int | None = 1,
        iid: bool = True,
        refit: Any = True,
        cv: Any = 3,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = "raise",
    ) -> None:
        shared = {"refit": refit, "cv": cv, "verbose": verbose, "pre_dispatch": pre_dispatch, "n_iter": n_iter}
        shared |= {"random_state": random_state, "error_score": error_score, "scoring": scoring, "n_jobs": n_jobs}
        super().__init__(estimator, param_distributions, **shared)
        self.fit_params = fit_params
        self.iid = iid


class Imputer(SimpleImputer):
    """Fills what is missing in the columns of a table."""

    missing_values: Any

    def __init__(
        self,
        missing_values: Any = "NaN",
        strategy: str = "mean",
        axis: int = 0,
        verbose: int = 0,
        copy: bool = True,
    ) -> None:
        if axis != 0:
            raise ValueError(f"`Imputer` fills along columns only: transpose the data. Received: axis={axis}")
        super().__init__(missing_values=missing_values, strategy=strategy, copy=copy)
        self.axis = axis
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Any:
        """Learn what to fill in."""
        if isinstance(self.missing_values, str) and self.missing_values == "NaN":
            self.missing_values = np.nan
        return super().fit(X, y)
