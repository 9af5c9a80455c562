"""The layout of `.weights.h5`: places as in real Keras, matching, refusals, hooks of layers, and several files."""

import json
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config
from keras_torch.saving import hdf5, weights_store
from keras_torch.saving.state_tree import GENERATIONS, walk

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "golden"))
import layer_cases  # noqa: E402
from saving_subclassed import BUILDERS  # noqa: E402

VERSIONS = {"tf": "2.15.0", "3": "3.15.1"}
PATHS = {
    dialect: json.loads((ROOT / "tests" / "golden" / f"saving_paths_keras{version}.json").read_text())
    for dialect, version in VERSIONS.items()
}


def places(item, dialect):
    found = {}
    for path, part in walk(item, GENERATIONS[dialect]):
        arrays = {}
        weights_store.write_object(arrays, part, dialect)
        found |= {f"{path}/vars/{key}".lstrip("/"): list(value.shape) for key, value in arrays.items()}
    return found


def arrays_of(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.mark.parametrize(
    ("dialect", "name"), [(dialect, name) for dialect in PATHS for name in PATHS[dialect]["layers"]]
)
def test_layers_put_their_weights_where_keras_does(dialect, name):
    family, _, short = name.partition("/")
    case = layer_cases.families()[family][short]
    with config.dialect_scope(dialect):
        layer = case.make(keras.layers)
        case.invoke(layer, [torch.as_tensor(array) for array in case.arrays()], case.options(torch.as_tensor))
        assert places(layer, dialect) == PATHS[dialect]["layers"][name]


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("name", BUILDERS)
def test_subclassed_models_are_walked_as_keras_does(dialect, name):
    model = BUILDERS[name](keras)
    model(np.ones((2, 3), "float32"))
    assert places(model, dialect) == PATHS[dialect]["models"][name]


def build(units=4):
    return keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(units, name="a"), keras.layers.BatchNormalization(name="n")], name="m"
    )


def filled(model, seed=0):
    random = np.random.RandomState(seed)
    model.set_weights([random.uniform(0.1, 1, weight.shape).astype("float32") for weight in model.get_weights()])
    return model


@pytest.fixture
def saved(tmp_path):
    model = filled(build())
    model.save_weights(tmp_path / "m.weights.h5")
    return model, tmp_path / "m.weights.h5"


def test_weights_come_back_whatever_the_name(saved, tmp_path):
    model, path = saved
    assert set(arrays_of(path)) >= {"layers/dense/vars/0", "layers/batch_normalization/vars/3"}
    for name in ("m.weights.h5", "other.h5", "bare"):
        (tmp_path / name).write_bytes(path.read_bytes())
        copy = build()
        copy.load_weights(tmp_path / name)
        for one, other in zip(model.get_weights(), copy.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_frozen_layer_keeps_its_place_in_the_file(saved):
    model, path = saved
    copy = build()
    copy.get_layer("a").trainable = False
    copy.load_weights(path)
    np.testing.assert_array_equal(copy.get_layer("a").get_weights()[0], model.get_layer("a").get_weights()[0])


def test_the_dialects_of_classic_keras_write_its_layout(tmp_path):
    with config.dialect_scope("2"):
        build().save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5") as file:
        assert "layer_names" in file.attrs


def test_another_shape_is_an_error_and_changes_nothing(saved):
    _, path = saved
    other = build(5)
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"m\.weights\.h5.*'kernel' of layer 'a' has shape \(3, 5\).*\(3, 4\)"):
        other.load_weights(path)
    assert all((one == two).all() for one, two in zip(before, other.get_weights(), strict=True))


def test_mismatches_are_skipped_on_request(saved):
    model, path = saved
    other = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(4), keras.layers.LayerNormalization()]
    )
    before = other.get_weights()
    with pytest.warns(UserWarning, match="Skipping the weights of an object"):
        other.load_weights(path, skip_mismatch=True)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
    np.testing.assert_array_equal(other.get_weights()[2], before[2])


def test_options_of_the_older_layout_are_refused(saved):
    model, path = saved
    with pytest.raises(ValueError, match="`by_name` and `reshape`"):
        model.load_weights(path, by_name=True)


def test_objects_can_be_left_out(tmp_path):
    model = filled(build())
    path = tmp_path / "m.weights.h5"
    keras.saving.save_weights(model, path, objects_to_skip=[model.get_layer("n")])
    assert not any("batch_normalization" in name for name in arrays_of(path))
    copy = build()
    keras.saving.load_weights(copy, path, objects_to_skip=[copy.get_layer("n")])
    np.testing.assert_array_equal(copy.get_weights()[0], model.get_weights()[0])


def test_a_model_without_weights_says_so(saved):
    _, path = saved
    with pytest.raises(ValueError, match="no weights yet"):
        keras.Sequential([keras.layers.Dense(3)]).load_weights(path)


def compiled(optimizer, **kwargs):
    model = filled(build())
    model.compile(optimizer, "mse", **kwargs)
    return model


X = np.random.RandomState(1).rand(8, 3).astype("float32")
Y = np.random.RandomState(2).rand(8, 4).astype("float32")


@pytest.mark.parametrize("dialect", ["3", "tf"])
@pytest.mark.parametrize(
    "name", ["SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam", "Ftrl", "AdamW", "Lion"]
)
def test_training_goes_on_with_the_optimizers_state(tmp_path, dialect, name):
    with config.dialect_scope(dialect):
        options = {"momentum": 0.9} if name == "SGD" else {}
        model = compiled(getattr(keras.optimizers, name)(learning_rate=0.01, **options))
        model.fit(X, Y, epochs=3, shuffle=False, verbose=0)
        model.save_weights(tmp_path / "m.weights.h5")
        copy = compiled(getattr(keras.optimizers, name)(learning_rate=0.01, **options))
        copy.optimizer.build(copy.trainable_variables)
        copy.load_weights(tmp_path / "m.weights.h5")
        further = [item.fit(X, Y, epochs=3, shuffle=False, verbose=0).history["loss"] for item in (model, copy)]
    assert int(copy.optimizer.iterations.numpy()) == 6
    np.testing.assert_allclose(*further, rtol=1e-6)


def test_the_state_of_an_optimizer_that_was_wrapped_for_mixed_precision_fits_the_bare_one(tmp_path):
    model = compiled(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)))
    model.fit(X, Y, verbose=0)
    model.save_weights(tmp_path / "m.weights.h5")
    copy = compiled(keras.optimizers.Adam(0.01))
    copy.optimizer.build(copy.trainable_variables)
    copy.load_weights(tmp_path / "m.weights.h5")
    inner = model.optimizer.inner_optimizer
    for ours, theirs in zip(copy.optimizer.variables, inner.variables, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_an_optimizer_without_state_is_left_alone(tmp_path):
    model = compiled(keras.optimizers.Adam(0.01))
    model.fit(X, Y, verbose=0)
    model.save_weights(tmp_path / "m.weights.h5")
    copy = compiled(keras.optimizers.Adam(0.5))
    copy.load_weights(tmp_path / "m.weights.h5")
    assert float(copy.optimizer.learning_rate.numpy()) == 0.5
    np.testing.assert_array_equal(copy.get_weights()[0], model.get_weights()[0])


class Table(keras.layers.Layer):
    """Keeps its state in a way of its own."""

    def build(self, input_shape):
        self.rows = self.add_weight(shape=(2, 2), initializer="zeros", name="rows")
        self.built = True

    def call(self, x):
        return x + self.rows.sum()

    def save_own_variables(self, store):
        store["upper"] = self.rows.numpy()[0]
        store["lower"] = self.rows.numpy()[1]

    def load_own_variables(self, store):
        if set(store) != {"upper", "lower"}:
            raise ValueError("no table")
        self.rows.assign(np.stack([store["upper"], store["lower"]]))


def test_layers_may_store_their_variables_themselves(tmp_path):
    def make():
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), Table()])

    model = filled(make())
    model.save_weights(tmp_path / "m.weights.h5")
    assert "layers/table/vars/upper" in arrays_of(tmp_path / "m.weights.h5")
    copy = make()
    copy.load_weights(tmp_path / "m.weights.h5")
    for one, other in zip(model.get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with h5py.File(tmp_path / "m.weights.h5", "r+") as file:
        del file["layers/table/vars/lower"]
    before = make()
    kept = before.get_weights()
    with pytest.raises(ValueError, match="no table"):
        before.load_weights(tmp_path / "m.weights.h5")
    assert all((one == two).all() for one, two in zip(kept, before.get_weights(), strict=True))


def test_bfloat16_of_keras_3_is_read(tmp_path):
    values = np.array([[1.5, -2.0], [0.25, 3.0], [8.0, 0.0]], "float32")
    with h5py.File(tmp_path / "b.weights.h5", "w") as file:
        raw = (values.view("<u4") >> 16).astype("<u2").view("V2")
        file.create_dataset("layers/dense/vars/0", data=raw).attrs["dtype"] = "bfloat16"
        file.create_group("vars")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, use_bias=False)])
    model.load_weights(tmp_path / "b.weights.h5")
    np.testing.assert_array_equal(model.get_weights()[0], values)


def test_links_out_of_the_file_are_refused(saved, tmp_path):
    model, path = saved
    with h5py.File(path, "r+") as file:
        del file["layers/dense"]
        file["layers/dense"] = h5py.ExternalLink("other.h5", "/")
    with pytest.raises(ValueError, match="a link to another file"):
        model.load_weights(path)


def test_weights_in_several_files(tmp_path):
    model = filled(build())
    model.save_weights(tmp_path / "m.weights.json", max_shard_size=60 / 1024**3)
    listed = json.loads((tmp_path / "m.weights.json").read_text())
    names = sorted({name for names in listed["weight_map"].values() for name in names})
    assert names == sorted(item.name for item in tmp_path.glob("m_0*.weights.h5")) and len(names) > 1
    copy = build()
    copy.load_weights(tmp_path / "m.weights.json")
    for one, other in zip(model.get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["../m_00000.weights.h5", "/etc/passwd", "..", 3, ["m.weights.h5"], {}])
def test_a_list_of_files_names_files_beside_it_only(tmp_path, name):
    model = build()
    model.save_weights(tmp_path / "m.weights.json")
    listed = json.loads((tmp_path / "m.weights.json").read_text())
    listed["weight_map"] = dict.fromkeys(listed["weight_map"], [name])
    (tmp_path / "m.weights.json").write_text(json.dumps(listed))
    with pytest.raises(ValueError, match="beside it"):
        model.load_weights(tmp_path / "m.weights.json")


def test_what_is_no_store_is_told_apart(tmp_path, saved):
    _, path = saved
    build().save_weights(tmp_path / "old.h5")
    for name, wanted in ((path, True), (tmp_path / "old.h5", False)):
        with hdf5.reading(name) as group:
            assert weights_store.is_store(group) is wanted


@pytest.mark.parametrize(("version", "second"), [("2.12", "dense_2"), ("2.14", "dense_1")])
def test_the_places_of_keras_2_12_to_2_14_are_known(tmp_path, version, second):
    model = filled(
        keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Flatten(), keras.layers.Dense(2)])
    )
    places = {"dense": model.layers[0], second: model.layers[2]}
    with h5py.File(tmp_path / "m.weights.h5", "w") as file:
        file.create_group("vars")
        for name, layer in places.items():
            for number, array in enumerate(layer.get_weights()):
                file[f"_layer_checkpoint_dependencies/{name}/vars/{number}"] = array
    copy = filled(keras.models.clone_model(model), seed=1)
    copy.load_weights(tmp_path / "m.weights.h5")
    for one, other in zip(model.get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def stack(*units):
    return filled(keras.Sequential([keras.Input((3,)), *(keras.layers.Dense(size) for size in units)]))


def test_files_of_the_dialect_of_tf_keras_have_the_names_of_keras_2_12_to_2_14_as_well(tmp_path):
    places = ("dense", "dense_1", "dense_2")
    # Keras 2.13 has the second of two layers as dense_2, which is the third for 2.14: then it gets none.
    for model, count in ((stack(4, 2), 3), (stack(3, 3, 3), 3)):
        path = tmp_path / "m.weights.h5"
        with config.dialect_scope("tf"):
            model.save_weights(path)
        with h5py.File(path) as file:
            earlier = file["_layer_checkpoint_dependencies"]
            assert sorted(earlier) == list(places[:count])
            second = 1 if len(model.layers) == 2 else 2
            for name, layer in zip(places, [*model.layers[:2], model.layers[second]], strict=True):
                np.testing.assert_array_equal(earlier[f"{name}/vars/0"], layer.get_weights()[0])
                assert earlier[name] == file[f"layers/{'dense_1' if layer is model.layers[1] else name}"]
        rows = keras.saving.inspect(path).weights
        assert [row.path.split("/")[0] for row in rows] == ["layers"] * 2 * len(model.layers)
        editor = keras.saving.KerasFileEditor(path)
        assert editor.compare(model)["match_count"] == len(rows)
        editor.add_weights("dense_1", {"1": np.full(model.layers[1].units, 7.0)})
        editor.save(tmp_path / "edited.weights.h5")
        with h5py.File(tmp_path / "edited.weights.h5") as file:
            assert file["_layer_checkpoint_dependencies/dense_1/vars/1"][0] == 7.0
