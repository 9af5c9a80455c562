"""Metric: running state in tensors on the device of the data, read back by nobody but the user."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from keras_torch import checkpoint, config, legacy, registry
from keras_torch.backend.variable import Variable
from keras_torch.distributed import Share
from keras_torch.metrics.running import RunningSum
from keras_torch.registry import pickled
from keras_torch.symbolic.naming import unique_name


class Metric(pickled.HoldsFunctions):
    """Base class of metrics.

    A subclass makes its state with `add_weight` (or `add_variable`) in `__init__`, changes it in `update_state`, e.g.
    with `self.total.assign_add(...)`, and returns a tensor or a dict of tensors from `result`. `reset_state` sets
    the state to zero. `metric(...)` updates and returns the result.
    """

    # The name before `compile` put that of an output before it.
    given_name: str | None = None
    # It adds up over batches; Keras 2.2 asked layers that served as metrics for this.
    stateful = True
    # Told of each new metric, where somebody wants to know.
    made: Callable[[Metric], None] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "result" in cls.__dict__:
            cls.result = _naming_its_metric(cls.__dict__["result"])  # type: ignore[method-assign, assignment]
        if cls.__module__.startswith("keras_torch."):
            legacy.adapt(cls)
            return
        if "reset_states" in cls.__dict__ and "reset_state" not in cls.__dict__:
            cls.reset_state = _call_old_reset  # type: ignore[method-assign]
        if issubclass(cls, PyMetric) and "update_state" in cls.__dict__:
            cls.update_state = _on_the_host(cls.__dict__["update_state"])  # type: ignore[method-assign]
        if "result" in cls.__dict__:
            cls.result = _returning_copy(cls.__dict__["result"])  # type: ignore[method-assign, assignment]

    def __init__(self, name: str | None = None, dtype: Any = None):
        self.name = name or unique_name(registry.snake_case(type(self).__name__))
        dtype = getattr(dtype, "compute_dtype", dtype)
        self._state_dtype = config.torch_dtype(dtype)
        self._variables: list[Variable] = []
        self.running: dict[str, RunningSum] = {}
        if Metric.made is not None:
            Metric.made(self)

    @property
    def dtype(self) -> str:
        """Name of the type of the state and of the result."""
        return config.dtype_name(self._state_dtype)

    @property
    def _dtype(self) -> str:
        """Keras's own name for `dtype`, which subclasses use."""
        return self.dtype

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Make a state variable. `aggregation` says how processes combine it; only "sum" is known."""
        if not hasattr(self, "_variables"):
            raise RuntimeError(
                f"The metric {type(self).__name__} makes a variable before it is set up. You forgot to call "
                "`super().__init__()` in the `__init__()` method."
            )
        if isinstance(shape, str):
            raise ValueError(f"Metric {self.name!r}: `shape` must be a tuple of ints. Received: {shape!r}")
        if getattr(aggregation, "value", aggregation) not in ("sum", "SUM", 1):
            raise ValueError(f"Metric {self.name!r}: `aggregation` must be 'sum'. Received: {aggregation!r}")
        size = tuple(shape) if isinstance(shape, (tuple, list, torch.Size)) else (int(shape),)
        kind = self._state_dtype if dtype is None else config.torch_dtype(dtype)
        with torch.inference_mode(False), torch.no_grad():
            if initializer is None or (isinstance(initializer, str) and initializer in ("zeros", "zero")):
                value = torch.zeros(size, dtype=kind)
            elif isinstance(initializer, (torch.Tensor, np.ndarray)):
                value = torch.as_tensor(initializer)
            else:
                value = registry.initializers.get(initializer)(size, dtype=config.dtype_name(kind))
            path = f"{self.name}/{name or 'variable'}"
            variable = Variable(value.to(config.default_device(), kind), trainable=False, name=path)
        # Before Keras 3 it was not said whose they are.
        variable._classic_path = name or "variable"  # type: ignore[attr-defined]
        self._variables.append(variable)
        return variable

    def add_weight(
        self,
        name: Any = None,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: Any = "sum",
        synchronization: Any = None,
    ) -> Variable:
        """Make a state variable; tf.keras's arguments, or in Keras 3's order: `(shape, initializer, dtype, name)`.

        Processes combine variables when the result is read, the only `synchronization` there is.
        """
        when = str(getattr(synchronization, "name", synchronization)).lower()
        if when not in ("none", "auto", "on_read"):
            raise ValueError(
                f"Metric {self.name!r}: `synchronization` must be 'auto' or 'on_read'. Received: {synchronization!r}"
            )
        if isinstance(name, (tuple, list, int)):
            kind = None if initializer == "zeros" else initializer
            return self.add_variable(name, shape or "zeros", kind, aggregation, dtype)
        return self.add_variable(shape, initializer, dtype, aggregation, name)

    def _parts(self) -> Iterator[Any]:
        """Metrics and variables held as attributes, also in lists and dicts."""
        own = {id(variable) for variable in self._variables}
        for leaf in _leaves([value for name, value in vars(self).items() if name not in ("_variables", "running")]):
            if isinstance(leaf, Metric) or (isinstance(leaf, Variable) and id(leaf) not in own):
                yield leaf

    @property
    def variables(self) -> list[Variable]:
        """The state, of metrics held as attributes too."""
        for total in self.running.values():
            total.settled()
        held = [part.variables if isinstance(part, Metric) else [part] for part in self._parts()]
        return [*self._variables, *(variable for variables in held for variable in variables)]

    @property
    def weights(self) -> list[Variable]:
        """The state (tf.keras spelling)."""
        return self.variables

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The state (tf.keras spelling)."""
        return self.variables

    def get_weights(self) -> list[np.ndarray]:
        """Return the state as numpy arrays."""
        return [variable.numpy() for variable in self.variables]

    def set_weights(self, weights: list[Any]) -> None:
        """Set the state from arrays in the order of `variables`."""
        self._set_state(self.variables, weights)

    def state_dict(self) -> dict[str, Any]:
        """Return everything seen so far as plain data: the state, and whatever else the attributes hold."""
        return checkpoint.attributes(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state_dict` returned."""
        checkpoint.set_attributes(self, state)

    def to(self, device: Any) -> Metric:
        """Move the state to a device."""
        for variable in self.variables:
            variable.data = variable.data.to(device)
        return self

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Take in a batch."""
        raise NotImplementedError(f"The metric {type(self).__name__} must define `update_state`.")

    def result(self) -> Any:
        """Return the value of everything seen since the last reset."""
        raise NotImplementedError(f"The metric {type(self).__name__} must define `result`.")

    def reset_state(self) -> None:
        """Forget everything seen."""
        self._clear()

    def _clear(self) -> None:
        for variable in self._variables:
            variable.detach().zero_()
        for total in self.running.values():
            total.clear()
        for part in self._parts():
            part.reset_state() if isinstance(part, Metric) else part.detach().zero_()

    def reset_states(self) -> None:
        """Forget everything seen (older spelling)."""
        if type(self).reset_state is _call_old_reset:
            self._clear()
        else:
            self.reset_state()

    def merge_state(self, metrics: list[Metric]) -> None:
        """Add the state of metrics of the same kind."""
        for other in metrics:
            mine, theirs = self.variables, other.variables
            shapes, wanted = ([tuple(variable.shape) for variable in state] for state in (theirs, mine))
            if shapes != wanted:
                raise ValueError(
                    f"The metric {self.name!r} merges the state of metrics with arrays of shapes {wanted}. "
                    f"Received: {other.name!r} with {shapes}"
                )
            for variable, value in zip(mine, theirs, strict=True):
                variable.assign_add(value)

    def stateless_update_state(self, metric_variables: list[Any], *args: Any, **kwargs: Any) -> list[torch.Tensor]:
        """Return the state that an update makes of `metric_variables`; that of the metric stays as it is."""
        with self._borrowed(metric_variables):
            self.update_state(*args, **kwargs)
            return [variable.detach().clone() for variable in self.variables]

    def stateless_result(self, metric_variables: list[Any]) -> Any:
        """Return the result that the metric would have with the state `metric_variables`."""
        with self._borrowed(metric_variables):
            return self.result()

    def stateless_reset_state(self) -> list[torch.Tensor]:
        """Return the state after a reset; that of the metric stays as it is."""
        with self._borrowed(self.variables):
            self.reset_state()
            return [variable.detach().clone() for variable in self.variables]

    @contextlib.contextmanager
    def _borrowed(self, values: list[Any]) -> Iterator[None]:
        variables = self.variables
        if len(values) != len(variables):
            raise ValueError(
                f"Argument `metric_variables` of {type(self).__name__} must be a list of one tensor for each of its "
                f"variables: expected {len(variables)}. Received: {len(values)}"
            )
        kept = [variable.detach().clone() for variable in variables]
        self._set_state(variables, values)
        try:
            yield
        finally:
            self._set_state(self.variables, kept)

    def _set_state(self, variables: list[Variable], values: list[Any]) -> None:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        result = self.result()
        if isinstance(result, torch.Tensor):
            # For `add_metric`, which then reports this metric.
            result._metric_obj = self  # type: ignore[attr-defined]
        return result

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric without state."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Make a metric from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class PyMetric(Metric):
    """Base of metrics written in numpy and Python, which keep their state as they like.

    A subclass defines `reset_state` (called by the constructor too), `update_state(y_true, y_pred, sample_weight)`,
    which gets tensors on the CPU, and `result`, which may return a number. Each update waits for the device.
    """

    def __init__(self, name: str | None = None, dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.reset_state()

    def merge_state(self, metrics: list[Metric]) -> None:
        """Take in the state of metrics of the same kind; only the subclass knows how."""
        raise NotImplementedError(f"The metric {type(self).__name__} must define `merge_state`.")


def _on_the_host(update: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(update)
    def moved(self: Metric, *args: Any, **kwargs: Any) -> Any:
        args = tuple(_host(value) for value in args)
        return update(self, *args, **{name: _host(value) for name, value in kwargs.items()})

    return moved


def _host(value: Any) -> Any:
    return value.detach().cpu() if isinstance(value, torch.Tensor) else value


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        yield value
        return
    for item in value:
        yield from _leaves(item)


def _call_old_reset(self: Metric) -> None:
    self.reset_states()


def _naming_its_metric(result: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """In a step that several processes share, note on results whose they are: their parts are no whole."""

    @functools.wraps(result)
    def named(self: Metric) -> Any:
        value = result(self)
        if Share.current is not None:
            for key, part in value.items() if isinstance(value, Mapping) else ((None, value),):
                if isinstance(part, torch.Tensor):
                    part._keras_result_of = (self, key)  # type: ignore[attr-defined]
        return value

    return named


def _returning_copy(result: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Keep logs from changing when a user's `result` returns a state variable itself."""

    @functools.wraps(result)
    def copied(self: Metric) -> Any:
        value = result(self)
        if isinstance(value, Variable):
            return value.detach().clone()
        if isinstance(self, PyMetric) and not isinstance(value, torch.Tensor):
            return torch.as_tensor(value, dtype=self._state_dtype)
        return value

    return copied
