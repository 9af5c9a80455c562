"""The real TensorFlow, where it is asked for, stays what it is except for its Keras; a folder stands in for it here."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest

import keras_torch
from keras_torch import dropin

ROOT = """
import importlib
import numpy as np
from tensorflow import compat

__version__ = "2.99.0"
keras = optimizers = "its own"
importlib.import_module("keras.src.optimizers")  # as TensorFlow does at its end


class Tensor:
    def __init__(self, value):
        self.value = np.asarray(value, "float32")

    shape = property(lambda self: self.value.shape)
    dtype = property(lambda self: self.value.dtype)

    def __array__(self, dtype=None, copy=None):
        return self.value if dtype is None else self.value.astype(dtype)


class Dataset:
    def __init__(self, *arrays):
        self.arrays = arrays

    def __len__(self):
        return 2

    def __iter__(self):
        raise AssertionError("tensors of its own")

    def as_numpy_iterator(self):
        half = len(self.arrays[0]) // 2
        yield tuple(array[:half] for array in self.arrays)
        yield tuple(array[half:] for array in self.arrays)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    package = tmp_path / "tensorflow"
    (package / "compat" / "v1").mkdir(parents=True)
    (package / "__init__.py").write_text(ROOT)
    (package / "compat" / "__init__.py").write_text("from tensorflow.compat import v1\n")
    (package / "compat" / "v1" / "__init__.py").write_text("")
    (package / "io.py").write_text("read = 'by TensorFlow'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield
    if dropin._active is not None:
        dropin._active.uninstall()
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorflow"]:
        del sys.modules[name]


def test_only_keras_within_it_is_ours(folder):
    with dropin.install("tf", real_tensorflow=True):
        import tensorflow as tf
        from tensorflow import keras
        from tensorflow.keras.layers import Dense

        io = importlib.import_module("tensorflow.io")
        assert (tf.__version__, io.read) == ("2.99.0", "by TensorFlow")
        assert tf.keras is keras is tf.compat.v1.keras is keras_torch
        assert tf.optimizers is keras_torch.optimizers
        assert importlib.import_module("tensorflow.compat.v1.keras") is keras_torch
        assert Dense is keras_torch.layers.Dense
    assert sys.modules["tensorflow"] is tf
    assert tf.keras == tf.optimizers == "its own"
    assert "tensorflow.keras" not in sys.modules
    with dropin.install(real_tensorflow=True):
        assert tf.keras is keras_torch
    with dropin.install():
        assert importlib.import_module("tensorflow") is not tf
    assert sys.modules["tensorflow"] is tf


def test_its_tensors_and_datasets_become_torchs(folder, monkeypatch):
    monkeypatch.setenv("KERAS_TORCH_TENSORFLOW", "real")
    with dropin.install("tf"):
        import tensorflow as tf

        x = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
        y = x.sum(1, keepdims=True)
        model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(1)])
        model.compile(tf.keras.optimizers.SGD(0.1), "mse")
        losses = model.fit(tf.Tensor(x), tf.Tensor(y), epochs=5, verbose=0).history["loss"]
        losses += model.fit(tf.Dataset(x, y), epochs=5, verbose=0).history["loss"]
        assert losses[-1] < losses[5] < losses[0]
        np.testing.assert_allclose(model(tf.Tensor(x)).numpy(), model.predict(tf.Dataset(x), verbose=0), rtol=1e-5)


def test_it_must_be_installed(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    with dropin.install(real_tensorflow=True), pytest.raises(ModuleNotFoundError, match="pip install tensorflow"):
        importlib.import_module("tensorflow")


def test_one_hook_has_one_tensorflow():
    with dropin.install(), pytest.raises(ValueError, match="another `tensorflow` already"):
        dropin.install(real_tensorflow=True)
