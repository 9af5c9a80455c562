from __future__ import annotations

import importlib
import os
import sys
import types

import numpy as np
import pytest
import torch

import keras_torch
from keras_torch import config, dropin
from keras_torch.dropin import inner_names, module_paths


@pytest.fixture(autouse=True)
def undisturbed():
    before = dict(vars(keras_torch)), config.dialect(), list(sys.meta_path)
    yield
    if dropin._active is not None:
        dropin._active.uninstall()
    assert (config.dialect(), sys.meta_path) == before[1:]


def test_the_module_objects_are_shared():
    with dropin.install():
        import keras
        from keras import layers
        from tensorflow import keras as from_tensorflow
        from tensorflow.keras import layers as other_layers

        assert keras is keras_torch is from_tensorflow
        assert layers is other_layers is keras_torch.layers
        assert importlib.import_module("tf_keras.optimizers") is keras_torch.optimizers
        assert importlib.import_module("tensorflow.python.keras.callbacks") is keras_torch.callbacks
        assert importlib.import_module("keras.src.losses") is keras_torch.losses


@pytest.mark.parametrize(
    "statement",
    [
        "from keras.layers.core import Dense, Dropout, Activation, Flatten",
        "from keras.layers.convolutional import Convolution2D, MaxPooling2D, ZeroPadding2D",
        "from keras.layers.normalization import BatchNormalization",
        "from keras.layers.advanced_activations import LeakyReLU, PReLU",
        "from keras.layers.recurrent import LSTM, GRU",
        "from keras.layers.embeddings import Embedding",
        "from keras.layers.wrappers import TimeDistributed, Bidirectional",
        "from keras.layers.noise import GaussianNoise",
        "from keras.layers.merge import concatenate, add",
        "from keras.layers import merge, Merge",
        "from keras.layers.pooling import GlobalAveragePooling2D",
        "from keras.engine import Layer, InputSpec, Model",
        "from keras.engine.topology import Layer, Input, InputSpec, merge",
        "from keras.engine.training import Model",
        "from keras.engine.base_layer import Layer",
        "from keras.models import Sequential, Model, load_model, model_from_json",
        "from keras.optimizers import SGD, adam, rmsprop",
        "from keras.regularizers import l2, l1l2, l1_l2",
        "from keras import objectives, initializations, constraints",
        "from keras.objectives import categorical_crossentropy",
        "from keras.utils import np_utils",
        "from keras.utils.np_utils import to_categorical",
        "from keras.utils.generic_utils import get_custom_objects",
        "from keras.backend.tensorflow_backend import set_session",
        "from keras.legacy import interfaces",
        "from keras.callbacks import ModelCheckpoint, EarlyStopping, ReduceLROnPlateau, CSVLogger",
        "import keras.backend as K",
        "import tensorflow.keras.backend as K",
        "from tensorflow.keras.optimizers.legacy import Adam",
        "from tensorflow.keras.optimizers.schedules import ExponentialDecay",
        "from tensorflow.python.keras.layers import Dense",
        "from tensorflow.compat.v1 import keras",
    ],
)
def test_old_paths_resolve(statement: str):
    with dropin.install("1"):
        exec(statement, {})


@pytest.mark.parametrize(
    "path, names",
    [
        ("keras.src.layers.core.dense", "Dense"),
        ("keras.src.layers.merging.add", "Add add"),
        ("keras.src.layers.preprocessing.image_preprocessing.random_flip", "RandomFlip"),
        ("keras.src.legacy.preprocessing.image", "ImageDataGenerator"),
        ("keras.src.saving.serialization_lib", "serialize_keras_object"),
        ("keras.src.utils.numerical_utils", "to_categorical"),
        ("keras.src.optimizers.legacy.adam", "Adam"),
        ("keras.src.distribution.distribution_lib", "DataParallel"),
        ("keras.src.utils.backend_utils", "in_tf_graph in_grain_data_pipeline"),
        ("tensorflow.python.keras.mixed_precision.experimental.policy", "Policy"),
        ("tensorflow.python.keras.optimizer_v2.optimizer_v2", "OptimizerV2"),
        ("tensorflow.python.keras.optimizer_v2.gradient_descent", "SGD"),
        ("tensorflow.python.keras.engine.data_adapter", "unpack_x_y_sample_weight expand_1d"),
    ],
)
def test_files_inside_keras_hold_the_names_of_their_packages(path: str, names: str):
    with dropin.install("tf"):
        module = importlib.import_module(path)
        assert all(callable(getattr(module, name)) for name in names.split())
        assert callable(keras_torch.layers.add)


@pytest.mark.parametrize(
    "statement",
    [
        "from tensorflow.python.keras.optimizer_v2 import adam as file",
        "from keras.optimizers.optimizer_v2 import adam as file",
        "from keras.optimizers import adam_v2 as file",
    ],
)
def test_files_of_optimizers_are_not_the_classes_of_the_same_name(statement: str):
    found: dict[str, types.ModuleType] = {}
    with dropin.install("tf"):
        exec(statement, found)
    assert found["file"].Adam is keras_torch.optimizers.Adam


def test_weights_of_classes_become_weights_of_samples():
    # By hand: in Keras 3 a class without a weight weighs 1.
    with dropin.install("3"):
        module = importlib.import_module("keras.src.trainers.data_adapters.data_adapter_utils")
        weigh = module.class_weight_to_sample_weights
        assert weigh(np.array([[0], [2], [1]]), {0: 0.5, 1: 3.0}).tolist() == [0.5, 1.0, 3.0]
        assert weigh(np.eye(3)[[2, 0]], {2: 4.0}).tolist() == [4.0, 1.0]


def test_tensors_with_one_axis_get_a_second_one():
    x, rest = inner_names.expand_1d((np.ones(3), {"y": torch.ones(3, 2), "none": None}))
    assert x.shape == (3, 1) and rest["y"].shape == (3, 2) and rest["none"] is None


def test_functions_know_whether_grain_calls_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "grain", types.ModuleType("grain"))
    path = os.path.join("grain", "_src", "python", "dataset", "dataset.py")
    assert not inner_names.in_grain_data_pipeline()
    assert eval(compile("ask()", path, "eval"), {"ask": inner_names.in_grain_data_pipeline})


def test_masks_are_read_from_and_put_on_tensors():
    with dropin.install("3"):
        backend = importlib.import_module("keras.src.backend")
        x, mask = torch.ones(2, 3, 4), torch.ones(2, 3, dtype=torch.bool)
        assert backend.get_keras_mask(x) is None
        backend.set_keras_mask(x, mask)
        assert backend.get_keras_mask(x) is mask


def test_importing_the_old_module_merge_leaves_the_function_in_place():
    with dropin.install("1"):
        importlib.import_module("keras.layers.merge")
        assert callable(keras_torch.layers.merge)


@pytest.mark.parametrize(("dialect", "version"), dropin.KERAS_VERSIONS.items())
def test_the_version_is_that_of_the_dialect(dialect: str | None, version: str):
    own = getattr(keras_torch, "__version__", None)
    with dropin.install(dialect):
        import keras

        assert keras.__version__ == version
        assert config.dialect() == dialect
    assert getattr(keras_torch, "__version__", None) == own


def test_a_second_call_changes_the_dialect_and_nothing_else():
    first = dropin.install("1")
    hooks = len(sys.meta_path)
    second = dropin.install("2")
    assert second is first
    assert len(sys.meta_path) == hooks
    assert config.dialect() == "2"
    first.uninstall()
    first.uninstall()


def test_modules_of_other_packages_come_back():
    other = types.ModuleType("keras")
    inner = types.ModuleType("keras.layers")
    sys.modules["keras"], sys.modules["keras.layers"] = other, inner
    try:
        with dropin.install():
            import keras

            assert keras is keras_torch
        assert sys.modules["keras"] is other
        assert sys.modules["keras.layers"] is inner
        assert not [name for name in sys.modules if name.startswith(("tf_keras", "tensorflow"))]
    finally:
        del sys.modules["keras"], sys.modules["keras.layers"]


def test_old_submodules_are_gone_from_the_packages_afterwards():
    with dropin.install():
        assert keras_torch.objectives is keras_torch.losses
    assert not hasattr(keras_torch, "objectives")


def test_a_part_that_is_missing_says_who_stands_in():
    with dropin.install(), pytest.raises(ModuleNotFoundError, match=r"'keras\.nonsense'.*keras_torch"):
        importlib.import_module("keras.nonsense")


def test_the_modules_of_ours_keep_their_own_spec():
    with dropin.install():
        importlib.import_module("keras.layers")
        importlib.import_module("keras.losses")
    assert keras_torch.layers.__spec__.name == "keras_torch.layers"
    assert keras_torch.losses.__name__ == "keras_torch.losses"


@pytest.mark.parametrize("path", sorted(set(module_paths.MOVED.values())))
def test_no_row_leads_to_a_module_below_another_row(path: str):
    assert path not in module_paths.MOVED or module_paths.MOVED[path] == path


def test_prefixes_are_longest_first():
    for index, prefix in enumerate(module_paths.PREFIXES):
        assert not any(prefix.startswith(earlier + ".") for earlier in module_paths.PREFIXES[:index])


def test_the_packages_behind_keras_answer():
    with dropin.install("2"):
        import keras
        import keras_applications
        import keras_preprocessing
        from keras_applications.vgg16 import VGG16
        from keras_preprocessing.image import ImageDataGenerator

        assert ImageDataGenerator is keras.preprocessing.image.ImageDataGenerator
        assert VGG16 is keras.applications.vgg16.VGG16 is keras_applications.vgg16.VGG16
        assert not hasattr(keras.preprocessing, "set_keras_submodules")
        keras_preprocessing.set_keras_submodules(backend=keras.backend, utils=keras.utils)
        parts = (keras.backend, keras.layers, keras.models, keras.utils)
        assert keras_applications.get_submodules_from_kwargs({"backend": keras.backend}) == parts
        with pytest.raises(ValueError, match="`backend` can be `keras.backend` only"):
            keras_applications.set_keras_submodules(backend=sys)
        with pytest.raises(ImportError, match="'optimizers'"):
            keras_preprocessing.get_keras_submodule("optimizers")


def test_names_that_keras_imported_for_itself_are_there_for_old_scripts():
    with dropin.install("2"):
        import keras
        from keras import backend as K
        from keras.layers import activations
        from keras.layers.core import K as of_core

        assert of_core is K and keras.callbacks.np is np and activations is keras.activations
        assert K.tf.select(K.tf.constant([True, False]), K.tf.mul([1, 2], 3), K.tf.neg([4, 5])).tolist() == [3, -5]
        assert K.tf.concat([np.zeros((1, 2)), np.zeros((1, 2))], 1).shape == (1, 4)
    assert not hasattr(keras.layers, "K") and not hasattr(K, "tf")


def test_the_files_of_keras_preprocessing_are_there():
    with dropin.install("2"):
        from keras.preprocessing.image import ImageDataGenerator
        from keras_preprocessing.image import image_data_generator, utils
        from keras_preprocessing.image.affine_transformations import apply_affine_transform

        assert image_data_generator.ImageDataGenerator is ImageDataGenerator
        assert utils.img_to_array(np.zeros((2, 2, 3))).shape == (2, 2, 3) and callable(apply_affine_transform)
