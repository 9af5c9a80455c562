"""Writing models and weights in Keras 2's layout, and reading them back."""

import io
import json
import os
import pathlib
import warnings

import h5py
import numpy as np
import pytest
import torch
from saving_models import BUILDERS, predict, train

import keras_torch as keras
from keras_torch import saving


def names_in(path):
    """Return {layer: weight names} of a file's `model_weights`."""
    with h5py.File(path) as file:
        group = file["model_weights"]
        return {
            name.decode(): [weight.decode() for weight in group[name].attrs["weight_names"]]
            for name in group.attrs["layer_names"]
        }


@pytest.mark.filterwarnings("ignore:.*hard_sigmoid")
def test_a_reloaded_model_predicts_and_trains_on_exactly(trained, tmp_path):
    model, inputs, targets = trained
    model.save(tmp_path / "model.h5")
    again = saving.load_model(tmp_path / "model.h5")
    for one, other in zip(predict(model, inputs), predict(again, inputs), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(train(again, inputs, targets, 3), train(model, inputs, targets, 3), rtol=1e-6)


@pytest.mark.parametrize("dialect", ["1", "2", "tf", "3"])
@pytest.mark.filterwarnings("ignore:.*hard_sigmoid")
def test_a_dialects_formulas_survive_loading_in_another_dialect(dialect, tmp_path):
    with keras.config.dialect_scope(dialect):
        model, inputs, targets = BUILDERS["recurrent"](keras)
        train(model, inputs, targets, 2)
        model.save(tmp_path / "model.h5")
        expected = predict(model, inputs)[0], train(model, inputs, targets, 2)
    again = saving.load_model(tmp_path / "model.h5")
    np.testing.assert_array_equal(predict(again, inputs)[0], expected[0])
    with keras.config.dialect_scope(dialect):
        np.testing.assert_allclose(train(again, inputs, targets, 2), expected[1], rtol=1e-6)


@pytest.mark.filterwarnings("ignore:.*hard_sigmoid")
def test_weight_names_are_those_of_keras_2(tmp_path):
    model, *_ = BUILDERS["recurrent"](keras)
    model.save(tmp_path / "model.h5")
    names = names_in(tmp_path / "model.h5")
    assert names["lstm"] == ["lstm/lstm_cell/kernel:0", "lstm/lstm_cell/recurrent_kernel:0", "lstm/lstm_cell/bias:0"]
    assert names["both"][0] == "both/forward_gru/gru_cell/kernel:0"
    assert names["both"][3] == "both/backward_gru/gru_cell/kernel:0"
    assert names["score"] == ["score/kernel:0", "score/bias:0"]


def test_the_file_has_the_attributes_and_groups_of_keras_2(dense, tmp_path):
    dense.train_on_batch(np.zeros((2, 3)), np.zeros((2, 2)))
    dense.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        assert set(file) == {"model_weights", "optimizer_weights"}
        assert {"model_config", "training_config", "keras_version", "backend"} <= set(file.attrs)
        config = json.loads(file.attrs["model_config"])
        assert "top_level_model_weights" in file["model_weights"]
        assert file["optimizer_weights"].attrs["weight_names"][0] == b"iteration:0"
    assert config["config"]["layers"][0]["config"]["batch_input_shape"] == [None, 3]
    assert "module" not in config["config"]["layers"][1]


def test_calls_of_nested_models_stand_twice_and_are_read_back_once(tmp_path):
    model, inputs, _ = BUILDERS["nested"](keras)
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        layers = {layer["name"]: layer for layer in json.loads(file.attrs["model_config"])["config"]["layers"]}
    first, second = [["source", 0, 0, {}]], [["inner", 1, 0, {}]]
    assert layers["inner"]["inbound_nodes"] == [first, first, second, second]
    assert layers["stack"]["inbound_nodes"] == [[["inner", 3, 0, {}]]] * 2
    again = saving.load_model(tmp_path / "model.h5", compile=False)
    assert again.get_config() == model.get_config()
    np.testing.assert_array_equal(predict(again, inputs)[0], predict(model, inputs)[0])


def test_a_frozen_layers_weights_are_found_by_name_after_thawing(tmp_path):
    model, *_ = BUILDERS["nested"](keras)
    model.save_weights(tmp_path / "weights.h5")
    again, *_ = BUILDERS["nested"](keras)
    again.get_layer("stack").layers[0].trainable = True
    again.load_weights(tmp_path / "weights.h5")
    for name in ("stack_a", "stack_b"):
        one, other = (m.get_layer("stack").get_layer(name).get_weights() for m in (model, again))
        np.testing.assert_array_equal(one[0], other[0])


def test_keras_2_class_names_are_written_in_classic_dialects(tmp_path):
    model, *_ = BUILDERS["multi_io"](keras)
    with keras.config.dialect_scope("2"):
        model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        config = json.loads(file.attrs["model_config"])
    assert config["class_name"] == "Model"
    initializer = config["config"]["layers"][2]["config"]["kernel_initializer"]
    assert initializer["class_name"] == "VarianceScaling"
    assert saving.load_model(tmp_path / "model.h5").name == "multi_io"


@pytest.mark.parametrize("name", ["model.h5", "model.hdf5", "ckpt", "weights.01-0.5", "model.tf"])
def test_any_file_name_is_accepted_and_the_content_tells_the_format(dense, tmp_path, name):
    dense.save(str(tmp_path / name))
    assert saving.load_model(str(tmp_path / name)).name == "dense"
    dense.save_weights(str(tmp_path / name))
    dense.load_weights(pathlib.Path(tmp_path / name))


def test_file_objects_and_h5py_files_are_written_and_read(dense, tmp_path):
    buffer = io.BytesIO()
    dense.save(buffer)
    buffer.seek(0)
    expected = dense.get_weights()
    np.testing.assert_array_equal(saving.load_model(buffer).get_weights()[0], expected[0])
    with h5py.File(tmp_path / "model.h5", "w") as file:
        dense.save(file)
        np.testing.assert_array_equal(saving.load_model(file).get_weights()[0], expected[0])


def test_include_optimizer_false_leaves_out_compile_arguments_and_state(dense, tmp_path):
    dense.train_on_batch(np.zeros((2, 3)), np.zeros((2, 2)))
    dense.save(tmp_path / "model.h5", include_optimizer=False)
    with h5py.File(tmp_path / "model.h5") as file:
        assert "training_config" not in file.attrs
        assert "optimizer_weights" not in file
    with pytest.warns(UserWarning, match="uncompiled"):
        assert not saving.load_model(tmp_path / "model.h5").compiled
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        saving.load_model(tmp_path / "model.h5", compile=False)


def test_arguments_of_every_generation_are_taken(dense, tmp_path):
    dense.save(tmp_path / "a.h5", True, False)
    dense.save(tmp_path / "b.h5", True, "h5")
    dense.save(tmp_path / "c.h5", True, False, "h5", save_traces=True, options=None)
    with pytest.raises(TypeError, match="no argument `signatures`"):
        dense.save(tmp_path / "d.h5", signatures={})
    with pytest.raises(TypeError, match="no argument `safe`"):
        saving.load_model(tmp_path / "a.h5", safe=True)
    for name, compiled in (("a", False), ("b", True), ("c", False)):
        with h5py.File(tmp_path / f"{name}.h5") as file:
            assert ("training_config" in file.attrs) == compiled


def test_models_without_a_graph_are_not_saved_as_a_whole(tmp_path):
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    for model in (Own(name="own"), keras.Sequential([keras.layers.Dense(1)], name="own")):
        with pytest.raises(ValueError, match="'own' cannot be saved as a whole"):
            model.save(tmp_path / "model.h5")


def test_bfloat16_weights_are_written_as_float32(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, dtype="bfloat16")])
    model.save_weights(tmp_path / "weights.h5")
    expected = model.weights[0].value.clone()
    model.weights[0].assign(np.zeros((2, 1)))
    model.load_weights(tmp_path / "weights.h5")
    assert torch.equal(model.weights[0].value, expected)


def test_a_failed_save_leaves_the_old_file_and_no_other(dense, tmp_path, monkeypatch):
    path = tmp_path / "model.h5"
    dense.save(path)
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise RuntimeError("disk full")

    monkeypatch.setattr(h5py.Group, "create_dataset", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        dense.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.h5"]


def test_saving_follows_links_keeps_permissions_and_makes_folders(dense, tmp_path):
    real, link = tmp_path / "deep" / "er" / "model.h5", tmp_path / "link.h5"
    dense.save(real)
    real.chmod(0o640)
    link.symlink_to(real)
    dense.save(link)
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640


def test_overwrite_false_asks_first(dense, tmp_path, monkeypatch):
    path = tmp_path / "model.h5"
    path.write_bytes(b"old")
    monkeypatch.setattr("builtins.input", lambda prompt: "n")
    dense.save(path, overwrite=False)
    assert path.read_bytes() == b"old"
    monkeypatch.setattr("builtins.input", lambda prompt: "y")
    dense.save(path, overwrite=False)
    assert path.read_bytes() != b"old"


def test_long_lists_of_names_are_split_as_keras_does(tmp_path):
    layers = [keras.layers.Dense(1, name=f"layer_{i}_" + "x" * 2000) for i in range(40)]
    model = keras.Sequential([keras.Input((1,)), *layers])
    model.save_weights(tmp_path / "weights.h5")
    with h5py.File(tmp_path / "weights.h5") as file:
        assert "layer_names" not in file.attrs
        assert len(file.attrs["layer_names0"]) + len(file.attrs["layer_names1"]) == 40
    expected = model.get_weights()
    model.set_weights([np.zeros_like(array) for array in expected])
    model.load_weights(tmp_path / "weights.h5")
    np.testing.assert_array_equal(model.get_weights()[0], expected[0])


def test_old_decay_is_kept_as_a_schedule_that_every_keras_knows(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(learning_rate=0.1, decay=0.5), "mse")
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        rate = json.loads(file.attrs["training_config"])["optimizer_config"]["config"]["learning_rate"]
    assert rate["class_name"] == "InverseTimeDecay"
    again = saving.load_model(tmp_path / "model.h5")
    assert again.optimizer.decay == 0.5
    assert float(again.optimizer.learning_rate) == pytest.approx(0.1)


def test_learning_rate_schedules_come_back(tmp_path):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(schedule), "mse")
    model.save(tmp_path / "model.h5")
    assert (
        saving.load_model(tmp_path / "model.h5").optimizer.get_config()["learning_rate"]
        == (model.optimizer.get_config()["learning_rate"])
    )


class Scale(keras.Layer):
    def __init__(self, groups=2, **kwargs):
        super().__init__(**kwargs)
        self.groups = groups

    def build(self, input_shape):
        self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return {**super().get_config(), "groups": self.groups}


def test_custom_layers_and_losses_come_from_custom_objects(tmp_path):
    def strange(y_true, y_pred):
        return ((y_true - y_pred) ** 4).mean(-1)

    model = keras.Sequential([keras.Input((2,)), Scale(groups=1, name="scale")])
    model.compile("sgd", strange)
    model.save(tmp_path / "model.h5")
    with pytest.raises(ValueError, match="Unknown layer: 'Scale'"):
        saving.load_model(tmp_path / "model.h5")
    with pytest.warns(UserWarning, match="strange"):
        again = saving.load_model(tmp_path / "model.h5", custom_objects={"Scale": Scale})
    assert not again.compiled
    again = saving.load_model(tmp_path / "model.h5", custom_objects={"Scale": Scale, "strange": strange})
    assert again.get_layer("scale").groups == 1
    assert again.loss is strange


def test_a_users_lambda_is_given_by_the_layers_name(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x * 2.0, name="twice")])
    model.save(tmp_path / "model.h5")
    with pytest.raises(ValueError, match="custom_objects={'twice': function}"):
        saving.load_model(tmp_path / "model.h5", compile=False)
    again = saving.load_model(tmp_path / "model.h5", compile=False, custom_objects={"twice": lambda x: x * 2.0})
    np.testing.assert_array_equal(again.predict(np.ones((1, 2)), verbose=0), [[2.0, 2.0]])
    trusted = saving.load_model(tmp_path / "model.h5", compile=False, safe_mode=False)
    np.testing.assert_array_equal(trusted.predict(np.ones((1, 2)), verbose=0), [[2.0, 2.0]])


def test_compile_arguments_that_are_not_understood_give_a_warning_and_an_uncompiled_model(dense, tmp_path):
    dense.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        config = json.loads(file.attrs["training_config"])
        config["loss"] = "no_such_loss"
        file.attrs["training_config"] = json.dumps(config)
    with pytest.warns(UserWarning, match="no_such_loss"):
        model = saving.load_model(tmp_path / "model.h5")
    assert not model.compiled


def test_metric_names_survive(tmp_path):
    model, inputs, targets = BUILDERS["multi_io"](keras)
    train(model, inputs, targets, 1)
    model.save(tmp_path / "model.h5")
    again = saving.load_model(tmp_path / "model.h5")
    train(again, inputs, targets, 1)
    assert again.metrics_names == model.metrics_names
    assert "main_mae" in again.metrics_names


def test_modern_hard_sigmoid_is_written_with_a_warning(tmp_path):
    with keras.config.dialect_scope("3"):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation="hard_sigmoid")])
        with pytest.warns(UserWarning, match="hard_sigmoid"):
            model.save(tmp_path / "model.h5")
    again = saving.load_model(tmp_path / "model.h5", compile=False)
    values = np.array([[0.7, -1.2]])
    np.testing.assert_array_equal(again.predict(values, verbose=0), model.predict(values, verbose=0))


def test_half_precision_and_integer_weights_keep_their_types(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, dtype="float64")])
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        group = next(iter(file["model_weights"].values()))
        assert next(iter(group.values()))["kernel:0"].dtype == np.float64
    assert saving.load_model(tmp_path / "model.h5", compile=False).weights[0].dtype == torch.float64


@pytest.mark.parametrize(("kind", "name"), [("Sequential", "Sequential"), ("Functional", "Model")])
def test_a_model_in_a_wrapper_has_the_name_and_module_that_keras_looks_up(kind, name, tmp_path):
    start = keras.Input((3,))
    inner = keras.Sequential([start, keras.layers.Dense(2)])
    if kind == "Functional":
        inner = keras.Model(start, keras.layers.Dense(2)(start))
    model = keras.Sequential([keras.Input((4, 3)), keras.layers.TimeDistributed(inner)])
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        written = json.loads(file.attrs["model_config"])["config"]["layers"][1]["config"]["layer"]
    assert (written["class_name"], written["module"], written["registered_name"]) == (name, "keras", None)
    again = keras.models.load_model(tmp_path / "model.h5", compile=False)
    x = np.ones((2, 4, 3), "float32")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
