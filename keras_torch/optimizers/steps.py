"""What happens in one step besides torch's own update, and Keras's ways to ask for a step."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Any

import torch

from keras_torch.distributed import Share, parts
from keras_torch.optimizers import gradients, kernels, state
from keras_torch.symbolic import KerasTensor


class Steps:
    """The part of `Optimizer` that makes steps. Needs its settings, `_rate`, `_configure`, `_set_step`, `build`."""

    name: str
    built: bool
    torch_optimizer: torch.optim.Optimizer | None
    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    iterations: Any
    _dialect: str | None
    _iterations: Any
    _model: Any
    _params: list[torch.Tensor]
    _split: list[tuple[torch.Tensor, Any]]
    _joint: list[torch.Tensor]
    _owners: list[int]
    _decays: list[bool]
    _constrained: list[Any]
    _trainable_variables: list[Any]
    _trainable_variables_indices: dict[int, int]
    _averages: dict[torch.Tensor, torch.Tensor]
    _accumulated: dict[torch.Tensor, torch.Tensor]
    _plain: bool
    _direct: bool
    _owns_state: bool
    _kernel: Callable[[torch.optim.Optimizer, list[torch.Tensor]], None]
    _synced: int | None
    _is_custom: bool
    _plain_step: Callable[[], None] | None
    _rate: Callable[[], float]
    _configure: Callable[[dict[str, Any], float, int], None]
    _set_step: Callable[[int], None]
    _torch_decays_weights: Callable[[], bool]
    _update_each: Callable[[float], None]
    _symbolic_step: Callable[..., Any]
    _origins: Callable[[], dict[int, Any]]
    compute_gradients: Callable[..., list[tuple[Any, Any]]]
    _var_key: Callable[[Any], int]
    _get_variable_index: Callable[[Any], int]
    build: Callable[[Iterable[Any]], None]

    def step(self) -> None:
        """Update the variables once from the `.grad` of their storages; those without a gradient stay as they are.

        In a step that several processes share, gradients are summed over them first. ValueError if none has a gradient.
        """
        params = self._params
        if Share.current is not None:
            parts.take_gradients(self._split)
            if not self.gradient_accumulation_steps:
                self._exchange()
        complete = all([param.grad is not None for param in params])
        if self._plain and complete and params:
            self._update(self._rate(), params)
        else:
            self._step_with_extras()
            if not complete:
                self._synced = None
        self._iterations.add_(1)

    def _exchange(self, weighted: bool = True) -> None:
        share = Share.pending()
        if share is not None:
            share.exchange(self._joint, weighted, self.torch_optimizer)

    def _update(self, rate: float, params: list[torch.Tensor]) -> None:
        """Let the torch optimizer update `params`, all those with a gradient."""
        count = self._iterations.item()
        if self.gradient_accumulation_steps:
            count //= self.gradient_accumulation_steps
        if count != self._synced:
            self._set_step(count)
        torch_optimizer: Any = self.torch_optimizer
        self._configure(torch_optimizer.param_groups[0], rate, count + 1)
        if self._direct and not kernels.is_watched(torch_optimizer):
            self._kernel(torch_optimizer, params)
        else:
            torch_optimizer.step()
        if self._owns_state and count % kernels.CLEAN_EVERY == kernels.CLEAN_EVERY - 1:
            kernels.drop_tiny(torch_optimizer)
        self._synced = count + 1

    @torch.no_grad()
    def _step_with_extras(self) -> None:
        if not self.built:
            raise ValueError(
                f"The optimizer {self.name!r} is not built: call `optimizer.build(trainable_variables)` first."
            )
        if not self._params:
            return
        if self._split:
            parts.take_gradients(self._split)
        chosen = [i for i, param in enumerate(self._params) if param.grad is not None]
        if not chosen:
            raise ValueError(
                f"The optimizer {self.name!r} got no gradient at all: the loss depends on none of the trained "
                f"variables {[state.path_of(v, i) for i, v in enumerate(self._trainable_variables)]}"
            )
        params = [self._params[i] for i in chosen]
        grads: Any = [param.grad for param in params]
        if self.loss_scale_factor:
            grads = torch._foreach_div(grads, self.loss_scale_factor)
        if self.gradient_accumulation_steps:
            grads = self._accumulate(params, grads)
        if grads is not None:
            self._apply_extras(chosen, params, grads)
        if self.use_ema:
            self._update_averages()
        if self._constrained:
            self._apply_constraints()

    def _apply_extras(self, chosen: list[int], params: list[torch.Tensor], grads: list[torch.Tensor]) -> None:
        rate = self._rate()
        norms = self._norms(params) if self._split else torch._foreach_norm
        clipped = self._clip(grads, [self._owners[i] for i in chosen], norms)
        if self._decays_here():
            self._decay_weights(chosen, rate)
        for param, grad in zip(params, clipped, strict=True):
            param.grad = grad
        if self._is_custom:
            self._update_each(rate)
        else:
            self._update(rate, params)

    def _decays_here(self) -> bool:
        """Whether weights must be decayed here, because the torch optimizer does not."""
        return bool(self.weight_decay) and not self._torch_decays_weights()

    def _decay_weights(self, chosen: Sequence[int], rate: float) -> None:
        self._scale_weights(chosen, self.weight_decay, rate)

    def _scale_weights(self, chosen: Sequence[int], factor: float | None, rate: float) -> None:
        decayed = [self._params[i] for i in chosen if self._decays[i]]
        if decayed and factor:
            torch._foreach_mul_(decayed, 1.0 - factor * rate)

    def _norms(self, params: list[torch.Tensor]) -> Callable[[Any], Any]:
        """Return the function from the gradients of parameters, of which some are in parts, to their norms."""
        origins = self._origins()
        likes = [origins.get(id(param)) for param in params]
        return lambda grads: parts.norms(list(grads), likes)

    def _clip(
        self, grads: list[torch.Tensor], owners: Sequence[int], norms: Callable[[Any], Any] = torch._foreach_norm
    ) -> list[torch.Tensor]:
        classic = self._dialect in ("1", "2")
        if self.clipnorm and self.clipnorm > 0:
            if not classic:
                return gradients.clip_each_by_norm(grads, owners, self.clipnorm, norms)
            grads = gradients.clip_by_global_norm(grads, self.clipnorm, norms)
        elif self.global_clipnorm and self.global_clipnorm > 0:
            return gradients.clip_by_global_norm(grads, self.global_clipnorm, norms)
        if self.clipvalue and self.clipvalue > 0:
            grads = gradients.clip_by_value(grads, self.clipvalue)
        return grads

    def _accumulate(self, params: list[torch.Tensor], grads: list[torch.Tensor]) -> Any:
        """Add to the accumulators; return the mean gradient when an update is due, else None."""
        steps = self.gradient_accumulation_steps
        sums = [self._accumulated[param] for param in params]
        share = Share.pending()
        torch._foreach_add_(sums, grads if share is None else self._weighted(params, grads, share))
        if (self._iterations.item() + 1) % steps:  # type: ignore[operator]
            return None
        mean: Any = torch._foreach_div(sums, float(steps))  # type: ignore[arg-type]
        if share is not None:
            for param in self._params:
                param.grad = self._accumulated[param] / steps  # type: ignore[operator]
            self._exchange(weighted=False)
            mean = [param.grad for param in params]
        torch._foreach_zero_(list(self._accumulated.values()))
        return mean

    def _weighted(self, params: list[torch.Tensor], grads: list[torch.Tensor], share: Share) -> list[torch.Tensor]:
        """Return gradients times this process's part of the batch; those of parts are sums already."""
        origins = self._origins()
        return [
            grad if parts.is_reduced(origins.get(id(param), param)) else grad * share.weight
            for param, grad in zip(params, grads, strict=True)
        ]

    def _update_averages(self) -> None:
        count = int(self.iterations)
        # Keras 2.15 starts the average at the weights before the first update, Keras 3 at those after it.
        momentum = self.ema_momentum if count or self._dialect == "tf" else 0.0
        averages = [self._averages[param] for param in self._params]
        torch._foreach_lerp_(averages, self._params, 1.0 - momentum)
        if self.ema_overwrite_frequency and (count + 1) % self.ema_overwrite_frequency == 0:
            torch._foreach_copy_(self._params, averages)

    def _apply_constraints(self) -> None:
        for variable in self._constrained:
            if parts.part(state.storages(variable)[0]).grad is not None:
                variable.assign(variable.constraint(getattr(variable, "value", variable)))

    def finalize_variable_values(self, var_list: Iterable[Any] | None = None) -> None:
        """At the end of training: replace the weights by their moving averages, if `use_ema`."""
        if not self.use_ema:
            return
        keep = None if var_list is None else {id(parts.part(tensor)) for v in var_list for tensor in state.storages(v)}
        with torch.no_grad():
            for param, average in self._averages.items():
                if keep is None or id(param) in keep:
                    param.copy_(average)

    def zero_grad(self) -> None:
        """Drop the gradients of all variables."""
        for param in self._params:
            param.grad = None
        for _, tensor in self._split:
            tensor.grad = None

    # Keras's ways to ask for a step.

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Any, Any]], name: Any = None, global_step: Any = None, **kwargs: Any
    ) -> Any:
        """Make one step from pairs of a gradient in Keras's layout (or None) and a variable; return `iterations`.

        Symbolic gradients give what a session of TensorFlow 1 runs; it adds 1 to `global_step`, a variable.
        """
        unknown = set(kwargs) - {"skip_gradients_aggregation", "experimental_aggregate_gradients"}
        if unknown:
            raise TypeError(f"`apply_gradients` takes pairs of gradient and variable. Received: {sorted(unknown)}")
        pairs = list(grads_and_vars)
        if any(isinstance(grad, KerasTensor) for grad, _ in pairs):
            # TensorFlow 1 had the counter in second place.
            return self._symbolic_step(pairs, global_step if name is None or isinstance(name, str) else name)
        done = kwargs.get("skip_gradients_aggregation") or not kwargs.get("experimental_aggregate_gradients", True)
        share = Share.pending() if done else None
        if pairs:
            with nullcontext() if share is None else share.exchanged_already():
                self.apply([grad for grad, _ in pairs], [variable for _, variable in pairs])
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Make one step from gradients in Keras's layout, one per variable (default: those it was built on)."""
        if len(grads) == 0:
            return
        if trainable_variables is None:
            if not self.built and self._model is not None:
                self.build(self._model().trainable_variables)
            if len(grads) != len(self._trainable_variables):
                raise ValueError(
                    f"`grads` must have one gradient for each of the {len(self._trainable_variables)} variables that "
                    f"the optimizer {self.name!r} was built on. Received: {len(grads)} gradients. Pass "
                    "`trainable_variables`, or call `optimizer.build(trainable_variables)` first."
                )
            trainable_variables = self._trainable_variables
        if any(self._var_key(v) not in self._trainable_variables_indices for v in trainable_variables):
            self.build(list(trainable_variables))
        for variable in trainable_variables:
            self._get_variable_index(variable)
        missing = [
            state.path_of(v, i) for i, (v, g) in enumerate(zip(trainable_variables, grads, strict=True)) if g is None
        ]
        if missing and len(missing) < len(grads):
            warnings.warn(f"The loss gives no gradient to {missing}, which stay as they are.", stacklevel=2)
        before = [param.grad for param in self._params]
        self.zero_grad()
        try:
            for grad, variable in zip(grads, trainable_variables, strict=True):
                if grad is not None:
                    set_gradient(variable, grad)
            (self._plain_step or self.step)()
        finally:
            for param, grad in zip(self._params, before, strict=True):
                param.grad = grad

    def minimize(
        self, loss: Any, var_list: Any = None, tape: Any = None, global_step: Any = None, name: Any = None
    ) -> Any:
        """Compute gradients of `loss` (a tensor, or a function that returns one) and make one step.

        torch records gradients itself; a `tape` is asked for them if there is one. A symbolic loss gives what a
        session of TensorFlow 1 runs; it adds 1 to `global_step`, a variable.
        """
        if isinstance(loss, KerasTensor):
            return self._symbolic_step(self.compute_gradients(loss, var_list), global_step)
        if var_list is None:
            raise ValueError("`minimize` needs `var_list`, the variables to change, unless the loss is symbolic.")
        if tape is not None:
            if callable(loss) and not isinstance(loss, torch.Tensor):
                with tape:
                    loss = loss()
            variables = list(var_list() if callable(var_list) else var_list)
            return self.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        if callable(loss) and not isinstance(loss, torch.Tensor):
            loss = loss()
        variables = list(var_list() if callable(var_list) else var_list)
        tensors = [tensor for v in variables for tensor in state.storages(v) if tensor.requires_grad]
        parts.refuse_split(tensors, "`minimize`")
        found = dict(zip(map(id, tensors), torch.autograd.grad(loss, tensors, allow_unused=True), strict=True))
        self.build(variables)
        before = [param.grad for param in self._params]
        for param in self._params:
            param.grad = found.get(id(param))
        try:
            self.step()
        finally:
            for param, grad in zip(self._params, before, strict=True):
                param.grad = grad
        return self._iterations

    def scale_loss(self, loss: torch.Tensor) -> torch.Tensor:
        """Return the loss times `loss_scale_factor`; call `backward` on the result."""
        return loss * self.loss_scale_factor if self.loss_scale_factor else loss


def set_gradient(variable: Any, grad: Any) -> None:
    """Give a variable's storages a gradient that stands in Keras's layout."""
    grad = grad.value if hasattr(grad, "storages") else torch.as_tensor(grad)
    if tuple(grad.shape) != tuple(variable.shape):
        raise ValueError(
            f"The gradient of {getattr(variable, 'path', 'a variable')} must have the variable's shape "
            f"{tuple(variable.shape)}. Received: {tuple(grad.shape)}"
        )
    for tensor, part in zip(state.storages(variable), state.to_storage(variable, grad.detach()), strict=True):
        if parts.is_split(tensor):
            parts.part(tensor).grad = parts.cut(part, tensor).clone()
        elif tensor.requires_grad:
            # Fused kernels walk parameter and gradient in memory order, so their strides must agree.
            same = part.stride() == tensor.stride() and part.dtype == tensor.dtype and part.device == tensor.device
            tensor.grad = part if same else torch.empty_like(tensor).copy_(part)
