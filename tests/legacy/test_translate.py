from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

import keras_torch
from keras_torch import config, legacy
from keras_torch.legacy.rows import OMIT, Refused, Row
from keras_torch.legacy.translate import wrap


@pytest.fixture(autouse=True)
def restored_dialect():
    with config.dialect_scope(None):
        yield


def recorder(row: Row):
    def function(filters, kernel_size=None, strides=(1, 1), padding="valid", epsilon=1e-7, **kwargs):
        return {"filters": filters, "kernel_size": kernel_size, "strides": strides, "padding": padding, **kwargs}

    return wrap("Conv", row, function)


ROW = Row(
    renamed={"nb_filter": "filters", "border_mode": "padding", "subsample": "strides"},
    orders={"1": ("nb_filter", "nb_row", "nb_col", "init", "border_mode"), "2": ("filters", "nb_row", "nb_col")},
    values={"padding": {"th": "valid"}, "epsilon": {None: OMIT}},
    defaults={"1": {"bias": True}},
    refused={"mode": Refused("only mode 0 exists.", (0,))},
    joined={"kernel_size": ("nb_row", "nb_col")},
    conflicts=("padding", "strides"),
)


def test_an_old_name_becomes_todays_name_in_every_dialect():
    for dialect in (None, *config.DIALECTS):
        with config.dialect_scope(dialect):
            assert recorder(ROW)(nb_filter=8, kernel_size=3, border_mode="same")["padding"] == "same"


@pytest.mark.parametrize(
    ("dialect", "kernel", "strides"),
    [("1", (3, 5), (1, 1)), ("2", (3, 5), (1, 1)), ("tf", 3, 5), ("3", 3, 5), (None, 3, 5)],
)
def test_three_numbers_in_a_row_are_read_as_the_dialect_read_them(dialect, kernel, strides):
    with config.dialect_scope(dialect):
        result = recorder(ROW)(8, 3, 5)
    assert (result["kernel_size"], result["strides"]) == (kernel, strides)


def test_a_keyword_of_keras_1_makes_the_positional_arguments_those_of_keras_1_without_a_dialect():
    assert recorder(ROW)(8, 3, 5, border_mode="same")["kernel_size"] == (3, 5)


def test_a_tuple_in_the_second_place_is_the_kernel_size_even_in_dialect_1():
    with config.dialect_scope("1"):
        result = recorder(ROW)(8, (3, 5), (2, 2))
    assert (result["kernel_size"], result["strides"]) == ((3, 5), (2, 2))


def test_in_dialect_2_a_modern_keyword_beside_three_numbers_means_the_modern_order():
    with config.dialect_scope("2"):
        assert recorder(ROW)(8, 3, 5, padding="same")["strides"] == 5


def test_rows_and_columns_given_by_name_make_the_kernel_size():
    assert recorder(ROW)(nb_filter=8, nb_row=3, nb_col=5)["kernel_size"] == (3, 5)


def test_a_missing_part_of_a_joined_argument_is_named():
    with pytest.raises(TypeError, match=r"`kernel_size` of `nb_row`, `nb_col`, but `nb_col` is missing"):
        recorder(ROW)(nb_filter=8, nb_row=3)


def test_the_same_argument_under_both_names_is_an_error():
    with pytest.raises(TypeError, match="both the argument `filters` and its old name `nb_filter`"):
        recorder(ROW)(8, 3, nb_filter=8)


def test_a_positional_argument_given_again_by_name_is_an_error():
    with pytest.raises(TypeError, match="the argument `filters` twice"):
        recorder(ROW)(8, filters=8)


def test_too_many_positional_arguments_are_an_error_that_lists_the_order():
    with (
        config.dialect_scope("1"),
        pytest.raises(TypeError, match="at most 5 positional arguments: filters, kernel_size, strides"),
    ):
        recorder(ROW)(8, (3, 3), 1, "same", None, 6)


def test_a_value_is_mapped_and_omit_restores_the_default():
    assert recorder(ROW)(8, padding="th")["padding"] == "valid"
    assert "epsilon" not in recorder(ROW)(8, epsilon=None)


def test_defaults_of_a_dialect_apply_only_there_and_never_override():
    assert "bias" not in recorder(ROW)(8)
    with config.dialect_scope("1"):
        assert recorder(ROW)(8)["bias"] is True
        assert recorder(ROW)(8, bias=False)["bias"] is False


def test_a_refused_argument_is_dropped_when_harmless_and_otherwise_explained():
    assert "mode" not in recorder(ROW)(8, mode=0)
    with pytest.raises(ValueError, match=r"`Conv` no longer has the argument `mode`: only mode 0 exists.*mode=2"):
        recorder(ROW)(8, mode=2)


def test_an_argument_that_a_keras_went_on_without_is_dropped_there_with_a_warning():
    dropping = recorder(Row(refused={"mode": Refused("only mode 0 exists.", (0,), dropped=("1",))}))
    with pytest.raises(ValueError, match="no longer has the argument `mode`"):
        dropping(8, mode=2)
    with config.dialect_scope("1"), pytest.warns(UserWarning, match="without the argument `mode`.*only mode 0") as told:
        assert "mode" not in dropping(8, mode=2)
    assert told[0].filename == __file__


@pytest.mark.parametrize("method", ["fit", "evaluate", "fit_generator", "evaluate_generator"])
def test_keras_1_goes_on_without_show_accuracy(method):
    with config.dialect_scope("1"):
        model = keras_torch.Sequential([keras_torch.layers.Dense(1, input_shape=(2,))])
        model.compile("sgd", "mse", class_mode="binary")
        x, y = np.zeros((4, 2)), np.zeros((4, 1))
        given = {"fit": (x, y), "evaluate": (x, y), "fit_generator": (iter([(x, y)]), 4, 1)}
        with pytest.warns(UserWarning, match=f"`{method}` goes on without the argument `show_accuracy`"):
            getattr(model, method)(*given.get(method, (iter([(x, y)]), 4)), show_accuracy=True)


def test_an_unknown_keyword_is_left_to_the_function():
    assert recorder(ROW)(8, colour="red")["colour"] == "red"


@pytest.mark.parametrize("size", [8.0, (8.0, 4), [8, 4.0]])
def test_whole_floats_of_sizes_become_ints(size):
    result = recorder(ROW)(16 / 2, kernel_size=size)
    assert type(result["filters"]) is int
    parts = result["kernel_size"] if isinstance(size, tuple | list) else [result["kernel_size"]]
    assert all(type(part) is int for part in parts)


def test_a_fraction_as_a_size_names_the_argument_and_the_operator():
    with pytest.raises(ValueError, match=r"`Conv` expects whole numbers.*`filters`.*7\.5.*`//`"):
        recorder(ROW)(15 / 2)


def test_a_fraction_of_a_step_is_one_step_more():
    @legacy.translated("Model.fit")
    def fit(self, x=None, steps_per_epoch=None, epochs=1):
        return steps_per_epoch

    assert fit(None, steps_per_epoch=62.5) == 63


def test_the_signature_and_the_name_stay_todays():
    wrapped = recorder(ROW)
    assert list(inspect.signature(wrapped).parameters)[:2] == ["filters", "kernel_size"]
    assert wrapped.__name__ == "function"


def test_a_name_without_a_row_is_left_alone():
    def function():
        return 1

    assert legacy.translated("NoSuchThing")(function) is function


def test_no_warning_is_given_for_an_old_call():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorder(ROW)(nb_filter=8, nb_row=3, nb_col=3, border_mode="same")


def test_a_class_of_a_family_gets_the_rows_of_its_base():
    class Optimizer:
        def __init__(self, learning_rate=0.1, **kwargs):
            self.learning_rate, self.kwargs = learning_rate, kwargs

    class Own(Optimizer):
        def __init__(self, learning_rate=0.2, epsilon=1e-7, **kwargs):
            super().__init__(learning_rate, **kwargs)
            self.epsilon = epsilon

    legacy.adapt(Own)
    own = Own(lr=0.5, epsilon=None, jit_compile=True)
    assert (own.learning_rate, own.epsilon, own.kwargs) == (0.5, 1e-7, {})
