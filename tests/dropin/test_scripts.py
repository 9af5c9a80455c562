"""Small programs in the style of each generation, from import to prediction."""

from __future__ import annotations

import numpy as np
import pytest

from keras_torch import dropin


@pytest.fixture(params=["1"])
def keras_1(request):
    with dropin.install(request.param):
        np.random.seed(0)
        yield


@pytest.fixture
def keras_2():
    with dropin.install("2"):
        np.random.seed(0)
        yield


def test_two_branches_joined_by_merge_of_keras_1(keras_1):
    from keras.layers import Convolution2D, Dense, Flatten, Input, MaxPooling2D, merge
    from keras.models import Model

    image = Input(shape=(8, 8, 1))
    left = Convolution2D(4, 3, 3, border_mode="same", activation="relu", dim_ordering="tf")(image)
    right = Convolution2D(4, 5, 5, border_mode="same", activation="relu", dim_ordering="tf")(image)
    joined = merge([left, right], mode="concat", concat_axis=-1)
    total = merge([left, right], mode="sum")
    x = merge([joined, total], mode="concat", concat_axis=3)
    x = MaxPooling2D((2, 2), strides=(2, 2), border_mode="same", dim_ordering="tf")(x)
    out = Dense(3, activation="softmax")(Flatten()(x))
    model = Model(input=image, output=out)
    assert joined._keras_shape == (None, 8, 8, 8)
    assert model.output_shape == (None, 3)
    model.compile("rmsprop", "categorical_crossentropy", ["accuracy"])
    data, targets = np.random.rand(20, 8, 8, 1), np.eye(3)[np.random.randint(0, 3, 20)]
    history = model.fit(data, targets, 10, 2, verbose=0, validation_split=0.2)
    assert set(history.history) == {"loss", "acc", "val_loss", "val_acc"}
    assert len(history.epoch) == 2


def test_two_stacks_joined_by_the_layer_merge_of_keras_1(keras_1):
    from keras.layers import LSTM, Dense, Merge
    from keras.models import Sequential

    stacks = []
    for _ in range(2):
        stack = Sequential()
        stack.add(LSTM(output_dim=4, input_shape=(5, 3), inner_activation="hard_sigmoid", consume_less="mem"))
        stacks.append(stack)
    model = Sequential()
    model.add(Merge(stacks, mode="concat"))
    model.add(Dense(2, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
    x, y = np.random.rand(12, 5, 3), np.eye(2)[np.random.randint(0, 2, 12)]
    model.fit([x, x], y, batch_size=4, nb_epoch=1, verbose=0)
    assert model.predict_classes([x, x]).shape == (12,)


def test_fit_has_the_defaults_of_keras_1(keras_1, capsys):
    from keras.layers import Dense
    from keras.models import Sequential

    model = Sequential()
    model.add(Dense(1, input_dim=2, init="uniform"))
    model.compile("sgd", "mse")
    history = model.fit(np.zeros((4, 2)), np.zeros((4, 1)))
    assert len(history.epoch) == 10
    assert "Epoch 10/10" in capsys.readouterr().out
    assert model.layers[0].name == "dense_1"


def test_generators_of_keras_1_count_samples(keras_1):
    from keras.layers import Dense
    from keras.models import Sequential

    drawn = []

    def batches():
        while True:
            drawn.append(1)
            yield np.zeros((8, 2)), np.zeros((8, 1))

    model = Sequential([Dense(1, input_dim=2)])
    model.compile("sgd", "mse")
    model.fit_generator(batches(), samples_per_epoch=24, nb_epoch=2, verbose=0, max_q_size=1)
    assert len(drawn) >= 6
    assert np.isscalar(model.evaluate_generator(batches(), val_samples=16))


def test_sequences_in_the_style_of_keras_1(keras_1):
    from keras.layers import LSTM, Activation, Dense, Dropout, Embedding
    from keras.models import Sequential

    model = Sequential()
    model.add(Embedding(50, 8, input_length=6, mask_zero=True))
    model.add(LSTM(output_dim=5, activation="sigmoid", inner_activation="hard_sigmoid", dropout_W=0.1, dropout_U=0.1))
    model.add(Dropout(0.5))
    model.add(Dense(1))
    model.add(Activation("sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    x, y = np.random.randint(0, 50, (10, 6)), np.random.randint(0, 2, 10)
    model.fit(x, y, batch_size=5, nb_epoch=1, verbose=0, show_accuracy=False)
    assert len(model.evaluate(x, y, verbose=0)) == 2
    assert model.predict_classes(x).shape == (10, 1)


def test_a_layer_of_ones_own_in_the_style_of_keras_1(keras_1):
    from keras import backend as K
    from keras.engine.topology import Layer
    from keras.layers import Dense
    from keras.models import Sequential

    class Scale(Layer):
        def __init__(self, factor=2.0, **kwargs):
            self.factor = factor
            super().__init__(**kwargs)

        def build(self, input_shape):
            self.W = self.add_weight((input_shape[1],), initializer="one", name=f"{self.name}_W")
            self.built = True

        def call(self, x, mask=None):
            return x * self.W * self.factor

        def get_output_shape_for(self, input_shape):
            return input_shape

    model = Sequential([Scale(3.0, input_shape=(4,)), Dense(2)])
    assert model.output_shape == (None, 2)
    assert K.get_value(model.layers[0].W).tolist() == [1.0] * 4


def test_a_keras_2_script_with_integer_kernels_and_leaky_names(keras_2):
    from keras.layers import GRU, Conv2D, Dense, Flatten, LeakyReLU
    from keras.models import Sequential
    from keras.optimizers import SGD

    model = Sequential()
    model.add(Conv2D(4, 3, 3, input_shape=(6, 6, 1)))
    model.add(LeakyReLU(0.1))
    model.add(Flatten())
    model.add(Dense(32 / 2))
    model.compile(loss="mse", optimizer=SGD(lr=0.01, decay=1e-6, momentum=0.9, nesterov=True))
    assert model.layers[0].output_shape == (None, 4, 4, 4)
    assert model.layers[-1].units == 16
    assert GRU(3).get_config()["reset_after"] is False


def test_a_tf_keras_script():
    with dropin.install("tf"):
        import tensorflow as tf
        from tensorflow.keras import layers

        tf.random.set_seed(1)
        inputs = tf.keras.Input(shape=(4,))
        outputs = layers.Dense(2, activation=tf.keras.activations.relu)(inputs)
        model = tf.keras.Model(inputs, outputs)
        model.compile(tf.keras.optimizers.Adam(1e-3), tf.keras.losses.MeanSquaredError(), ["mae"])
        history = model.fit(np.zeros((8, 4)), np.zeros((8, 2)), epochs=1, verbose=0)
        assert set(history.history) == {"loss", "mae"}
        assert model.layers[-1].name == "dense"
