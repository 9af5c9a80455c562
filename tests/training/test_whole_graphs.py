"""Forward pass and loss of standard models are one graph to torch.compile, with the loss of the model run eagerly."""

import shutil

import numpy
import pytest
import torch

import keras_torch as keras
from keras_torch import layers, ops
from keras_torch.training import steps


class Subclassed(keras.Model):
    """A model of the user's own."""

    def __init__(self):
        super().__init__()
        self.first = layers.Dense(16, activation="relu")
        self.norm = layers.BatchNormalization()
        self.last = layers.Dense(4, activation="softmax")

    def call(self, x, training=False):
        return self.last(self.norm(self.first(x), training=training))


def head(*stack):
    return keras.Sequential([*stack, layers.Dense(4, activation="softmax")])


def words(*stack, mask_zero=False):
    return head(keras.Input((12,), dtype="int32"), layers.Embedding(50, 8, mask_zero=mask_zero), *stack)


def mlp():
    regular = layers.Dense(16, activation="relu", kernel_regularizer="l2", activity_regularizer="l2")
    return head(keras.Input((20,)), regular, layers.BatchNormalization())


def cnn():
    augmented = [layers.Rescaling(1 / 255), layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D()]
    return head(keras.Input((16, 16, 3)), *augmented, layers.Flatten())


def words_turned_round():
    stack = [layers.LSTM(16), layers.RepeatVector(4), layers.LSTM(16, return_sequences=True)]
    return keras.Sequential([keras.Input((7, 12)), *stack, layers.TimeDistributed(layers.Dense(4, "softmax"))])


def siamese():
    base, inputs = keras.Sequential([keras.Input((10,)), layers.Dense(8, activation="relu")]), keras.Input((20,))
    distance = layers.Lambda(lambda pair: ops.abs(pair[0] - pair[1]), output_shape=(8,))
    merged = distance([base(inputs[:, :10]), base(inputs[:, 10:])])
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(merged))


def encoder():
    inputs = keras.Input((10, 16))
    x = layers.LayerNormalization()(layers.MultiHeadAttention(2, 8)(inputs, inputs) + inputs)
    x = layers.LayerNormalization()(x + layers.Dense(16)(layers.Dense(32, activation="gelu")(x)))
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling1D()(x)))


def u_net():
    inputs = keras.Input((16, 16, 3))
    wide = layers.Conv2D(8, 3, padding="same", activation="relu")(inputs)
    deep = layers.SeparableConv2D(16, 3, padding="same")(layers.MaxPooling2D()(wide))
    x = layers.Concatenate()([wide, layers.UpSampling2D()(deep)])
    x = layers.GlobalMaxPooling2D()(layers.Conv2DTranspose(8, 3, padding="same")(x))
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(x))


def vae():
    inputs = keras.Input((20,))
    mean, spread = layers.Dense(4)(inputs), layers.Dense(4)(inputs)
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(mean + ops.exp(spread)))
    model.add_loss(ops.mean(ops.square(mean) + ops.exp(spread) - spread))
    return model


MODELS = {
    "MLP with regularizers": (mlp, (8, 20), None),
    "CNN": (cnn, (8, 16, 16, 3), None),
    "masked LSTM": (lambda: words(layers.LSTM(8), mask_zero=True), (8, 12), 50),
    "bidirectional": (lambda: words(layers.Bidirectional(layers.GRU(8))), (8, 12), 50),
    "CNN-LSTM": (lambda: words(layers.Conv1D(8, 3), layers.MaxPooling1D(), layers.LSTM(8)), (8, 12), 50),
    "words turned round": (words_turned_round, (8, 7, 12), None),
    "siamese": (siamese, (8, 20), None),
    "encoder": (encoder, (8, 10, 16), None),
    "U-Net": (u_net, (8, 16, 16, 3), None),
    "VAE": (vae, (8, 20), None),
    "subclassed": (Subclassed, (8, 20), None),
    "stacked": (lambda: words(layers.SimpleRNN(8, return_sequences=True), layers.GRU(8)), (8, 12), 50),
}
APPLICATIONS = {
    "ResNet50": 32,
    "VGG16": 32,
    "MobileNetV2": 32,
    "DenseNet121": 32,
    "EfficientNetB0": 32,
    "InceptionV3": 75,
    "Xception": 71,
    "ConvNeXtTiny": 32,
}


def application(name):
    size = APPLICATIONS[name]
    return getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=4)


def check(model, shape, vocabulary):
    """Compile forward pass and loss without breaks; compare with the eager ones, without what is random."""
    torch.compiler.reset()
    x = torch.randint(0, vocabulary, shape) if vocabulary else torch.rand(shape)
    # Two samples behind fifty batch normalizations have gradients that let ResNet50 overflow in one step, Keras's, too.
    model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    targets = tuple(model(x).shape[:-1])
    y = torch.randint(0, 4, targets)
    model.train_on_batch(x, y)

    def loss_of(x, y):
        return steps.forward(model, model._compiled, x, y, None, model.training)[1]

    # torch still guards the tracing of nn.LSTM, nn.GRU and nn.RNN behind this switch.
    with torch._dynamo.config.patch(allow_rnn=True):
        model.train()
        explained = torch._dynamo.explain(loss_of)(x, y)
        assert (explained.graph_count, explained.break_reasons) == (1, [])
        model.eval()
        with torch.no_grad():
            compiled = torch.compile(loss_of, fullgraph=True, backend="eager")(x, y)
            torch.testing.assert_close(compiled, loss_of(x, y), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_forward_pass_and_loss_are_one_graph(name):
    make, shape, vocabulary = MODELS[name]
    check(make(), shape, vocabulary)


@pytest.mark.slow
@pytest.mark.parametrize("name", APPLICATIONS)
def test_forward_pass_and_loss_of_an_application_are_one_graph(name):
    size = APPLICATIONS[name]
    check(application(name), (2, size, size, 3), None)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:The .grad attribute of a Tensor")
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch's inductor needs a C++ compiler")
@pytest.mark.parametrize("name", [*MODELS, *APPLICATIONS])
def test_a_compiled_step_computes_what_the_eager_one_does(name):
    torch.compiler.reset()
    if name in APPLICATIONS:
        # In float32 batch normalization of two samples makes anything of a rounding error.
        keras.config.set_floatx("float64")
    make, shape, vocabulary = MODELS.get(name) or (lambda: application(name), (2, *[APPLICATIONS[name]] * 2, 3), None)
    x = torch.randint(0, vocabulary, shape) if vocabulary else torch.rand(shape)
    results = []
    for jit_compile in (False, True):
        keras.utils.set_random_seed(0)
        model = make()
        for layer in model.layers if name in APPLICATIONS else ():
            # Compiled code draws other random numbers.
            if isinstance(layer, layers.Dropout):
                layer.rate = 0.0
        model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=jit_compile)
        y = torch.zeros(model(x).shape[:-1], dtype=torch.int64)
        results.append([model.predict_on_batch(x), model.evaluate(x, y, verbose=0), model.train_on_batch(x, y)])
    for eager, compiled in zip(*results, strict=True):
        numpy.testing.assert_allclose(compiled, eager, rtol=1e-5, atol=1e-5)
