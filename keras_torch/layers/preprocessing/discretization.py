"""Discretization: numbers as the index of the interval they lie in; intervals from quantiles of data, or given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.layers.preprocessing.base import PreprocessingLayer, check_choice, refuse_sparse
from keras_torch.layers.preprocessing.encoding import ENCODINGS, encode, encoded_shape


class Discretization(PreprocessingLayer):
    """Replace each number by the count of boundaries that it reaches, with `torch.bucketize`.

    Boundaries are given, or learnt by `adapt` as quantiles into `num_bins` intervals, to within `epsilon` of rank
    (a summary as in Keras: that of 2.15 in dialect "tf", read in batches of 32, else that of 3). `output_mode` "int"
    keeps the shape (int64 in dialect "tf", else int32); "one_hot", "multi_hot" and "count" give floats as in
    CategoryEncoding. ValueError if the layer is called before it has boundaries.
    """

    _accepts_integers = False

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_choice(self, "output_mode", output_mode, ("int", *ENCODINGS))
        refuse_sparse(self, sparse)
        if num_bins is not None and num_bins < 0:
            raise ValueError(f"Layer {self.name!r}: `num_bins` must not be negative. Received: {num_bins!r}")
        if (num_bins is None) == (bin_boundaries is None):
            raise ValueError(
                f"Layer {self.name!r}: give either `num_bins`, to be learnt by `adapt`, or `bin_boundaries`. "
                f"Received: num_bins={num_bins!r}, bin_boundaries={bin_boundaries!r}"
            )
        self.num_bins = num_bins
        self.epsilon = epsilon
        self.output_mode = output_mode
        self._as_keras_2 = config.dialect() == "tf"
        whole = not config.torch_dtype(self._dtype).is_floating_point
        self._index_dtype = self._dtype if whole else "int64" if self._as_keras_2 else "int32"
        self.bin_boundaries: list[float] | None = None
        self.register_buffer("_edges", None, persistent=False)
        self._summary = np.zeros((2, 0), np.float32)
        if bin_boundaries is not None:
            self._set_boundaries(bin_boundaries)
        self.built = True

    def _set_boundaries(self, boundaries: Any) -> None:
        values = [float(value) for value in boundaries]
        if values != sorted(values):
            raise ValueError(
                f"Layer {self.name!r}: `bin_boundaries` must be in increasing order. Received: {boundaries!r}"
            )
        self.bin_boundaries = values
        self._edges = torch.tensor(values, dtype=self._compute_torch_dtype, device=config.default_device())

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the boundaries of `num_bins` intervals that hold about equally many of the numbers in `data`."""
        if self.num_bins is None:
            raise ValueError(
                f"Layer {self.name!r} cannot be adapted, because `bin_boundaries` were given to it. Make a layer with "
                "`num_bins` instead."
            )
        super().adapt(data, batch_size or (32 if self._as_keras_2 else None), steps)

    def update_state(self, data: Any) -> None:
        values = np.sort(self._adapt_batch(data).to(torch.float32).cpu().numpy().reshape(-1))
        new = summarize(values, self.epsilon, self._as_keras_2)
        merged = np.concatenate((new, self._summary), axis=1)
        self._summary = compress(merged[:, np.argsort(merged[0])], self.epsilon)

    def reset_state(self) -> None:
        self._summary = np.zeros((2, 0), np.float32)

    def finalize_state(self) -> None:
        if self.num_bins:
            self._set_boundaries(compress(self._summary, 1.0 / self.num_bins)[0, :-1].tolist())

    def load_learnt(self, summary: np.ndarray) -> None:
        """Take the summary that Keras 2.15 keeps as a weight."""
        if summary.ndim != 2 or len(summary) != 2:
            raise ValueError(
                f"Layer {self.name!r}: what it learnt must be points and their weights, of the shape (2, n). "
                f"Received: the shape {summary.shape}"
            )
        if self.num_bins and summary.size:
            self._summary = summary.astype(np.float32)
            self.finalize_state()

    def classic_weights(self) -> list[tuple[str, np.ndarray]]:
        """Return the weights that the layer has in Keras 2.15 and not here."""
        return [("summary", self._summary)] if self._as_keras_2 and self.num_bins is not None else []

    def save_beside(self, store: Any) -> None:
        """Store what the config leaves out in files for Keras 2.15: it knows either `num_bins` or boundaries."""
        if self.num_bins is not None and self.bin_boundaries is not None:
            store["0"] = self._summary
            store["num_bins"] = np.asarray(self.num_bins)

    def prepare_learnt(self, store: Any) -> None:
        """Take `num_bins` of `save_beside`."""
        if "num_bins" in store and self.num_bins is None:
            count = np.asarray(store["num_bins"])
            if count.shape or count.dtype.kind not in "iu" or count < 0:
                raise ValueError(f"Layer {self.name!r}: `num_bins` must not be negative. Received: {count!r}")
            self.num_bins = int(count)

    def save_own_variables(self, store: Any) -> None:
        """Store the summary, as Keras 2.15 does; in Keras 3 the boundaries are in the config alone."""
        if self._as_keras_2 and self.num_bins is not None:
            store["0"] = self._summary

    def load_own_variables(self, store: Any) -> None:
        """Take the summary that Keras 2.15 keeps as a weight, if there is one."""
        if "0" in store:
            self.load_learnt(np.asarray(store["0"]))

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        edges = self._edges
        if edges is None:
            raise ValueError(
                f"Layer {self.name!r} has no boundaries yet. Call `adapt(data)` first, or give `bin_boundaries`."
            )
        indices = torch.bucketize(inputs, edges, right=True)
        if self.output_mode == "int":
            return indices.to(config.torch_dtype(self._index_dtype))
        return encode(indices, self.output_mode, len(edges) + 1, self._compute_torch_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        return encoded_shape(input_shape, self.output_mode, depth)

    def _symbolic_dtype(self, input_dtype: str | None) -> str:
        return self._index_dtype if self.output_mode == "int" else self.compute_dtype

    def get_config(self) -> dict[str, Any]:
        # Keras 3's class has no argument `trainable`.
        shared = {key: value for key, value in super().get_config().items() if key != "trainable"}
        return {
            **shared,
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": False,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Discretization:
        """Make a layer from what `get_config` returned; an adapted one has both `num_bins` and boundaries."""
        config = dict(config)
        learnt = config.pop("bin_boundaries", None) if config.get("num_bins") is not None else None
        layer = super().from_config(config, custom_objects)
        if learnt:
            layer._set_boundaries(learnt)
        return layer


def summarize(values: np.ndarray, epsilon: float, as_keras_2: bool) -> np.ndarray:
    """Return evenly spaced elements of sorted values and, below them, the weight of each: about 1 / epsilon of both."""
    step = len(values) / (1.0 / epsilon)
    if as_keras_2:
        start, weight = int(step), float(max(int(step), 1))
    else:
        weight = max(step, 1)
        start = int(weight - 1)
    chosen = values[start :: int(weight)]
    return np.stack([chosen, np.full_like(chosen, weight)])


def compress(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """Return a summary of about `1 / epsilon` points, interpolated along the cumulated weights."""
    if summary.shape[1] * epsilon < 1:
        return summary
    wanted = epsilon + np.arange(0.0, 1.0, epsilon)
    weights = summary[1].cumsum()
    reached = weights / weights[-1]
    points = np.interp(wanted, reached, summary[0])
    weights = np.interp(wanted, reached, weights)
    return np.stack([points, np.diff(weights, prepend=0.0)]).astype(np.float32)
