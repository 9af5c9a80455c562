"""Steps replayed as CUDA graphs: which they are, and that they do what steps do; on the CPU, by notes of operators."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

import keras_torch as keras
from keras_torch import layers
from keras_torch.training import cuda_graphs


class Notes(TorchDispatchMode):
    """Writes down operators with their tensors, and undoes what they change: a GPU records without computing."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Any] = []
        self.changed: list[tuple[torch.Tensor, torch.Tensor]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        for argument, value in zip(func._schema.arguments, args, strict=False):
            # The schema of batch_norm does not tell what it writes.
            written = argument.name.startswith("running_")
            if written or (argument.alias_info is not None and argument.alias_info.is_write):
                self.changed.append((value, value.clone()))
        self.calls.append((func, args, kwargs, func(*args, **kwargs)))
        return self.calls[-1][3]


class Graph:
    """What stands in for `torch.cuda.CUDAGraph`."""

    replayed = 0

    def replay(self) -> None:
        Graph.replayed += 1
        with torch.no_grad(), torch._C._AutoDispatchBelowAutograd():
            self._replay()

    def _replay(self) -> None:
        for func, args, kwargs, outcome in self.notes.calls:
            found = func(*args, **kwargs)
            pairs = zip(pytree.tree_leaves(outcome), pytree.tree_leaves(found), strict=True)
            for place, value in pairs:
                if isinstance(place, torch.Tensor) and place is not value:
                    place.copy_(value)


class Recording:
    """What stands in for `torch.cuda.graph`."""

    def __init__(self, graph: Graph, capture_error_mode: str) -> None:
        self.graph = graph

    def __enter__(self) -> None:
        self.random = torch.get_rng_state()
        self.graph.notes = Notes()
        self.graph.notes.__enter__()

    def __exit__(self, *exc: Any) -> None:
        self.graph.notes.__exit__(*exc)
        for tensor, value in reversed(self.graph.notes.changed):
            tensor.detach().copy_(value)
        torch.set_rng_state(self.random)


pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="test_gpu.py has real ones")


@pytest.fixture(autouse=True)
def noted(monkeypatch: pytest.MonkeyPatch) -> None:
    Graph.replayed = 0
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", Recording)


def images() -> keras.Model:
    stack = [keras.Input((6, 6, 2)), layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization()]
    stack += [layers.Dropout(0.3), layers.Flatten(), layers.Dense(3, activation="softmax", kernel_regularizer="l2")]
    return keras.Sequential(stack)


def two_inputs() -> keras.Model:
    inputs = {"a": keras.Input((4,)), "b": keras.Input((4,))}
    x = layers.BatchNormalization(scale=False)(inputs["a"] * 2.0) + layers.Dense(4)(inputs["b"])
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def fit(model: keras.Model, x: Any, y: Any, graphs: bool, **options: Any) -> Any:
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    if graphs:
        model._compiled.arguments.update(jit_compile="cudagraph", may_replay=False)
    keras.utils.set_random_seed(7)
    return model.fit(x, y, batch_size=8, epochs=3, verbose=0, **options).history


@pytest.mark.parametrize("make", [images, two_inputs])
def test_training_is_the_same(make: Any) -> None:
    random = np.random.default_rng(0)
    model = make()
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    x: Any = random.random((44, 6, 6, 2), "float32")
    if make is two_inputs:
        x = {"a": random.random((44, 4), "float32"), "b": random.random((44, 4), "float32")}
    y, options = random.integers(0, 3, 44), {"validation_split": 0.1, "sample_weight": random.random(44)}
    plain, replayed = fit(model, x, y, False, **options), fit(twin, x, y, True, **options)
    # 39 samples: 4 whole batches an epoch and one of 7, of which the first 3 of each shape are for warming up.
    assert Graph.replayed == 3 * 4 - cuda_graphs.WARM_STEPS
    for name, values in plain.items():
        np.testing.assert_allclose(replayed[name], values, rtol=1e-5, atol=1e-6)
    for mine, theirs in zip(twin.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)


def test_a_step_is_recorded_anew_when_weights_move_or_others_are_trained() -> None:
    model, y = images(), np.zeros(80)
    x = np.ones((80, 6, 6, 2), "float32")
    fit(model, x, y, True)
    replays = model._compiled.replays
    (before,) = replays._recorded.values()
    model.layers[0].kernel.storages[0].data = model.layers[0].kernel.storages[0].data.clone()
    model.fit(x, y, batch_size=8, verbose=0)
    (after,) = replays._recorded.values()
    assert after is not before and after.is_valid()
    model.layers[0].trainable = False
    model.train_on_batch(x[:8], y[:8])
    assert not replays._recorded


def automatic(model: keras.Model, loss: Any = "sparse_categorical_crossentropy") -> Any:
    model.compile("adam", loss)
    return cuda_graphs.replays_of(model, model._compiled, None, automatic=True)


def test_by_themselves_only_steps_are_recorded_in_which_nothing_can_change() -> None:
    assert automatic(images()) and automatic(two_inputs())
    assert automatic(images(), lambda y_true, y_pred: (y_true - y_pred) ** 2) is None
    assert automatic(two_inputs(), [["mse", "mae"]]) and automatic(images(), torch.nn.CrossEntropyLoss())
    assert automatic(images(), [["mse", lambda y_true, y_pred: (y_true - y_pred) ** 2]]) is None
    hooked = images()
    hooked.layers[0].register_forward_hook(print)
    assert automatic(hooked) is None
    watched = images()
    watched.layers[0].kernel.storages[0].register_hook(print)
    assert automatic(watched) is None
    own = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation=lambda x: x * 2)])
    assert automatic(own) is None
    masked = keras.Sequential([keras.Input((4, 2)), layers.Masking(), layers.LSTM(3)])
    assert automatic(masked) is None
    listening = keras.Sequential([keras.Input((4, 2)), layers.LSTM(3, seed=1), layers.Dropout(0.5, seed=2)])
    assert automatic(listening)


def test_by_themselves_steps_are_recorded_in_long_loops_that_a_gpu_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        idle = False

        def query(self) -> bool:
            return self.idle

    monkeypatch.setattr(torch.cuda, "current_stream", lambda: Stream())
    monkeypatch.setattr(torch.nn.Parameter, "is_cuda", True)
    model, x, y = images(), np.ones((8 * 12, 6, 6, 2), "float32"), np.zeros(8 * 12)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=8, epochs=3, verbose=0)
    assert Graph.replayed == 0
    Stream.idle = True
    model.fit(x, y, batch_size=8, verbose=0)
    assert Graph.replayed == 11
    model.train_on_batch(x[:8], y[:8])
    assert Graph.replayed == 11
    model.fit(x, y, batch_size=8, verbose=0)
    assert Graph.replayed == 23


def test_no_is_no() -> None:
    model = images()
    for asked, may in (("auto", True), (None, True), (False, False)):
        model.compile("adam", "mse", jit_compile=asked)
        assert model._compiled.arguments["may_replay"] is may and model.jit_compile is False
    model.compile("adam", "mse", run_eagerly=True)
    assert not model._compiled.arguments["may_replay"]
    model.compile("adam", "mse")
    model.optimizer = "sgd"
    model.loss = "mae"
    assert model._compiled.arguments["may_replay"]


def test_other_settings_of_a_layer_count_from_the_next_epoch_on() -> None:
    model = images()
    rates = []

    class Less(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            rates.append(len(model._compiled.replays._recorded))
            if epoch == 1:
                model.layers[2].rate = 0.1

    fit(model, np.ones((80, 6, 6, 2), "float32"), np.zeros(80), True, callbacks=[Less()])
    assert rates == [0, 1, 1] and Graph.replayed == 3 * 10 - 2 * cuda_graphs.WARM_STEPS


class Own(layers.Layer):
    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs * 2


@pytest.mark.parametrize(
    "layer",
    [Own(), layers.Lambda(lambda x: x * 2), layers.GRU(3, stateful=True, return_sequences=True)],
    ids=["own", "lambda", "stateful"],
)
def test_steps_that_are_more_than_kernels_are_not_recorded(layer: layers.Layer) -> None:
    model = keras.Sequential([keras.Input((5, 3), batch_size=2), layer, layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert cuda_graphs.replays_of(model, model._compiled, None, automatic=False) is None


def test_a_step_that_cannot_be_recorded_runs_as_ever_with_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(Recording, "__enter__", refuse)
    model = images()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = fit(model, np.ones((80, 6, 6, 2), "float32"), np.zeros(80), True)
    assert len(caught) == 1 and "could not be recorded" in str(caught[0].message)
    assert history["loss"][-1] < history["loss"][0]
