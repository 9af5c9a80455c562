"""The dropout masks of recurrent cells, which are drawn once for all steps of a sequence, as in Keras."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from keras_torch.engine import Layer
from keras_torch.layers.noise import Noise, dropout


class DropoutMasks(Noise):
    """Base of the cells, and of cells of one's own that ask for masks by the names of tf.keras and of Keras 3.

    Those have `dropout` and `recurrent_dropout`, and for Keras 3 `dropout_mask_count`.
    """

    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    dropout_mask_count = 1
    # Where cells for Keras 2 keep a mask of their own until the next sequence.
    _dropout_mask: Any = None
    _recurrent_dropout_mask: Any = None

    compute_output_shape = Layer.compute_output_shape

    def _operations(self) -> int:
        return 0

    def _keep_masks(self, kind: str, rate: float, like: Tensor, count: int) -> Tensor:
        """Return the `count` scaled masks (count, batch, features) that are in use."""
        kept = self.__dict__.setdefault("_masks", {})
        masks = kept.get(kind)
        if masks is None or masks.shape != (count, *like.shape) or masks.device != like.device:
            masks = kept[kind] = dropout(
                like.new_ones((count, *like.shape)), rate, generator=self._generator(like.device)
            )
        return masks

    def _masks_for_cell(self, kind: str, rate: float, like: Any, training: Any, count: int) -> Any:
        """Return one mask or a list of several; ones outside of training, and None where nothing is ever dropped."""
        if not rate:
            return None
        like = torch.as_tensor(like)
        dropping = self.training if training is None else bool(training)
        masks = self._keep_masks(kind, rate, like, count) if dropping else like.new_ones((count, *like.shape))
        return list(masks) if count > 1 else masks[0]

    def get_dropout_mask_for_cell(self, inputs: Any, training: Any, count: int = 1) -> Any:
        """Return the mask for the inputs of a step, or a list of `count` of them; None without `dropout` (tf.keras)."""
        return self._masks_for_cell("input", self.dropout, inputs, training, count)

    def get_recurrent_dropout_mask_for_cell(self, inputs: Any, training: Any, count: int = 1) -> Any:
        """Return the mask for a state, or a list of `count` of them; None without `recurrent_dropout` (tf.keras)."""
        return self._masks_for_cell("recurrent", self.recurrent_dropout, inputs, training, count)

    def get_dropout_mask(self, step_input: Any) -> Any:
        """Return the mask, or the list of `dropout_mask_count` masks, for the inputs of a step (Keras 3)."""
        return self._masks_for_cell("input", self.dropout, step_input, True, self.dropout_mask_count)

    def get_recurrent_dropout_mask(self, step_input: Any) -> Any:
        """Return the mask, or the list of `dropout_mask_count` masks, for a state (Keras 3)."""
        return self._masks_for_cell("recurrent", self.recurrent_dropout, step_input, True, self.dropout_mask_count)

    def reset_dropout_mask(self) -> None:
        """Draw a new input dropout mask at the next step."""
        self.__dict__.setdefault("_masks", {}).pop("input", None)

    def reset_recurrent_dropout_mask(self) -> None:
        """Draw a new recurrent dropout mask at the next step."""
        self.__dict__.setdefault("_masks", {}).pop("recurrent", None)
