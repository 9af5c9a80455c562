"""The facade over `torch.optim`: Keras's arguments, learning rate, counters, clipping, averages and state."""

from __future__ import annotations

import functools
import numbers
import re
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from keras_torch import config, legacy, registry
from keras_torch.backend.split_view import current
from keras_torch.backend.variable import Variable
from keras_torch.backend.variables import running
from keras_torch.distributed import parts
from keras_torch.optimizers import kernels, state
from keras_torch.optimizers.custom import CustomUpdates, defines_update
from keras_torch.optimizers.old_protocols import makes_slots
from keras_torch.optimizers.schedules import LearningRateSchedule
from keras_torch.optimizers.state_dict import StateDict
from keras_torch.optimizers.stateless import StatelessApply
from keras_torch.optimizers.steps import Steps
from keras_torch.symbolic.naming import unique_name

# Switches of the TensorFlow optimizers that have no counterpart: XLA compilation and a marker in saved configs.
HARMLESS = ("jit_compile", "is_legacy_optimizer")


# What may be set on an optimizer in use, and asks for more than the torch optimizer's step.
_EXTRAS = frozenset(("clipnorm", "clipvalue", "global_clipnorm", "loss_scale_factor", "weight_decay"))


class CallableList(list[Any]):
    """A list that may also be called, as `optimizer.variables()` was until Keras 2.10."""

    def __call__(self) -> list[Any]:
        return self


def _scalar(value: Any, dtype: torch.dtype, name: str, owner: str) -> Variable:
    variable = Variable(torch.tensor(value, dtype=dtype, device="cpu"), trainable=False, name=name)
    if config.is_modern():
        variable._scope = owner
    return variable


def _is_torch_scheduler(value: Any) -> bool:
    kind = value.func if isinstance(value, functools.partial) else value
    family = torch.optim.lr_scheduler.LRScheduler
    return isinstance(kind, family) or (isinstance(kind, type) and issubclass(kind, family))


class Optimizer(Steps, CustomUpdates, StateDict, StatelessApply):
    """Base class of all optimizers: a Keras front for one `torch.optim.Optimizer`, kept in `torch_optimizer`.

    The update is torch's; this class sets the hyper-parameters of each step, and does what torch leaves to the loop:
    `clipnorm`, `clipvalue`, `global_clipnorm`, decoupled `weight_decay`, moving averages of the weights (`use_ema`),
    `gradient_accumulation_steps`, `loss_scale_factor`, constraints, and Keras 1's and 2's `decay`
    (`learning_rate / (1 + decay * iterations)`). In dialects 1 and 2 `clipnorm` limits the norm of all gradients
    together and may be combined with `clipvalue`, as it did there.

    `build(variables)`, then `step()` updates from `.grad`; or `apply_gradients(pairs)`, `minimize(loss, variables)`.
    Subclasses may define Keras's `build` and `update_step(gradient, variable[, learning_rate])`.
    """

    # The torch optimizer that does the work, its state as Keras's slots, and whether Keras orders them by variable.
    torch_optimizer: torch.optim.Optimizer | None = None
    slots: tuple[state.Slot, ...] = ()
    slots_by_variable = True
    # What makes the torch optimizer's step by one kernel, if anything does.
    _kernel: Any = None
    # Whether the torch optimizer's state is this package's business.
    _owns_state = True
    _counts_in_keras_2 = True
    # What subclasses for TensorFlow pass on to `variable.assign`.
    _use_locking = True
    # Whether it updates each number of a weight by itself.
    _takes_parts = True
    # Whether its config has another form in dialects 1 and 2.
    _has_classic_config = True
    # The layout of `weights` and of files, where it is not the dialect's.
    _layout: str | None = None
    # The step itself, of a subclass that does more in its `apply_gradients`.
    _plain_step: Any = None
    # The model that is being trained by a `train_step` of the user's own.
    _model: weakref.ref[Any] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # The rows of old names mean today's classes, not those of `keras.optimizers.legacy`.
        if cls.__module__.startswith("keras_torch") and cls._layout is None:
            legacy.adapt(cls)
        if cls._plain_step is None and not cls.apply_gradients.__module__.startswith("keras_torch"):
            cls._plain_step, cls.step = cls.step, cls._step_by_apply_gradients  # type: ignore[method-assign, assignment]

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        decay: float | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(learning_rate, str) and name is None:
            # Subclasses written for Keras 2.11-2.15 pass the name first and set `_learning_rate` themselves.
            name, learning_rate = learning_rate, 0.001
        unknown = [key for key in kwargs if key not in HARMLESS]
        if unknown:
            raise TypeError(
                f"The optimizer {type(self).__name__} has no argument {', '.join(map(repr, sorted(unknown)))}. "
                f"Received: { ({key: kwargs[key] for key in unknown}) }"
            )
        self.name = name or (unique_name(self._default_name()) if config.dialect() == "3" else self._default_name())
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.global_clipnorm = global_clipnorm
        self.clipvalue = clipvalue
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.decay = float(decay or 0.0)
        self._dialect = config.dialect()
        self._check_arguments()

        self.built = False
        self._is_custom = defines_update(type(self)) or not (self._plain_step is None or self._has_torch_optimizer())
        self._iterations = _scalar(0, torch.int64, "iteration", self.name)
        self._learning_rate: Any = self._build_learning_rate(learning_rate)
        self._trainable_variables: list[Any] = []
        self._trainable_variables_indices: dict[int, int] = {}
        self._own_variables: list[Variable] = []
        self._params: list[torch.Tensor] = []
        # Of DTensors the parameters are the parts that this process has; `_joint` are those that every process has.
        self._split: list[tuple[torch.Tensor, Any]] = []
        self._joint: list[torch.Tensor] = self._params
        self._owners: list[int] = []
        self._averages: dict[torch.Tensor, torch.Tensor] = {}
        self._accumulated: dict[torch.Tensor, torch.Tensor] = {}
        self._excluded: set[int] = set()
        self._excluded_names: re.Pattern[str] | None = None
        self._plain = False
        self._direct = False
        self._synced: int | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name in _EXTRAS and self.__dict__.get("built"):
            self._plain = self._needs_nothing_else()

    def __getstate__(self) -> dict[str, Any]:
        # Indices are found by the identity of tensors, which copies do not share.
        left_out = ("_trainable_variables_indices", "_model")
        return {key: value for key, value in self.__dict__.items() if key not in left_out}

    def __getattr__(self, name: str) -> Any:
        if name != "_trainable_variables_indices":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        found = {self._var_key(variable): index for index, variable in enumerate(self._trainable_variables)}
        self._trainable_variables_indices = found
        return found

    @classmethod
    def _default_name(cls) -> str:
        return cls.__name__ if config.dialect() in ("1", "2", "tf") else registry.snake_case(cls.__name__)

    def _check_arguments(self) -> None:
        clips = {"clipnorm": self.clipnorm, "clipvalue": self.clipvalue, "global_clipnorm": self.global_clipnorm}
        given = [key for key, value in clips.items() if value is not None]
        allowed = {"clipnorm", "clipvalue"} if self._dialect in ("1", "2", "tf") else set()
        if len(given) > 1 and not set(given) <= allowed:
            raise ValueError(
                f"{type(self).__name__} takes one of `clipnorm`, `clipvalue` and `global_clipnorm`, not several. "
                f"Received: {clips}"
            )
        steps = self.gradient_accumulation_steps
        if steps and steps < 2:
            raise ValueError(
                f"{type(self).__name__}: `gradient_accumulation_steps` counts batches per update, 2 or more (None for "
                f"one). Received: {steps!r}"
            )
        if self.use_ema:
            if not 0 <= self.ema_momentum <= 1:
                raise ValueError(
                    f"{type(self).__name__}: `ema_momentum` must lie between 0 and 1. Received: {self.ema_momentum!r}"
                )
            every = self.ema_overwrite_frequency
            if every and (not isinstance(every, int) or every < 1):
                raise ValueError(
                    f"{type(self).__name__}: `ema_overwrite_frequency` must be a whole number of updates, or None for "
                    f"never. Received: {every!r}"
                )

    # The learning rate and the counter.

    def _build_learning_rate(self, learning_rate: Any) -> Any:
        if _is_torch_scheduler(learning_rate):
            raise ValueError(
                "A torch learning rate scheduler belongs to a torch optimizer. Pass that optimizer to `compile` and "
                "call `scheduler.step()` in a callback, or make a schedule for any optimizer of the scheduler's class: "
                "`learning_rate=keras.optimizers.schedules.TorchSchedule(0.1, torch.optim.lr_scheduler.StepLR, "
                f"step_size=30)`. Received: learning_rate={learning_rate!r}"
            )
        if isinstance(learning_rate, Mapping):
            return registry.schedules.get(learning_rate)
        if isinstance(learning_rate, LearningRateSchedule):
            return learning_rate
        if isinstance(learning_rate, numbers.Real) or hasattr(learning_rate, "__float__"):
            dtype = config.torch_dtype(config.floatx())
            return _scalar(float(learning_rate), dtype, "learning_rate", self.name)
        if callable(learning_rate):
            return learning_rate
        raise ValueError(
            f"`learning_rate` of {type(self).__name__} must be a number, a LearningRateSchedule, or a function without "
            f"arguments that returns a number. Received: {learning_rate!r}"
        )

    def _rate_is_variable(self) -> bool:
        return isinstance(self._learning_rate, Variable)

    @property
    def learning_rate(self) -> Any:
        """The learning rate: a variable (`assign`, `numpy`, `float`), or the schedule's current value as a tensor.

        Can be set to a number, a tensor or a schedule; a number raises TypeError if a schedule is in use.
        """
        rate = self._learning_rate
        if isinstance(rate, LearningRateSchedule):
            current = rate(self._iterations)
            if isinstance(current, torch.Tensor):
                # For `K.set_value(optimizer.lr, ...)`, which would set a value that nobody reads.
                current._cannot_be_set = self._follows_a_schedule()  # type: ignore[attr-defined]
            return current
        return rate if isinstance(rate, torch.Tensor) else rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        current = self._learning_rate
        if isinstance(value, LearningRateSchedule) or (callable(value) and not isinstance(value, torch.Tensor)):
            self._learning_rate = value
        elif running() is not None and not isinstance(current, LearningRateSchedule):
            # An optimizer around this one sets a rate for a part of the weights, and then the old variable again.
            self._learning_rate = value if isinstance(value, Variable) else functools.partial(float, float(value))
        elif isinstance(current, LearningRateSchedule):
            raise TypeError(f"{self._follows_a_schedule()} Received: {value!r}")
        elif isinstance(current, Variable):
            current.assign(value)
        else:
            self._learning_rate = self._build_learning_rate(value)

    def _follows_a_schedule(self) -> str:
        return (
            f"The learning rate of {type(self).__name__} follows a LearningRateSchedule "
            f"({type(self._learning_rate).__name__}), so it cannot be set to a number. Make the optimizer with a float "
            "`learning_rate`, or assign another schedule."
        )

    @property
    def lr(self) -> Any:
        """Old name of `learning_rate`."""
        return self.learning_rate

    @lr.setter
    def lr(self, value: Any) -> None:
        self.learning_rate = value

    def _rate(self) -> float:
        """The learning rate of the coming step, `decay` included."""
        rate = self._learning_rate
        if type(rate) is Variable:
            value = rate.item()
        elif hasattr(rate, "rate"):
            value = float(rate.rate(self._iterations.item()))
        else:
            value = float(rate(self._iterations) if isinstance(rate, LearningRateSchedule) else rate())
        return value / (1.0 + self.decay * self._iterations.item()) if self.decay else value

    @property
    def iterations(self) -> Any:
        """Number of updates so far, as an int64 variable (a tensor with `gradient_accumulation_steps`)."""
        if self.gradient_accumulation_steps:
            return self._iterations // self.gradient_accumulation_steps
        return self._iterations

    @iterations.setter
    def iterations(self, value: Any) -> None:
        self._iterations.assign(torch.as_tensor(int(value)))

    # Variables.

    def build(self, variables: Iterable[Any]) -> None:
        """Prepare updates of `variables` (Variable, WeightView or torch tensors). Later calls add new ones."""
        # Variables that share a tensor count once.
        found = {self._var_key(variable): variable for variable in variables}
        new = [variable for key, variable in found.items() if key not in self._trainable_variables_indices]
        if self.built and not new:
            return
        params: list[torch.Tensor] = []
        for variable in new:
            index = len(self._trainable_variables)
            self._trainable_variables_indices[self._var_key(variable)] = index
            self._trainable_variables.append(variable)
            tensors = [tensor for tensor in state.storages(variable) if tensor.is_floating_point()]
            if any(tensor.requires_grad for tensor in tensors):
                tensors = [tensor for tensor in tensors if tensor.requires_grad]
            self._split += [(parts.part(tensor), tensor) for tensor in tensors if parts.is_split(tensor)]
            params += map(parts.part, tensors)
            self._owners += [index] * len(tensors)
        self._params += params
        if self._split:
            self._set_apart()
        if params and not self._is_custom:
            self._build_torch_optimizer(params)
        if self.use_ema:
            self._averages.update((param, param.detach().clone()) for param in params)
        if self.gradient_accumulation_steps:
            self._accumulated.update((param, torch.zeros_like(param)) for param in params)
        self._decays = [self._use_weight_decay(self._trainable_variables[owner]) for owner in self._owners]
        self._constrained = [v for v in self._trainable_variables if getattr(v, "constraint", None) is not None]
        self._plain = self._needs_nothing_else()
        self._direct = kernels.fits(self._kernel, self.torch_optimizer, self._params)
        if self._direct and self._kernel is kernels.adam and params:
            kernels.join_counts(self.torch_optimizer)  # type: ignore[arg-type]
        self._synced = None
        self.built = True
        if makes_slots(type(self)):
            self._create_slots(new)
        self._load_pending_state()

    def rebind(self, moved: Mapping[torch.Tensor, Any]) -> None:
        """Go on with the DTensors that took the place of tensors, and with this process's parts of the state."""
        held = self.torch_optimizer
        if held is not None:
            for group in held.param_groups:
                group["params"] = [parts.part(moved.get(param, param)) for param in group["params"]]
        places = {param: moved[param] for param in self._params if param in moved}
        if not places:
            return
        self._split += [(parts.part(tensor), tensor) for tensor in places.values()]
        own = {param: parts.part(tensor) for param, tensor in places.items()}

        def cut(value: Any, param: torch.Tensor) -> Any:
            fits = param in places and isinstance(value, torch.Tensor) and value.shape == param.shape
            return parts.cut(value, places[param]).clone() if fits else value

        for kept in (self._averages, self._accumulated):
            values = {own.get(param, param): cut(value, param) for param, value in kept.items()}
            kept.clear()
            kept.update(values)
        if held is not None:
            entries = {
                own.get(param, param): {key: cut(value, param) for key, value in entry.items()}
                for param, entry in held.state.items()
            }
            held.state.clear()
            held.state.update(entries)
        self._params[:] = [own.get(param, param) for param in self._params]
        self._set_apart()
        self._trainable_variables[:] = map(current, self._trainable_variables)
        self._constrained = [v for v in self._trainable_variables if getattr(v, "constraint", None) is not None]
        self.__dict__.pop("_trainable_variables_indices", None)

    def _set_apart(self) -> None:
        """Note which parameters every process has. ValueError if parts of others are of no use to the optimizer."""
        origins = self._origins()
        joint = (param for param in self._params if not parts.is_reduced(origins.get(id(param), param)))
        self._joint = list(joint)
        if not self._takes_parts:
            raise ValueError(
                f"The optimizer {type(self).__name__} looks at a weight as a whole, and cannot update those that are "
                "sharded among processes. Take another, such as AdamW, or train without `--shard` and `--zero`."
            )

    def _needs_nothing_else(self) -> bool:
        """Whether a step is the torch optimizer's step and no more."""
        return not (
            self._is_custom
            or self._plain_step is not None
            or self._constrained
            or self.use_ema
            or self.gradient_accumulation_steps
            or self.loss_scale_factor
            or self.clipnorm
            or self.clipvalue
            or self.global_clipnorm
            or self._decays_here()
        )

    def _build_torch_optimizer(self, params: list[torch.Tensor]) -> None:
        if self.torch_optimizer is None:
            self.torch_optimizer = self._make_torch_optimizer(params)
        else:
            self.torch_optimizer.param_groups[0]["params"] += params
        for param in params:
            self.torch_optimizer.state[param] = self._initial_state(param)

    def _var_key(self, variable: Any) -> int:
        return id(state.storages(variable)[0])

    def _get_variable_index(self, variable: Any) -> int:
        try:
            return self._trainable_variables_indices[self._var_key(variable)]
        except KeyError:
            name = getattr(variable, "path", "a tensor")
            raise ValueError(
                f"Unknown variable: {name}. The optimizer {self.name!r} was built on "
                f"{len(self._trainable_variables)} other variables; call `optimizer.build(variables)` with all of them."
            ) from None

    # What the classes of this package define: how torch's optimizer is made, prepared for a step, and read.

    def _make_torch_optimizer(self, params: list[torch.Tensor]) -> torch.optim.Optimizer:
        """Return the torch optimizer that does the updates."""
        raise NotImplementedError(
            f"The optimizer class {type(self).__name__} must define `update_step(gradient, variable, learning_rate)`."
        )

    def _has_torch_optimizer(self) -> bool:
        return type(self)._make_torch_optimizer is not Optimizer._make_torch_optimizer

    def _initial_state(self, param: torch.Tensor) -> dict[str, Any]:
        """Return the torch optimizer's state of a new parameter."""
        return {}

    def _configure(self, group: dict[str, Any], rate: float, step: int) -> None:
        """Set the hyper-parameters of step number `step` (from 1) in the torch optimizer's group."""
        group["lr"] = rate

    def _set_step(self, step: int) -> None:
        """Tell the torch optimizer how many steps were made, when its own count is off."""
        assert self.torch_optimizer is not None
        counts = [entry["step"] for entry in self.torch_optimizer.state.values() if "step" in entry]
        if counts:
            torch._foreach_zero_(counts)
            torch._foreach_add_(counts, float(step))

    def _torch_decays_weights(self) -> bool:
        """Whether the torch optimizer applies `weight_decay` itself."""
        return False

    def _slot_groups(self, layout: str) -> list[list[state.Slot]]:
        """Slots in the order of a file layout; those of one inner list alternate, variable by variable."""
        if self.slots_by_variable and layout in ("tf", "3") and self.slots:
            return [list(self.slots)]
        return [[slot] for slot in self.slots]

    def _has_slot(self, slot: state.Slot, index: int, layout: str) -> bool:
        """Whether a file of `layout` has the slot for a variable."""
        return True

    def _slot_handle(self, slot: state.Slot, index: int, name: str, layout: str) -> state.SlotVariable:
        return state.SlotVariable(self, slot, index, name)

    def _scalar_states(self, layout: str) -> list[state.ScalarState]:
        """State that is one number for all variables."""
        return []

    def _slot_tensors(self, key: str) -> dict[torch.Tensor, torch.Tensor]:
        if key in ("average", "gradient_accumulator"):
            return self._averages if key == "average" else self._accumulated
        held = self.torch_optimizer.state.items() if self.torch_optimizer is not None else ()
        return {param: entry[key] for param, entry in held if key in entry}

    def _read_slot(self, key: str, param: torch.Tensor) -> torch.Tensor | None:
        """Return Keras's value of a slot in torch's layout, None where none is kept."""
        found = self._slot_tensors(key).get(parts.part(param))
        return None if found is None else parts.joined(found, param)

    def _write_slot(self, key: str, param: torch.Tensor, value: torch.Tensor) -> None:
        """Set a slot from Keras's value in torch's layout."""
        tensor = self._slot_tensors(key).get(parts.part(param))
        if tensor is not None:
            tensor.copy_(parts.cut(value, param))

    def _state_restored(self) -> None:
        self._synced = None

    def exclude_from_weight_decay(
        self, var_list: Iterable[Any] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Exempt variables from weight decay: those in `var_list`, and those with one of `var_names` in their name."""
        if self.built:
            raise ValueError(
                f"The optimizer {self.name!r} is built already, so `exclude_from_weight_decay` comes too late. Call it "
                "before training or `build`."
            )
        self._excluded = {self._var_key(variable) for variable in var_list or ()}
        names = sorted(set(var_names or ()))
        self._excluded_names = re.compile("|".join(names)) if names else None

    def _use_weight_decay(self, variable: Any) -> bool:
        if self._var_key(variable) in self._excluded:
            return False
        names = (getattr(variable, "path", ""), getattr(variable, "name", None) or "")
        return self._excluded_names is None or not any(self._excluded_names.search(name) for name in names)

    # State and configuration.

    @property
    def variables(self) -> CallableList:
        """State as handles with `numpy` and `assign`, in Keras 3's order (2.15's in the older dialects)."""
        modern = "tf" if self._dialect in ("1", "2", "tf") else "3"
        return CallableList(state.handles(self, self._layout or modern))

    @property
    def weights(self) -> list[Any]:
        """State as handles with `numpy` and `assign`, in the order of the dialect's Keras."""
        return state.handles(self)

    @weights.setter
    def weights(self, value: Iterable[Any]) -> None:
        # Optimizers for Keras 1 and 2 list their variables here.
        self._own_variables = [variable for variable in value if variable is not self._iterations]

    def get_weights(self) -> list[Any]:
        """Return the state as numpy arrays, in the order of the dialect's Keras (2.15's without a dialect)."""
        return [entry.array for entry in state.export(self)]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Restore what `get_weights` returned, also that of another generation. ValueError if the shapes differ."""
        if not self.built:
            raise ValueError(
                f"The optimizer {self.name!r} has no state to set, because it does not know its variables. Call "
                f"`optimizer.build(model.trainable_variables)` first. Received: {len(weights)} arrays"
            )
        state.import_(self, weights)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with Keras 3's keys (and `decay` if it is used).

        In dialects 1 and 2 they are `lr`, `decay` and what is not as usual, so that scripts of the time find theirs.
        """
        rate = self._learning_rate
        if isinstance(rate, LearningRateSchedule):
            rate = registry.schedules.serialize(rate)
        else:
            rate = float(rate if isinstance(rate, Variable) else rate())
        settings: dict[str, Any] = {"name": self.name, "learning_rate": rate}
        for key in (
            "weight_decay",
            "clipnorm",
            "global_clipnorm",
            "clipvalue",
            "use_ema",
            "ema_momentum",
            "ema_overwrite_frequency",
            "loss_scale_factor",
            "gradient_accumulation_steps",
        ):
            settings[key] = getattr(self, key)
        if self._has_classic_config and config.is_classic():
            return self._classic_config(settings)
        if self.decay:
            settings["decay"] = float(self.decay)
        return settings

    def _classic_config(self, settings: dict[str, Any]) -> dict[str, Any]:
        usual = {"name": type(self).__name__, "use_ema": False}
        if not self.use_ema:
            settings = {key: value for key, value in settings.items() if not key.startswith("ema_")}
        changed = {key: value for key, value in settings.items() if value is not None and value != usual.get(key)}
        if next(cls for cls in type(self).__mro__ if cls.__module__.startswith("keras_torch.")) is Optimizer:
            # Keras 1 and 2's base class left the rate to its subclasses.
            return {key: value for key, value in changed.items() if key not in ("learning_rate", "name")}
        return {"lr": changed.pop("learning_rate"), "decay": float(self.decay), **changed}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
        """Make an optimizer, without state, from the result of `get_config`."""
        config = dict(config)
        for key in ("learning_rate", "lr"):
            if isinstance(config.get(key), Mapping):
                config[key] = registry.schedules.get(config[key], custom_objects)
        return cls(**config)

    def __repr__(self) -> str:
        found = self.get_config()
        rate = found.get("learning_rate", found.get("lr"))
        return f"<{type(self).__name__} name={self.name!r} learning_rate={rate!r}>"
