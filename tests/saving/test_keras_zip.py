"""`.keras` files, zipped and as folders: round trips, what stands in them, subclassed models, and refusals."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config
from keras_torch.errors import FileFormatError

X = np.random.RandomState(1).rand(8, 3).astype("float32")
Y = np.random.RandomState(2).rand(8, 2).astype("float32")
layers = keras.layers


def functional():
    inputs = keras.Input((3,), name="inputs")
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(3, name="deep")], name="inner")
    hidden = layers.Add(name="sum")([inner(inputs), inner(inner(inputs))])
    return keras.Model(inputs, layers.Dense(2, name="out")(hidden), name="outer")


def trained(model, optimizer="adam"):
    model.compile(optimizer, "mse", metrics=["mae"])
    model.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    return model


def assert_same(model, copy):
    np.testing.assert_array_equal(model.predict(X, verbose=0), copy.predict(X, verbose=0))
    further = [item.fit(X, Y, epochs=3, shuffle=False, verbose=0).history for item in (model, copy)]
    assert set(further[0]) == set(further[1])
    np.testing.assert_allclose(further[0]["loss"], further[1]["loss"], rtol=1e-6)


def parts(path):
    with zipfile.ZipFile(path) as file:
        return json.loads(file.read("config.json")), json.loads(file.read("metadata.json")), file.namelist()


@pytest.mark.parametrize("dialect", [None, "3", "tf", "2", "1"])
def test_a_model_comes_back_and_trains_on(tmp_path, dialect):
    with config.dialect_scope(dialect):
        model = trained(functional())
        model.save(tmp_path / "m.keras")
        assert_same(model, keras.models.load_model(tmp_path / "m.keras"))
    item, metadata, names = parts(tmp_path / "m.keras")
    assert names == ["metadata.json", "config.json", "model.weights.h5"]
    assert metadata["keras_version"] and metadata["date_saved"]
    assert item["compile_config"]["loss"] == "mse" and item["compile_config"]["optimizer"]["class_name"] == "Adam"
    assert {layer["module"] for layer in item["config"]["layers"]} == {"keras", "keras.layers"}


def test_the_content_decides_and_names_are_free(tmp_path):
    model = trained(functional())
    model.save(tmp_path / "as_zip", save_format="keras")
    model.save(tmp_path / "m.keras", save_format="h5")
    model.save(tmp_path / "bare")
    assert zipfile.is_zipfile(tmp_path / "as_zip") and not zipfile.is_zipfile(tmp_path / "m.keras")
    for name in ("as_zip", "m.keras", "bare"):
        copy = keras.models.load_model(tmp_path / name)
        np.testing.assert_array_equal(copy.predict(X, verbose=0), model.predict(X, verbose=0))


def test_a_format_of_tensorflow_gives_a_file_that_loads(tmp_path):
    model = trained(functional())
    with pytest.warns(UserWarning, match="cannot be written without TensorFlow"):
        model.save(tmp_path / "saved", save_format="tf")
    assert_same(model, keras.models.load_model(tmp_path / "saved"))


def test_a_folder_and_a_file_object_serve_as_well(tmp_path):
    model = trained(functional())
    model.save(tmp_path / "folder", zipped=False)
    assert sorted(item.name for item in (tmp_path / "folder").iterdir()) == [
        "config.json",
        "metadata.json",
        "model.weights.h5",
    ]
    buffer = io.BytesIO()
    keras.saving.save_model(model, buffer, save_format="keras")
    buffer.seek(0)
    for source in (tmp_path / "folder", buffer):
        copy = keras.models.load_model(source)
        np.testing.assert_array_equal(copy.predict(X, verbose=0), model.predict(X, verbose=0))
    weights = functional()
    weights.load_weights(tmp_path / "folder")
    np.testing.assert_array_equal(weights.predict(X, verbose=0), model.predict(X, verbose=0))


def test_without_the_optimizer_the_model_comes_uncompiled(tmp_path):
    model = trained(functional())
    model.save(tmp_path / "m.keras", include_optimizer=False)
    assert "compile_config" not in parts(tmp_path / "m.keras")[0]
    copy = keras.models.load_model(tmp_path / "m.keras")
    assert copy.optimizer is None
    model.save(tmp_path / "m.keras")
    assert keras.models.load_model(tmp_path / "m.keras", compile=False).optimizer is None


def test_weights_load_from_the_archive(tmp_path):
    model = trained(functional())
    model.save(tmp_path / "m.keras")
    copy = functional()
    copy.load_weights(tmp_path / "m.keras")
    np.testing.assert_array_equal(copy.predict(X, verbose=0), model.predict(X, verbose=0))


class Net(keras.Model):
    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.blocks = [layers.Dense(4), layers.Dense(4)]
        self.head = layers.Dense(units)

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x)

    def get_config(self):
        return {"units": self.units, "name": self.name}


@pytest.mark.parametrize("name", ["m.keras", "bare"])
def test_a_subclassed_model_is_built_and_filled(tmp_path, name):
    model = trained(Net())
    model.save(tmp_path / name)
    assert_same(model, keras.models.load_model(tmp_path / name, custom_objects={"Net": Net}))


def test_a_subclassed_model_in_hdf5_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"use a name that ends in `\.keras`"):
        trained(Net()).save(tmp_path / "m.h5")


def test_an_unknown_class_names_the_way_out(tmp_path):
    trained(Net()).save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="custom_objects"):
        keras.models.load_model(tmp_path / "m.keras")


def test_a_sequential_model_is_built_from_its_shape(tmp_path):
    model = keras.Sequential([layers.Dense(4), layers.Dense(2)])
    trained(model).save(tmp_path / "m.keras")
    assert_same(model, keras.models.load_model(tmp_path / "m.keras"))


class Recipe(keras.Model):
    """Says itself how to be built and compiled."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(2)

    def call(self, x):
        return self.dense(x)

    def get_build_config(self):
        return {"width": 3}

    def build_from_config(self, config):
        self.dense.build((None, config["width"]))
        self.built = True

    def get_compile_config(self):
        return {"rate": 0.25}

    def compile_from_config(self, config):
        self.compile(keras.optimizers.SGD(config["rate"]), "mae")


def test_a_model_may_say_how_it_is_built_and_compiled(tmp_path):
    model = trained(Recipe(), keras.optimizers.SGD(0.25))
    model.save(tmp_path / "m.keras")
    copy = keras.models.load_model(tmp_path / "m.keras", custom_objects={"Recipe": Recipe})
    np.testing.assert_array_equal(copy.predict(X, verbose=0), model.predict(X, verbose=0))
    assert float(copy.optimizer.learning_rate.numpy()) == 0.25


def change_config(path, change):
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    item = json.loads(members["config.json"])
    change(item)
    members["config.json"] = json.dumps(item)
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)


def test_compile_arguments_that_are_not_understood_leave_it_uncompiled(tmp_path):
    model = trained(functional())
    model.save(tmp_path / "m.keras")
    change_config(tmp_path / "m.keras", lambda item: item["compile_config"].update(loss="no_such_loss"))
    with pytest.warns(UserWarning, match=r"m\.keras: the compile arguments were not understood.*no_such_loss"):
        copy = keras.models.load_model(tmp_path / "m.keras")
    assert copy.optimizer is None
    np.testing.assert_array_equal(copy.predict(X, verbose=0), model.predict(X, verbose=0))


def test_a_small_file_cannot_ask_for_a_huge_model(tmp_path):
    functional().save(tmp_path / "m.keras")
    change_config(tmp_path / "m.keras", lambda item: item["config"]["layers"][-1]["config"].update(units=10**12))
    with pytest.raises(ValueError, match=r"m\.keras.*1000000000000"):
        keras.models.load_model(tmp_path / "m.keras")


@pytest.mark.parametrize("missing", ["config.json", "model.weights.h5"])
def test_a_missing_member_is_named(tmp_path, missing):
    functional().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as file, zipfile.ZipFile(tmp_path / "n.keras", "w") as other:
        for name in set(file.namelist()) - {missing}:
            other.writestr(name, file.read(name))
    with pytest.raises(FileFormatError, match=rf"n\.keras.*{missing}"):
        keras.models.load_model(tmp_path / "n.keras")


def test_a_changed_byte_of_a_weight_is_found(tmp_path):
    model = functional()
    model.save(tmp_path / "m.keras")
    data = bytearray((tmp_path / "m.keras").read_bytes())
    kernel = model.get_layer("out").get_weights()[0].tobytes()
    data[data.index(kernel) + 2] ^= 1
    (tmp_path / "m.keras").write_bytes(data)
    copy = functional()
    before = copy.get_weights()
    with pytest.raises(OSError, match="checksum"):
        copy.load_weights(tmp_path / "m.keras")
    assert all((one == two).all() for one, two in zip(before, copy.get_weights(), strict=True))
    with pytest.raises(OSError, match="checksum"):
        keras.models.load_model(tmp_path / "m.keras")


def test_attention_calls_with_several_tensors_come_back(tmp_path):
    source = keras.Input((5, 4))
    query = layers.Dense(4)(source)
    model = keras.Model(source, layers.MultiHeadAttention(2, 3)(query, value=source, use_causal_mask=True))
    data = np.random.RandomState(0).rand(2, 5, 4).astype("float32")
    for dialect in ("3", "tf"):
        with config.dialect_scope(dialect):
            model.save(tmp_path / "m.keras")
        node = parts(tmp_path / "m.keras")[0]["config"]["layers"][-1]["inbound_nodes"][0]
        assert isinstance(node, dict if dialect == "3" else list)
        copy = keras.models.load_model(tmp_path / "m.keras")
        np.testing.assert_array_equal(copy.predict(data, verbose=0), model.predict(data, verbose=0))


def test_learnt_vocabularies_are_assets(tmp_path):
    words = np.array([["red", "green"], ["blue", "red"]], dtype=object)
    numbers = np.array([[3.0], [5.0], [7.0]], "float32")
    text = layers.TextVectorization(output_mode="tf_idf", name="text")
    text.adapt(["a b a", "b c"])
    lookup = layers.StringLookup(name="words")
    lookup.adapt(words)
    norm = layers.Normalization(name="norm")
    norm.adapt(numbers)
    texts = keras.Input((1,), dtype="string", name="t")
    strings = keras.Input((2,), dtype="string", name="s")
    floats = keras.Input((1,), name="f")
    model = keras.Model([texts, strings, floats], [text(texts), lookup(strings), norm(floats)])
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as file:
        stored = file.read("assets/layers/string_lookup/vocabulary.txt").decode().split("\n")
    assert stored == lookup.get_vocabulary()
    config_of = {layer["name"]: layer["config"] for layer in parts(tmp_path / "m.keras")[0]["config"]["layers"]}
    assert config_of["words"]["vocabulary"] is None
    copy = keras.models.load_model(tmp_path / "m.keras")
    assert copy.get_layer("words").get_vocabulary() == lookup.get_vocabulary()
    data = [np.array([["a c"], ["b b"]], dtype=object), words, numbers[:2]]
    for one, other in zip(model.predict(data, verbose=0), copy.predict(data, verbose=0), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_that_is_not_built_stays_so(tmp_path):
    with pytest.warns(UserWarning, match="before it is built"):
        Net().save(tmp_path / "m.keras")
    copy = keras.models.load_model(tmp_path / "m.keras", custom_objects={"Net": Net})
    assert not copy.built and not copy.weights


def test_a_folder_is_not_called_an_archive(tmp_path):
    with pytest.raises(ValueError, match="`zipped=False` makes a folder"):
        functional().save(tmp_path / "m.keras", zipped=False)


def doubled(x):
    return x * 2


def test_functions_in_the_graph_and_losses_of_the_users_come_back(tmp_path):
    def my_loss(y_true, y_pred):
        return (y_true - y_pred).abs().mean(-1)

    inputs = keras.Input((3,))
    outputs = layers.Dense(2)(torch.cat([inputs, torch.relu(inputs) + 1], dim=-1))
    model = keras.Model(inputs, layers.Lambda(doubled)(outputs))
    model.compile("sgd", my_loss)
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.keras")
    copy = keras.models.load_model(tmp_path / "m.keras", custom_objects={"doubled": doubled, "my_loss": my_loss})
    assert_same(model, copy)


def test_a_decay_and_the_old_clipnorm_are_what_every_keras_knows(tmp_path):
    data, targets = np.ones((4, 3), "float32"), np.zeros((4, 2), "float32")
    with config.dialect_scope("2"):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        model.compile(keras.optimizers.SGD(lr=0.5, decay=0.25, momentum=0.5, clipnorm=0.1), "mse")
        model.train_on_batch(data, targets)
        model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as file:
        written = json.loads(file.read("config.json"))["compile_config"]["optimizer"]["config"]
    assert written["learning_rate"]["class_name"] == "InverseTimeDecay" and "decay" not in written
    assert (written["global_clipnorm"], again.optimizer.decay) == (pytest.approx(0.1), 0.25)
    for one in (model, again):
        one.train_on_batch(data, targets)
    for mine, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
