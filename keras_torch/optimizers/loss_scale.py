"""LossScaleOptimizer: gradients in float16 kept from vanishing, by a factor on the loss that adapts itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch

from keras_torch import registry
from keras_torch.backend.variable import Variable
from keras_torch.distributed import Share, parts
from keras_torch.optimizers.base import HARMLESS, Optimizer

# What Keras 3 wrote of the outer optimizer before it said that these belong to the inner one.
_UNUSED = {
    "weight_decay": None,
    "clipnorm": None,
    "global_clipnorm": None,
    "clipvalue": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
    "learning_rate": 0.0,
}


class LossScaleOptimizer(Optimizer):
    """Wraps an optimizer: the loss is multiplied by a scale, gradients are divided by it, and the scale adapts.

    A step whose gradients are not all finite is skipped and halves the scale; `dynamic_growth_steps` steps in a row
    without one double it. `compile` wraps the optimizer of a model of the policy "mixed_float16". The arithmetic is
    that of `torch.amp.GradScaler`, on the device; torch's fused optimizers on CUDA skip there, without waiting.

    `step()` and `apply` take gradients of `scale_loss(loss)`. In tf.keras's dialect, and after
    `get_unscaled_gradients`, `apply_gradients` takes unscaled ones; there skipped steps count as iterations, and the
    scale stays at 1 or above. `dynamic=False` keeps `initial_scale`, and then skips nothing.
    """

    def __init__(
        self,
        inner_optimizer: Any,
        initial_scale: float | None = None,
        dynamic_growth_steps: int | None = None,
        name: str | None = None,
        dynamic: bool = True,
        **kwargs: Any,
    ) -> None:
        for key, usual in _UNUSED.items():
            if kwargs.pop(key, usual) != usual:
                raise ValueError(f"LossScaleOptimizer has no `{key}` of its own. Set it on the inner optimizer.")
        unknown = sorted(set(kwargs) - set(HARMLESS))
        if unknown:
            raise ValueError(
                f"LossScaleOptimizer takes inner_optimizer, initial_scale, dynamic_growth_steps, name and dynamic. "
                f"Received: {', '.join(unknown)}"
            )
        if not isinstance(inner_optimizer, Optimizer) or isinstance(inner_optimizer, LossScaleOptimizer):
            raise TypeError(
                "`inner_optimizer` of LossScaleOptimizer must be an optimizer that is not wrapped by one yet. "
                f"Received: {inner_optimizer!r} of type {type(inner_optimizer).__name__}"
            )
        if not dynamic and (initial_scale is None or dynamic_growth_steps is not None):
            raise ValueError(
                "LossScaleOptimizer with `dynamic=False` needs `initial_scale` and has no `dynamic_growth_steps`. "
                f"Received: initial_scale={initial_scale!r}, dynamic_growth_steps={dynamic_growth_steps!r}"
            )
        super().__init__(learning_rate=0.0, name=name, **kwargs)
        self.inner_optimizer = inner_optimizer
        self.dynamic = bool(dynamic)
        self.initial_scale = 2.0**15 if initial_scale is None else float(initial_scale)
        self.dynamic_growth_steps = (dynamic_growth_steps or 2000) if dynamic else None
        # Otherwise gradients would be scaled twice.
        inner_optimizer.loss_scale_factor = None
        self.step_counter = Variable(torch.zeros((), dtype=torch.int32), trainable=False, name="step_counter")
        self.dynamic_scale = Variable(torch.full((), self.initial_scale), trainable=False, name="dynamic_scale")
        self._takes_unscaled = self._dialect == "tf"
        self._unscaled = False
        self._pending: _Verdict | None = None

    @classmethod
    def around(cls, optimizer: Any) -> LossScaleOptimizer:
        """Return the optimizer if it scales losses, else one of this class that wraps it."""
        return optimizer if isinstance(optimizer, cls) else cls(optimizer)

    def __getstate__(self) -> dict[str, Any]:
        self._settle()
        return super().__getstate__()

    def build(self, variables: Iterable[Any]) -> None:
        """Prepare updates of `variables`."""
        inner = self.inner_optimizer
        inner.build(variables)
        self._follow_inner()
        if self._params and self.dynamic_scale.device != self._params[0].device:
            for variable in (self.dynamic_scale, self.step_counter):
                variable.data = variable.data.to(self._params[0].device)
        self.built = True
        self._load_pending_state()

    def rebind(self, moved: Mapping[torch.Tensor, Any]) -> None:
        """Go on with the DTensors that took the place of tensors."""
        self.inner_optimizer.rebind(moved)
        self._follow_inner()

    def _follow_inner(self) -> None:
        inner = self.inner_optimizer
        self._params, self._split, self._joint = inner._params, inner._split, inner._joint
        self._trainable_variables = inner._trainable_variables
        self._trainable_variables_indices = inner._trainable_variables_indices

    def scale_loss(self, loss: Any) -> Any:
        """Return the loss times the scale; call `backward` on the result."""
        if not self.built:
            return loss * self.initial_scale
        return loss * (self.dynamic_scale.to(loss.device) if isinstance(loss, torch.Tensor) else self.loss_scale)

    def step(self) -> None:
        """Update the variables once from the scaled `.grad` of their storages, which get unscaled, or skip the step."""
        share = Share.pending()
        if share is None:
            self._step()
            return
        with share.exchanged(self._joint):
            self._step()

    def _step(self) -> None:
        self._settle()
        inner = self.inner_optimizer
        if self._split:
            parts.take_gradients(self._split)
        grads = [param.grad for param in self._params if param.grad is not None]
        if not grads:
            inner.step()
            return
        scale = self.dynamic_scale.detach()
        inverse = torch.ones_like(scale) if self._unscaled else scale.double().reciprocal().float()
        found = _unscale(grads, inverse)
        if self._split:
            torch.distributed.all_reduce(found, torch.distributed.ReduceOp.MAX)
        if not self.dynamic:
            inner.step()
            return
        if self._skips_on_device():
            torch_optimizer: Any = inner.torch_optimizer
            torch_optimizer.grad_scale, torch_optimizer.found_inf = None, found
            try:
                inner.step()
            finally:
                del torch_optimizer.grad_scale, torch_optimizer.found_inf
            self._pending = _Verdict(found)
        elif found.item():
            self._skip()
        else:
            inner.step()
        self._adapt(found)

    def _skips_on_device(self) -> bool:
        """Whether torch's kernels leave everything as it was by themselves, so that nobody waits for the verdict."""
        inner = self.inner_optimizer
        ready = inner._plain and getattr(inner.torch_optimizer, "_step_supports_amp_scaling", False)
        return bool(ready and self.dynamic_scale.device.type == "cuda")

    def _skip(self) -> None:
        if self._dialect == "tf":
            self.inner_optimizer._iterations.add_(1)

    def _settle(self) -> None:
        """Correct the count of iterations if the kernels skipped the last step."""
        verdict, self._pending = self._pending, None
        if verdict is not None and verdict.was_skipped():
            inner = self.inner_optimizer
            if self._dialect != "tf":
                inner._iterations.sub_(1)
            inner._state_restored()

    def _adapt(self, found: torch.Tensor) -> None:
        """Halve the scale after a skipped step, double it after enough others."""
        scale = self.dynamic_scale.data
        torch._amp_update_scale_(
            scale, self.step_counter.data, found.to(scale.device), 2.0, 0.5, int(self.dynamic_growth_steps or 1)
        )
        if self._dialect == "tf":
            scale.clamp_(min=1.0)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Make one step, or skip it, from gradients in Keras's layout, one per variable."""
        if trainable_variables is not None and not self.built:
            self.build(list(trainable_variables))
        self._unscaled = self._unscaled or self._takes_unscaled
        try:
            # Copies, since the step divides in place.
            super().apply([grad if grad is None else _copy(grad) for grad in grads], trainable_variables)
        finally:
            self._unscaled = False

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Any, Any]], name: Any = None, global_step: Any = None, **kwargs: Any
    ) -> Any:
        """Make one step, or skip it, from pairs of a gradient and a variable; return `iterations`."""
        super().apply_gradients(grads_and_vars, name, global_step, **kwargs)
        return self.iterations

    def minimize(
        self, loss: Any, var_list: Any = None, tape: Any = None, global_step: Any = None, name: Any = None
    ) -> Any:
        """Compute gradients of the scaled `loss` (a tensor, or a function that returns one) and make one step."""
        if var_list is None:
            raise ValueError("`minimize` with a scaled loss needs `var_list`, the variables to change. Received: None")
        if callable(loss) and not isinstance(loss, torch.Tensor):
            loss = loss()
        variables = list(var_list() if callable(var_list) else var_list)
        self.build(variables)
        super().minimize(self.scale_loss(loss), variables, tape)
        return self.iterations

    def get_scaled_loss(self, loss: Any) -> Any:
        """Return the loss times the scale, in the loss's type; for a function, a function (tf.keras)."""
        if callable(loss) and not isinstance(loss, torch.Tensor):
            return _scaled(self, loss)
        return loss * self.loss_scale.to(loss.device, loss.dtype)

    def get_unscaled_gradients(self, grads: Sequence[Any]) -> list[Any]:
        """Return gradients divided by the scale, or None, as the next `apply_gradients` takes them (tf.keras)."""
        self._unscaled = True
        inverse = self.loss_scale.reciprocal()
        return [grad if grad is None else grad * inverse.to(grad.device, grad.dtype) for grad in grads]

    @property
    def loss_scale(self) -> torch.Tensor:
        """The scale now, as a tensor on the device (tf.keras)."""
        return self.dynamic_scale.detach().clone()

    @property
    def dynamic_counter(self) -> Any:
        """The number of finite steps since the scale changed, as a variable; None for a fixed scale (tf.keras)."""
        return self.step_counter if self.dynamic else None

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    @property
    def iterations(self) -> Any:
        """The inner optimizer's count of updates."""
        self._settle()
        return self.inner_optimizer.iterations

    @iterations.setter
    def iterations(self, value: Any) -> None:
        self._pending = None
        self.inner_optimizer.iterations = value

    def exclude_from_weight_decay(self, *args: Any, **kwargs: Any) -> None:
        """Exempt variables from the inner optimizer's weight decay."""
        self.inner_optimizer.exclude_from_weight_decay(*args, **kwargs)

    def finalize_variable_values(self, var_list: Iterable[Any] | None = None) -> None:
        """At the end of training: replace the weights by their moving averages, if the inner optimizer keeps any."""
        self._settle()
        self.inner_optimizer.finalize_variable_values(var_list)

    def _own_handles(self, layout: str) -> list[Any]:
        """What stands before the inner optimizer's state: in Keras 3 four variables, before nothing."""
        self._settle()
        if layout != "3":
            return []
        return [self._iterations, self._learning_rate, self.step_counter, self.dynamic_scale]

    def _state_restored(self) -> None:
        self.inner_optimizer._state_restored()

    def state_dict(self) -> dict[str, Any]:
        """Return the exact state of both optimizers."""
        self._settle()
        return super().state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state_dict` returned."""
        self._pending = None
        super().load_state_dict(state)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        found: dict[str, Any] = {
            "inner_optimizer": registry.optimizers.serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }
        if self._dialect == "tf":
            return {**found, "dynamic": self.dynamic}
        return {"name": self.name, **found, **({} if self.dynamic else {"dynamic": False})}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.inner_optimizer!r}>"

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Make an optimizer, without state, from the result of `get_config` of any Keras since 2.1."""
        config = dict(config)
        if "loss_scale" in config:
            config |= loss_scale_arguments(config.pop("loss_scale"))
            config["inner_optimizer"] = config.pop("optimizer")
        inner = config.pop("inner_optimizer")
        if isinstance(inner, Mapping):
            inner = registry.optimizers.get(inner, custom_objects)
        return cls(inner, **config)


class _Verdict:
    """Whether a step was skipped, on its way from the device."""

    def __init__(self, found: torch.Tensor) -> None:
        self._event = None
        if found.is_cuda:
            self._host = torch.empty_like(found, device="cpu", pin_memory=True)
            self._host.copy_(found, non_blocking=True)
            self._event = torch.cuda.Event()
            self._event.record()
        else:
            self._host = found.clone()

    def was_skipped(self) -> bool:
        """Wait for the answer, which by the next step has long arrived."""
        if self._event is not None:
            self._event.synchronize()
        return bool(self._host.item())


def _unscale(grads: Sequence[torch.Tensor], inverse: torch.Tensor) -> torch.Tensor:
    """Multiply gradients in place; return 1.0 if any is not finite, else 0.0, on the device of `inverse`."""
    groups: dict[tuple[torch.device, torch.dtype], list[torch.Tensor]] = {}
    for grad in grads:
        groups.setdefault((grad.device, grad.dtype), []).append(grad)
    verdicts = []
    for (device, _), group in groups.items():
        found = torch.zeros((), device=device)
        torch._amp_foreach_non_finite_check_and_unscale_(group, found, inverse.to(device))
        verdicts.append(found)
    if len(verdicts) == 1:
        return verdicts[0]
    return torch.stack([found.to(inverse.device) for found in verdicts]).amax()


def _copy(grad: Any) -> torch.Tensor:
    return torch.as_tensor(getattr(grad, "value", grad)).detach().clone()


def _scaled(optimizer: LossScaleOptimizer, loss: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: optimizer.get_scaled_loss(loss())


def loss_scale_arguments(loss_scale: Any) -> dict[str, Any]:
    """Return today's arguments for a `loss_scale` of before TensorFlow 2.4: "dynamic", a number, or a config of one."""
    if isinstance(loss_scale, Mapping):
        settings = loss_scale.get("config", {})
        if loss_scale.get("class_name") == "FixedLossScale":
            return {"dynamic": False, "initial_scale": settings["loss_scale_value"]}
        return {
            "initial_scale": settings.get("initial_loss_scale"),
            "dynamic_growth_steps": settings.get("increment_period"),
        }
    if loss_scale == "dynamic":
        return {}
    if isinstance(loss_scale, (int, float)) and not isinstance(loss_scale, bool):
        return {"dynamic": False, "initial_scale": loss_scale}
    raise ValueError(f"`loss_scale` must be 'dynamic' or a number. Received: {loss_scale!r}")
