"""What handbooks of Keras 1 showed: the Sequential model, the functional one, and each layer with its arguments."""

from __future__ import annotations

import numpy as np
import pytest

DIALECT = "1"
IMAGE_DATA_FORMAT = "channels_first"  # the handbook's images are (3, height, width)


def one_hot(count, classes):
    return np.eye(classes)[np.random.randint(0, classes, count)]


def test_the_first_model_is_built_trained_and_asked():
    from keras.layers import Activation, Dense
    from keras.models import Sequential
    from keras.optimizers import SGD

    model = Sequential()
    model.add(Dense(output_dim=8, input_dim=12))
    model.add(Activation("relu"))
    model.add(Dense(output_dim=3))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
    model.compile(loss="categorical_crossentropy", optimizer=SGD(lr=0.01, momentum=0.9, nesterov=True))
    x, y = np.random.rand(40, 12), one_hot(40, 3)
    assert len(model.fit(x, y, nb_epoch=2, batch_size=32, verbose=0).epoch) == 2
    assert np.isscalar(model.train_on_batch(x[:8], y[:8]))
    model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
    loss, accuracy = model.evaluate(x, y, batch_size=32, verbose=0)
    proba = model.predict_proba(x, batch_size=32, verbose=0)
    classes = model.predict_classes(x, batch_size=32, verbose=0)
    assert np.array_equal(classes, proba.argmax(1))
    assert accuracy == pytest.approx(np.mean(classes == y.argmax(1)), abs=1e-6)
    assert loss == pytest.approx(-np.log((proba * y).sum(1)).mean(), rel=1e-5)


def test_the_input_shape_is_told_in_equivalent_ways():
    from keras.layers import LSTM, Activation, Dense
    from keras.models import Sequential

    shapes = [{"input_shape": (12,)}, {"batch_input_shape": (None, 12)}, {"input_dim": 12}]
    assert {Sequential([Dense(32, **kwargs)]).layers[0].batch_input_shape for kwargs in shapes} == {(None, 12)}
    shapes = [{"input_shape": (10, 6)}, {"batch_input_shape": (None, 10, 6)}, {"input_length": 10, "input_dim": 6}]
    assert {Sequential([LSTM(3, **kwargs)]).input_shape for kwargs in shapes} == {(None, 10, 6)}
    listed = Sequential([Dense(5, input_dim=7), Activation("relu"), Dense(2), Activation("softmax")])
    assert [layer.output_shape for layer in listed.layers] == [(None, 5), (None, 5), (None, 2), (None, 2)]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("sum", lambda a, b: a + b),
        ("mul", lambda a, b: a * b),
        ("ave", lambda a, b: (a + b) / 2),
        ("concat", lambda a, b: np.concatenate([a, b], 1)),
        ("dot", lambda a, b: (a * b).sum(1, keepdims=True)),
        ("cos", lambda a, b: (a * b).sum(1).reshape(-1, 1, 1) / np.outer(1, 1)),
        (lambda pair: pair[0] - pair[1], lambda a, b: a - b),
    ],
    ids=["sum", "mul", "ave", "concat", "dot", "cos", "function"],
)
def test_two_branches_are_merged(mode, expected):
    from keras.layers import Dense, Merge
    from keras.models import Sequential

    branches = [Sequential([Dense(4, input_dim=6)]) for _ in range(2)]
    options = {"dot_axes": 1} if mode in ("dot", "cos") else {}
    model = Sequential([Merge(branches, mode=mode, **options)])
    x = [np.random.rand(5, 6), np.random.rand(5, 6)]
    a, b = (branch.predict(part) for branch, part in zip(branches, x, strict=True))
    if mode == "cos":
        a, b = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (a, b))
    assert np.allclose(model.predict(x).ravel(), expected(a, b).ravel(), atol=1e-5)


def test_a_merged_model_trains_on_a_list_of_arrays():
    from keras.layers import Dense, Merge
    from keras.models import Sequential
    from keras.utils.np_utils import to_categorical

    left, right = (Sequential([Dense(4, input_dim=6)]) for _ in range(2))
    model = Sequential()
    model.add(Merge([left, right], mode="concat"))
    model.add(Dense(3, activation="softmax"))
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    labels = to_categorical(np.random.randint(3, size=(30, 1)), 3)
    assert labels.shape == (30, 3)
    history = model.fit([np.random.rand(30, 6)] * 2, labels, nb_epoch=3, batch_size=10, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert len(model.trainable_weights) == 6


def test_metrics_of_ones_own_return_a_value_or_a_dict():
    import keras.backend as K
    from keras.layers import Dense
    from keras.models import Sequential

    def mean_pred(y_true, y_pred):
        return K.mean(y_pred)

    def false_rates(y_true, y_pred):
        wrong = K.round(y_pred) - y_true
        return {"false_neg": K.mean(K.cast(wrong < 0, "float32")), "false_pos": K.mean(K.cast(wrong > 0, "float32"))}

    model = Sequential([Dense(1, input_dim=4, activation="sigmoid")])
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy", mean_pred, false_rates])
    x, y = np.random.random((50, 4)), np.random.randint(2, size=(50, 1))
    history = model.fit(x, y, nb_epoch=1, batch_size=50, verbose=0).history
    assert set(history) == {"loss", "acc", "mean_pred", "false_neg", "false_pos"}
    assert history["acc"][0] + history["false_neg"][0] + history["false_pos"][0] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "adadelta", "rmsprop", "adagrad"])
def test_perceptrons_with_the_optimizers_of_the_examples(optimizer):
    from keras.layers import Activation, Dense, Dropout
    from keras.models import Sequential
    from keras.optimizers import SGD

    if optimizer == "sgd":
        optimizer = SGD(lr=0.1, decay=1e-6, momentum=0.9, nesterov=True)
    model = Sequential()
    model.add(Dense(16, input_dim=20, init="uniform"))
    model.add(Activation("tanh"))
    model.add(Dropout(0.5))
    model.add(Dense(4, init="uniform", activation="softmax"))
    assert np.abs(model.get_weights()[0]).max() <= 0.05
    model.compile(loss="categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    x, y = np.random.rand(32, 20), one_hot(32, 4)
    model.fit(x, y, nb_epoch=1, batch_size=16, verbose=0)
    assert len(model.evaluate(x, y, batch_size=16, verbose=0)) == 2


def test_a_network_like_vgg_with_channels_first():
    from keras.layers import Activation, Convolution2D, Dense, Dropout, Flatten, MaxPooling2D
    from keras.models import Sequential
    from keras.optimizers import SGD

    model = Sequential()
    model.add(Convolution2D(4, 3, 3, border_mode="valid", input_shape=(3, 20, 24)))
    model.add(Activation("relu"))
    model.add(Convolution2D(4, 3, 3))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Dropout(0.25))
    model.add(Flatten())
    model.add(Dense(10, activation="softmax"))
    shapes = [layer.output_shape for layer in model.layers]
    assert shapes[0] == (None, 4, 18, 22)
    assert shapes[3] == (None, 4, 8, 10)
    assert shapes[5] == (None, 320)
    model.compile(loss="categorical_crossentropy", optimizer=SGD(lr=0.1, decay=1e-6, momentum=0.9, nesterov=True))
    assert len(model.fit(np.random.rand(8, 3, 20, 24), one_hot(8, 10), batch_size=4, nb_epoch=1, verbose=0).epoch) == 1


def test_sequences_are_classified_by_one_two_and_stateful_recurrent_layers():
    from keras.layers import LSTM, Activation, Dense, Dropout, Embedding, Merge
    from keras.models import Sequential

    words = Sequential()
    words.add(Embedding(30, 8, input_length=7))
    words.add(LSTM(output_dim=6, activation="sigmoid", inner_activation="hard_sigmoid"))
    words.add(Dropout(0.5))
    words.add(Dense(1))
    words.add(Activation("sigmoid"))
    words.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
    words.fit(np.random.randint(0, 30, (12, 7)), np.random.randint(0, 2, 12), batch_size=6, nb_epoch=1, verbose=0)

    stacked = Sequential()
    stacked.add(LSTM(5, return_sequences=True, stateful=True, batch_input_shape=(4, 6, 3)))
    stacked.add(LSTM(5, stateful=True))
    stacked.add(Dense(2, activation="softmax"))
    stacked.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
    x, y = np.random.random((16, 6, 3)), np.random.random((16, 2))
    history = stacked.fit(x, y, batch_size=4, nb_epoch=2, validation_data=(x[:8], y[:8]), verbose=0)
    assert set(history.history) == {"loss", "acc", "val_loss", "val_acc"}
    first, second = stacked.predict(x[:4], batch_size=4), stacked.predict(x[:4], batch_size=4)
    assert not np.allclose(first, second)

    encoders = [Sequential([LSTM(4, input_shape=(6, 3))]) for _ in range(2)]
    decoder = Sequential([Merge(encoders, mode="concat"), Dense(2, activation="softmax")])
    decoder.compile("rmsprop", "categorical_crossentropy")
    decoder.fit([x, x], y, nb_epoch=1, validation_data=([x, x], y), verbose=0)
    assert decoder.predict([x, x]).shape == (16, 2)


def test_models_are_called_like_layers_on_one_input_and_on_every_time_step():
    from keras.layers import Dense, Input, TimeDistributed
    from keras.models import Model

    inputs = Input(shape=(6,))
    x = Dense(5, activation="relu")(inputs)
    model = Model(input=inputs, output=Dense(3, activation="softmax")(x))
    again = Input(shape=(6,))
    sequences = Input(shape=(4, 6))
    whole = Model(input=again, output=model(again))
    steps = Model(input=sequences, output=TimeDistributed(model)(sequences))
    data = np.random.rand(2, 4, 6)
    assert steps.output_shape == (None, 4, 3)
    assert np.allclose(steps.predict(data)[:, 1], whole.predict(data[:, 1]), atol=1e-6)


def test_two_inputs_and_two_outputs_are_told_by_order_or_by_name():
    from keras.layers import LSTM, Dense, Embedding, Input, merge
    from keras.models import Model

    main = Input(shape=(7,), dtype="int32", name="main_input")
    encoded = LSTM(4)(Embedding(output_dim=5, input_dim=20, input_length=7)(main))
    extra_output = Dense(1, activation="sigmoid", name="aux_output")(encoded)
    extra = Input(shape=(2,), name="aux_input")
    joined = merge([encoded, extra], mode="concat")
    main_output = Dense(1, activation="sigmoid", name="main_output")(Dense(6, activation="relu")(joined))
    model = Model(input=[main, extra], output=[main_output, extra_output])
    words, numbers, labels = np.random.randint(0, 20, (10, 7)), np.random.rand(10, 2), np.random.randint(0, 2, (10, 1))
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", loss_weights=[1.0, 0.2])
    total, first, second = model.evaluate([words, numbers], [labels, labels], verbose=0)
    assert total == pytest.approx(first + 0.2 * second, rel=1e-5)
    model.compile(
        optimizer="rmsprop",
        loss={"main_output": "binary_crossentropy", "aux_output": "binary_crossentropy"},
        loss_weights={"main_output": 1.0, "aux_output": 0.2},
    )
    named = ({"main_input": words, "aux_input": numbers}, {"main_output": labels, "aux_output": labels})
    assert np.allclose(model.evaluate(*named, verbose=0), [total, first, second], rtol=1e-5)
    history = model.fit(*named, nb_epoch=1, batch_size=5, verbose=0)
    assert set(history.history) == {"loss", "main_output_loss", "aux_output_loss"}


def test_shared_layers_have_a_node_for_each_call():
    from keras.layers import LSTM, Dense, Input, merge
    from keras.models import Model

    a, b = Input(shape=(5, 4)), Input(shape=(5, 4))
    shared = LSTM(3)
    encoded = [shared(a), shared(b)]
    out = Dense(1, activation="sigmoid")(merge(encoded, mode="concat", concat_axis=-1))
    model = Model(input=[a, b], output=out)
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
    assert shared.get_output_at(1) is encoded[1]
    assert len(model.trainable_weights) == len(shared.trainable_weights) + 2
    with pytest.raises(AttributeError, match="get_output_at"):
        _ = shared.output


def test_towers_residuals_and_shared_vision():
    from keras.layers import Convolution2D, Dense, Flatten, Input, MaxPooling2D, merge
    from keras.models import Model

    image = Input(shape=(3, 16, 16))
    towers = [
        Convolution2D(4, 3, 3, border_mode="same", activation="relu")(Convolution2D(4, 1, 1)(image)),
        Convolution2D(4, 5, 5, border_mode="same", activation="relu")(image),
        Convolution2D(4, 1, 1)(MaxPooling2D((3, 3), strides=(1, 1), border_mode="same")(image)),
    ]
    assert Model(image, merge(towers, mode="concat", concat_axis=1)).output_shape == (None, 12, 16, 16)

    conv = Convolution2D(3, 3, 3, border_mode="same")
    y = conv(image)
    residual, plain = Model(image, merge([image, y], mode="sum")), Model(image, y)
    data = np.random.rand(2, 3, 16, 16)
    assert np.allclose(residual.predict(data), plain.predict(data) + data, atol=1e-5)

    digit = Input(shape=(1, 11, 11))
    vision = Model(digit, Flatten()(MaxPooling2D((2, 2))(Convolution2D(4, 3, 3)(digit))))
    pair = [Input(shape=(1, 11, 11)) for _ in range(2)]
    out = Dense(1, activation="sigmoid")(merge([vision(pair[0]), vision(pair[1])], mode="concat"))
    same = Model(pair, out)
    assert same.predict([np.random.rand(3, 1, 11, 11)] * 2).shape == (3, 1)


def test_questions_about_pictures_and_films():
    from keras.layers import LSTM, Convolution2D, Dense, Embedding, Flatten, Input, MaxPooling2D, TimeDistributed, merge
    from keras.models import Model, Sequential

    vision = Sequential()
    vision.add(Convolution2D(4, 3, 3, activation="relu", border_mode="same", input_shape=(3, 8, 8)))
    vision.add(MaxPooling2D((2, 2)))
    vision.add(Flatten())
    question = Input(shape=(5,), dtype="int32")
    encoded = LSTM(6)(Embedding(input_dim=50, output_dim=8, input_length=5)(question))
    image = Input(shape=(3, 8, 8))
    answer = Dense(9, activation="softmax")(merge([encoded, vision(image)], mode="concat"))
    pictures = Model(input=[image, question], output=answer)
    film = Input(shape=(4, 3, 8, 8))
    frames = LSTM(6)(TimeDistributed(vision)(film))
    encoder = Model(input=question, output=encoded)
    asked = Input(shape=(5,), dtype="int32")
    films = Model(
        input=[film, asked], output=Dense(9, activation="softmax")(merge([frames, encoder(asked)], mode="concat"))
    )
    words = np.random.randint(1, 50, (2, 5))
    assert pictures.predict([np.random.rand(2, 3, 8, 8), words]).shape == (2, 9)
    assert films.predict([np.random.rand(2, 4, 3, 8, 8), words]).shape == (2, 9)


SIGNATURES = {
    "core.Dense": (
        dict(output_dim=3, init="glorot_uniform", activation="linear", weights=None, W_regularizer=None,
             b_regularizer=None, activity_regularizer=None, W_constraint=None, b_constraint=None, bias=True,
             input_dim=None), (2, 5), (None, 3)),
    "core.Activation": (dict(activation="tanh"), (2, 5), (None, 5)),
    "core.Dropout": (dict(p=0.3), (2, 5), (None, 5)),
    "core.Flatten": ({}, (2, 3, 4), (None, 12)),
    "core.Reshape": (dict(target_shape=(4, 3)), (2, 12), (None, 4, 3)),
    "core.Permute": (dict(dims=(2, 1)), (2, 3, 4), (None, 4, 3)),
    "core.RepeatVector": (dict(n=3), (2, 5), (None, 3, 5)),
    "core.ActivityRegularization": (dict(l1=0.1, l2=0.2), (2, 5), (None, 5)),
    "core.Masking": (dict(mask_value=0.0), (2, 3, 4), (None, 3, 4)),
    "core.Highway": (
        dict(init="glorot_uniform", transform_bias=-2, activation="linear", weights=None, W_regularizer=None,
             b_regularizer=None, activity_regularizer=None, W_constraint=None, b_constraint=None, bias=True,
             input_dim=None), (2, 5), (None, 5)),
    "core.MaxoutDense": (dict(output_dim=3, nb_feature=4), (2, 5), (None, 3)),
    "convolutional.Convolution1D": (
        dict(nb_filter=6, filter_length=3, init="uniform", activation="linear", weights=None, border_mode="same",
             subsample_length=1, W_regularizer=None, b_regularizer=None, activity_regularizer=None, W_constraint=None,
             b_constraint=None, bias=True, input_dim=None, input_length=None), (2, 10, 4), (None, 10, 6)),
    "convolutional.AtrousConvolution1D": (
        dict(nb_filter=6, filter_length=3, init="uniform", activation="linear", weights=None, border_mode="valid",
             subsample_length=1, atrous_rate=2, W_regularizer=None, b_regularizer=None, activity_regularizer=None,
             W_constraint=None, b_constraint=None, bias=True), (2, 10, 4), (None, 6, 6)),
    "convolutional.Convolution2D": (
        dict(nb_filter=6, nb_row=3, nb_col=2, init="glorot_uniform", activation="linear", weights=None,
             border_mode="valid", subsample=(1, 1), dim_ordering="th", W_regularizer=None, b_regularizer=None,
             activity_regularizer=None, W_constraint=None, b_constraint=None, bias=True),
        (2, 3, 8, 8), (None, 6, 6, 7)),
    "convolutional.AtrousConvolution2D": (
        dict(nb_filter=6, nb_row=3, nb_col=3, atrous_rate=(2, 2)), (2, 3, 8, 8), (None, 6, 4, 4)),
    "convolutional.MaxPooling1D": (dict(pool_length=2, stride=None, border_mode="valid"), (2, 8, 3), (None, 4, 3)),
    "convolutional.MaxPooling2D": (
        dict(pool_size=(2, 2), strides=None, border_mode="valid", dim_ordering="th"), (2, 3, 8, 8), (None, 3, 4, 4)),
    "convolutional.AveragePooling1D": (dict(pool_length=2, stride=None, border_mode="valid"), (2, 8, 3), (None, 4, 3)),
    "pooling.GlobalMaxPooling1D": ({}, (2, 8, 3), (None, 3)),
    "recurrent.SimpleRNN": (
        dict(output_dim=4, init="glorot_uniform", inner_init="orthogonal", activation="tanh", W_regularizer=None,
             U_regularizer=None, b_regularizer=None, dropout_W=0.0, dropout_U=0.0, return_sequences=True,
             go_backwards=False, stateful=False, unroll=False, consume_less="cpu"), (2, 8, 3), (None, 8, 4)),
    "recurrent.GRU": (
        dict(output_dim=4, init="glorot_uniform", inner_init="orthogonal", activation="tanh",
             inner_activation="hard_sigmoid", W_regularizer=None, U_regularizer=None, b_regularizer=None, dropout_W=0.0,
             dropout_U=0.0, consume_less="mem"), (2, 8, 3), (None, 4)),
    "recurrent.LSTM": (
        dict(output_dim=4, init="glorot_uniform", inner_init="orthogonal", forget_bias_init="one", activation="tanh",
             inner_activation="hard_sigmoid", W_regularizer=None, U_regularizer=None, b_regularizer=None, dropout_W=0.0,
             dropout_U=0.0), (2, 8, 3), (None, 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNATURES)
def test_layers_take_all_their_arguments_by_name_and_by_position(name):
    import importlib

    from keras.models import Sequential

    module, _, kind = name.partition(".")
    kind = getattr(importlib.import_module(f"keras.layers.{module}"), kind)
    kwargs, shape, expected = SIGNATURES[name]
    model = Sequential([kind(**kwargs, input_shape=shape[1:])])
    assert model.output_shape == expected
    result = model.predict(np.random.rand(*shape))
    assert result.shape == (2, *expected[1:])
    leading, others = list(kwargs.values())[:3], dict(list(kwargs.items())[3:])
    if name != "core.Highway":  # whose transform_bias moved
        again = Sequential([kind(*leading, **others, input_shape=shape[1:])])
        assert again.layers[0].get_config() == {**model.layers[0].get_config(), "name": again.layers[0].name}


def test_the_shapes_behind_the_second_of_two_layers():
    from keras.layers import core
    from keras.layers.convolutional import AtrousConvolution1D, Convolution1D, Convolution2D
    from keras.models import Sequential

    chains = [
        ([Convolution2D(6, 3, 3, border_mode="same", input_shape=(3, 8, 8)), core.Flatten()], [(6, 8, 8), (384,)]),
        ([core.Reshape((3, 4), input_shape=(12,)), core.Reshape((6, 2))], [(3, 4), (6, 2)]),
        ([core.Permute((2, 1), input_shape=(10, 6)), core.Permute((2, 1))], [(6, 10), (10, 6)]),
        ([core.Dense(5, input_dim=4), core.RepeatVector(3)], [(5,), (3, 5)]),
        ([Convolution1D(6, 3, border_mode="same", input_shape=(10, 4)), Convolution1D(5, 3, border_mode="same")],
         [(10, 6), (10, 5)]),
        ([AtrousConvolution1D(6, 3, atrous_rate=2, border_mode="same", input_shape=(10, 4)),
          AtrousConvolution1D(5, 3, atrous_rate=2, border_mode="same")], [(10, 6), (10, 5)]),
    ]  # fmt: skip
    for layers, shapes in chains:
        model = Sequential(layers)
        assert [layer.output_shape[1:] for layer in layers] == shapes
        assert model.predict(np.random.rand(2, *model.input_shape[1:])).shape == (2, *shapes[-1])


@pytest.mark.parametrize("step", [1, 2])
def test_a_full_border_lets_the_window_reach_over_both_ends(step):
    from keras import backend as K
    from keras.layers import Convolution1D
    from keras.models import Sequential

    layer = Convolution1D(1, 3, border_mode="full", subsample_length=step, input_shape=(5, 1))
    model = Sequential([layer])
    kernel = np.random.rand(3)
    model.set_weights([kernel.reshape(layer.get_weights()[0].shape), np.zeros(1)])
    x = np.random.rand(5)
    expected = np.correlate(x, kernel, "full")[::step]
    assert model.output_shape == (None, len(expected), 1)
    assert np.allclose(model.predict(x.reshape(1, 5, 1)).ravel(), expected, atol=1e-6)
    image, window = K.variable(x.reshape(1, 5, 1, 1)), K.variable(kernel.reshape(3, 1, 1, 1))
    direct = K.conv2d(image, window, (step, 1), border_mode="full", dim_ordering="tf")
    assert np.allclose(K.eval(direct).ravel(), expected, atol=1e-6)


def test_old_modules_have_all_their_names_as_attributes():
    import keras

    layers = keras.layers
    names = {
        layers.core: "Highway MaxoutDense Merge TimeDistributedDense Lambda ActivityRegularization Masking",
        layers.convolutional: "Convolution2D AtrousConvolution1D MaxPooling2D AveragePooling1D UpSampling2D",
        layers.recurrent: "Recurrent SimpleRNN GRU LSTM time_distributed_dense",
        layers.advanced_activations: "LeakyReLU PReLU ELU ParametricSoftplus ThresholdedReLU SReLU",
        layers.pooling: "GlobalMaxPooling1D MaxPooling1D",
        layers.embeddings: "Embedding",
        keras.engine.topology: "Layer Merge Node InputSpec Container merge",
    }
    assert [
        (module, name) for module, text in names.items() for name in text.split() if not hasattr(module, name)
    ] == []
    recurrent = layers.recurrent.Recurrent(weights=None, return_sequences=False, go_backwards=False, stateful=False,
                                           unroll=False, consume_less="cpu", input_dim=4, input_length=6)  # fmt: skip
    assert recurrent.batch_input_shape == (None, 6, 4)


def test_layers_are_given_weights_regularizers_and_constraints():
    from keras.constraints import maxnorm
    from keras.layers.core import Dense
    from keras.layers.embeddings import Embedding
    from keras.models import Sequential
    from keras.regularizers import WeightRegularizer, activity_l1, l2

    kernel, bias = np.random.rand(5, 3), np.random.rand(3)
    model = Sequential([Dense(3, weights=[kernel, bias], input_dim=5)])
    x = np.random.rand(4, 5)
    assert np.allclose(model.predict(x), x @ kernel + bias, atol=1e-6)
    model = Sequential()
    model.add(Dense(3, input_dim=5, W_regularizer=WeightRegularizer(l1=0.1), b_regularizer=l2(0.5),
                    activity_regularizer=activity_l1(0.01), W_constraint=maxnorm(0.5)))  # fmt: skip
    model.compile("sgd", "mse")
    kernel, bias = model.get_weights()
    expected = 0.1 * np.abs(kernel).sum() + 0.01 * np.abs(x @ kernel).sum() + np.mean(np.square(x @ kernel))
    assert model.evaluate(x, np.zeros((4, 3)), verbose=0) == pytest.approx(expected, rel=1e-4)
    model.train_on_batch(x, np.zeros((4, 3)))
    assert np.linalg.norm(model.get_weights()[0], axis=0).max() <= 0.5 + 1e-6

    table = np.random.rand(6, 2)
    words = Sequential([Embedding(6, 2, init="uniform", input_length=3, W_regularizer=None, activity_regularizer=None,
                                  W_constraint=None, mask_zero=False, weights=[table], dropout=0.0)])  # fmt: skip
    assert np.allclose(words.predict(np.array([[4, 1, 0]]))[0], table[[4, 1, 0]])


def test_masked_steps_are_skipped():
    from keras.layers import LSTM, Masking
    from keras.models import Sequential

    model = Sequential([Masking(mask_value=0.0, input_shape=(6, 3)), LSTM(4)])
    x = np.random.rand(2, 6, 3)
    x[:, 3] = x[:, 5] = 0.0
    bare = Sequential([LSTM(4, input_shape=(4, 3))])
    bare.set_weights(model.get_weights())
    assert np.allclose(model.predict(x), bare.predict(x[:, [0, 1, 2, 4]]), atol=1e-6)


def test_lambda_layers_take_a_shape_and_arguments():
    from keras.layers import Lambda
    from keras.models import Sequential

    def power(x, exponent):
        return x**exponent

    def doubled(shape):
        return (shape[0], 2 * shape[1])

    from keras import backend as K

    model = Sequential([Lambda(power, arguments={"exponent": 3}, output_shape=(4,), input_shape=(4,))])
    model.add(Lambda(lambda x: K.concatenate([x, -x], axis=1), output_shape=doubled))
    x = np.random.rand(2, 4)
    assert model.output_shape == (None, 8)
    assert np.allclose(model.predict(x), np.concatenate([x**3, -(x**3)], 1), atol=1e-6)


def test_merge_of_the_topology_module_takes_outputs_by_index():
    from keras.engine.topology import Merge
    from keras.layers import Dense, Input
    from keras.models import Model

    x = Input(shape=(4,))
    first, second = Dense(3)(x), Dense(3)(x)
    merged = Merge(layers=None, mode="sum", concat_axis=-1, dot_axes=-1, output_shape=None, node_indices=None,
                   tensor_indices=None, name="total")([first, second])  # fmt: skip
    data = np.random.rand(2, 4)
    a, b, total = Model(input=x, output=[first, second, merged]).predict(data)
    assert np.allclose(a + b, total, atol=1e-6)


def test_embeddings_of_numbers_become_vectors_and_count_parameters_of_a_small_network():
    from keras.layers import Convolution2D, Dense, Flatten, MaxPooling2D
    from keras.models import Sequential

    model = Sequential()
    model.add(Convolution2D(64, 11, 11, input_shape=(1, 32, 32)))
    assert model.output_shape == (None, 64, 22, 22)
    model.add(MaxPooling2D((2, 2)))
    model.add(Flatten())
    assert model.output_shape == (None, 64 * 11 * 11)
    model.add(Dense(9))
    assert model.count_params() == 64 * 121 + 64 + 7744 * 9 + 9
