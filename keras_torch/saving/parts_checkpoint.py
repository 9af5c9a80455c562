"""Checkpoints that processes write in parts, and any number of processes reads: `torch.distributed.checkpoint`."""

from __future__ import annotations

import contextlib
import itertools
import os
import warnings
from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist

from keras_torch import distributed
from keras_torch.training import fully_sharded, steps

_OPTIMIZER = "optimizer."


def save_checkpoint(model: Any, folder: str | os.PathLike[str]) -> None:
    """Write weights and optimizer state to a folder, by `torch.distributed.checkpoint.save`.

    Of a model that is sharded among processes each writes its part, and none ever has the whole; all of them call this
    together. `load_checkpoint` reads it in any number of processes, sharded or not. The folder holds a pickle of
    torch's: read none that strangers made. For a single file take `model.save`, which gathers the model.
    """
    from torch.distributed import checkpoint

    _require_built(model, "save")
    state: dict[str, Any] = _weights(model)
    optimizer = model.optimizer
    if optimizer is not None and optimizer.built:
        state |= {_OPTIMIZER + key: value for key, value in optimizer.tensors().items()}
        state[_OPTIMIZER + "numbers"] = optimizer.numbers()
    with _quiet_alone():
        checkpoint.save(state, checkpoint_id=os.fspath(folder), no_dist=not dist.is_initialized())


def load_checkpoint(model: Any, folder: str | os.PathLike[str]) -> None:
    """Read what `save_checkpoint` wrote into a model that is built like the one that was saved.

    Compiled, it gets the optimizer's state, too, if there is one. ValueError, with the model unchanged, if the shapes
    differ. Under `keras-torch run --shard` or `--zero` the model is sharded first.
    """
    from torch.distributed import checkpoint

    _require_built(model, "load")
    if distributed.sharding():
        distributed.start()
        fully_sharded.shard(model)
    saved = checkpoint.FileSystemReader(os.fspath(folder)).read_metadata().state_dict_metadata
    state: dict[str, Any] = _weights(model)
    _check(state, {key: item for key, item in saved.items() if not key.startswith(_OPTIMIZER)}, model, folder)
    with_optimizer = model._compiled is not None and any(key.startswith(_OPTIMIZER) for key in saved)
    if with_optimizer:
        steps.claim(model, model._compiled, None)
        held = {_OPTIMIZER + key: value for key, value in model.optimizer.tensors().items()}
        numbers = {_OPTIMIZER + "numbers." + key: value for key, value in model.optimizer.numbers().items()}
        _check(held, {key: item for key, item in saved.items() if _is_tensor_of_optimizer(key, item)}, model, folder)
        state |= {**held, **numbers}
    with _quiet_alone():
        checkpoint.load(state, checkpoint_id=os.fspath(folder), no_dist=not dist.is_initialized())
    if with_optimizer:
        model.optimizer.set_numbers({key: state[_OPTIMIZER + "numbers." + key] for key in model.optimizer.numbers()})


@contextlib.contextmanager
def _quiet_alone() -> Iterator[None]:
    """Without torch's warning that there is one process only."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled, unavailable or uninitialized")
        yield


def _require_built(model: Any, action: str) -> None:
    if not steps.is_built(model):
        raise ValueError(
            f"The model {model.name!r} has no weights to {action} yet, because its input shape is not known. Call it "
            "on data or call `build(input_shape)` first."
        )


def _weights(model: Any) -> dict[str, torch.Tensor]:
    """Return parameters and buffers by their numbers: names that layers got by themselves differ between models."""
    found = itertools.chain(model.parameters(), model.buffers())
    return {f"weights.{index}": tensor.detach() for index, tensor in enumerate(found)}


def _is_tensor_of_optimizer(key: str, item: Any) -> bool:
    return key.startswith(_OPTIMIZER) and hasattr(item, "size")


def _check(state: dict[str, Any], saved: dict[str, Any], model: Any, folder: Any) -> None:
    """ValueError unless these are the tensors that were saved."""
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    kept = {key: tuple(item.size) for key, item in saved.items()}
    if shapes != kept:
        differing = sorted(key for key in {*shapes, *kept} if shapes.get(key) != kept.get(key))
        key = differing[0]
        raise ValueError(
            f"The checkpoint in {os.fspath(folder)!r} belongs to another model or optimizer than those of "
            f"{model.name!r}: {key!r} there has the shape {kept.get(key)}, here {shapes.get(key)} (None: it does not "
            f"exist). Received: {len(differing)} tensors that differ. Build and compile the model as it was."
        )
