"""What is asked of `keras.preprocessing.image`, of real Keras by image_values.py and of ours by the tests.

Small images, each case with numpy's seed; `results(image, version, folder)` returns arrays by name.
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

import numpy as np

SEED = 11
COUNT = 4

OLD_FLOW = {
    "nothing": {},
    "rescale": {"rescale": 0.25},
    "flips": {"horizontal_flip": True, "vertical_flip": True},
    "horizontal": {"horizontal_flip": True},
    "rotation": {"rotation_range": 40},
    "shift": {"width_shift_range": 0.3, "height_shift_range": 0.4},
    "zoom": {"zoom_range": 0.4},
    "zoom_in": {"zoom_range": [0.5, 0.8], "fill_mode": "wrap"},
    "channel_shift": {"channel_shift_range": 30.0, "vertical_flip": True},
    "samplewise": {"samplewise_center": True, "samplewise_std_normalization": True, "horizontal_flip": True},
    "featurewise": {"featurewise_center": True, "featurewise_std_normalization": True, "horizontal_flip": True},
    "constant": {"rotation_range": 90, "fill_mode": "constant", "cval": 7.0},
    "reflect": {"width_shift_range": 0.9, "fill_mode": "reflect"},
    "function": {"preprocessing_function": "noise", "rotation_range": 10, "horizontal_flip": True},
    "whitening": {"zca_whitening": True, "horizontal_flip": True, "featurewise_center": True},
    "rescaled_fit": {"rescale": 0.01, "featurewise_center": True},
    "all": {
        "rotation_range": 20,
        "width_shift_range": 0.2,
        "height_shift_range": 0.2,
        "shear_range": 0.2,
        "zoom_range": 0.1,
        "channel_shift_range": 9.0,
        "horizontal_flip": True,
        "vertical_flip": True,
        "rescale": 0.01,
        "samplewise_center": True,
        "featurewise_center": True,
    },
}
NEW_FLOW = {
    "shear": {"shear_range": 30},
    "shift_pixels": {"width_shift_range": 3, "height_shift_range": 2.5},
    "shift_choices": {"width_shift_range": [-2, 0, 1], "height_shift_range": [0.25, 0.5], "fill_mode": "constant"},
    "brightness": {"brightness_range": (0.5, 1.5), "horizontal_flip": True},
    "zca_epsilon": {"zca_whitening": True, "zca_epsilon": 0.1},
}
NEWEST_FLOW = {
    "float64": {"dtype": "float64", "rotation_range": 15},
    "nearest": {"rotation_range": 40, "interpolation_order": 0},
    "cubic": {"rotation_range": 40, "interpolation_order": 3, "zoom_range": 0.3},
}
SHEAR_IN_RADIANS = {"shear": {"shear_range": 0.5}}
NEEDS_FIT = ("featurewise", "whitening", "all", "zca_epsilon", "rescaled_fit")


def pictures(channels=3, count=COUNT, rows=5, columns=4):
    """Return images with values from 0 to 255."""
    return np.random.RandomState(3).randint(0, 256, (count, rows, columns, channels)).astype("float32")


def noise(image):
    """A function that draws random numbers of its own."""
    return image + np.random.uniform(0, 9)


FUNCTIONS = {"noise": noise}


def flow_cases(version):
    """Return the arguments of ImageDataGenerator by name."""
    if version[0] == "1":
        return {**OLD_FLOW, **SHEAR_IN_RADIANS}
    return {**OLD_FLOW, **NEW_FLOW, **(NEWEST_FLOW if version.startswith("2.15") else {})}


def generator(image, name, arguments, x):
    """Return an ImageDataGenerator, fitted if it has to be."""
    arguments = {
        key: FUNCTIONS.get(value, value) if isinstance(value, str) else value for key, value in arguments.items()
    }
    made = image.ImageDataGenerator(**arguments)
    if name in NEEDS_FIT:
        made.fit(x, augment=name == "all", rounds=2, seed=5)
    return made


def flow(image, version):
    """Batches of arrays: three by `next`, so that the second pass begins, and one by index."""
    found = {}
    x, y = pictures(), np.arange(COUNT)
    # More images than pixels, or rounding decides what whitening makes of the directions that no image has.
    many = pictures(count=40, rows=2, columns=2)
    for name, arguments in flow_cases(version).items():
        np.random.seed(SEED)
        learnt = many if "zca_whitening" in arguments else x
        batches = generator(image, name, arguments, learnt).flow(learnt[:COUNT], y, batch_size=3, shuffle=True)
        taken = [next(batches) for _ in range(3)]
        if version[0] != "1":
            taken.append(batches[0])
        found[f"flow/{name}"] = np.concatenate([part for part, _ in taken])
        found[f"flow/{name}/y"] = np.concatenate([part for _, part in taken])
    for seed in (None, 8):
        np.random.seed(SEED)
        batches = image.ImageDataGenerator(horizontal_flip=True).flow(x[:, :2, :2], batch_size=2, seed=seed)
        found[f"flow/whole_batches/{seed}"] = np.concatenate([next(batches) for _ in range(5)])
    return found


def channels_first(image, version):
    """The same with the channels first."""
    np.random.seed(SEED)
    name = "dim_ordering" if version[0] == "1" else "data_format"
    value = "th" if version[0] == "1" else "channels_first"
    made = image.ImageDataGenerator(**OLD_FLOW["all"], **{name: value})
    x = np.ascontiguousarray(pictures().transpose(0, 3, 1, 2))
    made.fit(x)
    return {"channels_first": next(made.flow(x, batch_size=3))}


def functions(image, version):
    """The functions on one image."""
    x = pictures()[0]
    found = {}

    def case(name, function, *args, **kwargs):
        np.random.seed(SEED)
        found[f"functions/{name}"] = np.asarray(function(x, *args, **kwargs))

    axes = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}
    case("random_rotation", image.random_rotation, 30, **axes)
    case("random_shift", image.random_shift, 0.3, 0.2, **axes)
    case("random_shear", image.random_shear, 0.4 if version[0] == "1" else 25, **axes)
    case("random_zoom", image.random_zoom, (0.6, 0.9), **axes)
    case("random_channel_shift", image.random_channel_shift, 20.0, channel_axis=2)
    case("array_to_img", image.array_to_img)
    case("array_to_img/gray", lambda image_, **kw: image.array_to_img(image_[:, :, :1] - 90.0))
    case("array_to_img/unscaled", image.array_to_img, scale=False)
    case("img_to_array", lambda image_: image.img_to_array(image.array_to_img(image_)))
    if version[0] != "1":
        case("apply_affine_transform", image.apply_affine_transform, 20, 1, -1, 10, 0.9, 1.1, **axes)
        case("apply_channel_shift", image.apply_channel_shift, 12.0, channel_axis=2)
        case("apply_brightness_shift", image.apply_brightness_shift, 1.3)
        case("random_brightness", image.random_brightness, (0.2, 0.7))
    if version.startswith("2.15"):
        case("brightness/unscaled", image.apply_brightness_shift, 1.3, scale=False)
        case("brightness/outside", lambda image_: image.apply_brightness_shift(image_ - 100.0, 0.8, scale=False))
        case("rotation/cubic", image.random_rotation, 30, interpolation_order=3, **axes)
    else:
        matrix = np.array([[0.9, 0.1, 0], [0.2, 1.1, 0], [0, 0, 1]])
        case("offset", lambda image_: image.transform_matrix_offset_center(matrix, 5, 4))
        case("flip_axis", image.flip_axis, 1)
    return found


def write_pictures(folder):
    """Write PNG files of three classes below a folder."""
    from PIL import Image

    rng = np.random.RandomState(4)
    for name, mode in (
        ("a/1.png", "RGB"),
        ("a/2.png", "RGB"),
        ("a/x/3.png", "L"),
        ("b/4.png", "RGBA"),
        ("b/5.PNG", "RGB"),
        ("c/6.png", "RGB"),
    ):
        file = Path(folder) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shape = (7, 5) if mode == "L" else (7, 5, len(mode))
        Image.fromarray(rng.randint(0, 256, shape).astype("uint8")).save(file)


def files(image, version, folder):
    """Images of files: read, and as batches."""
    found = {}
    modes = ("rgb", "grayscale", "rgba") if version[0] != "1" else ("rgb",)
    for name in ("a/1.png", "a/x/3.png", "b/4.png"):
        for mode in modes:
            arguments = {} if version[0] == "1" else {"color_mode": mode}
            found[f"load_img/{name}/{mode}"] = np.asarray(image.load_img(os.path.join(folder, name), **arguments))
    if version[0] == "1":
        return found
    for interpolation in ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos"):
        read = image.load_img(os.path.join(folder, "a/1.png"), target_size=(4, 6), interpolation=interpolation)
        found[f"load_img/{interpolation}"] = np.asarray(read)
    if version.startswith("2.15"):
        read = image.load_img(os.path.join(folder, "a/1.png"), target_size=(4, 4), keep_aspect_ratio=True)
        found["load_img/keep_aspect_ratio"] = np.asarray(read)
    return found


def directories(image, version, folder):
    """Directories as batches."""
    found = {}
    cases = {
        "categorical": {},
        "sparse": {"class_mode": "sparse", "color_mode": "grayscale"},
        "binary": {"class_mode": "binary", "classes": ["c", "a"]},
        "none": {"class_mode": None},
    }
    if version[0] != "1":
        cases["input"] = {"class_mode": "input", "interpolation": "bilinear", "color_mode": "rgba"}
        cases["training"] = {"subset": "training", "class_mode": "sparse"}
        cases["validation"] = {"subset": "validation", "class_mode": "sparse"}
    for name, arguments in cases.items():
        np.random.seed(SEED)
        options = {} if version[0] == "1" else {"validation_split": 0.4}
        made = image.ImageDataGenerator(rotation_range=20, horizontal_flip=True, rescale=0.1, **options)
        batches = made.flow_from_directory(folder, target_size=(4, 3), batch_size=4, seed=2, **arguments)
        batch = next(batches)
        batch = batch if isinstance(batch, tuple) else (batch,)
        for index, part in enumerate(batch):
            found[f"directories/{name}/{index}"] = part
        names = [file.replace(os.sep, "/") for file in batches.filenames]
        found[f"directories/{name}/names"] = np.array(json.dumps([names, batches.class_indices]))
    return found


def frames(image, version, folder):
    """Tables of file names as batches."""
    if not version.startswith("2.15"):
        return {}
    import pandas

    found = {}
    table = pandas.DataFrame(
        {
            "filename": ["b/4.png", "a/1.png", "missing.png", "c/6.png", "a/2.png"],
            "class": ["q", "p", "q", "r", "p"],
            "several": [["q", "p"], "p", "q", ["r"], ["p"]],
            "number": [1.5, 2.5, 3.5, 4.5, 5.5],
            "weight": [1.0, 2.0, 3.0, 4.0, 5.0],
        }
    )
    cases = {
        "categorical": {},
        "several": {"y_col": "several", "classes": ["r", "p"]},
        "sparse": {"class_mode": "sparse", "weight_col": "weight"},
        "raw": {"class_mode": "raw", "y_col": ["number", "weight"]},
        "multi_output": {"class_mode": "multi_output", "y_col": ["number", "weight"]},
        "binary": {"class_mode": "binary", "classes": ["q", "p"]},
        "none": {"class_mode": None},
        "input": {"class_mode": "input"},
        "validation": {"class_mode": "raw", "y_col": "number", "subset": "validation"},
    }
    for name, arguments in cases.items():
        np.random.seed(SEED)
        made = image.ImageDataGenerator(vertical_flip=True, validation_split=0.5)
        batches = made.flow_from_dataframe(table, folder, target_size=(3, 2), batch_size=3, **arguments)
        batch = next(batches)
        parts = []
        for part in batch if isinstance(batch, tuple) else (batch,):
            parts += part if isinstance(part, list) else [part]
        for index, part in enumerate(parts):
            found[f"frames/{name}/{index}"] = part
        found[f"frames/{name}/names"] = np.array(json.dumps(batches.filenames))
    return found


def datasets(make, folder):
    """Directories as datasets; the order of a shuffled one is TensorFlow's own, but not that of its files."""
    found = {}
    cases = {
        "bilinear": {},
        "nearest": {"interpolation": "nearest", "color_mode": "rgba"},
        "bicubic": {"interpolation": "bicubic", "label_mode": "categorical"},
        "area": {"interpolation": "area", "labels": None},
        "cropped": {"crop_to_aspect_ratio": True, "labels": [3, 1, 3, 1, 2, 2]},
        "same_size": {"image_size": (7, 5), "label_mode": None},
        "single": {"batch_size": None, "subset": "validation", "validation_split": 0.4},
    }
    for name, arguments in cases.items():
        arguments = {"image_size": (5, 6), "batch_size": 4, **arguments}
        dataset = make(folder, shuffle=False, **arguments)
        elements = [element if isinstance(element, tuple) else (element,) for element in dataset]
        join = np.concatenate if arguments["batch_size"] else np.stack
        for index, parts in enumerate(zip(*elements, strict=True)):
            joined = join([part.numpy() for part in parts])
            # TensorFlow keeps the integers of a file where it only repeats pixels.
            found[f"datasets/{name}/{index}"] = joined if index else joined.astype("float32")
    shuffled = make(folder, seed=6, subset="training", validation_split=0.3)
    names = [os.path.relpath(path, folder).replace(os.sep, "/") for path in shuffled.file_paths]
    found["datasets/names"] = np.array(json.dumps([names, shuffled.class_names]))
    return found


def results(image, version, folder):
    """Return all results by name; `folder` is an empty one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_pictures(folder)
        found = {**flow(image, version), **channels_first(image, version), **functions(image, version)}
        found.update(files(image, version, folder))
        found.update(directories(image, version, folder))
        found.update(frames(image, version, folder))
        if version.startswith("2.15"):
            found.update(datasets(image.image_dataset_from_directory, folder))
    return found
