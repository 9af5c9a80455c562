from __future__ import annotations

from keras_torch.legacy import drop_harmless, upgrade_class_name, upgrade_config


def test_a_convolution_written_by_keras_1_becomes_todays():
    config = {
        "name": "convolution2d_1",
        "nb_filter": 32,
        "nb_row": 3,
        "nb_col": 5,
        "init": "glorot_uniform",
        "border_mode": "same",
        "subsample": [2, 2],
        "dim_ordering": "th",
        "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.01},
        "W_constraint": {"name": "MaxNorm", "m": 2, "axis": 0},
        "b_regularizer": None,
        "bias": True,
    }
    assert upgrade_config("Conv2D", config, "1") == {
        "name": "convolution2d_1",
        "filters": 32,
        "kernel_size": (3, 5),
        "kernel_initializer": "glorot_uniform",
        "padding": "same",
        "strides": [2, 2],
        "data_format": "channels_first",
        "kernel_regularizer": {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.01}},
        "kernel_constraint": {"class_name": "MaxNorm", "config": {"max_value": 2, "axis": 0}},
        "bias_regularizer": None,
        "use_bias": True,
    }


def test_what_an_older_version_left_out_has_its_default_not_todays():
    upgraded = upgrade_config("GRU", {"units": 4}, "2")
    classic = {"recurrent_activation": "hard_sigmoid", "reset_after": False, "implementation": 1}
    assert upgraded == {"units": 4, **classic}
    assert upgrade_config("GRU", {"units": 4}, "tf") == {"units": 4}


def test_the_strategy_of_a_keras_1_lstm_becomes_an_implementation():
    config = {"output_dim": 4, "inner_activation": "sigmoid", "forget_bias_init": "one", "consume_less": "gpu"}
    assert upgrade_config("LSTM", config, "1") == {
        "units": 4,
        "recurrent_activation": "sigmoid",
        "unit_forget_bias": True,
        "implementation": 2,
    }


def test_configs_inside_configs_are_upgraded():
    inner = {"class_name": "LSTM", "config": {"output_dim": 3, "inner_activation": "sigmoid"}}
    upgraded = upgrade_config("Bidirectional", {"layer": inner, "merge_mode": "sum"}, "1")
    assert upgraded["layer"]["config"] == {"units": 3, "recurrent_activation": "sigmoid", "implementation": 1}
    scaling = {"class_name": "VarianceScaling", "config": {"scale": 1.0, "distribution": "normal"}}
    upgraded = upgrade_config("Dense", {"units": 1, "kernel_initializer": scaling}, "2")
    assert upgraded["kernel_initializer"]["config"]["distribution"] == "truncated_normal"


def test_the_input_of_upgrade_config_is_left_as_it_was():
    config = {"output_dim": 4}
    upgrade_config("Dense", config, "1")
    assert config == {"output_dim": 4}


def test_old_class_names_are_brought_up():
    assert upgrade_class_name("Convolution2D") == "Conv2D"
    assert upgrade_class_name("Dense") == "Dense"


def test_keys_that_say_nothing_are_dropped_and_others_kept():
    kept, dropped = drop_harmless({"units": 1, "ragged": False, "groups": 2, "time_major": True}, {"units"})
    assert kept == {"units": 1, "groups": 2, "time_major": True}
    assert dropped == ["ragged"]
