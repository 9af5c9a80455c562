"""Every argument of Keras 1.2.2 and 2.2.4 is taken in its dialect, by name and by place, with its default."""

from __future__ import annotations

import pytest

from keras_torch import config, layers, models
from keras_torch.backend import normalize_data_format, set_epsilon

from .signatures import gaps, old_calls

# Differences that stay, with the reason.
KNOWN = {
    "1": {
        "callbacks.CallbackList.__init__": "today's lists take the model where the length of a queue of times stood",
        "callbacks.TensorBoard.on_train_end": "the unused argument was called `_`",
        "constraints.get": "the extra arguments went to a class found by name; write it out",
        "optimizers.get": "the extra arguments went to a class found by name; write it out",
        "regularizers.get": "the extra arguments went to a class found by name; write it out",
        "layers.AtrousConvolution1D.__init__": "one class with Convolution1D: places from the ninth argument on differ",
        "layers.AtrousConvolution2D.__init__": "one class with Convolution2D: places from the ninth argument on differ",
        "layers.ConvRecurrent2D.__init__": "a base class, whose arguments subclasses pass by name",
        "layers.Layer.assert_input_compatibility": "inside the engine",
        "models.Layer.assert_input_compatibility": "inside the engine",
        "layers.Merge.__init__": "places from the tenth argument on differ",
        "models.Merge.__init__": "places from the tenth argument on differ",
        "models.Node.__init__": "inside the engine",
        "models.Sequential.compile": "Model has `loss_weights` in the fourth place, and Sequential is a Model",
        "models.Sequential.from_config": "a cache inside the engine",
        "models.Sequential.train_on_batch": "Model has the weights in the other order, and Sequential is a Model",
        "utils.generic_utils.Progbar.update": "`force` is not needed: the last step is always shown",
        "utils.layer_utils.print_summary": "takes the model in place of its layers since Keras 2",
    },
    "2": {
        "callbacks.CallbackList.__init__": "today's lists take the model where the length of a queue of times stood",
        "callbacks.TensorBoard.on_train_end": "the unused argument was called `_`",
        "layers.GRUCell.__init__": "the last two places",
        "layers.LSTMCell.__init__": "the last place",
    },
}
# Their arguments depend on the layout of images.
LAYOUT = ("initializations.", "applications.", "preprocessing.image.")


@pytest.mark.parametrize("dialect", ["1", "2"])
def test_old_calls_find_their_arguments(dialect: str) -> None:
    found: dict[str, list[str]] = {}
    for name, gap in gaps(dialect):
        if not name.startswith(LAYOUT):
            found.setdefault(name, []).append(gap)
    assert {name: found[name] for name in found.keys() - KNOWN[dialect].keys()} == {}
    assert KNOWN[dialect].keys() - found.keys() == set(), "these are taken now: strike them from KNOWN"


def test_the_lists_hold_both_generations() -> None:
    names = {dialect: {name for _, name, _ in old_calls(dialect)} for dialect in ("1", "2")}
    assert {"Convolution2D.__init__", "Model.fit_generator", "Graph.__init__"} & names["1"] >= {
        "Convolution2D.__init__"
    }
    assert {"Conv2D.__init__", "Model.fit_generator", "rnn"} <= names["2"]


def test_layers_of_keras_2_take_all_arguments_by_place() -> None:
    with config.dialect_scope("2"):
        conv = layers.Conv2D(3, (2, 2), (1, 1), "same", None, (1, 1), "relu", False)
        assert conv.activation.__name__ == "relu" and conv.use_bias is False and conv.dilation_rate == (1, 1)
        assert layers.Conv2D(3, 2, 4).kernel_size == (2, 4)
        assert (
            layers.LSTM(2, "relu", "sigmoid", False, *["zeros"] * 3, True, *[None] * 7, 0.1, 0.2, 2, True).dropout
            == 0.1
        )
        lstm = layers.LSTM(2, "tanh", "sigmoid", True, *["zeros"] * 3, True, *[None] * 7, 0.0, 0.0, 1, True, True)
        assert lstm.return_sequences and lstm.return_state
        assert models.Sequential([], "mine").name == "mine"
    with config.dialect_scope("1"):
        separable = layers.SeparableConvolution2D(3, 2, 2, "zero", "relu", None, "same", (1, 1), 2, "tf", "l1")
        assert separable.depthwise_regularizer is not None and separable.depth_multiplier == 2
        assert normalize_data_format(value="channels_first") == "channels_first"
        before = config.epsilon()
        set_epsilon(e=1e-3)
        assert config.epsilon() == 1e-3
        config.set_epsilon(before)
