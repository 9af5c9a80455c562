"""Low-rank adaptation: a frozen matrix and a trained product of two thin ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from keras_torch import initializers
from keras_torch.backend.variable import WeightView
from keras_torch.engine import trainable as trainable_state


class LoRA:
    """Mixin for layers with one large matrix: `enable_lora(rank)` freezes it and trains `a @ b` beside it.

    The torch module computes its weight from the three by `torch.nn.utils.parametrize`, so whatever reads that weight
    has the sum. Files hold the sum alone, as Keras 3 stores it; loading sets `b` to zeros.
    """

    lora_rank: int | None = None
    lora_alpha: float | None = None
    lora_enabled: bool = False
    _adapted = "kernel"

    name: str
    built: bool
    _own_weights: list[Any]
    add_weight: Callable[..., Any]

    def _take_lora(self, rank: Any, alpha: Any) -> None:
        if rank is not None and (isinstance(rank, bool) or not isinstance(rank, int) or rank < 1):
            raise ValueError(f"Layer {self.name!r}: `lora_rank` must be a positive integer. Received: {rank!r}")
        if rank is not None or alpha is not None:
            self.lora_rank = rank
            self.lora_alpha = rank if alpha is None else alpha

    def _build_lora(self) -> None:
        if self.lora_rank:
            self.built = True
            self.enable_lora(self.lora_rank, self.lora_alpha)

    def _lora_config(self) -> dict[str, Any]:
        return {"lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha} if self.lora_rank else {}

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Freeze the matrix and add `(lora_alpha / rank) * a @ b` to it; `lora_alpha` is `rank` unless given.

        Compile the model again afterwards. ValueError for a layer that is not built, has it already, has a constraint
        on the matrix, or keeps the matrix outside of a torch module.
        """
        self._check_lora()
        self._take_lora(rank, lora_alpha)
        name = self._adapted
        matrix: WeightView = getattr(self, name)
        regularizer, shape = matrix.regularizer, tuple(matrix.shape)
        options = {"dtype": "float32", "regularizer": regularizer}
        first, second = (*shape[:-1], rank), (rank, shape[-1])
        a = self.add_weight(name=f"lora_{name}_a", shape=first, initializer=initializers.get(a_initializer), **options)
        b = self.add_weight(name=f"lora_{name}_b", shape=second, initializer=initializers.get(b_initializer), **options)
        setattr(self, f"lora_{name}_a", a)
        setattr(self, f"lora_{name}_b", b)
        matrix.trainable = False
        [(owner, attribute)] = matrix._owners
        parametrize.register_parametrization(
            self.get_submodule(owner),  # type: ignore[attr-defined]
            attribute,
            _Sum(self, matrix.layout),
        )
        layer: Any = self
        object.__setattr__(self, name, _Merged(layer, (f"{owner}.{attribute}",), matrix.layout, name, trainable=False))
        object.__setattr__(self, f"_{name}", matrix)
        matrix._owners = ((f"{owner}.parametrizations.{attribute}", "original"),)
        self.lora_enabled = True
        trainable_state.invalidate()

    def _check_lora(self) -> None:
        where = f"Layer {self.name!r}: `enable_lora`"
        if not self.built:
            raise ValueError(f"{where} needs a layer that is built. Call `build(input_shape)` first.")
        if self.lora_enabled:
            raise ValueError(f"{where} was called before; it can be done once.")
        matrix = getattr(self, self._adapted)
        if not isinstance(matrix, WeightView):
            raise ValueError(f"{where} adapts the weight of an `nn.Linear`, which this equation has none of.")
        if matrix.constraint is not None:
            raise ValueError(
                f"{where} cannot keep the constraint of the {self._adapted}. Received: {matrix.constraint!r}. "
                f"Make the layer without `{self._adapted}_constraint`."
            )

    def _delta(self) -> torch.Tensor:
        a, b = (getattr(self, f"lora_{self._adapted}_{part}") for part in "ab")
        return (self.lora_alpha / self.lora_rank) * (a @ b)  # type: ignore[operator]

    def _own_in_order(self) -> list[Any]:
        if not self.lora_enabled:
            return super()._own_in_order()  # type: ignore[misc]
        parts = (f"_{self._adapted}", f"lora_{self._adapted}_a", f"lora_{self._adapted}_b")
        left_out = {id(getattr(self, part)) for part in parts}
        rest = [weight for weight in self._own_weights if id(weight) not in left_out]
        return [getattr(self, self._adapted), *rest]


class _Sum(nn.Module):
    """The parametrization: torch's weight and what the two matrices add to it."""

    def __init__(self, layer: LoRA, layout: Any) -> None:
        super().__init__()
        # Not as a submodule: the layer holds this one.
        self.__dict__["owner"] = layer
        self.layout = layout

    def forward(self, original: torch.Tensor) -> torch.Tensor:
        """Add."""
        [delta] = self.layout.unview(self.__dict__["owner"]._delta())
        return original + delta.to(original.dtype)


class _Merged(WeightView):
    """The sum as a weight. Assigning puts the value into the frozen matrix and zeros into `b`."""

    def _write(self, tensor: torch.Tensor) -> None:
        layer: Any = self._layer
        getattr(layer, f"_{layer._adapted}")._write(tensor)
        getattr(layer, f"lora_{layer._adapted}_b").detach().zero_()
