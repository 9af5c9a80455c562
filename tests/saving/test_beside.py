"""What Keras's layouts have no place for comes back from every format, and is no danger where it is damaged."""

import h5py
import numpy as np
import pytest
from golden_files import content

import keras_torch as keras
from keras_torch import config, layers, saving
from keras_torch.errors import FileFormatError

DATA = np.random.RandomState(0).uniform(-2.0, 2.0, (60, 3)).astype("float32")


def product_of(model):
    return float(model.optimizer._momentum_product())


def test_nadams_product_of_momenta_is_that_of_keras_3_after_h5_and_the_next_step_goes_on_from_it(tmp_path):
    (tmp_path / "nadam.keras").write_bytes(content("3.15", "optimizer-nadam", "keras"))
    # What Keras multiplied in float32 in three steps; from the formula it would be 0.113979945.
    expected = float(np.float32(0.113979936))
    with config.dialect_scope("3"):
        model = saving.load_model(tmp_path / "nadam.keras")
        model.save(tmp_path / "nadam.h5")
        again = saving.load_model(tmp_path / "nadam.h5")
        assert (product_of(model), product_of(again)) == (expected, expected)
        again.optimizer.variables[-1].assign(0.5)
        shapes = (again.input_shape, again.output_shape)
        again.train_on_batch(*(np.ones((2, *shape[1:]), "float32") for shape in shapes))
    # Step 4 multiplies by beta_1 (1 - 0.96**4 / 2).
    assert product_of(again) == pytest.approx(0.5 * 0.9 * (1 - 0.5 * 0.96**4), rel=1e-6)


def adapted():
    """A model in a model, with intervals that were learnt."""
    bins = layers.Discretization(num_bins=4, name="bins")
    bins.adapt(DATA)
    inner_source, source = keras.Input((3,)), keras.Input((3,))
    inner = keras.Model(inner_source, bins(inner_source), name="inner")
    return keras.Model(source, inner(source)), bins


@pytest.mark.parametrize("dialect", ["tf", "3", None])
@pytest.mark.parametrize("kind", ["h5", "keras"])
@pytest.mark.filterwarnings("ignore:.*no training configuration")
def test_a_discretization_that_was_adapted_can_be_adapted_again(dialect, kind, tmp_path):
    with config.dialect_scope(dialect):
        model, bins = adapted()
        model.save(tmp_path / f"model.{kind}")
        again = saving.load_model(tmp_path / f"model.{kind}").get_layer("inner").get_layer("bins")
        assert (again.num_bins, again.bin_boundaries) == (4, bins.bin_boundaries)
        np.testing.assert_array_equal(again._summary, bins._summary)
        for layer in (bins, again):
            layer.adapt(DATA * 2)
    assert again.bin_boundaries == bins.bin_boundaries


def test_weights_alone_hold_what_keras_2_15_has_as_a_weight_of_a_discretization(tmp_path):
    with config.dialect_scope("tf"):
        model = keras.Sequential([keras.Input((3,)), layers.Discretization(num_bins=4, name="bins")])
        model.layers[0].adapt(DATA)
        model.save_weights(tmp_path / "weights.h5.h5")
        with h5py.File(tmp_path / "weights.h5.h5") as file:
            assert list(file["bins"].attrs["weight_names"]) == [b"summary:0"]
        other = keras.Sequential([keras.Input((3,)), layers.Discretization(num_bins=4, name="bins")])
        other.load_weights(tmp_path / "weights.h5.h5")
    assert other.layers[0].bin_boundaries == model.layers[0].bin_boundaries


def test_the_editor_does_not_take_it_for_an_object_too_many(tmp_path, capsys):
    model, _ = adapted()
    model.save(tmp_path / "model.keras")
    editor = saving.KerasFileEditor(tmp_path / "model.keras")
    assert "keras_torch" in editor.weights_dict
    assert editor.compare(model)["status"] == "success"


@pytest.mark.parametrize(
    ("name", "value", "reason"), [("num_bins", -3, "must not be negative"), ("0", np.zeros(5, "float32"), r"\(2, n\)")]
)
@pytest.mark.filterwarnings("ignore:.*no training configuration")
def test_damage_beside_the_weights_is_told(name, value, reason, tmp_path):
    model, _ = adapted()
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        place = next(iter(file["keras_torch/layers"].values()))["layers/discretization"]
        del place[name]
        place[name] = value
    with pytest.raises(FileFormatError if name == "num_bins" else ValueError, match=reason):
        saving.load_model(tmp_path / "model.h5")


def test_learnt_numbers_that_a_layer_refuses_leave_the_other_weights_alone(tmp_path):
    def made(value):
        model = keras.Sequential(
            [keras.Input((3,)), layers.Dense(3, kernel_initializer=value), layers.Discretization(num_bins=4)]
        )
        model.layers[-1].adapt(DATA)
        return model

    with config.dialect_scope("tf"):
        made("ones").save_weights(tmp_path / "weights.old.h5")
        model = made("zeros")
    with h5py.File(tmp_path / "weights.old.h5", "r+") as file:
        (group,) = (item for name, item in file.items() if name.startswith("discretization"))
        del group["summary:0"]
        group["summary:0"] = np.zeros(5, "float32")
    with pytest.raises(ValueError, match=r"\(2, n\)"):
        model.load_weights(tmp_path / "weights.old.h5")
    assert not np.any(model.get_weights()[0])


def test_a_damaged_number_of_an_optimizer_leaves_the_rest_of_its_state(tmp_path):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile("nadam", "mse")
    model.train_on_batch(DATA, DATA[:, :1])
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        del file["keras_torch/optimizer/0"]
        file["keras_torch/optimizer/0"] = np.zeros(7)
    with pytest.warns(UserWarning, match="restored but for .* has the shape"):
        again = saving.load_model(tmp_path / "model.h5")
    assert int(again.optimizer.iterations) == 1
