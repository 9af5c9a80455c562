"""Applications: arguments, images, classes. Layers and numbers are compared with real Keras's in test_golden."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import applications, config, layers
from keras_torch.applications import imagenet_utils, mobilenet, resnet, resnet50, vgg16


def on_meta(build: Any, **options: Any) -> Any:
    """A model without memory."""
    with torch.device("meta"):
        return build(weights=None, **options)


def test_resnet50_has_its_old_names_in_the_old_dialects_only_and_under_its_own_path_only() -> None:
    for dialect, build, name in (
        ("1", applications.ResNet50, "res2a_branch2a"),
        ("2", resnet.ResNet50, "conv1_conv"),
        (None, resnet50.ResNet50, "conv1_conv"),
    ):
        with config.dialect_scope(dialect):
            assert name in {layer.name for layer in on_meta(build).layers}


@pytest.mark.slow
@pytest.mark.parametrize("classic", [True, False])
def test_resnet50_follows_the_names_in_a_file_of_weights(tmp_path: Path, classic: bool) -> None:
    path = tmp_path / "resnet50.h5"
    with config.dialect_scope("2" if classic else "tf"):
        saved = resnet50.ResNet50(weights=None, include_top=False, input_shape=(32, 32, 3))
        saved.save_weights(path)
    with config.dialect_scope("tf" if classic else "2"):
        model = resnet50.ResNet50(weights=str(path), include_top=False, input_shape=(32, 32, 3))
    assert [layer.name for layer in model.layers][2] == ("conv1" if classic else "conv1_conv")
    x = np.random.rand(1, 32, 32, 3).astype("float32")
    np.testing.assert_array_equal(model.predict(x, verbose=0), saved.predict(x, verbose=0))


def test_an_input_tensor_of_other_layers_leads_back_to_their_inputs() -> None:
    image = layers.Input((64, 64, 3))
    model = on_meta(vgg16.VGG16, input_tensor=layers.Rescaling(2.0)(image), include_top=False, pooling="max")
    assert model.inputs[0] is image
    assert model.output_shape == (None, 512)


def test_symbolic_images_are_preprocessed_inside_the_model(tmp_path: Path) -> None:
    image = layers.Input((8, 8, 3))
    x = np.random.RandomState(0).randint(0, 256, (2, 8, 8, 3)).astype("float32")
    for mode in ("caffe", "tf", "torch"):
        model = keras.Model(image, imagenet_utils.preprocess_input(image, mode=mode))
        expected = imagenet_utils.preprocess_input(x.copy(), mode=mode)
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-4)
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_allclose(again.predict(x, verbose=0), expected, atol=1e-4)


def test_an_array_of_floats_is_preprocessed_in_place_and_integers_are_not() -> None:
    x = np.full((1, 2, 2, 3), 255.0, "float32")
    assert mobilenet.preprocess_input(x) is x
    assert x.max() == 1
    numbers = np.full((1, 2, 2, 3), 255, "uint8")
    assert mobilenet.preprocess_input(numbers).dtype == np.float32
    assert numbers.max() == 255


def test_predictions_are_decoded_with_the_index_in_kerass_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(imagenet_utils, "CLASS_INDEX", {str(n): [f"n{n:08}", f"thing_{n}"] for n in range(1000)})
    predictions = np.zeros((2, 1000), "float32")
    predictions[0, [3, 5]] = 0.7, 0.3
    predictions[1, 999] = 1
    decoded = imagenet_utils.decode_predictions(predictions, top=2)
    assert decoded[0] == [("n00000003", "thing_3", np.float32(0.7)), ("n00000005", "thing_5", np.float32(0.3))]
    assert imagenet_utils.decode_predictions(torch.tensor(predictions), top=1)[1][0][1] == "thing_999"
    with pytest.raises(ValueError, match=r"\(samples, 1000\).*Received: shape \(2, 10\)"):
        imagenet_utils.decode_predictions(predictions[:, :10])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "somewhere.h5"}, "`weights` must be .* the path of a file that exists.*somewhere.h5"),
        ({"classes": 10}, "`classes` must be 1000. Received: classes=10"),
        ({"input_shape": (100, 100, 3)}, r"`input_shape` must be \(224, 224, 3\)"),
        ({"weights": None, "input_shape": (16, 16, 3)}, "at least 32x32"),
        ({"weights": None, "input_shape": (None, None, 3)}, "no None"),
        ({"weights": None, "input_shape": (64, 64)}, "tuple of three integers"),
        ({"include_top": False, "input_shape": (64, 64, 1)}, "3 channels"),
        ({"weights": None, "pooling": "mean"}, "`pooling` must be"),
        ({"weights": None, "layers": json}, "`layers` can be `keras.layers` only"),
    ],
)
def test_impossible_arguments_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        vgg16.VGG16(**options)


def test_unknown_arguments_are_refused_with_the_known_ones() -> None:
    with pytest.raises(TypeError, match="VGG16: .*'top'.* include_top, weights"):
        vgg16.VGG16(top=False)


def test_the_modules_of_keras_may_be_given_as_in_keras_2() -> None:
    modules = {"backend": keras.backend, "layers": layers, "models": keras.models, "utils": keras.utils}
    assert on_meta(mobilenet.MobileNet, include_top=False, **modules).name == "mobilenet_1.00_None"


@pytest.mark.parametrize(
    "name",
    [
        "MobileNet",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("MobileNetV3Small", "DenseNet121", "EfficientNetB0", "EfficientNetV2B0", "RegNetY002")
        ),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("ResNet50", "ResNet50V2", "ResNetRS50")),
    ],
)
def test_channels_first_computes_the_same(name: str) -> None:
    x = np.random.rand(1, 32, 32, 3).astype("float32")
    last = getattr(applications, name)(weights=None, include_top=False, pooling="avg", input_shape=(32, 32, 3))
    config.set_image_data_format("channels_first")
    first = getattr(applications, name)(weights=None, include_top=False, pooling="avg", input_shape=(3, 32, 32))
    first.set_weights(last.get_weights())
    expected = last.predict(x, verbose=0)
    result = first.predict(x.transpose(0, 3, 1, 2), verbose=0)
    np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


def test_a_network_for_channels_last_alone_says_so_and_leaves_the_setting() -> None:
    config.set_image_data_format("channels_first")
    with pytest.warns(UserWarning, match="ConvNeXtTiny is made for images with the channels last"):
        model = on_meta(applications.ConvNeXtTiny, include_top=False)
    assert model.output_shape == (None, None, None, 768)
    assert config.image_data_format() == "channels_first"


@pytest.mark.parametrize("name", ["vgg16", "vgg19", "resnet50", "xception", "inception_v3"])
def test_modules_of_networks_tell_where_their_weights_are(name: str) -> None:
    module = importlib.import_module(f"keras_torch.applications.{name}")
    for prefix in ("", "TF_"):
        path, without = (getattr(module, f"{prefix}WEIGHTS_PATH{end}") for end in ("", "_NO_TOP"))
        assert path.startswith("https://") and path.endswith(f"/{name}_weights_tf_dim_ordering_tf_kernels.h5")
        assert without == path.replace("kernels.h5", "kernels_notop.h5")
