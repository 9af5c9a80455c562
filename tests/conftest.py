"""One thread per worker, and a clean slate of names, dialect and seeds for each test."""

import gc
import os
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import torch
    import torch._dynamo

import numpy as np
import pytest

import keras_torch
from keras_torch import config, registry, symbolic

torch.set_num_threads(1)
# `torch.manual_seed` formats the whole stack for each kind of device that is not there.
seed_torch = torch.manual_seed if torch.accelerator.is_available() else torch.default_generator.manual_seed


@pytest.fixture(autouse=True)
def clean_slate():
    """Start each test with the same seeds and fresh names; leave no global setting behind."""
    settings = dict(config._load())
    custom = dict(registry.custom_objects)
    symbolic.reset_names()
    np.random.seed(0)
    seed_torch(0)
    yield
    config._settings.clear()
    config._settings.update(settings)
    registry.custom_objects.clear()
    registry.custom_objects.update(custom)


@pytest.fixture(autouse=True, scope="module")
def short_collections():
    """Take what a file's tests leave for good, as compilers do, out of collections: each took half a second at last."""
    yield
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items):
    """Skip what needs a GPU where there is none."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu") is not None:
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def pytest_collectstart():
    """Modules and tests stay: to look for garbage among them takes a quarter of the time."""
    gc.disable()


def pytest_collection_finish():
    """Keep what is there for good, all modules and tests, out of Python's garbage collections: they take a second."""
    gc.enable()
    # Else all that compilers and libraries keep is looked through again and again.
    gc.set_threshold(5_000, 20, 50)
    gc.collect()
    gc.freeze()


__all__ = ["clean_slate", "keras_torch", "short_collections"]
