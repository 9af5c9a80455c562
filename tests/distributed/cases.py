"""What one process and several must compute alike: each case trains something and returns what came of it."""

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

import keras_torch as keras
from keras_torch import config, layers, symbolic

CASES = {}
# 10 batches an epoch, the last of 7 samples.
SAMPLES, BATCH, EPOCHS = 106, 11, 3


def case(function):
    CASES[function.__name__] = function
    return function


def run(name):
    """Run a case with fresh names and seeds."""
    settings = dict(config._load())
    symbolic.reset_names()
    keras.utils.set_random_seed(7)
    try:
        return CASES[name]()
    finally:
        config._settings.clear()
        config._settings.update(settings)


def numbers(*shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def labels(count, classes=3, seed=1):
    return np.random.default_rng(seed).integers(0, classes, size=count)


def outcome(model, history, **more):
    return {"weights": model.get_weights(), "history": dict(history.history), **more}


def two_outputs():
    inputs = keras.Input((6,))
    hidden = layers.Dense(8, activation="tanh")(inputs)
    a = layers.Dense(3, activation="softmax", name="a")(hidden)
    b = layers.Dense(1, name="b", kernel_regularizer="l2", activity_regularizer="l2")(hidden)
    return keras.Model(inputs, [a, b])


def two_outputs_weighted(dtype):
    config.set_floatx(dtype)
    model = two_outputs()
    model.compile(
        "adam",
        {"a": "sparse_categorical_crossentropy", "b": "mse"},
        loss_weights=[1.0, 0.5],
        metrics={"a": ["accuracy"], "b": ["mae"]},
        weighted_metrics={"b": ["mse"]},
    )
    x, targets = numbers(SAMPLES, 6, dtype=dtype), {"a": labels(SAMPLES), "b": numbers(SAMPLES, 1, seed=2, dtype=dtype)}
    weights = {"a": np.linspace(0, 2, SAMPLES).astype(dtype), "b": np.linspace(1, 0, SAMPLES).astype(dtype)}
    history = model.fit(
        x,
        targets,
        BATCH,
        EPOCHS,
        verbose=0,
        sample_weight=weights,
        validation_data=(x[:25], {k: v[:25] for k, v in targets.items()}),
    )
    evaluated = model.evaluate(x, targets, batch_size=BATCH, sample_weight=weights, verbose=0)
    return outcome(model, history, evaluated=evaluated, predicted=model.predict(x, batch_size=9, verbose=0))


@case
def dense_with_two_outputs_and_sample_weights():
    return two_outputs_weighted("float32")


@case
def dense_in_float64():
    return two_outputs_weighted("float64")


def classifier(*middle, classes=3, shape=(6,)):
    return keras.Sequential([keras.Input(shape), *middle, layers.Dense(classes, activation="softmax")])


@case
def class_weights_and_a_last_batch_of_one():
    model = classifier(layers.Dense(8, activation="relu"))
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy", keras.metrics.Mean(name="own")][:1])
    count = BATCH * 9 + 1
    history = model.fit(
        numbers(count, 6), labels(count), BATCH, EPOCHS, verbose=0, class_weight={0: 1.0, 1: 3.0, 2: 0.5}
    )
    return outcome(model, history, predicted=model.predict(numbers(12, 6), batch_size=11, verbose=0))


@case
def cnn_with_synchronized_batch_normalization():
    model = classifier(
        layers.Conv2D(4, 3, activation="relu"),
        layers.BatchNormalization(synchronized=True),
        layers.MaxPooling2D(),
        layers.Flatten(),
        shape=(8, 8, 1),
    )
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = numbers(SAMPLES, 8, 8, 1)
    history = model.fit(x, labels(SAMPLES), BATCH, EPOCHS, verbose=0, validation_split=0.1)
    return outcome(model, history, predicted=model.predict(x, verbose=0))


@case
def lstm_over_masked_words():
    model = keras.Sequential(
        [
            layers.Embedding(12, 5, mask_zero=True),
            layers.LSTM(6, return_sequences=True),
            layers.TimeDistributed(layers.Dense(3, activation="softmax")),
        ]
    )
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
    words = labels((SAMPLES, 7), 12)
    words[np.arange(SAMPLES)[:, None] % 7 < np.arange(7)] = 0
    history = model.fit(words, labels((SAMPLES, 7)), BATCH, EPOCHS, verbose=0)
    return outcome(model, history, predicted=model.predict(words, verbose=0))


@case
def two_masked_outputs_in_float64():
    config.set_floatx("float64")
    inputs = keras.Input((7,))
    hidden = layers.GRU(6, return_sequences=True)(layers.Embedding(12, 5, mask_zero=True)(inputs))
    model = keras.Model(inputs, [layers.Dense(2, name="a")(hidden), layers.Dense(1, name="b")(hidden)])
    model.compile("adam", ["mse", "mae"], loss_weights=[0.3, 2.0], metrics=[["mae"], ["mse"]])
    words = labels((SAMPLES, 7), 12)
    words[np.arange(SAMPLES)[:, None] % 7 < np.arange(7)] = 0
    targets = [numbers(SAMPLES, 7, 2, dtype="float64"), numbers(SAMPLES, 7, 1, seed=4, dtype="float64")]
    return outcome(model, model.fit(words, targets, BATCH, EPOCHS, verbose=0))


@case
def embedding_with_clipping_and_averages():
    model = keras.Sequential([layers.Embedding(30, 4), layers.GlobalAveragePooling1D(), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(clipnorm=0.05, use_ema=True), "mse", metrics=["mae"])
    history = model.fit(labels((SAMPLES, 5), 30), numbers(SAMPLES, 1), BATCH, EPOCHS, verbose=0)
    return outcome(model, history)


@case
def accumulated_gradients():
    model = classifier(layers.Dense(8, activation="relu"))
    model.compile(keras.optimizers.SGD(0.1, gradient_accumulation_steps=3), "sparse_categorical_crossentropy")
    return outcome(model, model.fit(numbers(SAMPLES, 6), labels(SAMPLES), BATCH, EPOCHS, verbose=0))


class GAN(keras.Model):
    """A train_step with two optimizers, several forwards, and metrics under other names."""

    def __init__(self):
        super().__init__()
        self.generator = keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(6)])
        self.critic = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(1)])
        self.seen = keras.metrics.Mean(name="seen")

    @property
    def metrics(self):
        return [self.seen]

    def compile(self, d_optimizer, g_optimizer):
        super().compile(loss=keras.losses.BinaryCrossentropy(from_logits=True))
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer
        self.loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)

    def train_step(self, data):
        real, noise = data
        both = torch.cat([self.generator(noise).detach(), real])
        truth = torch.cat([torch.ones(len(real), 1), torch.zeros(len(real), 1)])
        d_loss = self.loss_fn(truth, self.critic(both))
        self.critic.zero_grad()
        d_loss.backward()
        weights = self.critic.trainable_weights
        self.d_optimizer.apply([w.value.grad for w in weights], weights)
        g_loss = self.loss_fn(torch.zeros(len(real), 1), self.critic(self.generator(noise)))
        self.generator.zero_grad()
        g_loss.backward()
        weights = self.generator.trainable_weights
        self.g_optimizer.apply([w.value.grad for w in weights], weights)
        self.seen.update_state(d_loss.detach())
        return {"d_loss": self.seen.result(), "g_loss": g_loss.detach()}


@case
def gan_with_a_train_step_of_its_own():
    model = GAN()
    model.compile(keras.optimizers.Adam(0.01), keras.optimizers.RMSprop(0.01))
    history = model.fit(numbers(SAMPLES, 6), numbers(SAMPLES, 4, seed=3), batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return outcome(model, history)


def streamed(data, **options):
    model = classifier(layers.Dense(8, activation="relu"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, model.fit(data, epochs=EPOCHS, verbose=0, **options)


@case
def generator():
    def batches():
        while True:
            chosen = np.random.permutation(SAMPLES)[: np.random.randint(5, 12)]
            yield numbers(SAMPLES, 6)[chosen], labels(SAMPLES)[chosen]

    return outcome(*streamed(batches(), steps_per_epoch=10, class_weight={0: 1.0, 1: 2.0, 2: 0.5}))


class Rows(keras.utils.Sequence):
    def __len__(self):
        return 10

    def __getitem__(self, index):
        rows = slice(index * BATCH, (index + 1) * BATCH)
        return numbers(SAMPLES, 6)[rows], labels(SAMPLES)[rows], np.linspace(0, 1, SAMPLES)[rows]


@case
def sequence():
    model, history = streamed(Rows(), shuffle=True)
    return outcome(
        model, history, predicted=model.predict(Rows(), verbose=0), evaluated=model.evaluate(Rows(), verbose=0)
    )


@case
def dataloader():
    data = TensorDataset(torch.from_numpy(numbers(SAMPLES, 6)), torch.from_numpy(labels(SAMPLES)))
    return outcome(*streamed(DataLoader(data, BATCH, shuffle=True)))
