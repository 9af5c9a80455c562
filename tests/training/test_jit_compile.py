"""`jit_compile`: the same numbers through `torch.compile`, and eagerly with one warning where that fails."""

from __future__ import annotations

import shutil
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch._dynamo.testing import CompileCounter

import keras_torch as keras
from keras_torch import config, layers
from keras_torch.training import jit


@pytest.fixture(autouse=True)
def without_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trace with torch's own tools only, which need no C++ compiler."""
    torch.compiler.reset()
    monkeypatch.setattr(jit, "BACKEND", "aot_eager")


def functional(policy: str | None = None) -> keras.Model:
    keras.utils.set_random_seed(3)
    config.set_dtype_policy(policy)
    inputs = keras.Input((3,))
    x = layers.BatchNormalization()(layers.Dense(4, activation="relu")(inputs) * 2)
    outputs = layers.Dense(2, dtype="float32")(x)
    config.set_dtype_policy(None)
    return keras.Model(inputs, outputs)


def data(rows: int = 10) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    return random.random((rows, 3), "float32"), random.random((rows, 2), "float32")


@pytest.mark.parametrize(("policy", "steps", "backend"), [(None, 2, "eager"), ("mixed_bfloat16", 1, "aot_eager")])
def test_a_compiled_model_trains_measures_and_predicts_as_without(
    monkeypatch: pytest.MonkeyPatch, policy: str | None, steps: int, backend: str
) -> None:
    monkeypatch.setattr(jit, "BACKEND", backend)
    results = []
    for compiled in (False, True):
        model = functional(policy)
        model.compile("sgd", "mse", metrics=["mae"], jit_compile=compiled, steps_per_execution=steps)
        assert model.jit_compile is compiled and model.get_compile_config()["jit_compile"] is compiled
        x, y = data()
        history = model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0, validation_data=(x, y)).history
        values = [value for name in sorted(history) for value in history[name]]
        results.append([values, model.evaluate(x, y, verbose=0), model.predict(x, verbose=0), model.get_weights()])
    for one, other in zip(*results, strict=True):
        for mine, theirs in zip(one, other, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-4 if policy is None else 3e-2, atol=1e-5)


@pytest.mark.parametrize("policy", [None, "mixed_bfloat16"])
def test_a_functional_model_is_one_graph(policy: str | None) -> None:
    model, counter = functional(policy), CompileCounter()
    compiled = torch.compile(model, fullgraph=True, backend=counter)
    x = torch.as_tensor(data()[0])
    torch.testing.assert_close(compiled(x), model(x))
    assert counter.frame_count == 1


def test_each_of_many_models_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = data(4)
    for _ in range(3):
        counter = CompileCounter()
        monkeypatch.setattr(jit, "BACKEND", counter)
        model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
        model.compile("sgd", "mse", jit_compile=True)
        with torch._dynamo.config.patch(recompile_limit=2):
            model.train_on_batch(x, y)
            model.predict(x, verbose=0)
        assert counter.frame_count >= 2


def test_the_compiler_is_asked_once_for_all_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = CompileCounter()
    monkeypatch.setattr(jit, "BACKEND", counter)
    model = functional()
    model.compile("sgd", "mse", jit_compile=True)
    x, y = data(8)
    model.fit(x, y, batch_size=4, epochs=3, verbose=0)
    trained = counter.frame_count
    model.train_on_batch(x[:4], y[:4])
    assert trained <= 2 and counter.frame_count == trained


def classifier(outputs: int = 1) -> keras.Model:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((3,))
    x = layers.BatchNormalization()(layers.Dense(4, activation="relu", kernel_regularizer="l2")(inputs))
    found = [layers.Dense(2, activation="softmax", name=f"out_{number}")(x) for number in range(outputs)]
    return keras.Model(inputs, found if outputs > 1 else found[0])


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_step_is_compiled_with_its_loss(monkeypatch: pytest.MonkeyPatch, outputs: int) -> None:
    counter = CompileCounter()
    monkeypatch.setattr(jit, "BACKEND", counter)
    x, labels = data(12)[0], np.arange(12) % 2
    weights = []
    for compiled in (False, True):
        model = classifier(outputs)
        loss = "sparse_categorical_crossentropy"
        model.compile("adam", loss, metrics=["accuracy"] * outputs, jit_compile=compiled)
        y = [labels] * outputs if outputs > 1 else labels
        model.fit(x, y, batch_size=4, epochs=4, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for mine, theirs in zip(*weights, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    assert counter.frame_count <= 2
    # Two outputs have running means, which count in Python: there the graph holds the model alone.
    assert counter.op_count >= 8 if outputs == 1 else counter.frame_count


def test_cuda_graphs_need_a_gpu_and_are_named_in_no_file() -> None:
    model = functional()
    if torch.cuda.is_available():
        model.compile("sgd", "mse", jit_compile="cudagraph")
        assert model.jit_compile == "cudagraph" and model.get_compile_config()["jit_compile"] is True
    else:
        with pytest.raises(ValueError, match=r"`jit_compile='cudagraph'` replays kernels of a GPU.*jit_compile=True"):
            model.compile("sgd", "mse", jit_compile="cudagraph")


def broken(graph: Any, inputs: Any) -> Any:
    raise RuntimeError("no compiler here")


def test_a_compiler_that_fails_is_told_of_once_and_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit, "BACKEND", broken)
    model = functional()
    model.compile("sgd", "mse", jit_compile=True)
    x, y = data()
    with pytest.warns(UserWarning, match=r"runs eagerly in spite of `jit_compile=True`.*no compiler here") as caught:
        history = model.fit(x, y, batch_size=4, epochs=2, verbose=0, validation_data=(x, y))
        assert model.predict(x, verbose=0).shape == (10, 2)
    assert len(caught) == 1 and np.isfinite(history.history["loss"]).all()


def test_a_python_without_torch_compile_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("torch.compile is not supported on Python 9")

    monkeypatch.setattr(torch, "compile", refuse)
    model = functional()
    model.compile("sgd", "mse", jit_compile=True)
    with pytest.warns(UserWarning, match="not supported on Python 9"):
        model.evaluate(*data(), verbose=0)


def test_errors_of_the_model_itself_are_raised() -> None:
    class Wrong(keras.Model):
        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            raise KeyError("mine")

    model = Wrong()
    model.compile("sgd", "mse", jit_compile=True)
    with pytest.raises(KeyError, match="mine"):
        model.predict(np.zeros((2, 3), "float32"), verbose=0)


def test_a_model_does_not_run_eagerly_and_compiled() -> None:
    model = functional()
    with pytest.warns(UserWarning, match="`run_eagerly=True` turns `jit_compile=True` off"):
        model.compile("sgd", "mse", jit_compile=True, run_eagerly=True)
    assert model.run_eagerly and not model.jit_compile
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.compile("sgd", "mse", jit_compile="auto", run_eagerly=True)
        model.compile("sgd", "mse", jit_compile="auto")
    assert model.jit_compile is False and not model.run_eagerly
    with pytest.raises(ValueError, match="`jit_compile` must be True, False, 'auto' or 'cudagraph'. Received: 'yes'"):
        model.compile("sgd", "mse", jit_compile="yes")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch's inductor needs a C++ compiler")
def test_torchs_own_compiler_computes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit, "BACKEND", "inductor")
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, activation="tanh")])
    x = np.ones((2, 3), "float32")
    expected = model.predict(x, verbose=0)
    model.compile("sgd", "mse", jit_compile=True)
    # For one kernel neither processes that compile nor a compiled header is worth its time.
    with torch._inductor.config.patch(compile_threads=1, cpp_cache_precompile_headers=False):
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5)
