"""Optimizers that users wrote for Keras before 2.11: with `get_updates`, or with `_resource_apply_dense`.

`get_updates(loss, params)` built a graph once. Here it runs at every step, on the gradients themselves: the variables
that it makes are made once and found again, and updates wait until it has returned, so that all of them see the values
of before, as in the graph. `_create_slots` and `_resource_apply_dense` are called as in tf.keras.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree

from keras_torch import backend, initializers
from keras_torch.backend.function import Step, gradients
from keras_torch.backend.session import Operation
from keras_torch.backend.variable import Variable, WeightView
from keras_torch.backend.variables import GraphRun, Update, is_tensor, running
from keras_torch.distributed import parts
from keras_torch.optimizers import schedules, state
from keras_torch.optimizers.schedules import LearningRateSchedule
from keras_torch.optimizers.steps import set_gradient
from keras_torch.symbolic import KerasTensor, get_source_inputs, record_function, sort_nodes


def trainable_in(loss: KerasTensor) -> list[Any]:
    """Return the trainable variables that a symbolic tensor is computed from: those of layers, and others."""
    found: dict[int, Any] = {}
    for node in sort_nodes(get_source_inputs(loss), [loss])[0]:
        leaves = pytree.tree_leaves((node.args, node.kwargs, node.outputs))
        for item in (*getattr(node.operation, "trainable_weights", ()), *leaves):
            variable = item.__dict__.get("variable", item) if isinstance(item, KerasTensor) else item
            if isinstance(variable, (Variable, WeightView)) and variable.trainable:
                found.setdefault(id(variable), item)
    return list(found.values())


class OldProtocols:
    """What Keras's base class offered to subclasses before 2.11."""

    name: str
    learning_rate: Any
    iterations: Any
    _iterations: Any
    _rate: Callable[[], float]
    _own_variables: list[Variable]
    _trainable_variables: list[Any]
    _get_variable_index: Callable[[Any], int]
    apply_gradients: Callable[[Any], Any]
    _clip: Callable[[list[torch.Tensor], Sequence[int]], list[torch.Tensor]]
    torch_optimizer: torch.optim.Optimizer | None
    build: Callable[[Iterable[Any]], None]
    _is_custom: bool
    _synced: int | None
    _params: list[torch.Tensor]
    slots: tuple[state.Slot, ...]
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    _has_torch_optimizer: Callable[[], bool]
    _update: Callable[[float, list[torch.Tensor]], None]
    _build_torch_optimizer: Callable[[list[torch.Tensor]], None]
    _graph_run: GraphRun | None = None
    _plain_optimizer: Any = None

    def get_gradients(self, loss: Any, params: Iterable[Any]) -> list[Any]:
        """Return the (clipped) gradients of a loss, in Keras's layout. ValueError where there is none."""
        variables = list(params)
        if isinstance(loss, KerasTensor):
            symbolic = gradients(loss, variables)
            clips = self.clipnorm or self.clipvalue or self.global_clipnorm
            return record_function(self._clip_all, (symbolic,), {}) if clips else symbolic
        if running() is not None:
            return [gradient_of(variable) for variable in variables]
        tensors = [tensor for variable in variables for tensor in state.storages(variable) if tensor.requires_grad]
        parts.refuse_split(tensors, "`get_gradients`")
        found = torch.autograd.grad(loss, tensors, allow_unused=True)
        by_tensor = {id(tensor): grad for tensor, grad in zip(tensors, found, strict=True)}
        whole: list[torch.Tensor] = []
        for index, variable in enumerate(variables):
            grad = gradient_of(variable, by_tensor)
            if grad is None:
                raise ValueError(
                    f"The loss does not depend on {state.path_of(variable, index)!r}, so there is no gradient. "
                    "Operations without one are e.g. argmax and round."
                )
            whole.append(grad)
        return self._clip(whole, range(len(whole)))

    def _clip_all(self, grads: list[torch.Tensor]) -> list[torch.Tensor]:
        return self._clip(list(grads), range(len(grads)))

    def get_updates(self, *args: Any, loss: Any = None, params: Any = None, constraints: Any = None) -> list[Any]:
        """Return what `K.function(updates=)` takes to update `params` by the gradients of a symbolic `loss`.

        By position `(loss, params)`, or `(params, constraints, loss)` as up to Keras 2.0.6. The variables know their
        constraints. Called by the `get_updates` of a subclass, or of an optimizer around this one, it returns what
        `K.update` makes of each variable and its new value, from the gradients at hand.
        """
        for item in args:
            if params is None and isinstance(item, (list, tuple)):
                params = item
            elif loss is None and is_tensor(item):
                loss = item
        if loss is None or params is None:
            raise TypeError(f"`get_updates` takes a loss and a list of variables. Received: {args!r}")
        variables = list(params)
        if not isinstance(loss, KerasTensor):
            run = running()
            if run is None:
                return [Step([], functools.partial(_refuse_number, loss))]
            return self._updates_now(variables, self.get_gradients(loss, variables))
        found = gradients(loss, variables)
        return [Step(found, lambda values: self.apply_gradients(zip(values, variables, strict=True)))]

    def _updates_now(self, variables: list[Any], grads: Sequence[Any]) -> list[Any]:
        """Make a step, and take it back from the variables to return it as updates of them."""
        optimizer = self._without_get_updates()
        pairs = list(zip(grads, variables, strict=True))
        before = [[tensor.detach().clone() for tensor in state.storages(variable)] for variable in variables]
        optimizer.apply_gradients(pairs, skip_gradients_aggregation=True)
        updates = []
        for variable, old in zip(variables, before, strict=True):
            tensors = state.storages(variable)
            new = state.from_storage(variable, [tensor.detach().clone() for tensor in tensors])
            with torch.no_grad():
                for tensor, value in zip(tensors, old, strict=True):
                    tensor.copy_(value)
            # A script may have put a function of its own in the place of `K.update`, to learn of them.
            updates.append(backend.update(variable, new))
        return updates

    def _without_get_updates(self) -> Any:
        """Return this optimizer, or for a subclass with its own `get_updates` one of the class above that has none."""
        own = type(self).get_updates
        if own is OldProtocols.get_updates:
            return self
        if self._plain_optimizer is None:
            base: Any = next(cls for cls in type(self).__mro__ if cls.get_updates is OldProtocols.get_updates)  # type: ignore[attr-defined]
            self._plain_optimizer = base.from_config(base.get_config(self))
        self._plain_optimizer.learning_rate = self._rate()
        return self._plain_optimizer

    def compute_gradients(self, loss: Any, var_list: Any = None) -> list[tuple[Any, Any]]:
        """Return pairs of a symbolic gradient and a variable, as optimizers of TensorFlow 1 did.

        Without `var_list`, those are the trainable variables that the symbolic `loss` is computed from.
        """
        if not isinstance(loss, KerasTensor):
            raise TypeError(
                "`compute_gradients` takes a symbolic loss, as graphs of TensorFlow 1 have. Use `tf.GradientTape`. "
                f"Received: {loss!r}"
            )
        variables = trainable_in(loss) if var_list is None else list(var_list)
        if not variables:
            raise ValueError(f"The loss {loss.name!r} is computed from no trainable variable. Pass `var_list`.")
        return list(zip(gradients(loss, variables), variables, strict=True))

    def _symbolic_step(self, pairs: list[tuple[Any, Any]], global_step: Any = None) -> Operation:
        """Return what a session runs to make one step from symbolic gradients, and to count it."""
        known = [(grad, getattr(variable, "variable", variable)) for grad, variable in pairs if grad is not None]
        variables = [variable for _, variable in known]
        step: Any = Step(
            [grad for grad, _ in known], lambda values: self.apply_gradients(zip(values, variables, strict=True))
        )
        if global_step is None:
            return Operation([step])
        count = Update((getattr(global_step, "variable", global_step), None))
        count.change = lambda value: value + 1
        return Operation([step, count])

    def _run_get_updates(self, variables: list[Any]) -> None:
        """Run the `get_updates` of a subclass and make the updates that it returns."""
        if self._graph_run is None:
            self._graph_run = GraphRun()
        if isinstance(self.__dict__.get("updates"), list):
            # Those of the step before, which a subclass may go on with if there are any.
            self.__dict__["updates"] = []
        with self._graph_run:
            names = list(inspect.signature(self.get_updates).parameters)
            loss = torch.zeros(())
            if "constraints" in names:
                constraints = {v: v.constraint for v in variables if getattr(v, "constraint", None) is not None}
                updates = self.get_updates(variables, constraints, loss)
            else:
                updates = self.get_updates(loss=loss, params=variables)
        for update in updates or ():
            if not isinstance(update, tuple) or len(update) != 2:
                raise ValueError(
                    f"`get_updates` of {type(self).__name__} must return pairs of a variable and its new value, as "
                    f"`K.update` makes them. Received: {update!r}"
                )
        made = [update if isinstance(update, Update) else Update(update) for update in updates or ()]
        made = [update for update in made if update[0] is not self._iterations]
        # All of them see the variables as they are before any is changed.
        for update, value in [(update, update.value()) for update in made]:
            update[0].assign(value)
        if not self._own_variables:
            self._own_variables = [made for made in self._graph_run.made if made is not self._iterations]

    # tf.keras 2.0-2.10

    @property
    def _hyper(self) -> dict[str, Any]:
        """The hyper-parameters that a subclass set with `_set_hyper`."""
        return self.__dict__.setdefault("_own_hyper", {})

    def _set_hyper(self, name: str, value: Any) -> None:
        """Set a hyper-parameter: a number, a function, or for `learning_rate` a schedule."""
        if name in ("learning_rate", "lr"):
            self.learning_rate = value
        else:
            self._hyper[name] = value

    def _get_hyper(self, name: str, dtype: Any = None) -> Any:
        """Return a hyper-parameter, also one of the class above, as a tensor; a schedule as it is."""
        value = self._hyper[name] if name in self._hyper else getattr(self, name)
        if isinstance(value, LearningRateSchedule):
            return value
        return torch.as_tensor(value() if callable(value) and not isinstance(value, torch.Tensor) else value)

    def _serialize_hyperparameter(self, name: str) -> Any:
        value = self._get_hyper(name)
        return schedules.serialize(value) if isinstance(value, LearningRateSchedule) else float(value)

    @property
    def _initial_decay(self) -> Any:
        return self.__dict__.get("decay") or 0.0

    def _decayed_lr(self, var_dtype: Any = None) -> torch.Tensor:
        """Return the rate of this step, `decay` included."""
        return torch.tensor(self._rate())

    def _prepare(self, var_list: Iterable[Any]) -> dict[Any, dict[str, Any]]:
        """Return what `_prepare_local` prepares for each device and dtype of the variables."""
        apply_state: dict[Any, dict[str, Any]] = {}
        for place in dict.fromkeys((var.device, getattr(var.dtype, "base_dtype", var.dtype)) for var in var_list):
            apply_state[place] = {}
            self._prepare_local(*place, apply_state)
        return apply_state

    def _prepare_local(self, var_device: Any, var_dtype: Any, apply_state: dict[Any, dict[str, Any]]) -> None:
        """Put what is the same for all variables of a device and dtype into `apply_state`: here the rate."""
        apply_state[(var_device, var_dtype)]["lr_t"] = self._decayed_lr(var_dtype)

    def _fallback_apply_state(self, var_device: Any, var_dtype: Any) -> dict[str, Any]:
        """Return what `_prepare_local` of a subclass prepares."""
        apply_state: dict[Any, dict[str, Any]] = {(var_device, var_dtype): {}}
        self._prepare_local(var_device, var_dtype, apply_state)
        return apply_state[(var_device, var_dtype)]

    def _create_hypers(self) -> None:
        """Make variables of the hyper-parameters; they are read where they stand."""

    def _create_slots(self, var_list: Iterable[Any]) -> None:
        """Make the state of the class above, for an optimizer around this one or a subclass that changes the update."""
        variables = list(var_list)
        self.build(variables)
        if applies_each(type(self)) and self._has_torch_optimizer():
            known = () if self.torch_optimizer is None else self.torch_optimizer.state
            new = [param for variable in variables for param in self._params_of(variable) if param not in known]
            if new:
                self._build_torch_optimizer(new)

    def _create_all_weights(self, var_list: Iterable[Any]) -> None:
        self._create_slots(var_list)

    def _params_of(self, variable: Any) -> list[torch.Tensor]:
        return [part for part in map(parts.part, state.storages(variable)) if part.is_floating_point()]

    def add_slot(self, var: Any, slot_name: str, initializer: Any = "zeros", shape: Any = None) -> Variable:
        """Add a variable that belongs to a model's variable, or return the one that is there."""
        self.build([var])
        slots = self.__dict__.setdefault("_slots", {})
        key = (self._get_variable_index(var), slot_name)
        if key not in slots:
            if isinstance(initializer, str) or (callable(initializer) and not is_tensor(initializer)):
                wanted = tuple(var.shape if shape is None else shape)
                initializer = initializers.get(initializer)(wanted, dtype=str(var.dtype).removeprefix("torch."))
            initializer = getattr(initializer, "value", initializer)
            value = torch.as_tensor(initializer).detach().to(state.storages(var)[0].device).clone()
            path = f"{type(self).__name__}/{state.path_of(var, len(slots))}/{slot_name}"
            slots[key] = Variable(value, trainable=False, name=path)
            self._own_variables.append(slots[key])
        return slots[key]

    def get_slot(self, var: Any, slot_name: str) -> Any:
        """Return a variable that `add_slot` made, or a handle on the state of the class above."""
        index = self._get_variable_index(var)
        made = self.__dict__.get("_slots", {}).get((index, slot_name))
        if made is not None:
            return made
        found = {slot.name("v2"): slot for slot in self.slots}
        if slot_name not in found or self.torch_optimizer is None:
            raise KeyError(f"The optimizer {self.name!r} has no slot {slot_name!r}. Make it with `add_slot`.")
        return state.SlotVariable(self, found[slot_name], index, slot_name)  # type: ignore[arg-type]

    @property
    def _weights(self) -> list[Any]:
        return state.handles(self)  # type: ignore[arg-type]

    @property
    def _dense_apply_args(self) -> list[str]:
        return list(inspect.signature(self._resource_apply_dense).parameters)

    def _resource_apply_dense(self, grad: torch.Tensor, var: Any, apply_state: Any = None) -> None:
        """Update one variable as the class above does, in the step that is under way."""
        self._create_slots([var])
        optimizer = self.torch_optimizer
        if optimizer is None:
            raise NotImplementedError(
                f"The optimizer class {type(self).__name__} has no class above whose `_resource_apply_dense` updates a "
                "variable. Define all of the update, or derive from a class such as `keras.optimizers.legacy.Adam`."
            )
        group, params = optimizer.param_groups[0], self._params_of(var)
        everything, before = group["params"], [param.grad for param in params]
        group["params"] = params
        try:
            set_gradient(var, grad)
            self._update(self._rate(), params)
            # The other variables are still to make this step.
            self._synced = int(self._iterations)
        finally:
            group["params"] = everything
            for param, kept in zip(params, before, strict=True):
                param.grad = kept

    def _apply_each(self, pairs: Sequence[tuple[Any, torch.Tensor]]) -> None:
        """Call `_resource_apply_dense` for each variable and gradient, with `apply_state` where it takes one."""
        apply_state = self._prepare([variable for variable, _ in pairs])
        extra = {"apply_state": apply_state} if "apply_state" in self._dense_apply_args else {}
        for variable, gradient in pairs:
            self._resource_apply_dense(gradient, variable, **extra)

    def _step_by_apply_gradients(self) -> None:
        """Make the step of a subclass that does more in its `apply_gradients`."""
        pairs = [(gradient_of(variable), variable) for variable in self._trainable_variables]
        self.apply_gradients([pair for pair in pairs if pair[0] is not None])


def applies_each(cls: type) -> bool:
    """Whether a class has a `_resource_apply_dense` of its own."""
    return cls._resource_apply_dense is not OldProtocols._resource_apply_dense  # type: ignore[attr-defined]


def makes_slots(cls: type) -> bool:
    """Whether `_create_slots` has something to make when an optimizer of a class gets to know variables."""
    return applies_each(cls) or cls._create_slots is not OldProtocols._create_slots  # type: ignore[attr-defined]


def _refuse_number(loss: Any, values: Any) -> None:
    raise ValueError(
        "The loss of these updates is a number that was computed before, not a symbolic tensor, so it does not change "
        f"with the variables. Compute it from `K.placeholder(...)` or the outputs of a model. Received: {loss!r}"
    )


def gradient_of(variable: Any, grads: dict[int, torch.Tensor] | None = None) -> torch.Tensor | None:
    """Return a variable's gradient in Keras's layout, from `.grad` or from a dict by tensor; None if it has none."""
    tensors = state.storages(variable)
    found = [parts.part(tensor).grad if grads is None else grads.get(id(tensor)) for tensor in tensors]
    if all(grad is None for grad in found):
        return None
    pieces = [torch.zeros_like(parts.part(t)) if g is None else g for t, g in zip(tensors, found, strict=True)]
    return state.from_storage(variable, [parts.joined(g, t) for t, g in zip(tensors, pieces, strict=True)])
