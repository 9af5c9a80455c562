"""ImageDataGenerator and its iterators: what does not show in the values of batches."""

from __future__ import annotations

import pickle
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config
from keras_torch.preprocessing import image
from keras_torch.preprocessing.image import ImageDataGenerator

PIL = pytest.importorskip("PIL.Image")
pytest.importorskip("scipy")


def pictures(count: int = 6, size: int = 4, channels: int = 3) -> np.ndarray:
    return np.random.RandomState(1).uniform(0, 255, (count, size, size, channels)).astype("float32")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index, name in enumerate(("cats/a.png", "cats/b.png", "dogs/c.png", "dogs/d.png", "dogs/notes.txt")):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        if name.endswith("txt"):
            file.write_text("no image", encoding="utf-8")
        else:
            PIL.fromarray(np.full((5, 4, 3), 40 * index, "uint8")).save(file)
    return tmp_path


def model_for(classes: int, size: int = 4) -> keras.Model:
    model = keras.Sequential(
        [keras.layers.Flatten(input_shape=(size, size, 3)), keras.layers.Dense(classes, activation="softmax")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy" if classes > 2 else "categorical_crossentropy")
    return model


MOVING = {"rotation_range": 30, "horizontal_flip": True}
STILL = {"horizontal_flip": True, "vertical_flip": True}
SAMPLEWISE = {"samplewise_center": True, "samplewise_std_normalization": True}


@pytest.mark.parametrize("moves", [STILL, MOVING, {**STILL, **SAMPLEWISE}, {**MOVING, **SAMPLEWISE}])
@pytest.mark.parametrize("dialect", ["1", "2", "tf"])
def test_whole_batches_are_exactly_what_one_image_after_the_other_gives(moves: dict[str, Any], dialect: str) -> None:
    with config.dialect_scope(dialect):
        datagen = ImageDataGenerator(**moves, rescale=0.3, featurewise_center=True, featurewise_std_normalization=True)
        datagen.fit(pictures())
        np.random.seed(3)
        batch = datagen.transform_batch(pictures())
        np.random.seed(3)
        single = [datagen.standardize(datagen.random_transform(picture)) for picture in pictures()]
    np.testing.assert_array_equal(batch, np.stack(single))


def test_several_threads_give_the_same_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    from keras_torch.preprocessing.image import generator

    batches = []
    for threads in (1, 3):
        monkeypatch.setattr(generator, "spare_threads", lambda threads=threads: threads)
        np.random.seed(5)
        batches.append(ImageDataGenerator(**MOVING, **SAMPLEWISE).transform_batch(pictures(size=80)))
    np.testing.assert_array_equal(*batches)


def test_methods_of_a_subclass_are_used() -> None:
    class Darker(ImageDataGenerator):
        def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
            return x - 1000.0

    batch = next(Darker(horizontal_flip=True).flow(pictures(), batch_size=2))
    assert batch.max() < 0


def test_a_seed_makes_each_batch_depend_on_its_number_alone() -> None:
    first = ImageDataGenerator(**STILL).flow(pictures(), batch_size=4, seed=2)
    second = ImageDataGenerator(**STILL).flow(pictures(), batch_size=4, seed=2)
    for _ in range(3):
        batch = next(first)
        np.random.uniform(size=9)
        np.testing.assert_array_equal(batch, next(second))


def test_arrays_go_along_and_weights_follow() -> None:
    x, others = pictures(), [np.arange(6), np.arange(12).reshape(6, 2)]
    batches = ImageDataGenerator().flow((x, others), y=np.arange(6), sample_weight=np.arange(6) / 2, shuffle=False)
    (images, numbers, pairs), y, weights = batches[0]
    assert images.shape == x.shape
    assert numbers.tolist() == y.tolist() == list(range(6))
    assert pairs[:, 0].tolist() == [0, 2, 4, 6, 8, 10]
    assert weights[3] == 1.5


@pytest.mark.parametrize(
    ("x", "y", "weight", "message"),
    [
        (pictures(), np.zeros(5), None, "`y` "),
        (pictures(), np.zeros(6), np.ones(7), "`sample_weight` "),
        ((pictures(), np.zeros(2)), None, None, "All of the arrays in `x` "),
    ],
)
def test_arrays_of_different_lengths_are_refused(x: Any, y: Any, weight: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"{message}.*must have the same length"):
        ImageDataGenerator().flow(x, y, sample_weight=weight)


def test_tensors_are_taken_like_arrays() -> None:
    batches = ImageDataGenerator().flow(torch.from_numpy(pictures()), torch.arange(6), shuffle=False)
    x, y = batches[0]
    np.testing.assert_array_equal(x, pictures())
    assert y.tolist() == list(range(6))


def test_the_first_samples_are_for_validation() -> None:
    datagen = ImageDataGenerator(validation_split=0.34)
    y = np.array([0, 1, 0, 1, 0, 1])
    validation = datagen.flow(pictures(), y, subset="validation", shuffle=False)
    training = datagen.flow(pictures(), y, subset="training", shuffle=False)
    assert (validation.n, training.n) == (2, 4)
    np.testing.assert_array_equal(validation[0][0], pictures()[:2])
    with pytest.raises(ValueError, match="Shuffle the arrays first"):
        datagen.flow(pictures(), np.array([0, 0, 1, 1, 1, 1]), subset="training")
    datagen.flow(pictures(), np.array([0, 0, 1, 1, 1, 1]), subset="training", ignore_class_split=True)


def test_images_are_saved_as_they_are_given(tmp_path: Path) -> None:
    batches = ImageDataGenerator().flow(
        pictures(), shuffle=False, save_to_dir=tmp_path, save_prefix="seen", save_format="bmp"
    )
    next(batches)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 6
    assert all(file.name.startswith("seen_") and file.suffix == ".bmp" for file in files)


def test_an_iterator_survives_pickling_and_goes_on_where_it_was() -> None:
    batches = ImageDataGenerator(**STILL).flow(pictures(), batch_size=2, seed=1)
    next(batches)
    copy = pickle.loads(pickle.dumps(batches))
    np.testing.assert_array_equal(next(copy), next(batches))


def test_the_state_of_an_iterator_can_be_restored() -> None:
    batches, fresh = (ImageDataGenerator(**STILL).flow(pictures(), batch_size=2, seed=1) for _ in range(2))
    next(batches)
    fresh.load_state_dict(batches.state_dict())
    np.testing.assert_array_equal(next(fresh), next(batches))


def test_a_subclass_gives_the_batches_of_its_indices() -> None:
    class Numbers(image.Iterator):
        def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> np.ndarray:
            return index_array * 10

    batches = Numbers(5, 2, shuffle=False, seed=None)
    assert [batch.tolist() for batch in (batches[0], batches[2], batches[-1])] == [[0, 10], [40], [40]]
    assert [next(batches).tolist() for _ in range(4)] == [[0, 10], [20, 30], [40], [0, 10]]
    batches.reset()
    with pytest.raises(ValueError, match="must be below 3"):
        batches[3]


def test_an_iterator_of_keras_1_yields_where_a_batch_begins() -> None:
    with config.dialect_scope("1"):
        batches = ImageDataGenerator().flow(pictures(), batch_size=4, shuffle=False)
    chosen, start, count = next(batches.index_generator)
    assert (chosen.tolist(), start, count) == ([0, 1, 2, 3], 0, 4)


@pytest.mark.skipif(sys.platform == "win32", reason="worker processes start slowly there")
def test_worker_processes_share_one_order_and_seeds() -> None:
    from keras_torch.data import SequenceData

    def epochs(workers: int) -> list[np.ndarray]:
        batches = ImageDataGenerator(**STILL).flow(pictures(), batch_size=2, seed=4)
        source = SequenceData(batches, np.asarray, workers=workers, use_multiprocessing=workers > 1)
        passes = []
        for _ in range(2):
            passes.append(np.concatenate(list(source.epoch())))
            source.on_epoch_end()
        return passes

    found = epochs(2)
    np.testing.assert_array_equal(found[0], epochs(1)[0])
    for images in found:
        np.testing.assert_array_equal(np.sort(images.max((1, 2, 3))), np.sort(pictures().max((1, 2, 3))))
    assert not np.array_equal(*found)


def test_iterators_train_evaluate_and_predict(folder: Path) -> None:
    datagen = ImageDataGenerator(rescale=1 / 255)
    model = model_for(2)
    batches = datagen.flow_from_directory(folder, target_size=(4, 4), batch_size=3)
    assert np.isfinite(model.fit(batches, epochs=2, verbose=0, validation_data=batches).history["val_loss"]).all()
    model.evaluate(batches, verbose=0)
    alone = datagen.flow_from_directory(folder, target_size=(4, 4), class_mode=None, shuffle=False)
    assert model.predict(alone, verbose=0).shape == (4, 2)


def test_directories_say_what_they_hold(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batches = ImageDataGenerator().flow_from_directory(str(folder))
    assert capsys.readouterr().out == "Found 4 images belonging to 2 classes.\n"
    assert batches.class_indices == {"cats": 0, "dogs": 1}
    assert batches.classes.tolist() == [0, 0, 1, 1]
    assert (batches.samples, batches.nb_sample, batches.num_classes, batches.nb_class) == (4, 4, 2, 2)
    assert [Path(name).as_posix() for name in batches.filenames] == [
        "cats/a.png",
        "cats/b.png",
        "dogs/c.png",
        "dogs/d.png",
    ]


@pytest.mark.parametrize("name", ["../outside", "cats/../../outside", "..", "/"])
def test_classes_do_not_lead_out_of_the_directory(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match="names of subdirectories"):
        ImageDataGenerator().flow_from_directory(folder, classes=["cats", name])


def test_threads_get_the_same_images_as_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from keras_torch.preprocessing.image import files

    read: set[str] = set()
    original = files.load_img

    def noted(*args: Any, **kwargs: Any) -> Any:
        read.add(threading.current_thread().name)
        return original(*args, **kwargs)

    monkeypatch.setattr(files, "load_img", noted)
    monkeypatch.setattr(files, "spare_threads", lambda: 2)
    batches = ImageDataGenerator().flow_from_directory(folder, target_size=(2, 2), shuffle=False)
    assert batches[0][0][:, 0, 0, 0].tolist() == [0.0, 40.0, 80.0, 120.0]
    assert threading.main_thread().name not in read


def test_names_without_an_ending_are_found(folder: Path) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"filename": ["b", "a"], "class": ["x", "y"]})
    batches = ImageDataGenerator().flow_from_dataframe(table, folder / "cats", has_ext=False, shuffle=False)
    assert batches.filenames == ["b.png", "a.png"]


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"class_mode": "binary"}, ValueError, "exactly 2 classes"),
        ({"class_mode": "multi_output"}, TypeError, "a list of columns"),
        ({"class_mode": "sparse", "y_col": "number"}, TypeError, "must be of type str"),
        ({"x_col": "number"}, TypeError, "paths of files"),
        ({"weight_col": "class"}, TypeError, "column of numbers"),
        ({"class_mode": "sometimes"}, ValueError, "`class_mode` must be one of"),
        ({"wait": 3}, TypeError, "unexpected argument `wait`"),
    ],
)
def test_tables_that_do_not_fit(folder: Path, kwargs: dict[str, Any], error: type[Exception], message: str) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"filename": ["a.png"] * 3, "class": ["x", "y", "z"], "number": [1, 2, 3]})
    with pytest.raises(error, match=message):
        ImageDataGenerator().flow_from_dataframe(table, folder / "cats", **kwargs)


def test_rows_without_a_file_are_left_out_with_a_warning(folder: Path) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"filename": ["a.png", "gone.png"], "class": ["x", "y"]})
    with pytest.warns(UserWarning, match=r"1 of 2 rows are left out.*gone\.png"):
        batches = ImageDataGenerator().flow_from_dataframe(table, folder / "cats")
    assert batches.samples == 1


def test_keras_1_calls_work_in_its_order() -> None:
    with config.dialect_scope("1"):
        datagen = ImageDataGenerator(False, False, False, False, False, 0.0, 0.1, 0.2, dim_ordering="th")
        batches = datagen.flow(X=pictures().transpose(0, 3, 1, 2), y=np.arange(6), batch_size=4, shuffle=False)
        assert (datagen.width_shift_range, datagen.height_shift_range) == (0.1, 0.2)
        assert datagen.data_format == "channels_first"
        assert batches.save_format == "jpeg"
        assert next(batches)[1].tolist() == [0, 1, 2, 3]


def test_keras_2_calls_work_in_its_order(folder: Path) -> None:
    path = str(folder / "cats" / "b.png")
    with config.dialect_scope("2"):
        assert image.load_img(path, True).mode == "L"
        assert image.load_img(path, False, "rgb", (3, 2)).size == (2, 3)
    with config.dialect_scope("1"):
        assert image.load_img(path, True, (3, 2)).size == (2, 3)
    assert image.load_img(path, grayscale=True).mode == "L"
    assert image.load_img(path, "rgba", (3, 2)).mode == "RGBA"


@pytest.mark.parametrize(
    ("kwargs", "changed"),
    [
        ({"zca_whitening": True}, "featurewise_center"),
        ({"featurewise_std_normalization": True}, "featurewise_center"),
        ({"samplewise_std_normalization": True}, "samplewise_center"),
    ],
)
def test_what_an_option_needs_is_switched_on_with_a_warning(kwargs: dict[str, Any], changed: str) -> None:
    with pytest.warns(UserWarning, match=f"makes `{changed}` True"):
        assert getattr(ImageDataGenerator(**kwargs), changed) is True


def test_normalization_before_fit_warns_and_does_nothing() -> None:
    datagen = ImageDataGenerator(featurewise_center=True)
    with pytest.warns(UserWarning, match="`featurewise_center` has no effect before `fit"):
        batch = datagen.flow(pictures(), shuffle=False)[0]
    np.testing.assert_array_equal(batch, pictures())


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"zoom_range": (1, 2, 3)}, "`zoom_range` must be a tuple or list of two"),
        ({"brightness_range": 0.5}, "`brightness_range` must be"),
        ({"validation_split": 1.5}, "between 0 and 1"),
        ({"data_format": "middle"}, "`data_format` must be"),
    ],
)
def test_arguments_of_the_generator_are_checked(kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImageDataGenerator(**kwargs)


@pytest.mark.parametrize("channels_first", [False, True])
def test_brightness_knows_where_the_channels_are(channels_first: bool) -> None:
    x = pictures()
    x = x.transpose(0, 3, 1, 2) if channels_first else x
    datagen = ImageDataGenerator(brightness_range=(0.5, 0.5), data_format="channels_first" if channels_first else None)
    batch = datagen.flow(np.ascontiguousarray(x), shuffle=False)[0]
    np.testing.assert_allclose(batch, np.floor(x) * 0.5, atol=1.0)


def test_pictures_with_plain_names_are_listed(folder: Path) -> None:
    assert [Path(path).name for path in sorted(image.list_pictures(folder))] == ["a.png", "b.png", "c.png", "d.png"]
    assert image.list_pictures(folder, ext="gif|bmp") == image.list_pictures(folder, ext=("gif", "bmp")) == []
    assert len(image.list_pictures(folder, ext=("gif", "png"))) == 4
    path = image.list_pictures(folder)[0]
    assert image.validate_filename(path, ("gif", "png")) and not image.validate_filename(path, ("gif", "jpg"))
    assert not image.validate_filename(folder / "none.png", ("png",))


def test_the_order_of_interpolation_that_is_asked_for_counts_in_keras_2_also() -> None:
    classes = np.arange(25.0).reshape(1, 5, 5, 1)
    with config.dialect_scope("2"):
        turned = next(ImageDataGenerator(rotation_range=90, interpolation_order=0).flow(classes, seed=1))
    np.testing.assert_array_equal(turned, np.round(turned))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [({"channel_axis": 1, "row_axis": 0}, "with the channels first or last"), ({"row_axis": 2}, "0, 1 and 2")],
)
def test_axes_of_a_transformation_are_checked(kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        image.apply_affine_transform(pictures()[0], theta=3, **kwargs)


@pytest.mark.parametrize("package", ["PIL", "scipy"])
def test_a_missing_package_is_named_with_the_command(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from keras_torch.utils import images

    images.pillow.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match="pip install (pillow|scipy)"):
        image.load_img("x.png") if package == "PIL" else image.random_rotation(pictures()[0], 20)


def test_smart_resize_cuts_the_longer_side_off() -> None:
    x = np.zeros((4, 8, 1), "uint8")
    x[:, 2:6] = 100
    resized = image.smart_resize(x, (2, 2))
    assert resized.dtype == np.float32
    assert (resized == 100).all()
    assert isinstance(image.smart_resize(torch.zeros(3, 5, 6, 3), (2, 2), interpolation="area"), torch.Tensor)
    with pytest.raises(ValueError, match="an image"):
        image.smart_resize(np.zeros((4, 4)), (2, 2))


def test_images_are_written_by_their_ending(tmp_path: Path) -> None:
    x = pictures(channels=4)[0]
    with pytest.warns(UserWarning, match="saved as RGB"):
        image.save_img(tmp_path / "x.jpg", x)
    assert image.load_img(tmp_path / "x.jpg", color_mode="rgba").mode == "RGBA"
    image.save_img(str(tmp_path / "x.dat"), x, file_format="png", scale=False)
    np.testing.assert_array_equal(image.img_to_array(image.load_img(tmp_path / "x.dat", "rgba")), np.floor(x))
    wide = np.full((2, 2, 1), 70_000.0)
    assert image.array_to_img(wide, scale=False).mode == "I"


@pytest.mark.parametrize("value", [np.zeros((2, 2)), np.zeros((2, 2, 5))])
def test_arrays_that_are_no_image_are_refused(value: np.ndarray) -> None:
    with pytest.raises(ValueError, match="Received"):
        image.array_to_img(value)


def test_a_decompression_bomb_is_refused_as_by_pillow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PIL, "MAX_IMAGE_PIXELS", 4)
    with warnings.catch_warnings(), pytest.raises(PIL.DecompressionBombError):
        image.load_img(folder / "cats" / "a.png")


def test_a_training_of_keras_1_on_changed_images_is_repeated_by_numpys_seed():
    images, targets = np.random.RandomState(0).rand(64, 8, 8, 1), np.arange(64) / 64

    def losses():
        np.random.seed(3)
        model = keras.Sequential([keras.layers.Flatten(input_shape=(8, 8, 1)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        flow = ImageDataGenerator(rotation_range=5, width_shift_range=0.1).flow(images, targets, batch_size=16)
        return model.fit_generator(flow, samples_per_epoch=64, nb_epoch=2, verbose=0).history["loss"]

    with config.dialect_scope("1"):
        assert losses() == losses()
