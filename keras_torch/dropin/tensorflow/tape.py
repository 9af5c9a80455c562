"""`tf.GradientTape` on autograd, which records by itself whatever depends on a tensor that wants a gradient."""

from __future__ import annotations

import contextlib
import enum
import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils import _pytree as pytree

from keras_torch.backend.variable import WeightView
from keras_torch.distributed import parts
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor


class UnconnectedGradients(enum.Enum):
    """What the gradient of something is on which the target does not depend: None, or zeros."""

    NONE = "none"
    ZERO = "zero"


# Tapes whose gradient nobody has asked for yet: what they recorded must be kept.
_pending: weakref.WeakSet[GradientTape] = weakref.WeakSet()
_recording: list[GradientTape] = []


class GradientTape:
    """Computes gradients of what was computed inside the `with` block, by `torch.autograd.grad`.

    Trainable variables are watched by themselves, unless `watch_accessed_variables` is false; tensors with `watch`.
    Unlike TensorFlow's, what was computed from a variable before the block counts, too.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent = persistent
        self._watches_variables = watch_accessed_variables
        self._watched: set[int] = set()
        self._kept: list[Any] = []
        self._switched: list[torch.Tensor] = []
        self._enabled: Any = None
        self._used = False

    def __enter__(self) -> GradientTape:
        if self._enabled is not None:
            raise ValueError("The tape is recording already: a GradientTape cannot be entered twice at once.")
        self._enabled = torch.enable_grad()
        self._enabled.__enter__()
        self._used = False
        _recording.append(self)
        _pending.add(self)
        return self

    def __exit__(self, *exc: object) -> None:
        _recording.remove(self)
        enabled, self._enabled = self._enabled, None
        enabled.__exit__(None, None, None)

    def watch(self, tensor: Any) -> None:
        """Let gradients with respect to a tensor, or to each of several, be computed."""
        for item in pytree.tree_leaves(tensor):
            if not isinstance(item, torch.Tensor) and not hasattr(item, "storages"):
                raise ValueError(f"`watch` takes tensors. Received: {item!r} of type {type(item).__name__}")
            self._kept.append(item)
            self._watched |= {id(item), *map(id, _storages(item))}
            for storage in _storages(item):
                differentiable = storage.is_floating_point() or storage.is_complex()
                if differentiable and not storage.requires_grad:
                    storage.requires_grad_(True)
                    self._switched.append(storage)

    @contextlib.contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Inside, nothing is recorded (`torch.no_grad`)."""
        with torch.no_grad():
            yield

    def reset(self) -> None:
        """Forget what is watched."""
        self._release()
        self._watched.clear()
        self._kept.clear()

    def watched_variables(self) -> Any:
        """The variables given to `watch`; those that torch records by itself are not listed anywhere."""
        if self._watches_variables:
            raise NotImplementedError(
                "`GradientTape.watched_variables` is not available: torch keeps no list of what it records. Name the "
                "variables, for instance `model.trainable_variables`."
            )
        return tuple(item for item in self._kept if hasattr(item, "storages"))

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
    ) -> Any:
        """Return the gradients of the sum of a target, or of several, in the structure of `sources`.

        None, or zeros, for a source on which no target depends.
        """
        self._check_use()
        zeros = UnconnectedGradients(unconnected_gradients) is UnconnectedGradients.ZERO
        targets = [_value(item) for item in pytree.tree_leaves(target, is_leaf=_is_source)]
        upstream = [None] * len(targets)
        if output_gradients is not None:
            upstream = [None if item is None else convert_to_tensor(item) for item in _listed(output_gradients)]
        leaves, spec = pytree.tree_flatten(sources, is_leaf=_is_source)
        try:
            found = self._compute(targets, leaves, upstream)
        finally:
            self._done()
        if zeros:
            found = [torch.zeros_like(_value(s)) if g is None else g for g, s in zip(found, leaves, strict=True)]
        return pytree.tree_unflatten(found, spec)

    def _compute(
        self, targets: list[Any], sources: list[Any], upstream: list[Any], batched: bool = False, keep: bool = False
    ) -> list[Any]:
        pairs = [(t, u) for t, u in zip(targets, upstream, strict=True) if t.requires_grad]
        storages = [_storages(source) if self._is_watched(source) else () for source in sources]
        wanted = {id(item): item for group in storages for item in group if item.requires_grad}
        if not pairs or not wanted:
            return [None] * len(sources)
        others = any(tape is not self or self._persistent for tape in _recording)
        again = others and torch.is_grad_enabled()
        keep = keep or again or self._persistent or any(tape is not self for tape in _pending)
        outputs = [target for target, _ in pairs]
        given = [torch.ones_like(target) if given is None else given for target, given in pairs]
        if any(map(parts.is_split, wanted.values())):
            if again or batched:
                parts.refuse_split(wanted.values(), "A tape inside another, or a Jacobian,")
            grads = _arriving(outputs, list(wanted.values()), given, keep)
        else:
            grads = torch.autograd.grad(
                outputs,
                list(wanted.values()),
                given,
                retain_graph=keep,
                create_graph=again,
                allow_unused=True,
                is_grads_batched=batched,
            )
        by_storage = dict(zip(wanted, grads, strict=True))
        found = [[by_storage.get(id(item)) for item in group] for group in storages]
        return [_in_keras_layout(s, g, batched) for s, g in zip(sources, found, strict=True)]

    def _is_watched(self, source: Any) -> bool:
        return self._watches_variables or not hasattr(source, "storages") or id(source) in self._watched

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: Any = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """Return the derivatives of each value of the target: the target's shape, then the source's."""
        self._check_use()
        zeros = UnconnectedGradients(unconnected_gradients) is UnconnectedGradients.ZERO
        target = _value(target)
        count = target.numel()
        basis = torch.eye(count, dtype=target.dtype, device=target.device).reshape(count, *target.shape)
        leaves, spec = pytree.tree_flatten(sources, is_leaf=_is_source)
        try:
            found = self._rows(target, leaves, basis, experimental_use_pfor)
        finally:
            self._done()
        shapes = [(*target.shape, *source.shape) for source in leaves]
        found = [g if g is None else g.reshape(shape) for g, shape in zip(found, shapes, strict=True)]
        if zeros:
            found = [target.new_zeros(s) if g is None else g for g, s in zip(found, shapes, strict=True)]
        return pytree.tree_unflatten(found, spec)

    def _rows(self, target: Any, sources: list[Any], basis: Any, batched: bool) -> list[Any]:
        if batched:
            return self._compute([target], sources, [basis], batched=True)
        rows = [self._compute([target], sources, [row], keep=True) for row in basis]
        return [None if column[0] is None else torch.stack(column) for column in zip(*rows, strict=True)]

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: Any = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """Return the derivatives of each sample's target with respect to the same sample's source."""
        self._check_use()
        target = _value(target)
        count, inner = target.shape[0], target[0].numel()
        basis = torch.eye(inner, dtype=target.dtype, device=target.device)
        basis = basis[:, None].expand(inner, count, inner).reshape(inner, *target.shape)
        try:
            found = self._rows(target, [source], basis, experimental_use_pfor)[0]
        finally:
            self._done()
        if found is None:
            zero = UnconnectedGradients(unconnected_gradients) is UnconnectedGradients.ZERO
            return target.new_zeros(*target.shape, *source.shape[1:]) if zero else None
        return found.movedim(0, 1).reshape(*target.shape, *source.shape[1:])

    def _check_use(self) -> None:
        if self._used and not self._persistent:
            raise RuntimeError(
                "A GradientTape that is not persistent gives gradients once. Make it with `persistent=True` for more."
            )

    def _done(self) -> None:
        if not self._persistent:
            self._used = True
            _pending.discard(self)
            if self not in _recording:
                self._release()

    def _release(self) -> None:
        """Let what is computed from watched tensors from now on leave no graph behind, if no other tape waits."""
        while self._switched:
            storage = self._switched.pop()
            heir = next((tape for tape in _pending if tape is not self and id(storage) in tape._watched), None)
            if heir is not None:
                heir._switched.append(storage)
            elif storage.is_leaf:
                storage.requires_grad_(False)

    def __del__(self) -> None:
        # When Python ends, the module's names go before the tapes.
        if _pending is not None:
            self._release()


def _is_source(item: Any) -> bool:
    return isinstance(item, torch.Tensor) or hasattr(item, "storages")


def _listed(item: Any) -> list[Any]:
    return list(item) if isinstance(item, (list, tuple)) else [item]


def _value(item: Any) -> Any:
    """Return what autograd knows of a target: the tensor of a variable."""
    found = item.value if isinstance(item, WeightView) else item
    if not isinstance(found, torch.Tensor):
        raise ValueError(
            f"A GradientTape takes tensors and variables. Received: {item!r} of type {type(item).__name__}"
        )
    return found


def _arriving(outputs: list[Any], inputs: list[Any], given: list[Any], keep: bool) -> tuple[Any, ...]:
    """Return the gradients of weights of which processes keep parts: they arrive in the weights by `backward`."""
    before = [item.grad for item in inputs]
    for item in inputs:
        item.grad = None
    torch.autograd.backward(outputs, given, retain_graph=keep)
    found = [None if item.grad is None else parts.whole(item.grad) for item in inputs]
    for item, grad in zip(inputs, before, strict=True):
        item.grad = grad
    return tuple(found)


def _storages(item: Any) -> tuple[torch.Tensor, ...]:
    return getattr(item, "storages", None) or (_value(item),)


def _in_keras_layout(source: Any, grads: list[Any], batched: bool) -> Any:
    """Return the gradient of a variable from those of its storages; of some of them, zeros are those of the others."""
    if not grads or all(grad is None for grad in grads):
        return None
    if not isinstance(source, WeightView):
        return grads[0]
    count = next(len(grad) for grad in grads if grad is not None)
    full = [
        torch.zeros((count, *storage.shape) if batched else storage.shape, dtype=storage.dtype, device=storage.device)
        if grad is None
        else grad
        for grad, storage in zip(grads, source.storages, strict=True)
    ]
    if batched:
        return torch.stack([source.from_storage(*rows) for rows in zip(*full, strict=True)])
    return source.from_storage(*full)


NAMES = {"GradientTape autodiff.GradientTape": GradientTape, "UnconnectedGradients": UnconnectedGradients}
