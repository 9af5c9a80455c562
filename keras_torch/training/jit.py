"""`jit_compile=True`: the model through `torch.compile`, or as it is where that does not work."""

from __future__ import annotations

import warnings
from typing import Any

import torch

# The compiler behind `torch.compile`.
BACKEND = "inductor"


class CompiledModel:
    """Calls `torch.compile(model)`; once the compiler has failed, the model itself, with a warning that says why.

    What goes wrong in the model's own code is raised as ever.
    """

    def __init__(self, model: Any) -> None:
        # Imported where it is used: it takes ten times longer than this package.
        from torch._dynamo.exc import TorchDynamoException

        self.model = model
        self.function: Any = model
        self._failures = TorchDynamoException
        try:
            self.function = torch.compile(model, backend=BACKEND)
        except (RuntimeError, ValueError, ImportError) as error:
            # There is no compiler for this platform or version of Python.
            self._give_up(error)

    def __call__(self, x: Any) -> Any:
        """Return the model's outputs."""
        if self.function is self.model:
            return self.model(x)
        try:
            return self.function(x)
        except self._failures as error:
            self._give_up(error)
        return self.model(x)

    def _give_up(self, error: Exception) -> None:
        self.function = self.model
        reason = " ".join(str(error).split())[:200]
        warnings.warn(
            f"Model {self.model.name!r} runs eagerly in spite of `jit_compile=True`, because torch.compile failed "
            f"({type(error).__name__}: {reason}). Compile the model with `jit_compile=False` to do without.",
            stacklevel=4,
        )


def forward_of(model: Any) -> Any:
    """Return what computes the outputs in steps: the model, or its compiled form with `jit_compile=True`."""
    compiled = model._compiled
    if compiled is None or not model.jit_compile:
        return model
    if compiled.forward is None:
        compiled.forward = CompiledModel(model)
    return compiled.forward
