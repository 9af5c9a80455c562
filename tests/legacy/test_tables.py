"""The tables are complete and point at what exists: every class with a translated constructor is walked."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

import keras_torch as keras
from keras_torch import config, legacy, registry
from keras_torch.legacy import aliases, interfaces
from keras_torch.legacy.translate import Translator

# Arguments that a base class takes for every class of the family, through **kwargs.
BASE_ARGUMENTS = {
    "layers": set(
        "name dtype trainable weights activity_regularizer input_shape batch_input_shape batch_shape input_dim "
        "input_length batch_size".split()
    ),
    "optimizers": {"decay", "learning_rate", "epsilon"},
    "losses": {"reduction"},
    "callbacks": {"on_train_batch_begin", "on_train_batch_end"},
}
METHODS = [name for name in legacy.ROWS if name.startswith("Model.")]


def classes() -> Iterator[tuple[str, type]]:
    for family in ("layers", "optimizers", "callbacks", "initializers", "regularizers", "constraints", "losses"):
        for item in {id(item): item for item in getattr(registry, family).objects.values()}.values():
            if inspect.isclass(item) and item.__module__.startswith("keras_torch"):
                yield family, item


def adapted() -> list[Any]:
    return [
        pytest.param(family, cls, cls.__init__.translator, id=f"{family}-{cls.__name__}")
        for family, cls in classes()
        if hasattr(cls.__init__, "translator")
    ]


def arguments_named(translator: Translator) -> set[str]:
    """Return every argument of today that a row mentions."""
    row = translator.row
    named = {*row.renamed.values(), *row.joined, *row.values}
    for defaults in row.defaults.values():
        named |= set(defaults)
    for order in row.orders.values():
        named |= {row.renamed.get(name, name) for name in order}
    return named - set(row.parts) - set(row.refused)


@pytest.mark.parametrize(("family", "cls", "translator"), adapted())
def test_every_argument_that_a_row_names_exists(family: str, cls: type, translator: Translator):
    missing = arguments_named(translator) - translator.parameters - BASE_ARGUMENTS.get(family, set())
    assert not missing or translator.open_ended


@pytest.mark.parametrize(("family", "cls", "translator"), adapted())
def test_no_old_name_is_an_argument_of_today(family: str, cls: type, translator: Translator):
    assert not {*translator.row.renamed, *translator.row.parts} & translator.parameters


def test_the_classes_of_the_first_cut_have_their_rows():
    found = {cls.__name__ for _, cls in classes() if hasattr(cls.__init__, "translator")}
    assert found >= {"Dense", "Conv1D", "Conv2D", "LSTM", "GRU", "SimpleRNN", "Embedding", "BatchNormalization", "SGD"}


@pytest.mark.parametrize("name", METHODS)
def test_the_methods_of_model_are_translated(name: str):
    method = getattr(keras.Model, name.partition(".")[2])
    translator = method.translator
    given = {"samples_per_epoch", "nb_val_samples", "val_samples"}
    if not translator.open_ended:
        missing = arguments_named(translator) - translator.parameters - given
        assert not missing or translator.any_keyword


def test_aliases_lead_to_registered_layers():
    known = set(registry.layers.objects)
    for old, new in aliases.LAYERS.items():
        if new in known:
            assert registry.layers.find(old) is registry.layers.find(new)
            assert getattr(keras.layers, old) is getattr(keras.layers, new)


def test_the_decorators_of_keras_2_name_rows():
    def function(self, units=None):
        return units

    decorated = interfaces.legacy_dense_support(function)
    assert decorated(None, output_dim=3) == 3
    with pytest.raises(AttributeError):
        interfaces.legacy_nothing_support  # noqa: B018


def make(name: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    return getattr(keras.layers, name)(*args, **kwargs).get_config()


def test_layers_of_keras_1_scripts_are_built_as_they_were_meant():
    with config.dialect_scope("1"):
        conv = make("Convolution2D", 8, 3, 5, "he_normal", border_mode="same", subsample=(2, 2), dim_ordering="th")
        dense = make("Dense", output_dim=64, input_dim=100, init="uniform", W_regularizer=keras.regularizers.l2(0.1))
        lstm = make("LSTM", 16, inner_activation="sigmoid", dropout_W=0.1, dropout_U=0.2, forget_bias_init="zero")
        pool = make("MaxPooling1D", pool_length=4, stride=2, border_mode="same")
        norm = make("BatchNormalization", 1e-5, 0, 1, 0.9, gamma_init="one")
    assert (conv["filters"], tuple(conv["kernel_size"]), conv["padding"]) == (8, (3, 5), "same")
    assert (tuple(conv["strides"]), conv["data_format"]) == ((2, 2), "channels_first")
    assert conv["kernel_initializer"]["class_name"] == "HeNormal"
    assert dense["units"] == 64
    assert dense["kernel_regularizer"] is not None
    assert (lstm["recurrent_activation"], lstm["unit_forget_bias"]) == ("sigmoid", False)
    assert (lstm["dropout"], lstm["recurrent_dropout"]) == (0.1, 0.2)
    assert (tuple(pool["pool_size"]), tuple(pool["strides"]), pool["padding"]) == ((4,), (2,), "same")
    assert (norm["epsilon"], norm["axis"], norm["momentum"]) == (1e-5, 1, 0.9)


def test_input_dim_of_a_layer_on_sequences_leaves_the_length_open():
    for layer in (keras.layers.LSTM(4, input_dim=3), keras.layers.Conv1D(4, 3, input_dim=3)):
        with config.dialect_scope("2"):
            assert layer.get_config()["batch_input_shape"] == (None, None, 3)
    fixed = keras.layers.GRU(output_dim=4, input_dim=3, input_length=7)
    with config.dialect_scope("2"):
        assert fixed.get_config()["batch_input_shape"] == (None, 7, 3)


def test_the_forget_bias_of_keras_1_is_one_or_zero():
    assert make("LSTM", 4, forget_bias_init="zero")["unit_forget_bias"] is False
    with pytest.raises(ValueError, match="'one' or 'zero'.*'glorot_uniform'"):
        make("LSTM", 4, forget_bias_init="glorot_uniform")
    with config.dialect_scope("2"), pytest.warns(UserWarning, match="Keras 2 ignored"):
        assert make("LSTM", 4, forget_bias_init="zero")["unit_forget_bias"] is True


@pytest.mark.parametrize(
    ("dialect", "gate", "reset_after"),
    [("1", "hard_sigmoid", False), ("2", "hard_sigmoid", False), ("tf", "sigmoid", True), (None, "sigmoid", True)],
)
def test_recurrent_layers_have_the_defaults_of_their_generation(dialect: str | None, gate: str, reset_after: bool):
    with config.dialect_scope(dialect):
        lstm, gru = make("LSTM", 4), make("GRU", 4)
    assert lstm["recurrent_activation"] == gate
    assert (gru["recurrent_activation"], gru["reset_after"]) == (gate, reset_after)


@pytest.mark.parametrize(
    ("dialect", "rates"),
    [
        ("1", {"Adagrad": 0.01, "Adadelta": 1.0, "Adamax": 0.002, "Nadam": 0.002, "Adam": 0.001, "SGD": 0.01}),
        ("2", {"Adagrad": 0.01, "Adadelta": 1.0, "Adamax": 0.002, "Nadam": 0.002, "RMSprop": 0.001}),
        ("tf", {"Adagrad": 0.001, "Adadelta": 0.001, "Adamax": 0.001, "Nadam": 0.001}),
    ],
)
def test_optimizers_have_the_rates_of_their_generation(dialect: str, rates: dict[str, float]):
    with config.dialect_scope(dialect):
        for name, rate in rates.items():
            optimizer = getattr(keras.optimizers, name)()
            assert float(optimizer.learning_rate) == pytest.approx(rate)


def test_the_positional_arguments_of_keras_2_optimizers_end_with_decay():
    with config.dialect_scope("2"):
        optimizer = keras.optimizers.SGD(0.1, 0.9, 1e-4, True)
    settings = optimizer.get_config()
    assert (settings["momentum"], settings["nesterov"]) == (0.9, True)
    assert settings["decay"] == pytest.approx(1e-4)


def test_batch_normalization_of_keras_1_takes_its_mode_second_and_refuses_what_tensorflow_alone_had():
    with keras.config.dialect_scope("1"):
        layer = keras.layers.BatchNormalization(1e-5, 2, 1)
    assert (layer.epsilon, layer.mode, layer.axis) == (1e-5, 2, 1)
    assert keras.layers.BatchNormalization(fused=True).mode == 0
    with pytest.raises(ValueError, match=r"BatchNormalization.*`virtual_batch_size`"):
        keras.layers.BatchNormalization(virtual_batch_size=2)


def test_an_unknown_argument_is_refused_by_the_layer_with_the_nearest_name():
    with pytest.raises(TypeError, match="activation"):
        keras.layers.Dense(3, activatoin="relu")
