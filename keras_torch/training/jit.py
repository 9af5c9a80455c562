"""`jit_compile`: the model, and it with its loss, through `torch.compile`, or as it is where that does not work."""

from __future__ import annotations

import warnings
from types import FunctionType
from typing import Any

import torch

# The compiler behind `torch.compile`.
BACKEND = "inductor"


class CompiledCall:
    """Calls `torch.compile(model)`; once the compiler has failed, the model itself, with a warning that says why.

    `model` is a model or a function, and `label` names it. With `graphs` its kernels are replayed as CUDA graphs
    (`mode="reduce-overhead"`); what it returns holds until the next call. What goes wrong in its own code is raised as
    ever. Of one and its `twin` neither is compiled if the compiler fails for either.
    """

    def __init__(self, model: Any, label: str, graphs: bool = False, twin: CompiledCall | None = None) -> None:
        # Imported where it is used: it takes ten times longer than this package.
        from torch._dynamo.exc import TorchDynamoException

        self.model = model
        self.label = label
        self.function: Any = model
        self.graphs = graphs
        self.twin = twin
        if twin is not None:
            twin.twin = self
        self._failures = TorchDynamoException
        try:
            self.function = torch.compile(
                _of_its_own(model), backend=BACKEND, mode="reduce-overhead" if graphs else None
            )
        except (RuntimeError, ValueError, ImportError) as error:
            # There is no compiler for this platform or version of Python.
            self._give_up(error)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the model's outputs."""
        if self.function is self.model:
            return self.model(*args, **kwargs)
        try:
            if self.graphs:
                torch.compiler.cudagraph_mark_step_begin()
            return self.function(*args, **kwargs)
        except self._failures as error:
            self._give_up(error)
        return self.model(*args, **kwargs)

    def _give_up(self, error: Exception) -> None:
        self.function = self.model
        if self.twin is not None:
            self.twin.function = self.twin.model
        reason = " ".join(str(error).split())[:200]
        warnings.warn(
            f"{self.label} runs eagerly in spite of `jit_compile=True`, because torch.compile failed "
            f"({type(error).__name__}: {reason}). Compile with `jit_compile=False` to do without.",
            stacklevel=4,
        )


def _of_its_own(model: Any) -> Any:
    """Return what calls the model, or the function, with code that no other model has.

    torch.compile counts how often it compiled each piece of code, and gives up after eight times for all models that
    share it (`torch._dynamo.config.recompile_limit`).
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        return model(*args, **kwargs)

    function = model if isinstance(model, FunctionType) else call
    twin = FunctionType(
        function.__code__.replace(),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    twin.__kwdefaults__ = function.__kwdefaults__
    return twin


def forward_of(model: Any) -> Any:
    """Return what computes the outputs in steps: the model, or its compiled form with `jit_compile=True`."""
    compiled = model._compiled
    if compiled is None or not model.jit_compile or compiled.replays is not None:
        return model
    if compiled.forward is None:
        compiled.forward = CompiledCall(model, f"Model {model.name!r}")
    return compiled.forward
