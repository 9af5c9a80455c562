"""What only several processes can show."""

import contextlib
import io
import os
import tempfile
from pathlib import Path

import cases
import numpy as np
import torch
import torch.distributed as dist

import keras_torch as keras
from keras_torch import layers, symbolic
from keras_torch.data import Dataset
from keras_torch.distributed import rank
from keras_torch.dropin.tensorflow import distribute, nn

CHECKS = {}


def check(function):
    CHECKS[function.__name__] = function
    return function


def run(name):
    symbolic.reset_names()
    keras.utils.set_random_seed(7)
    return CHECKS[name]()


@contextlib.contextmanager
def counted():
    """Count the calls of all_reduce."""
    calls, before = [], dist.all_reduce

    def counting(tensor, *args, **kwargs):
        calls.append(tensor.numel())
        return before(tensor, *args, **kwargs)

    dist.all_reduce = counting
    try:
        yield calls
    finally:
        dist.all_reduce = before


def fit(model, epochs=2, **options):
    x, y = cases.numbers(66, 6), cases.labels(66)
    return model.fit(x, y, batch_size=11, epochs=epochs, **{"verbose": 0, **options})


@check
def messages():
    model = cases.classifier(layers.Dense(4))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    fit(model)
    with counted() as plain:
        fit(model, verbose=2)
    with counted() as validated:
        fit(model, validation_split=0.5)
    model.compile(keras.optimizers.SGD(gradient_accumulation_steps=3), "sparse_categorical_crossentropy")
    with counted() as accumulated:
        fit(model)
    return {"plain": len(plain), "validated": len(validated), "accumulated": len(accumulated)}


@check
def dropout():
    model = cases.classifier(layers.Dropout(0.5), layers.Dropout(0.5, seed=3), layers.Dense(4))
    model.compile("adam", "sparse_categorical_crossentropy")
    masks = []
    hook = model.layers[1].register_forward_hook(lambda module, args, output: masks.append((output == 0).tolist()))
    fit(model)
    fit(model, shuffle=False)
    hook.remove()
    return {"masks": masks, "weights": model.get_weights(), "random": [float(torch.rand(())), float(np.random.rand())]}


class StopsAlone(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if rank() == 1 and epoch == 1:
            self.model.stop_training = True

    def on_train_batch_end(self, batch, logs=None):
        if rank() == 1 and self.params["epochs"] == 9 and batch == 3:
            self.model.stop_training = True


@check
def stops():
    model = cases.classifier()
    model.compile("adam", "sparse_categorical_crossentropy")
    ends = [len(fit(model, 8, callbacks=[StopsAlone()]).history["loss"])]
    ends.append(len(fit(model, 9, callbacks=[StopsAlone()]).history["loss"]))
    return ends, int(model.optimizer.iterations)


@check
def buffers():
    model = cases.classifier(layers.BatchNormalization(), layers.Dense(4))
    model.compile("adam", "sparse_categorical_crossentropy")
    fit(model)
    return {"weights": model.get_weights(), "moving": model.layers[0].moving_variance.numpy()}


@check
def first_weights():
    torch.manual_seed(rank())
    np.random.seed(rank())
    model = cases.classifier(layers.Dense(4))
    model.compile("adam", "sparse_categorical_crossentropy")
    history = fit(model)
    return {"weights": model.get_weights(), "history": history.history}


@check
def files():
    folder = Path(tempfile.gettempdir(), f"keras_torch_{os.environ['MASTER_PORT']}")
    model = cases.classifier(layers.Dense(4))
    model.compile("adam", "sparse_categorical_crossentropy")
    callbacks = [
        keras.callbacks.CSVLogger(folder / "log.csv" if folder.mkdir(exist_ok=True) is None else ""),
        keras.callbacks.ModelCheckpoint(str(folder / "at_{epoch}.keras")),
        keras.callbacks.EarlyStopping(verbose=1, patience=0, monitor="loss", min_delta=100.0),
    ]
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        fit(model, 3, callbacks=callbacks, verbose=2)
        model.save(folder / "whole.h5")
        there = sorted(path.name for path in folder.iterdir())
        again = keras.models.load_model(folder / "whole.h5")
    same = all(map(np.array_equal, model.get_weights(), again.get_weights()))
    return {"there": there, "same": same, "rows": (folder / "log.csv").read_text().count("\n"), "text": text.getvalue()}


def survivor(folder, hook=lambda batch: None):
    """A training whose steps are random in each process, which goes on where it was when it is started again."""
    symbolic.reset_names()
    keras.utils.set_random_seed(7)
    middle = (layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.3), layers.Dense(8))
    model = cases.classifier(*middle, layers.Dropout(0.2, seed=5))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    each = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: hook(batch))
    backup = keras.callbacks.BackupAndRestore(folder, save_freq=3)
    history = fit(model, 4, callbacks=[each, backup], validation_split=0.2)
    return {"weights": model.get_weights(), "history": history.history}


@check
def undisturbed():
    with tempfile.TemporaryDirectory() as folder:
        return survivor(os.path.join(folder, "backup"))


@check
def continued():
    """The same training, which ends with an error in the midst of an epoch and is begun once more."""
    steps = []

    def fail(batch):
        steps.append(batch)
        if len(steps) == 15:
            raise KeyError("killed")

    # One folder for all processes, as they see one disk.
    folder = os.path.join(tempfile.gettempdir(), f"keras_torch_backup_{os.environ['MASTER_PORT']}")
    with contextlib.suppress(KeyError):
        survivor(folder, fail)
    return {**survivor(folder), "steps": len(steps)}


@check
def distribution():
    devices = keras.distribution.list_devices()
    parallel = keras.distribution.DataParallel()
    mesh = keras.distribution.DeviceMesh((2,), ("batch",), devices) if len(devices) == 2 else None
    if mesh is None:
        return {}
    layout = keras.distribution.TensorLayout(("batch", None), mesh)
    spread = keras.distribution.distribute_tensor(torch.arange(8.0).reshape(4, 2), layout)
    with parallel.scope():
        return {"devices": devices, "rank": parallel.data_shard_id, "local": spread.to_local().tolist()}


@check
def strategy():
    """What replicas see of data and of one another."""
    mirrored = distribute.MirroredStrategy()
    rows = Dataset.from_tensor_slices(np.arange(7)).batch(3)
    mine = [batch.tolist() for batch in mirrored.experimental_distribute_dataset(rows)]

    def batches(context):
        return Dataset.from_tensor_slices(np.arange(7)).batch(
            context.get_per_replica_batch_size(2 * context.num_replicas_in_sync)
        )

    turns = [batch.tolist() for batch in mirrored.distribute_datasets_from_function(batches)]
    variable = keras.Variable(np.zeros(1, "float32"))
    optimizer = keras.optimizers.SGD(1.0)

    def step(aggregated):
        context = distribute.ReplicaContext()
        gradient = torch.tensor([context.replica_id_in_sync_group + 1.0])
        if aggregated:
            gradient = context.all_reduce("sum", gradient)
        optimizer.apply_gradients([(gradient, variable)], skip_gradients_aggregation=aggregated)
        return distribute.in_cross_replica_context(), nn.compute_average_loss(torch.ones(3)).item()

    seen = [mirrored.run(step, args=(aggregated,)) for aggregated in (False, True)]
    part = torch.arange(1.0 + rank())
    model = cases.classifier()
    model.compile("sgd", "sparse_categorical_crossentropy")
    data = Dataset.from_tensor_slices((cases.numbers(40, 6), cases.labels(40)))
    fitted = [
        model.fit(divided, epochs=2, verbose=0).history["loss"]
        for divided in (
            mirrored.experimental_distribute_dataset(data.batch(10)),
            mirrored.distribute_datasets_from_function(lambda context: data.batch(10)),
        )
    ]
    return {
        "fitted": fitted,
        "steps": int(model.optimizer.iterations),
        "rows": mine,
        "turns": turns,
        "variable": variable.numpy().tolist(),
        "seen": seen,
        "sum": mirrored.reduce("SUM", part, axis=0).item(),
        "mean": mirrored.reduce(distribute.ReduceOp.MEAN, part, axis=0).item(),
        "gathered": mirrored.gather(part, axis=0).tolist(),
        "outside": distribute.in_cross_replica_context(),
    }
