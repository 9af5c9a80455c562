"""What one process and several must compute alike: each case trains something and returns what came of it."""

import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

import keras_torch as keras
from keras_torch import config, distributed, layers, metrics, symbolic
from keras_torch.data import Dataset
from keras_torch.dropin.tensorflow import distribute, nn, tape
from keras_torch.metrics.base import PyMetric
from keras_torch.utils import multi_gpu_model

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
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    count = BATCH * 9 + 1
    history = model.fit(
        numbers(count, 6), labels(count), BATCH, EPOCHS, verbose=0, class_weight={0: 1.0, 1: 3.0, 2: 0.5}
    )
    return outcome(model, history, predicted=model.predict(numbers(12, 6), batch_size=11, verbose=0))


def cnn(dtype):
    config.set_floatx(dtype)
    model = classifier(
        layers.Conv2D(4, 3, activation="relu"),
        layers.BatchNormalization(synchronized=True),
        layers.MaxPooling2D(),
        layers.Flatten(),
        shape=(8, 8, 1),
    )
    model.compile(keras.optimizers.SGD(0.01, momentum=0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = numbers(SAMPLES, 8, 8, 1, dtype=dtype)
    history = model.fit(x, labels(SAMPLES), BATCH, EPOCHS, verbose=0, validation_split=0.1)
    return outcome(model, history, predicted=model.predict(x, verbose=0))


@case
def cnn_with_synchronized_batch_normalization():
    return cnn("float32")


@case
def cnn_with_synchronized_batch_normalization_in_float64():
    return cnn("float64")


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
        truth = torch.cat([real.new_ones(len(real), 1), real.new_zeros(len(real), 1)])
        d_loss = self.loss_fn(truth, self.critic(both))
        self.critic.zero_grad()
        d_loss.backward()
        weights = self.critic.trainable_weights
        self.d_optimizer.apply([w.value.grad for w in weights], weights)
        g_loss = self.loss_fn(real.new_zeros(len(real), 1), self.critic(self.generator(noise)))
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


class Torchwise(keras.Model):
    """A train_step in plain torch."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        x, y = data
        loss = torch.nn.functional.mse_loss(self(x), y)
        self.by_torch.zero_grad()
        loss.backward()
        self.by_torch.step()
        return {"loss": loss.detach()}


@case
def optimizers_of_torch_in_a_train_step():
    model = Torchwise()
    model.build((None, 6))
    model.compile()
    model.by_torch = torch.optim.AdamW(model.parameters(), lr=0.01)
    x, y = numbers(SAMPLES, 6), numbers(SAMPLES, 3)
    return outcome(model, model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0))


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


@case
def dataset_of_tensorflow_kind():
    rows = Dataset.from_tensor_slices((numbers(SAMPLES, 6), labels(SAMPLES)))
    return outcome(*streamed(rows.shuffle(20, seed=3).batch(BATCH)))


class Worst(keras.metrics.Metric):
    """A metric with state of several shapes."""

    def __init__(self, name="worst"):
        super().__init__(name=name)
        self.counts = self.add_weight(name="counts", shape=(3,))
        self.mean = keras.metrics.Mean()

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.counts.assign_add(torch.bincount(y_true.reshape(-1).long(), minlength=3).float())
        self.mean.update_state(y_pred.max(-1).values)

    def result(self):
        return {"most": self.counts.max(), "sure": self.mean.result()}


class Median(PyMetric):
    """A metric whose state is a list."""

    def reset_state(self):
        self.values = []

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.values += y_pred[:, 0].tolist()

    def merge_state(self, metrics):
        for other in metrics:
            self.values += other.values

    def result(self):
        return float(np.median(self.values)) if self.values else 0.0


@case
def metrics_of_many_kinds():
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(4, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    found = [metrics.AUC(), metrics.Precision(), metrics.F1Score(threshold=0.5), metrics.R2Score(), metrics.MeanIoU(2)]
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy", *found, metrics.RootMeanSquaredError()])
    y = (labels(SAMPLES) > 0).astype("float32")
    return outcome(model, model.fit(numbers(SAMPLES, 6), y, BATCH, EPOCHS, verbose=0, validation_split=0.3))


@case
def metrics_of_the_users_own():
    model = classifier(layers.Dense(4))
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[Worst(), Median(name="median")])
    return outcome(model, model.fit(numbers(SAMPLES, 6), labels(SAMPLES), BATCH, EPOCHS, verbose=0))


class Watch(keras.callbacks.Callback):
    """Reads the logs of each batch, predicts after each epoch, and stops the training by what it sees."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append({name: float(value) for name, value in logs.items()})

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(float(self.model.predict(numbers(13, 6), verbose=0).sum()))


@case
def callbacks_that_read_logs_and_decide():
    model = classifier(layers.Dense(4))
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    watch = Watch()
    callbacks = [
        watch,
        keras.callbacks.ReduceLROnPlateau("val_loss", 0.5, patience=0),
        keras.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True),
        keras.callbacks.TerminateOnNaN(),
    ]
    options = {"validation_split": 0.2, "callbacks": callbacks, "verbose": 0}
    history = model.fit(numbers(SAMPLES, 6), labels(SAMPLES), BATCH, 12, **options)
    return outcome(model, history, seen=watch.seen)


def steps_one_by_one():
    critic = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    critic.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    maker = keras.Sequential([keras.Input((4,)), layers.Dense(6)])
    critic.trainable = False
    noise = keras.Input((4,))
    both = keras.Model(noise, critic(maker(noise)))
    both.compile("rmsprop", "binary_crossentropy")
    seen = []
    for step in range(10):
        real, given = numbers(7, 6, seed=step), numbers(7, 4, seed=step)
        batch = np.concatenate([real, maker.predict(given, verbose=0)])
        seen.append(critic.train_on_batch(batch, np.repeat([[1.0], [0.0]], 7, axis=0)))
        seen.append(both.train_on_batch(given, np.ones((7, 1))))
    seen.append(both.test_on_batch(given, np.ones((7, 1))))
    return {"weights": both.get_weights(), "seen": seen, "last": both.predict_on_batch(given)}


@case
def train_on_batch():
    return steps_one_by_one()


def in_dialect(dialect):
    config.set_dialect(dialect)
    model = classifier(layers.Dense(4, activation="tanh"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["mae"])
    watch = Watch()
    weights = np.linspace(0, 1, SAMPLES).round(1)
    options = {"sample_weight": weights, "callbacks": [watch], "validation_split": 0.2, "verbose": 0}
    y = labels(SAMPLES)[:, None]
    history = model.fit(numbers(SAMPLES, 6), y, batch_size=BATCH, epochs=EPOCHS, **options)
    return outcome(model, history, seen=watch.seen)


@case
def in_the_dialect_of_keras_1():
    return in_dialect("1")


@case
def in_the_dialect_of_keras_2():
    return in_dialect("2")


@case
def in_the_dialect_of_tf_keras():
    return in_dialect("tf")


class Branches(keras.Model):
    """Has a layer that no step uses, and a loss added by hand."""

    def __init__(self):
        super().__init__()
        self.used, self.unused = layers.Dense(3), layers.Dense(3)

    def build(self, shape):
        self.used.build(shape)
        self.unused.build(shape)
        self.built = True

    def call(self, x):
        found = self.used(x)
        self.add_loss(found.square().mean())
        return found


@case
def parameters_without_gradients_and_added_losses():
    model = Branches()
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return outcome(
        model, model.fit(numbers(SAMPLES, 6), numbers(SAMPLES, 3), batch_size=BATCH, epochs=EPOCHS, verbose=0)
    )


@case
def sums_instead_of_means():
    model = classifier()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(reduction="sum", ignore_class=1))
    return outcome(model, model.fit(numbers(SAMPLES, 6), labels(SAMPLES), batch_size=BATCH, epochs=EPOCHS, verbose=0))


@case
def mixed_precision_with_a_scaled_loss():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.Dense(1)])
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01, global_clipnorm=0.1)), "mse")
    return outcome(
        model, model.fit(numbers(SAMPLES, 6), numbers(SAMPLES, 1), batch_size=BATCH, epochs=EPOCHS, verbose=0)
    )


@case
def stateful_layers_are_not_split():
    model = keras.Sequential([keras.Input(batch_shape=(4, 5, 2)), layers.LSTM(3, stateful=True), layers.Dense(1)])
    model.compile("sgd", "mse")
    return outcome(
        model, model.fit(numbers(32, 5, 2), numbers(32, 1), batch_size=4, epochs=2, verbose=0, shuffle=False)
    )


@case
def loop_of_the_users_own_in_a_strategy():
    strategy = distribute.MirroredStrategy()
    rows = Dataset.from_tensor_slices((numbers(SAMPLES, 6), labels(SAMPLES))).shuffle(20, seed=3).batch(BATCH)
    with strategy.scope():
        model = classifier(layers.Dense(8, activation="relu"), layers.BatchNormalization(synchronized=True))
        optimizer = keras.optimizers.Adam(0.01)
        accuracy = metrics.SparseCategoricalAccuracy()
    loss_fn = keras.losses.SparseCategoricalCrossentropy(reduction="none")

    def step(x, y):
        with tape.GradientTape() as recorded:
            predicted = model(x, training=True)
            loss = nn.compute_average_loss(loss_fn(y, predicted), global_batch_size=BATCH)
        gradients = recorded.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        accuracy.update_state(y, predicted)
        return loss

    losses, accuracies = [], []
    for _ in range(EPOCHS):
        for batch in strategy.experimental_distribute_dataset(rows):
            loss = strategy.run(step, args=batch)
            losses.append(float(strategy.reduce(distribute.ReduceOp.SUM, loss.detach(), axis=None)))
        accuracies.append(float(accuracy.result()))
        accuracy.reset_state()
    trained = [weight.numpy() for weight in model.trainable_weights]
    return {"weights": trained, "losses": losses, "accuracies": accuracies}


@case
def loop_in_torch_with_a_model_in_distributed_data_parallel():
    world, rank = distributed.world_size(), distributed.rank()
    model = classifier(layers.Dense(8, activation="relu"))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loss_fn = keras.losses.SparseCategoricalCrossentropy()
    if world > 1:
        distributed.start()
    trained = DistributedDataParallel(model) if world > 1 else model
    for step in range(10):
        x, y = torch.from_numpy(numbers(12, 6, seed=step)), torch.from_numpy(labels(12, seed=step))
        optimizer.zero_grad()
        loss_fn(y[rank::world], trained(x[rank::world])).backward()
        optimizer.step()
    return {"weights": model.get_weights()}


@case
def loader_with_a_distributed_sampler():
    data = TensorDataset(torch.from_numpy(numbers(60, 6)), torch.from_numpy(labels(60)))
    world = distributed.world_size()
    sampler = DistributedSampler(data, world, distributed.rank(), shuffle=False) if world > 1 else None
    return outcome(*streamed(DataLoader(data, 12 // world, sampler=sampler)))


@case
def multi_gpu_model_of_an_old_script():
    template = classifier(layers.Dense(8, activation="relu"))
    trained = multi_gpu_model(template, gpus=2) if distributed.is_active() else template
    trained.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = trained.fit(numbers(SAMPLES, 6), labels(SAMPLES), batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return outcome(template, history)
