from __future__ import annotations

import pytest
import torch

from keras_torch import dropin


@pytest.fixture
def tf():
    with dropin.install("tf"):
        import tensorflow

        yield tensorflow


def test_the_version_is_that_of_the_dialect(tf):
    assert tf.__version__ == tf.compat.v1.__version__ == "2.15.0"
    with dropin.install("1"):
        assert tf.__version__ == "1.0.1"


def test_settings_of_sessions_are_accepted(tf):
    settings = tf.compat.v1.ConfigProto(allow_soft_placement=True)
    settings.gpu_options.allow_growth = True
    with tf.Session(config=settings) as session:
        session.run(tf.global_variables_initializer())
        assert session.run(torch.ones(1)).tolist() == [1.0]


def test_devices_are_told_truthfully(tf):
    assert bool(tf.config.list_physical_devices("GPU")) == torch.cuda.is_available()
    assert tf.test.is_gpu_available() == torch.cuda.is_available()
    assert [device.device_type for device in tf.config.experimental.list_physical_devices("CPU")] == ["CPU"]
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def test_a_seed_makes_draws_repeat(tf):
    tf.random.set_seed(5)
    first = torch.rand(3)
    tf.random.set_seed(5)
    assert torch.equal(first, torch.rand(3))


def test_dtypes_are_torchs(tf):
    assert tf.float32 is torch.float32
    assert tf.uint8 is torch.uint8


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_functions_and_devices_run_directly(tf, monkeypatch):
    monkeypatch.setattr("keras_torch.training.jit.BACKEND", "eager")

    @tf.function
    def double(x):
        return 2 * x

    @tf.function(jit_compile=True)
    def triple(x):
        return 3 * x

    with tf.device("/gpu:0"), tf.device_scope("/cpu:0"):
        assert (double(2), triple(2)) == (4, 6)
    assert tf.executing_eagerly()


@pytest.mark.parametrize("path", ["reduce_meen", "nn.foo", "compat.v1.nn.foo", "contrib.slim"])
def test_what_is_missing_is_named(tf, path: str):
    *parents, name = path.split(".")
    for parent in parents:
        tf = getattr(tf, parent)
    with pytest.raises(AttributeError, match=rf"`tensorflow\.{path}` is not available"):
        getattr(tf, name)


def test_a_missing_submodule_is_an_import_error(tf):
    with pytest.raises(ModuleNotFoundError, match=r"tensorflow\.examples"):
        import tensorflow.examples.tutorials.mnist  # noqa: F401
