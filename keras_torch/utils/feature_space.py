"""`FeatureSpace`: columns of a table, each with its own preprocessing, as one tensor or a dict of tensors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from keras_torch import layers, registry
from keras_torch.backend.string_array import StringArray
from keras_torch.engine import Input, Layer
from keras_torch.symbolic import KerasTensor, unique_name

_MODES = ("int", "one_hot")


def _check(value: Any, allowed: Sequence[str], name: str = "output_mode") -> None:
    if value not in allowed:
        raise ValueError(f"`{name}` must be one of {tuple(allowed)}. Received: {name}={value!r}")


class Feature:
    """One column: its dtype, the layer that prepares it, and whether the result is encoded as "one_hot"."""

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str) -> None:
        _check(output_mode, (*_MODES, "float"))
        self.dtype = dtype
        self.preprocessor = registry.layers.get(preprocessor) if isinstance(preprocessor, Mapping) else preprocessor
        self.output_mode = output_mode

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        preprocessor = registry.serialize_keras_object(self.preprocessor)
        return {"dtype": self.dtype, "preprocessor": preprocessor, "output_mode": self.output_mode}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Feature:
        """Make a feature from `get_config`."""
        return cls(**config)


class Cross:
    """A combination of columns, hashed into `crossing_dim` buckets."""

    def __init__(self, feature_names: Iterable[str], crossing_dim: int, output_mode: str = "one_hot") -> None:
        _check(output_mode, _MODES)
        self.feature_names = tuple(feature_names)
        self.crossing_dim = crossing_dim
        self.output_mode = output_mode

    @property
    def name(self) -> str:
        """The names of the columns, joined by `_X_`."""
        return "_X_".join(self.feature_names)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "feature_names": list(self.feature_names),
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Cross:
        """Make a cross from `get_config`."""
        return cls(**config)


class FeatureSpace(Layer):
    """Prepare the columns of a table, given as a dict, by name: numbers scaled, categories looked up or hashed.

    `features` has for each column "float", "float_rescaled", "float_normalized", "float_discretized",
    "integer_categorical", "string_categorical", "integer_hashed", "string_hashed", or what the methods of these names
    return. `crosses` are tuples of names. The result is one tensor ("concat", in the order of the names) or a "dict".
    """

    # Looked for by the writer of files; a FeatureSpace is not trained.
    optimizer = None
    compiled = False

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = "concat",
        crosses: Iterable[Any] | None = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if not features:
            raise ValueError(f"`features` of FeatureSpace must be a dict of columns. Received: {features!r}")
        _check(output_mode, ("concat", "dict"))
        self.output_mode = output_mode
        self.crossing_dim, self.hashing_dim = crossing_dim, hashing_dim
        self.num_discretization_bins = num_discretization_bins
        # Tuples hide the layers from `layers` and `weights`: those of `preprocessors` and `crossers` count.
        self._features = {column: self._feature(column, value) for column, value in features.items()}
        self.preprocessors = {column: feature.preprocessor for column, feature in self._features.items()}
        self.crosses = [self._cross(item) for item in crosses or ()]
        self.crossers = {
            cross.name: layers.HashedCrossing(cross.crossing_dim, name=cross.name) for cross in self.crosses
        }
        self._inputs: dict[str, KerasTensor] = {}
        self._encoded: Any = None
        self._is_adapted = False

    @property
    def features(self) -> dict[str, Feature]:
        """The columns by name."""
        return dict(self._features)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """A column that a layer of one's own prepares."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def cross(cls, feature_names: Iterable[str], crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """Columns whose combinations are hashed."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:  # type: ignore[override]
        """Numbers as they are."""
        return Feature("float32", layers.Identity(name=_name(name, "float")), "float")

    @classmethod
    def float_rescaled(cls, scale: Any = 1.0, offset: Any = 0.0, name: str | None = None) -> Feature:
        """Numbers times `scale` plus `offset`."""
        return Feature("float32", layers.Rescaling(scale, offset, name=_name(name, "float_rescaled")), "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Numbers brought to mean 0 and variance 1."""
        return Feature("float32", layers.Normalization(axis=-1, name=_name(name, "float_normalized")), "float")

    @classmethod
    def float_discretized(
        cls, num_bins: int | None, bin_boundaries: Any = None, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Numbers by the interval they lie in; without `bin_boundaries` intervals are learnt."""
        made = layers.Discretization(
            bin_boundaries=bin_boundaries,
            num_bins=num_bins if bin_boundaries is None else None,
            name=_name(name, "float_discretized"),
        )
        return Feature("float32", made, output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Whole numbers by their place in a vocabulary that is learnt."""
        made = layers.IntegerLookup(
            max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=_name(name, "integer_categorical")
        )
        return Feature("int32", made, output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Text by its place in a vocabulary that is learnt."""
        made = layers.StringLookup(
            max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=_name(name, "string_categorical")
        )
        return Feature("string", made, output_mode)

    @classmethod
    def integer_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Whole numbers by one of `num_bins` buckets."""
        return Feature("int32", layers.Hashing(num_bins=num_bins, name=_name(name, "integer_hashed")), output_mode)

    @classmethod
    def string_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Text by one of `num_bins` buckets."""
        return Feature("string", layers.Hashing(num_bins=num_bins, name=_name(name, "string_hashed")), output_mode)

    def _feature(self, column: str, value: Any) -> Feature:
        if isinstance(value, Feature):
            return value
        if isinstance(value, Mapping):
            return Feature.from_config(value.get("config", value))  # type: ignore[arg-type]
        makers: dict[str, Any] = {
            "float": self.float,
            "float_rescaled": self.float_rescaled,
            "float_normalized": self.float_normalized,
            "integer_categorical": self.integer_categorical,
            "string_categorical": self.string_categorical,
        }
        if value in makers:
            return makers[value](name=column)
        if value == "float_discretized":
            return self.float_discretized(self.num_discretization_bins, name=column)
        if value in ("integer_hashed", "string_hashed"):
            return getattr(self, value)(self.hashing_dim, name=column)
        raise ValueError(
            f"Column {column!r} of FeatureSpace must be a Feature or one of "
            f"{[*makers, 'float_discretized', 'integer_hashed', 'string_hashed']}. Received: {value!r}"
        )

    def _cross(self, item: Any) -> Cross:
        if isinstance(item, Mapping):
            item = Cross.from_config(item.get("config", item))  # type: ignore[arg-type]
        found = item if isinstance(item, Cross) else Cross(item, self.crossing_dim)
        unknown = [column for column in found.feature_names if column not in self._features]
        if unknown:
            raise ValueError(f"`crosses` of FeatureSpace name columns that `features` lacks. Received: {unknown}")
        return found

    def _waiting(self) -> list[str]:
        """Return the columns whose layers have to learn."""
        found = []
        for column, layer in self.preprocessors.items():
            ready = getattr(layer, "input_mean", None) is not None or getattr(layer, "has_input_vocabulary", False)
            ready = ready or (isinstance(layer, layers.Discretization) and layer.num_bins is None)
            if hasattr(layer, "adapt") and not ready and not isinstance(layer, (layers.Rescaling, layers.Hashing)):
                found.append(column)
        return found

    def adapt(self, dataset: Any) -> None:
        """Let the layers of the columns learn from a dataset of dicts, in batches or not, or from a dict of arrays."""
        if isinstance(dataset, (str, bytes)) or not isinstance(dataset, (Mapping, Iterable)):
            raise ValueError(
                "`adapt` takes a dataset whose elements are dicts, or a dict of arrays. "
                f"Received: {dataset!r} of type {type(dataset).__name__}"
            )
        for column in self._waiting():
            self.preprocessors[column].adapt(_Column(dataset, column))
        self._is_adapted = True
        self.built = True

    def _check_adapted(self) -> None:
        if not self._is_adapted and self._waiting():
            raise ValueError(
                f"FeatureSpace {self.name!r} must learn first: call `adapt(dataset)`. Columns: {self._waiting()}"
            )

    def get_inputs(self) -> dict[str, KerasTensor]:
        """Return one symbolic input for each column, for a model on raw data."""
        self._check_adapted()
        if not self._inputs:
            self._inputs = {
                column: Input((1,), dtype=feature.dtype, name=column) for column, feature in self._features.items()
            }
        return self._inputs

    def get_encoded_features(self) -> Any:
        """Return what becomes of `get_inputs`: one symbolic tensor or a dict."""
        if self._encoded is None:
            self._encoded = self._encode(self.get_inputs())
        return self._encoded

    def __call__(self, data: Any) -> Any:
        """Prepare a dict of columns: numbers and texts of one row, or arrays of many."""
        self._check_adapted()
        if not isinstance(data, Mapping):
            raise ValueError(f"A FeatureSpace takes a dict of columns. Received: {data!r} of type {type(data)}")
        columns = {name: _as_column(data[name]) for name in self._features if name in data}
        missing = [name for name in self._features if name not in columns]
        if missing:
            raise ValueError(f"FeatureSpace {self.name!r} misses columns: {missing}. Received: {list(data)}")
        single = all(np.ndim(item) == 0 for item in data.values())
        found = self._encode(columns)
        if not single:
            return found
        return {name: item[0] for name, item in found.items()} if isinstance(found, dict) else found[0]

    def _encode(self, columns: Mapping[str, Any]) -> Any:
        prepared = {name: self.preprocessors[name](item) for name, item in columns.items()}
        crossed = {
            cross.name: self.crossers[cross.name]([prepared[name] for name in cross.feature_names])
            for cross in self.crosses
        }
        modes = {name: feature.output_mode for name, feature in self._features.items()}
        modes |= {cross.name: cross.output_mode for cross in self.crosses}
        found = {name: self._one_hot(name, prepared[name], modes[name]) for name in sorted(prepared)}
        found |= {name: self._one_hot(name, crossed[name], modes[name]) for name in sorted(crossed)}
        if self.output_mode == "dict":
            return found
        for name, item in found.items():
            if "int" in str(item.dtype) or "string" in str(item.dtype) or isinstance(item, StringArray):
                raise ValueError(
                    f"Column {name!r} cannot be joined with others, because it is not encoded but of dtype "
                    f"{item.dtype}. Use `output_mode='dict'` of the FeatureSpace, or 'one_hot' of the column."
                )
        return layers.concatenate(list(found.values()), axis=-1) if len(found) > 1 else next(iter(found.values()))

    def _one_hot(self, name: str, item: Any, mode: str) -> Any:
        if mode != "one_hot":
            return item
        layer = self.preprocessors.get(name) or self.crossers[name]
        if "int" not in str(item.dtype):
            raise ValueError(
                f"Column {name!r} with `output_mode='one_hot'` needs a layer that returns integers. "
                f"Received: {item.dtype}"
            )
        return layers.CategoryEncoding(num_tokens=_count(name, layer), output_mode="multi_hot")(item)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "features": {name: _serialized(feature) for name, feature in self._features.items()},
            "output_mode": self.output_mode,
            "crosses": [_serialized(cross) for cross in self.crosses],
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
            "name": self.name,
        }

    def get_build_config(self) -> dict[str, Any]:
        """Return what the layers of the columns were built with."""
        return {name: layer.get_build_config() for name, layer in self.preprocessors.items()}

    def build_from_config(self, config: Any) -> None:
        """Build the layers of the columns; a file brings what they learnt."""
        for name, layer in self.preprocessors.items():
            if not layer.built and config.get(name):
                layer.build_from_config(config[name])
        self._is_adapted = self.built = True

    def save(self, filepath: Any) -> None:
        """Write a `.keras` file, which `keras.models.load_model` reads."""
        from keras_torch.saving import save_model

        save_model(self, filepath)


def _serialized(item: Any) -> dict[str, Any]:
    kind = type(item).__name__
    module = "keras.src.layers.preprocessing.feature_space"
    return {"module": module, "class_name": kind, "config": item.get_config(), "registered_name": kind}


def _name(name: str | None, kind: str) -> str:
    return f"{name or unique_name(kind)}_preprocessor"


def _count(name: str, layer: Any) -> int:
    """Return how many different integers a layer returns."""
    if isinstance(layer, (layers.IntegerLookup, layers.StringLookup)):
        return layer.vocabulary_size()
    if isinstance(layer, layers.CategoryEncoding):
        return layer.num_tokens
    if isinstance(layer, layers.Discretization):
        return layer.num_bins or len(layer.bin_boundaries or ()) + 1
    if isinstance(layer, (layers.Hashing, layers.HashedCrossing)):
        return layer.num_bins
    raise ValueError(
        f"Column {name!r} cannot be encoded as 'one_hot': how many values {type(layer).__name__} {layer.name!r} "
        "returns is not known. Use `output_mode='int'` of the column."
    )


def _as_column(item: Any) -> Any:
    """Return a column as (rows, 1); numbers become tensors."""
    if isinstance(item, KerasTensor):
        return item
    if not isinstance(item, (torch.Tensor, StringArray)):
        item = np.asarray(item)
        item = item.astype(object) if item.dtype.kind in "US" else item
    if item.ndim < 2:
        item = item.reshape(-1, 1)
    if isinstance(item, np.ndarray) and item.dtype.kind in "biuf":
        item = torch.as_tensor(item, dtype=torch.float32 if item.dtype.kind == "f" else None)
    return item


class _Column:
    """One column of a dataset, batch by batch."""

    def __init__(self, dataset: Any, name: str) -> None:
        self._dataset, self._name = dataset, name

    def __iter__(self) -> Iterator[Any]:
        if isinstance(self._dataset, Mapping):
            yield _as_column(self._dataset[self._name])
            return
        for element in self._dataset:
            yield _as_column((element[0] if isinstance(element, tuple) else element)[self._name])


registry.layers.add([FeatureSpace])
