"""`sklearn.cross_validation`: splitters that know the data from the start and are iterated over themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn import model_selection


class _Splits:
    """Iterates over pairs (training rows, test rows) of a splitter of today."""

    def __init__(self, splitter: Any, n: int, y: Any = None, groups: Any = None) -> None:
        self._splitter = splitter
        self._data = (np.zeros(n), y, groups)
        self.n = n

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return iter(self._splitter.split(*self._data))

    def __len__(self) -> int:
        return self._splitter.get_n_splits(*self._data)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n={self.n}, {self._splitter!r})"


def _state(shuffle: bool, random_state: Any) -> Any:
    # Today a seed without shuffling is an error; it had no effect.
    return random_state if shuffle else None


class KFold(_Splits):
    """`n` rows in `n_folds` parts, each once the test part."""

    def __init__(self, n: int, n_folds: int = 3, shuffle: bool = False, random_state: Any = None) -> None:
        splitter = model_selection.KFold(n_folds, shuffle=shuffle, random_state=_state(shuffle, random_state))
        super().__init__(splitter, n)
        self.n_folds = n_folds


class StratifiedKFold(_Splits):
    """Parts in which the labels `y` have the shares that they have in all."""

    def __init__(self, y: Any, n_folds: int = 3, shuffle: bool = False, random_state: Any = None) -> None:
        splitter = model_selection.StratifiedKFold(n_folds, shuffle=shuffle, random_state=_state(shuffle, random_state))
        super().__init__(splitter, len(y), np.asarray(y))
        self.n_folds = n_folds


class LabelKFold(_Splits):
    """Parts none of which share a label."""

    def __init__(self, labels: Any, n_folds: int = 3) -> None:
        super().__init__(model_selection.GroupKFold(n_folds), len(labels), groups=np.asarray(labels))


class ShuffleSplit(_Splits):
    """`n_iter` random parts of `n` rows."""

    def __init__(
        self, n: int, n_iter: int = 10, test_size: Any = 0.1, train_size: Any = None, random_state: Any = None
    ) -> None:
        super().__init__(model_selection.ShuffleSplit(n_iter, **_sizes(test_size, train_size, random_state)), n)


class StratifiedShuffleSplit(_Splits):
    """`n_iter` random parts with the shares of the labels `y`."""

    def __init__(
        self, y: Any, n_iter: int = 10, test_size: Any = 0.1, train_size: Any = None, random_state: Any = None
    ) -> None:
        splitter = model_selection.StratifiedShuffleSplit(n_iter, **_sizes(test_size, train_size, random_state))
        super().__init__(splitter, len(y), np.asarray(y))


class LabelShuffleSplit(_Splits):
    """`n_iter` random parts none of which share a label."""

    def __init__(
        self, labels: Any, n_iter: int = 5, test_size: Any = 0.2, train_size: Any = None, random_state: Any = None
    ) -> None:
        splitter = model_selection.GroupShuffleSplit(n_iter, **_sizes(test_size, train_size, random_state))
        super().__init__(splitter, len(labels), groups=np.asarray(labels))


def _sizes(test_size: Any, train_size: Any, random_state: Any) -> dict[str, Any]:
    return {"test_size": test_size, "train_size": train_size, "random_state": random_state}


class LeaveOneOut(_Splits):
    """Each of `n` rows once alone."""

    def __init__(self, n: int) -> None:
        super().__init__(model_selection.LeaveOneOut(), n)


class LeavePOut(_Splits):
    """Each set of `p` out of `n` rows once."""

    def __init__(self, n: int, p: int) -> None:
        super().__init__(model_selection.LeavePOut(p), n)


class LeaveOneLabelOut(_Splits):
    """The rows of each label once."""

    def __init__(self, labels: Any) -> None:
        super().__init__(model_selection.LeaveOneGroupOut(), len(labels), groups=np.asarray(labels))


class LeavePLabelOut(_Splits):
    """The rows of each set of `p` labels once."""

    def __init__(self, labels: Any, p: int) -> None:
        super().__init__(model_selection.LeavePGroupsOut(p), len(labels), groups=np.asarray(labels))


class PredefinedSplit(_Splits):
    """The parts that `test_fold` numbers; -1 is always trained on."""

    def __init__(self, test_fold: Any) -> None:
        super().__init__(model_selection.PredefinedSplit(test_fold), len(test_fold))
