"""`jit_compile=True`: the model through `torch.compile`, or as it is where that does not work."""

from __future__ import annotations

import warnings
from typing import Any

import torch

# The compiler behind `torch.compile`.
BACKEND = "inductor"


class CompiledCall:
    """Calls `torch.compile(model)`; once the compiler has failed, the model itself, with a warning that says why.

    `model` is a model or a function, and `label` names it. What goes wrong in its own code is raised as ever.
    """

    def __init__(self, model: Any, label: str) -> None:
        # Imported where it is used: it takes ten times longer than this package.
        from torch._dynamo.exc import TorchDynamoException

        self.model = model
        self.label = label
        self.function: Any = model
        self._failures = TorchDynamoException
        try:
            self.function = torch.compile(model, backend=BACKEND)
        except (RuntimeError, ValueError, ImportError) as error:
            # There is no compiler for this platform or version of Python.
            self._give_up(error)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the model's outputs."""
        if self.function is self.model:
            return self.model(*args, **kwargs)
        try:
            return self.function(*args, **kwargs)
        except self._failures as error:
            self._give_up(error)
        return self.model(*args, **kwargs)

    def _give_up(self, error: Exception) -> None:
        self.function = self.model
        reason = " ".join(str(error).split())[:200]
        warnings.warn(
            f"{self.label} runs eagerly in spite of `jit_compile=True`, because torch.compile failed "
            f"({type(error).__name__}: {reason}). Compile with `jit_compile=False` to do without.",
            stacklevel=4,
        )


def forward_of(model: Any) -> Any:
    """Return what computes the outputs in steps: the model, or its compiled form with `jit_compile=True`."""
    compiled = model._compiled
    if compiled is None or not model.jit_compile:
        return model
    if compiled.forward is None:
        compiled.forward = CompiledCall(model, f"Model {model.name!r}")
    return compiled.forward
