"""Random image layers: when they are active, that each image has its own draw, seeds, what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config, layers

IMAGES = torch.rand(64, 6, 6, 3, generator=torch.Generator().manual_seed(1)) * 255
# Arguments with which a layer changes images at random, each in its own way.
EACH = {
    "RandomBrightness": {"factor": 0.5},
    "RandomColorDegeneration": {"factor": 0.9},
    "RandomColorJitter": {
        "brightness_factor": 0.2,
        "contrast_factor": 0.5,
        "saturation_factor": 0.4,
        "hue_factor": 0.3,
    },
    "RandomContrast": {"factor": 0.9},
    "RandomElasticTransform": {},
    "RandomErasing": {"scale": (0.2, 0.3)},
    "RandomFlip": {},
    "RandomGaussianBlur": {},
    "RandomGrayscale": {},
    "RandomHue": {"factor": 0.9},
    "RandomInvert": {"factor": (0.5, 0.5)},
    "RandomPerspective": {},
    "RandomPosterization": {"factor": (1, 6)},
    "RandomRotation": {"factor": 0.5},
    "RandomSaturation": {"factor": 0.9},
    "RandomSharpness": {"factor": 0.9},
    "RandomShear": {"x_factor": 0.5, "y_factor": 0.5},
    "RandomTranslation": {"height_factor": 0.5, "width_factor": 0.5},
    "RandomZoom": {"height_factor": 0.5, "width_factor": 0.5},
    "Solarization": {"threshold_factor": 0.9, "addition_factor": 0.5},
}
BATCHED = {"AugMix": {}, "RandAugment": {}, "RandomCrop": {"height": 4, "width": 5}, "MixUp": {}, "CutMix": {}}


def make(name, **more):
    return getattr(layers, name)(**{**EACH, **BATCHED}[name], **more)


def expected_share(layer):
    """How many different results equal images have: at least as many as there are choices."""
    return 2 if type(layer).__name__ in ("RandomFlip", "RandomGrayscale", "RandomInvert", "RandomGaussianBlur") else 5


@pytest.mark.parametrize("name", sorted(EACH))
def test_each_image_of_a_batch_has_its_own_draw(name):
    layer = make(name, seed=3)
    same = IMAGES[:1].expand(64, -1, -1, -1)
    found = {image.numpy().tobytes() for image in layer(same, training=True)}
    assert len(found) >= expected_share(layer)


@pytest.mark.parametrize("name", sorted(EACH | BATCHED))
def test_a_seed_repeats_the_numbers_of_a_layer_and_set_random_seed_those_of_all(name):
    def run(**options):
        layer = make(name, **options)
        return torch.stack([layer(IMAGES, training=True) for _ in range(2)])

    torch.testing.assert_close(run(seed=5), run(seed=5), rtol=0, atol=0)
    keras.utils.set_random_seed(7)
    first = run()
    keras.utils.set_random_seed(7)
    torch.testing.assert_close(run(), first, rtol=0, atol=0)
    if name != "RandAugment":
        assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize("name", sorted(EACH | {"MixUp": {}, "CutMix": {}}))
def test_images_are_left_alone_in_inference_but_for_their_type(name):
    layer = make(name)
    torch.testing.assert_close(layer(IMAGES, training=False), IMAGES)
    whole = IMAGES.to(torch.uint8)
    found = layer(whole, training=False)
    torch.testing.assert_close(found.float(), whole.float())
    assert found.dtype == (torch.uint8 if name == "RandomGrayscale" else torch.float32)
    layer.eval()
    torch.testing.assert_close(layer(IMAGES), IMAGES)


def test_random_layers_are_active_until_told_otherwise_as_in_every_keras():
    layer = layers.RandomInvert((1, 1))
    inverted = 255 - IMAGES
    torch.testing.assert_close(layer(IMAGES), inverted)
    model = keras.Sequential([keras.Input((6, 6, 3)), layer, layers.Rescaling(0.5)])
    torch.testing.assert_close(model(IMAGES), inverted / 2)
    torch.testing.assert_close(model(IMAGES, training=False), IMAGES / 2)
    np.testing.assert_allclose(model.predict(IMAGES.numpy(), verbose=0), IMAGES.numpy() / 2, rtol=1e-6)
    model.train()
    torch.testing.assert_close(model(IMAGES), inverted / 2)


@pytest.mark.parametrize("name", sorted(EACH))
@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_values_stay_in_their_range(name, fraction):
    layer = make(name, seed=1)
    flat = torch.full((8, 6, 6, 3), 255.0 * fraction)
    found = layer(flat, training=True)
    assert found.min() >= -1e-3 and found.max() <= 255.001


def test_half_of_the_images_are_flipped():
    left = torch.zeros(2000, 2, 2, 1)
    left[:, :, 0] = 1.0
    flipped = layers.RandomFlip("horizontal", seed=2)(left, training=True)[:, 0, 1, 0]
    assert 0.45 < flipped.mean() < 0.55
    corner = torch.zeros(2000, 2, 2, 1)
    corner[:, 0, 0] = 1.0
    for dialect, shares in (("tf", (0.25, 0.25, 0.25, 0.25)), ("3", (0.5, 0.0, 0.0, 0.5))):
        with config.dialect_scope(dialect):
            found = layers.RandomFlip(seed=2)(corner, training=True).mean(0).flatten()
        np.testing.assert_allclose(found, shares, atol=0.04)


def test_numbers_are_spread_over_the_ranges_of_each_keras():
    images = torch.arange(8.0).view(1, 2, 4, 1).expand(3000, -1, -1, -1) + 100
    deltas = layers.RandomBrightness(0.2, seed=1)(images, training=True)[:, 0, 0, 0] - 100
    assert deltas.min() == pytest.approx(-51, abs=1) and deltas.max() == pytest.approx(51, abs=1)
    assert deltas.mean() == pytest.approx(0, abs=2)

    def contrasts(layer):
        found = layer(images, training=True)
        return (found[:, 1, 3, 0] - found[:, 0, 0, 0]) / 7

    once = contrasts(layers.RandomContrast(0.5, seed=1))
    assert once.min() == pytest.approx(1.0, abs=0.01) and once.max() == pytest.approx(1.5, abs=0.01)
    with config.dialect_scope("tf"):
        layer = layers.RandomContrast(0.5, 4)
        assert layer.seed == 4
        drawn = [contrasts(layer) for _ in range(200)]
        assert all(item.max() - item.min() < 1e-4 for item in drawn)
        means = torch.stack([item.mean() for item in drawn])
        assert means.min() == pytest.approx(0.5, abs=0.05) and means.max() == pytest.approx(1.5, abs=0.05)
    angles = layers.RandomRotation(0.25, seed=1).get_random_transformation(images)["angle"]
    assert angles.min() == pytest.approx(-90, abs=1) and angles.max() == pytest.approx(90, abs=1)


def test_mixed_images_and_labels_are_mixed_alike():
    images = torch.arange(6.0).view(6, 1, 1, 1).expand(-1, 4, 4, 3)
    labels = torch.arange(6.0).view(6, 1)
    for layer in (layers.MixUp(seed=1, alpha=0.4), layers.CutMix(seed=1)):
        found = layer({"images": images, "labels": labels}, training=True)
        means = found["images"].mean((1, 2, 3))
        close = 1e-5 if isinstance(layer, layers.MixUp) else 1.5
        torch.testing.assert_close(means, found["labels"][:, 0], rtol=0, atol=close)
        assert not torch.equal(found["labels"], labels)
    boxes = {"boxes": torch.rand(6, 2, 4), "labels": torch.ones(6, 2)}
    found = layers.MixUp(bounding_box_format="xyxy")({"images": images, "bounding_boxes": boxes}, training=True)
    assert found["bounding_boxes"]["boxes"].shape == (6, 4, 4)
    assert found["bounding_boxes"]["labels"].shape == (6, 4)


def test_a_dict_is_changed_as_one_and_a_single_image_like_a_batch():
    layer = layers.RandomFlip("horizontal", bounding_box_format="xywh")
    data = {
        "images": torch.arange(6.0).view(1, 2, 3, 1),
        "segmentation_masks": torch.arange(6).view(1, 2, 3, 1),
        "labels": torch.tensor([4]),
        "bounding_boxes": {"boxes": [[[0.0, 0.0, 1.0, 2.0]]], "labels": [[7]]},
    }
    single = {key: item[0] for key, item in data.items() if key != "bounding_boxes"}
    single["bounding_boxes"] = {"boxes": [[0.0, 0.0, 1.0, 2.0]], "labels": [7]}
    flipped = set()
    for _ in range(20):
        for given, axis in ((data, 2), (single, 1)):
            found = layer(given, training=True)
            assert torch.equal(found["images"].long(), found["segmentation_masks"])
            assert torch.equal(found["labels"], given["labels"])
            is_flipped = torch.equal(found["images"], given["images"].flip(axis))
            assert is_flipped or torch.equal(found["images"], given["images"])
            wanted = [2.0 if is_flipped else 0.0, 0.0, 1.0, 2.0]
            np.testing.assert_allclose(found["bounding_boxes"]["boxes"].flatten(), wanted, atol=1e-6)
            assert found["bounding_boxes"]["boxes"].dim() == given["images"].dim() - 1
            flipped.add(is_flipped)
    assert flipped == {True, False}
    symbolic = layer({"images": keras.Input((2, 3, 1)), "labels": keras.Input((1,))})
    assert symbolic["images"].shape == (None, 2, 3, 1)
    without = layers.RandomFlip()
    with pytest.raises(ValueError, match="bounding_box_format"):
        without(data)


def test_boxes_of_several_numbers_are_filled_up():
    layer = layers.MaxNumBoundingBoxes(3, bounding_box_format="xyxy")
    boxes = {"boxes": [[[0, 0, 1, 1]], [[0, 0, 1, 1], [1, 1, 2, 2]]], "labels": [[1], [2, 3]]}
    found = layer({"images": IMAGES[:2], "bounding_boxes": boxes})["bounding_boxes"]
    assert found["labels"].tolist() == [[1, -1, -1], [2, 3, -1]]
    assert found["boxes"][0, 1].tolist() == [0, 0, 0, 0] and found["boxes"][0, 2].tolist() == [-1] * 4


@pytest.mark.parametrize("name", ["RandomHeight", "RandomWidth"])
def test_one_axis_is_stretched_for_the_whole_batch(name):
    layer = getattr(layers, name)((-0.5, 0.5), seed=1)
    axis = 1 if name == "RandomHeight" else 2
    sizes = {layer(IMAGES, training=True).shape[axis] for _ in range(40)}
    assert sizes <= set(range(3, 10)) and len(sizes) > 3
    assert layer(IMAGES, training=False).shape == IMAGES.shape
    shape = [None, 6, 6, 3]
    shape[axis] = None
    assert list(layer(keras.Input((6, 6, 3))).shape) == shape
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def test_crops_lie_anywhere_and_follow_their_boxes():
    images = torch.arange(36.0).view(1, 6, 6, 1)
    layer = layers.RandomCrop(5, 4, seed=1, bounding_box_format="xyxy")
    places = set()
    for _ in range(60):
        boxes = {"boxes": torch.tensor([[[2.0, 1.0, 3.0, 2.0]]]), "labels": torch.tensor([[1]])}
        found = layer({"images": images, "bounding_boxes": boxes}, training=True)
        top, left = divmod(int(found["images"][0, 0, 0, 0]), 6)
        places.add((top, left))
        assert torch.equal(found["images"], images[:, top : top + 5, left : left + 4])
        x, y = 2 - left, 1 - top
        wanted = np.clip([x, y, x + 1, y + 1], 0, [4, 5, 4, 5])
        np.testing.assert_allclose(found["bounding_boxes"]["boxes"][0, 0], wanted)
    assert places == {(top, left) for top in range(2) for left in range(3)}


REFUSED = [
    ("Resizing", {"height": 0, "width": 3}, "`height`"),
    ("Resizing", {"height": 3, "width": 2.5}, "`width`"),
    ("Resizing", {"height": 3, "width": 3, "interpolation": "cubic"}, "`interpolation`"),
    ("Resizing", {"height": 3, "width": 3, "fill_mode": "wrap"}, "`fill_mode`"),
    ("Resizing", {"height": 3, "width": 3, "pad_to_aspect_ratio": True, "crop_to_aspect_ratio": True}, "one of"),
    ("CenterCrop", {"height": -1, "width": 3}, "`height`"),
    ("RandomCrop", {"height": 3, "width": None}, "`width`"),
    ("RandomFlip", {"mode": "diagonal"}, "`mode`"),
    ("RandomFlip", {"seed": "now"}, "`seed`"),
    ("RandomFlip", {"bounding_box_format": "corners"}, "`bounding_box_format`"),
    ("RandomFlip", {"data_format": "last"}, "`data_format`"),
    ("RandomRotation", {"factor": 1.5}, "`factor`"),
    ("RandomRotation", {"factor": "much"}, "`factor`"),
    ("RandomRotation", {"factor": 0.1, "fill_mode": "mirror"}, "`fill_mode`"),
    ("RandomRotation", {"factor": 0.1, "interpolation": "bicubic"}, "`interpolation`"),
    ("RandomTranslation", {"height_factor": 0.1, "width_factor": (0.5, 1.5)}, "`width_factor`"),
    ("RandomZoom", {"height_factor": -1.0}, "`height_factor`"),
    ("RandomZoom", {"height_factor": (0.1, 0.2, 0.3)}, "`height_factor`"),
    ("RandomShear", {"x_factor": -0.1}, "`x_factor`"),
    ("RandomPerspective", {"scale": 2}, "`scale`"),
    ("RandomContrast", {"factor": -0.5}, "`factor`"),
    ("RandomBrightness", {"factor": 0.5, "value_range": 255}, "`value_range`"),
    ("RandomErasing", {"fill_value": (1, 2)}, "`fill_value`"),
    ("RandomGaussianBlur", {"kernel_size": 4}, "`kernel_size`"),
    ("RandomGrayscale", {"factor": 2}, "`factor`"),
    ("RandomPosterization", {"factor": 9}, "`factor`"),
    ("RandomHeight", {"factor": (0.5, 0.1)}, "`factor`"),
    ("RandomWidth", {"factor": -2}, "`factor`"),
    ("RandomWidth", {"factor": 0.1, "interpolation": "best"}, "`interpolation`"),
    ("Rescaling", {"scale": "small"}, "`scale`"),
    ("MixUp", {"alpha": 0}, "`alpha`"),
    ("RandAugment", {"num_ops": -1}, "`num_ops`"),
    ("Equalization", {"bins": 0}, "`bins`"),
    ("ContrastLimitedAdaptiveHistogramEqualization", {"tile_grid_size": 8}, "`tile_grid_size`"),
    ("Pipeline", {"layers": "RandomFlip"}, "`layers`"),
    ("MelSpectrogram", {"fft_length": 16, "sequence_length": 32}, "`fft_length`"),
    ("MelSpectrogram", {"window": "kaiser"}, "`window`"),
    ("STFTSpectrogram", {"mode": "power"}, "`mode`"),
    ("STFTSpectrogram", {"frame_length": 8, "frame_step": 9}, "`frame_step`"),
    ("STFTSpectrogram", {"window": "no such window"}, "`window`"),
]


@pytest.mark.parametrize(("name", "arguments", "message"), REFUSED)
def test_bad_arguments_are_named_with_what_was_received(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(layers, name)(**arguments)


def test_inputs_that_are_no_images_are_refused():
    for layer in (layers.RandomFlip(), layers.Resizing(2, 2), layers.CenterCrop(2, 2), layers.RandomRotation(0.1)):
        with pytest.raises(ValueError, match="4 axes"):
            layer(torch.rand(3, 4))
        with pytest.raises(ValueError, match="4 axes"):
            layer(keras.Input((4,)))
    for layer in (layers.RandomHue(0.5), layers.RandomSaturation(0.5), layers.RandomGrayscale()):
        with pytest.raises(ValueError, match="channels"):
            layer(torch.rand(2, 4, 4, 5), training=True)
    with pytest.raises(ValueError, match="frame_length"):
        layers.STFTSpectrogram()(keras.Input((20, 1)))


def test_models_with_random_layers_learn_from_augmented_images():
    model = keras.Sequential(
        [keras.Input((6, 6, 3)), layers.RandomFlip(), layers.RandomRotation(0.1), layers.Flatten(), layers.Dense(2)]
    )
    model.compile("sgd", "mse")
    images = IMAGES.numpy() / 255
    history = model.fit(images, np.zeros((64, 2)), epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    np.testing.assert_array_equal(model.predict(images, verbose=0), model.predict(images, verbose=0))


def test_a_config_of_tf_keras_keeps_its_meaning():
    from keras_torch.saving.legacy_config import ConfigReader

    entry = ConfigReader("tf", "2.15").entry({"class_name": "RandomContrast", "config": {"factor": 0.3, "seed": 1}})
    assert layers.deserialize(entry).factor == (0.3, 0.3)
    assert layers.RandomContrast(0.3).factor == (0, 0.3)


@pytest.mark.parametrize("name", ["AugMix", "RandAugment", "RandomColorJitter", "Pipeline"])
def test_layers_of_layers_come_back_from_a_file(name, tmp_path):
    inner = layers.Pipeline([layers.Resizing(4, 4), layers.RandomFlip()]) if name == "Pipeline" else make(name)
    model = keras.Sequential([keras.Input((6, 6, 3)), inner, layers.Flatten(), layers.Dense(2)])
    model.save(tmp_path / "model.h5")
    twin = keras.models.load_model(tmp_path / "model.h5", compile=False)
    assert twin.layers[0].get_config() == inner.get_config()
    np.testing.assert_allclose(twin.predict(IMAGES.numpy(), verbose=0), model.predict(IMAGES.numpy(), verbose=0))


def as_numpy(item):
    if isinstance(item, dict):
        return {key: as_numpy(value) for key, value in item.items()}
    return item.numpy() if isinstance(item, torch.Tensor) else item


@pytest.mark.parametrize("name", sorted((EACH | {"MixUp": {}, "CutMix": {}}).keys() - {"RandomColorJitter"}))
def test_images_and_transformations_may_be_numpy_arrays(name):
    layer = make(name, seed=3)
    images = IMAGES[:8]
    transformation = layer.get_random_transformation(images, seed=5)
    found = layer.transform_images(images.numpy(), as_numpy(transformation))
    torch.testing.assert_close(found, layer.transform_images(images, transformation))
    labels = np.eye(8, dtype="float32")
    changed = layer.transform_labels(labels, as_numpy(transformation))
    torch.testing.assert_close(
        torch.as_tensor(changed), torch.as_tensor(layer.transform_labels(torch.tensor(labels), transformation))
    )


@pytest.mark.parametrize(
    "name",
    ["RandomFlip", "RandomPerspective", "RandomRotation", "RandomShear", "RandomTranslation", "RandomZoom"],
)
def test_boxes_and_their_transformations_may_be_numpy_arrays_of_a_batch_or_of_one_image(name):
    layer = make(name, seed=3, bounding_box_format="xyxy")
    transformation = layer.get_random_transformation(IMAGES[:1], seed=5)
    boxes = np.array([[[1.0, 1.0, 4.0, 3.0], [0.0, 2.0, 3.0, 6.0]]])
    batch = {"boxes": boxes, "labels": np.array([[1, 2]])}
    tensors = {key: torch.as_tensor(item) for key, item in batch.items()}
    wanted = layer.transform_bounding_boxes(tensors, transformation)["boxes"]
    found = layer.transform_bounding_boxes(batch, as_numpy(transformation))["boxes"]
    torch.testing.assert_close(found, wanted)
    one = layer.transform_bounding_boxes({key: item[0] for key, item in batch.items()}, as_numpy(transformation))
    torch.testing.assert_close(one["boxes"], wanted[0])
    assert one["labels"].shape == (2,)


@pytest.mark.parametrize("name", ["RandomElasticTransform", "RandomPerspective", "RandomRotation", "RandomZoom"])
def test_pixels_of_a_single_image_move_as_in_a_batch(name):
    layer = make(name, seed=3)
    transformation = layer.get_random_transformation(IMAGES[0], seed=5)
    found = layer.transform_images(IMAGES[0].numpy(), transformation)
    torch.testing.assert_close(found, layer.transform_images(IMAGES[:1], transformation)[0])


def test_plain_numbers_and_lists_describe_a_transformation():
    mixed = layers.MixUp().transform_images(IMAGES[:2], {"mix_weight": 0.25, "permutation_order": [1, 0]})
    torch.testing.assert_close(mixed, IMAGES[:2] * 0.25 + IMAGES[:2].flip(0) * 0.75)
    window = np.zeros((1, 6, 6, 1), bool)
    window[:, :2, :2] = True
    erasing = {"apply_erasing": [True], "batch_masks": window, "fill_value": 7}
    erased = layers.RandomErasing().transform_images(IMAGES[:1], erasing)
    assert (erased[:, :2, :2] == 7).all() and torch.equal(erased[:, 2:], IMAGES[:1, 2:])
    shift = {"translations": [[1.0, 0.0]], "input_shape": (1, 6, 6, 3)}
    moved = layers.RandomTranslation(0.5, 0.5).transform_images(IMAGES[:1], shift)
    torch.testing.assert_close(moved[:, :, 1:], IMAGES[:1, :, :-1], rtol=0, atol=1e-3)


def test_a_distortion_is_repeated_from_its_seed_where_no_noise_is_given():
    layer = layers.RandomElasticTransform()
    drawn = {"apply_transform": np.array([True]), "distortion_factor": np.float32(0.9), "seed": 42}
    first = layer.transform_images(IMAGES[:1], drawn)
    torch.testing.assert_close(layer.transform_images(IMAGES[:1], drawn), first, rtol=0, atol=0)
    assert not torch.allclose(first, IMAGES[:1])
    assert not torch.allclose(layer.transform_images(IMAGES[:1], {**drawn, "seed": 43}), first)


@pytest.mark.parametrize("name", ["MixUp", "CutMix"])
def test_labels_of_whole_numbers_are_blended_too(name):
    layer = make(name, seed=3)
    samples = {"images": IMAGES[:8].numpy(), "labels": np.eye(8, dtype="int64")}
    found = layer(samples, training=True)
    assert found["labels"].dtype == torch.float32
    torch.testing.assert_close(found["labels"].sum(1), torch.ones(8))
    plain = layer({**samples, "labels": np.arange(8)}, training=True)["labels"]
    assert plain.shape == (8,) and plain.dtype == torch.float32


def test_mixed_images_have_the_boxes_of_both():
    layer = layers.MixUp(bounding_box_format="xyxy")
    boxes = np.array([[[0.0, 0.0, 2.0, 2.0]], [[1.0, 1.0, 3.0, 3.0]]])
    swap = {"mix_weight": np.array([0.5, 0.5]), "permutation_order": np.array([1, 0])}
    found = layer.transform_bounding_boxes({"boxes": boxes, "labels": np.array([[1], [2]])}, swap)
    np.testing.assert_array_equal(found["boxes"], np.concatenate([boxes, boxes[::-1]], 1))
    assert found["labels"].tolist() == [[1, 2], [2, 1]]
    with pytest.raises(ValueError, match=r"of a batch\. Received: shape \(1, 4\)"):
        layer.transform_bounding_boxes({"boxes": boxes[0], "labels": np.array([1])}, swap)


def test_no_augmentations_leave_images_alone():
    torch.testing.assert_close(layers.RandAugment(num_ops=0)(IMAGES, training=True), IMAGES)


def test_a_zoom_may_be_one_number_for_each_image():
    layer = layers.RandomZoom(0.5, bounding_box_format="xyxy")
    flat = {"height_zoom": [0.5, 0.5], "width_zoom": [0.5, 0.5], "input_shape": (2, 6, 6, 3)}
    drawn = {key: np.reshape(item, (2, 1)) if key != "input_shape" else item for key, item in flat.items()}
    torch.testing.assert_close(layer.transform_images(IMAGES[:2], flat), layer.transform_images(IMAGES[:2], drawn))
    boxes = {"boxes": np.array([[[2.0, 2.0, 4.0, 4.0]]] * 2), "labels": np.ones((2, 1))}
    found = layer.transform_bounding_boxes(boxes, flat)["boxes"]
    np.testing.assert_allclose(found, layer.transform_bounding_boxes(boxes, drawn)["boxes"])


class Recorder(keras.Layer):
    """Notes the mode and the mask of a call and drops the last step of the mask."""

    def call(self, inputs, training=False, mask=None):
        self.seen = (training, mask)
        return inputs

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else mask[:, :-1]


def test_layers_of_a_pipeline_get_the_mode_and_the_mask_that_the_layer_before_leaves():
    first, second = Recorder(), Recorder()
    layers.Pipeline([first, second])(np.zeros((2, 3)), training=True, mask=np.ones((2, 3), bool))
    assert first.seen[0] is True and second.seen[0] is True
    assert first.seen[1].shape == (2, 3) and second.seen[1].shape == (2, 2)


@pytest.mark.parametrize("config", [{"name": "a"}, {"name": "a", "layers": None}])
def test_the_config_of_a_pipeline_must_list_layers(config):
    with pytest.raises(ValueError, match="under 'layers'. Received"):
        layers.Pipeline.from_config(config)


def test_whole_numbers_are_no_signal():
    with pytest.raises(TypeError, match="takes floats, but got dtype int64"):
        layers.STFTSpectrogram(frame_length=8)(np.zeros((1, 20, 1), "int64"))
