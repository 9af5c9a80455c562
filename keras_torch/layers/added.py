"""AddLoss and AddMetric: what `model.add_loss(tensor)` and `model.add_metric(tensor)` put into a graph."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch.engine import Layer
from keras_torch.metrics import Mean


class AddLoss(Layer):
    """Return the inputs and add their mean to what training minimizes (the layer of tf.keras's files)."""

    def __init__(self, unconditional: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.unconditional = unconditional
        self.supports_masking = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        self._add_call_loss(inputs)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "unconditional": self.unconditional}


class AddMetric(Layer):
    """Return the inputs and report their mean over an epoch as `metric_name` (the layer of tf.keras's files)."""

    def __init__(self, aggregation: str | None = None, metric_name: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(metric_name, str):
            raise ValueError(f"AddMetric {self.name!r}: `metric_name` must be a text. Received: {metric_name!r}")
        self.aggregation = aggregation
        self.metric_name = metric_name
        self._mean = Mean(name=metric_name)
        self.supports_masking = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        self.add_metric(inputs, name=self.metric_name, aggregation=self.aggregation)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "aggregation": self.aggregation, "metric_name": self.metric_name}
