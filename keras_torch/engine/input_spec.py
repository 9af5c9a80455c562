"""InputSpec: what a layer expects of its inputs, checked on real and symbolic tensors alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keras_torch import config


class InputSpec:
    """Rank, shape, axes and dtype that a layer expects of one input. None means anything."""

    def __init__(
        self,
        dtype: Any = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = config.dtype_name(dtype) if dtype is not None else None
        self.shape = tuple(shape) if shape is not None else None
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name = name
        self.optional = optional

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal spec."""
        return {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": self.ndim,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes,
        }

    def __repr__(self) -> str:
        given = ", ".join(f"{key}={value}" for key, value in self.get_config().items() if value)
        return f"InputSpec({given})"

    def accepts(self, shape: Sequence[int | None]) -> bool:
        """Whether a shape fits; unknown sizes fit everything."""
        return not self.problem(shape)

    def problem(self, shape: Sequence[int | None]) -> str:
        """Return what is wrong with a shape, or an empty string."""
        rank = len(shape)
        if self.shape is not None and self.allow_last_axis_squeeze and rank == len(self.shape) - 1:
            shape, rank = (*shape, 1), rank + 1
        if self.ndim is not None and rank != self.ndim:
            return f"expected ndim={self.ndim}, found ndim={rank}"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"expected max_ndim={self.max_ndim}, found ndim={rank}"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"expected min_ndim={self.min_ndim}, found ndim={rank}"
        for axis, size in self.axes.items():
            if size is not None and -rank <= axis < rank and shape[axis] is not None and shape[axis] != size:
                return f"expected size {size} on axis {axis}"
        for wanted, found in zip(self.shape or (), shape, strict=False):
            if wanted is not None and found is not None and wanted != found:
                return f"expected shape={self.shape}"
        return ""


def check_inputs(spec: Any, shapes: list[tuple[int | None, ...]], layer_name: str) -> None:
    """Check flat input shapes against a spec, a list of specs or a dict of specs. ValueError names the mismatch."""
    if spec is None:
        return
    if isinstance(spec, Mapping):
        specs = list(spec.values())
    else:
        specs = list(spec) if isinstance(spec, (list, tuple)) else [spec]
    if len(shapes) != len(specs):
        raise ValueError(
            f"Layer {layer_name!r} takes {len(specs)} {'input' if len(specs) == 1 else 'inputs'}. "
            f"Received: {len(shapes)} tensors, of shapes {shapes}"
        )
    for index, (item, shape) in enumerate(zip(specs, shapes, strict=True)):
        problem = item.problem(shape) if item is not None else ""
        if problem:
            raise ValueError(
                f"Input {index} of layer {layer_name!r} is incompatible with the layer: {problem}. "
                f"Received: shape {tuple(shape)}, batch size included"
            )
