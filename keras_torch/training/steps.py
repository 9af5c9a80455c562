"""What happens with one batch: training, testing, predicting. `fit`, `evaluate`, `*_on_batch` all call these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from keras_torch.data.structure import flatten, unpack_x_y_sample_weight
from keras_torch.distributed import Share
from keras_torch.engine import trainable as trainable_state
from keras_torch.engine.api import own_metrics
from keras_torch.engine.call import call_in_own_mode, training_mode, versions
from keras_torch.registry import pickled
from keras_torch.training.compiled import CompiledMetrics
from keras_torch.training.compiled_loss import CompiledLoss, sum_of
from keras_torch.training.symbolic_loss import SymbolicLoss


@dataclass(eq=False)
class Compiled(pickled.HoldsFunctions):
    """Everything that one call of `compile` settles. Its token stamps the weights' `requires_grad` flags."""

    optimizer: Any
    loss: CompiledLoss
    metrics: CompiledMetrics
    arguments: dict[str, Any]
    trainable: list[Any] | None = None
    regularized: bool = True
    compute_loss: Callable[..., Any] | None = None
    compute_metrics: Callable[..., Any] | None = None
    # What `jit_compile` makes of the model, and of it together with its loss.
    forward: Callable[..., Any] | None = None
    whole: Callable[..., Any] | None = None
    # What replays steps as CUDA graphs.
    replays: Any = None
    symbolic: SymbolicLoss | None = None
    # One per output where `target_tensors` were given; None stands for targets that come with the data.
    targets: list[Any] = field(default_factory=list)
    layer_metrics: list[Any] | None = None
    # Whether it is known what the user's class overrides.
    prepared: bool = False
    metric_version: int = 0
    # Without a loss of its own tf.keras took the mean over batches, not samples.
    counts_batches: bool = False
    token: object = field(default_factory=object)

    def __getstate__(self) -> dict[str, Any]:
        return pickled.hold({**self.__dict__, "forward": None, "whole": None, "replays": None, "token": object()})


class OneBatch(list):
    """A batch as a train function of the user's own takes it: in a list (Keras 3) that iterators' `next` takes, too."""

    def __next__(self) -> Any:
        return self[0]


class StepFunction:
    """What `train_function` and its kin are unless the user makes another: the loop calls `step` with each batch.

    Others call it with an iterator, from which it takes a batch, with a list of one batch, as in Keras 3 on torch, or
    with the batch itself, and get the logs, or the predictions.
    """

    def __init__(self, model: Any, kind: str, step: Callable[[Any], Any]) -> None:
        self.model, self.kind, self.step = model, kind, step

    def __call__(self, batches: Any) -> Any:
        """Make the step of one batch."""
        if self.model._compiled is not None and not self.model._compiled.prepared:
            self.model._prepare(self.kind == "train", loop=False)
        data = next(batches) if hasattr(batches, "__next__") else batches
        data = data[0] if isinstance(data, list) and len(data) == 1 else data
        training = self.kind == "train" and not self.model._overrides("train_step")
        with training_mode(self.model, training), torch.set_grad_enabled(self.kind == "train"):
            outcome = self.step(data)
        if self.kind == "predict":
            return outcome
        logs = self.model._logs(outcome)
        return logs() if callable(logs) else logs


def claim(model: Any, compiled: Compiled, x: Any) -> None:
    """Make sure that exactly the weights chosen at compile time will get gradients, and that the optimizer has them.

    Cheap to ask for (`trainable_state.owner is compiled.token` says that nothing changed), so GANs may alternate.
    """
    if compiled.trainable is None:
        ensure_built(model, x)
        compiled.trainable = list(model.trainable_variables)
    set_trained(model, compiled.trainable)
    compiled.optimizer.build(compiled.trainable)
    compiled.regularized = has_regularizers(model)
    trainable_state.owner = compiled.token


def set_trained(model: Any, variables: list[Any]) -> None:
    """Let exactly these variables of a model get gradients."""
    chosen = {id(storage) for variable in variables for storage in variable.storages}
    for parameter in model.parameters():
        wanted = id(parameter) in chosen and parameter.is_floating_point()
        if parameter.requires_grad != wanted:
            parameter.requires_grad_(wanted)
            parameter.grad = None


def has_regularizers(model: Any) -> bool:
    """Whether any weight has a regularizer, so that `model.losses` must be asked for at each step."""
    return any(getattr(weight, "regularizer", None) is not None for weight in model.weights)


def is_built(model: Any) -> bool:
    """Whether the model and every layer in it have their weights."""
    return model.built and not model._has_unbuilt_children()


def ensure_built(model: Any, x: Any) -> None:
    """Call the model once on a batch if some of its weights do not exist yet.

    State that it has already, such as a counter of its own, is the same afterwards: the call is not a step.
    """
    if is_built(model):
        return
    training = model.training
    state = [item for item in (*model.parameters(), *model.buffers()) if not item.requires_grad]
    kept = [item.detach().clone() for item in state]
    model.eval()
    try:
        with torch.no_grad():
            call_in_own_mode(model, x)
            for item, value in zip(state, kept, strict=True):
                item.copy_(value)
    finally:
        model.train(training)


def layer_metrics(model: Any, compiled: Compiled) -> list[Any]:
    """Return the metrics of layers, looked up once per loop and whenever a layer has added one."""
    if compiled.layer_metrics is None or compiled.metric_version != versions.metric_version:
        compiled.layer_metrics, compiled.metric_version = tracked_metrics(model), versions.metric_version
    return compiled.layer_metrics


def tracked_metrics(model: Any) -> list[Any]:
    """Return the Metric objects set as attributes of the model and of the layers in it."""
    found: list[Any] = []
    for module in model.modules():
        found += [item for item in own_metrics(module) if not any(item is known for known in found)]
    return found


def train_step(model: Any, data: Any) -> dict[str, Any] | None:
    """Learn from one batch: forward, loss, backward, update, metrics. The model is in training mode.

    Returns logs if `compute_metrics` is overridden, else None: results are asked for when somebody wants them.
    """
    x, y, weight = unpack_x_y_sample_weight(data)
    compiled = model._compiled
    if trainable_state.owner is not compiled.token:
        claim(model, compiled, x)
        if compiled.replays is not None:
            compiled.replays.forget()
    optimizer = compiled.optimizer
    if compiled.replays is not None:
        replayed = compiled.replays.step(model, compiled, (x, y, weight))
        if replayed is not None:
            y_pred, loss = replayed
            optimizer.step()
            with torch.no_grad():
                return count(model, compiled, loss, x, y, y_pred, weight)
    optimizer.zero_grad()
    y_pred, loss = forward(model, compiled, x, y, weight, True)
    if loss.requires_grad:
        optimizer.scale_loss(loss).backward()
        optimizer.step()
    elif compiled.trainable:
        # There is no gradient at all, of which the optimizer complains.
        optimizer.step()
    with torch.no_grad():
        return count(model, compiled, loss, x, y, y_pred, weight)


def test_step(model: Any, data: Any) -> dict[str, Any] | None:
    """Measure one batch: forward, loss, metrics. The model is in inference mode, under `torch.no_grad()`."""
    x, y, weight = unpack_x_y_sample_weight(data)
    compiled = model._compiled
    y_pred, loss = forward(model, compiled, x, y, weight, False)
    return count(model, compiled, loss, x, y, y_pred, weight)


def forward(model: Any, compiled: Compiled, x: Any, y: Any, weight: Any, training: bool) -> tuple[Any, torch.Tensor]:
    """Return predictions and total loss of a batch: compiled losses and what layers added, or the user's own.

    With `jit_compile` it is compiled whole, or, with several outputs, whose running means count in Python, the model.
    """
    whole = compiled.whole
    if whole is not None and compiled.loss.is_single:
        return whole(model, model, compiled, x, y, weight, training)  # type: ignore[no-any-return]
    return forward_by(compiled.forward or model, model, compiled, x, y, weight, training)


def forward_by(
    call: Any, model: Any, compiled: Compiled, x: Any, y: Any, weight: Any, training: bool
) -> tuple[Any, torch.Tensor]:
    """Return predictions, made by `call`, and total loss of a batch."""
    if compiled.symbolic is not None and y is not None:
        y_pred, loss = compiled.symbolic.run(x, y, weight)
    else:
        y_pred, loss = call_in_own_mode(call, x), None
    if compiled.compute_loss is not None:
        compiled.loss.tracking = False
        try:
            loss = compiled.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight, training=training)
        finally:
            compiled.loss.tracking = True
    else:
        if compiled.symbolic is None and y is not None:
            loss = compiled.loss.compute(y, y_pred, weight)
        if compiled.regularized or (versions.loss_version and _adds_losses(model)):
            for extra in model.losses:
                loss = extra if loss is None else sum_of(loss, extra)
    if loss is None:
        raise ValueError(no_loss(model, compiled, y))
    if loss.dim():
        raise ValueError(
            f"The loss of model {model.name!r} must be one number per batch. Received: a tensor of shape "
            f"{tuple(loss.shape)} from loss={compiled.loss.user_loss!r}. Give it a `reduction` other than 'none'."
        )
    return y_pred, loss


def _adds_losses(model: Any) -> bool:
    """Whether any layer of the model may have added a loss in its last call."""
    version, layers = model.__dict__.get("_loss_layers", (0, ()))
    return version != versions.loss_version or bool(layers)


def no_loss(model: Any, compiled: Compiled, y: Any) -> str:
    """Return the text of the error about a missing loss or missing targets."""
    if compiled.loss.user_loss is not None and y is None:
        return (
            f"The model {model.name!r} was compiled with loss={compiled.loss.user_loss!r}, which compares predictions "
            "with targets, but there are none. Received: y=None. Pass `y`, or batches of `(x, y)`."
        )
    return (
        f"The model {model.name!r} has no loss to minimize. Pass `loss` to `compile()`, or call `self.add_loss()` in "
        f"a layer. Received: loss={compiled.loss.user_loss!r}"
    )


def count(
    model: Any, compiled: Compiled, loss: torch.Tensor, x: Any, y: Any, y_pred: Any, weight: Any
) -> dict[str, Any] | None:
    """Add a batch to the running means and metrics."""
    samples = y_pred.shape[0] if isinstance(y_pred, torch.Tensor) and y_pred.dim() else sample_count(y_pred, x)
    compiled.loss.total.add(loss, Share.of_batch() if compiled.counts_batches else samples)
    if compiled.compute_metrics is not None:
        return compiled.compute_metrics(x, y, y_pred, weight)
    if y is not None:
        compiled.metrics.update_state(y, y_pred, weight)
    return None


def sample_count(*structures: Any) -> int:
    """Return the length of the first tensor that has one, else 1."""
    for structure in structures:
        for leaf in flatten(structure):
            if isinstance(leaf, torch.Tensor) and leaf.dim():
                return leaf.shape[0]
    return 1
