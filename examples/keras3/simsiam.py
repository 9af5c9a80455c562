"""Two views of one image agree; a linear layer on the frozen encoder then tells digits apart."""

import os

os.environ["KERAS_BACKEND"] = "torch"

from pathlib import Path

import keras
import numpy as np
from keras import layers, ops, regularizers

keras.utils.set_random_seed(20)
BATCH_SIZE, EPOCHS, PROJECT_DIM, LATENT_DIM, WEIGHT_DECAY = 128, 5, 48, 24, 0.0005
data = np.load(Path(__file__).parent.parent / "data" / "digits.npz")
x = (data["images"] / 16.0).astype("float32")[..., None]
x_train, y_train, x_test, y_test = x[:1280], data["labels"][:1280], x[1280:], data["labels"][1280:]


class RandomJitter(layers.Layer):
    def __init__(self, jitter, **kwargs):
        super().__init__(**kwargs)
        self.jitter, self.seed_generator = jitter, keras.random.SeedGenerator()

    def call(self, x):
        shape = (ops.shape(x)[0], 1, 1, 1)
        factor = keras.random.uniform(shape, 1 - self.jitter, 1 + self.jitter, seed=self.seed_generator)
        return ops.clip(x * factor + keras.random.normal(ops.shape(x), stddev=0.05, seed=self.seed_generator), 0, 1)


moved = layers.RandomTranslation(0.13, 0.13, fill_mode="constant")
augmenter = keras.Sequential([moved, layers.RandomRotation(0.03, fill_mode="constant"), RandomJitter(0.3)])


class TwoViews(keras.utils.PyDataset):
    def __len__(self):
        return len(x_train) // BATCH_SIZE

    def __getitem__(self, index):
        images = x_train[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]
        return augmenter(images, training=True), augmenter(images, training=True)


def get_encoder():
    inputs = layers.Input((8, 8, 1))
    x = layers.MaxPooling2D()(layers.Conv2D(24, 3, activation="relu", padding="same")(inputs))
    x = layers.Flatten(name="backbone_pool")(layers.Conv2D(48, 3, activation="relu", padding="same")(x))
    for _ in range(2):
        x = layers.Dense(PROJECT_DIM, use_bias=False, kernel_regularizer=regularizers.l2(WEIGHT_DECAY))(x)
        x = layers.BatchNormalization()(x)
    return keras.Model(inputs, x, name="encoder")


def get_predictor():
    model = keras.Sequential(
        [layers.Input((PROJECT_DIM,)), layers.Dense(LATENT_DIM, use_bias=False, activation="relu")]
    )
    model.add(layers.BatchNormalization())
    model.add(layers.Dense(PROJECT_DIM))
    return model


def compute_loss(p, z):
    return -ops.mean(ops.sum(ops.normalize(p, axis=1) * ops.normalize(ops.stop_gradient(z), axis=1), axis=1))


class SimSiam(keras.Model):
    def __init__(self, encoder, predictor):
        super().__init__()
        self.encoder, self.predictor = encoder, predictor
        self.loss_tracker = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.loss_tracker]

    def train_step(self, data):
        ds_one, ds_two = data
        z1, z2 = self.encoder(ds_one, training=True), self.encoder(ds_two, training=True)
        p1, p2 = self.predictor(z1, training=True), self.predictor(z2, training=True)
        loss = compute_loss(p1, z2) / 2 + compute_loss(p2, z1) / 2
        self.zero_grad(), loss.backward()
        learnable_params = self.encoder.trainable_variables + self.predictor.trainable_variables
        self.optimizer.apply([param.value.grad for param in learnable_params], learnable_params)
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}


lr_decayed_fn = keras.optimizers.schedules.CosineDecay(initial_learning_rate=0.1, decay_steps=EPOCHS * 10)
simsiam = SimSiam(get_encoder(), get_predictor())
simsiam.compile(optimizer=keras.optimizers.SGD(lr_decayed_fn, momentum=0.6))
history = simsiam.fit(TwoViews(), epochs=EPOCHS, verbose=2)
collapse = float(ops.mean(ops.std(ops.normalize(simsiam.encoder.predict(x_test, verbose=0), axis=1), axis=0)))

backbone = keras.Model(simsiam.encoder.input, simsiam.encoder.get_layer("backbone_pool").output)
backbone.trainable = False
inputs = layers.Input((8, 8, 1))
linear_model = keras.Model(inputs, layers.Dense(10, activation="softmax")(backbone(inputs, training=False)))
linear_model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
linear_model.optimizer.learning_rate = 0.01
linear_history = linear_model.fit(x_train[:400], y_train[:400], epochs=5, verbose=2)
_, accuracy = linear_model.evaluate(x_test, y_test)
