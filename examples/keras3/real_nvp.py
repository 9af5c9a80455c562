"""Density estimation with Real NVP. A normalizing flow of coupling layers maps two moons to a Gaussian and back."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers, ops, regularizers

keras.utils.set_random_seed(14)
turns = np.random.uniform(0, np.pi, 1500)
upper = np.arange(1500) % 2 == 0
moons = np.stack([np.cos(turns), np.sin(turns)], 1), np.stack([1 - np.cos(turns), 0.5 - np.sin(turns)], 1)
data = (np.where(upper[:, None], *moons) + np.random.normal(0, 0.05, (1500, 2))).astype("float32")
norm = layers.Normalization()
norm.adapt(data)
normalized_data = norm(data)

output_dim, reg = 32, 0.0001


def Coupling(input_shape):
    input = layers.Input(shape=(input_shape,))
    kernel_regularizer = regularizers.L2(reg)
    t = s = input
    for _ in range(2):
        t = layers.Dense(output_dim, activation="relu", kernel_regularizer=kernel_regularizer)(t)
        s = layers.Dense(output_dim, activation="relu", kernel_regularizer=kernel_regularizer)(s)
    t = layers.Dense(input_shape, activation="linear", kernel_regularizer=kernel_regularizer)(t)
    s = layers.Dense(input_shape, activation="tanh", kernel_regularizer=kernel_regularizer)(s)
    return keras.Model(inputs=input, outputs=[s, t])


class Gaussian:
    def __init__(self, dim):
        self.dim = dim
        self.seed_generator = keras.random.SeedGenerator(3)

    def sample(self, num):
        return keras.random.normal((num, self.dim), seed=self.seed_generator)

    def log_prob(self, x):
        return ops.sum(-0.5 * ops.square(x) - 0.5 * ops.log(2 * np.pi), axis=-1)


class RealNVP(keras.Model):
    def __init__(self, num_coupling_layers):
        super().__init__()
        self.num_coupling_layers = num_coupling_layers
        self.distribution = Gaussian(2)
        self.masks = np.array([[0, 1], [1, 0]] * (num_coupling_layers // 2), dtype="float32")
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.layers_list = [Coupling(2) for i in range(num_coupling_layers)]

    @property
    def metrics(self):
        return [self.loss_tracker]

    def call(self, x, training=True):
        log_det_inv = 0
        direction = -1 if training else 1
        for i in range(self.num_coupling_layers)[::direction]:
            x_masked = x * self.masks[i]
            reversed_mask = 1 - self.masks[i]
            s, t = self.layers_list[i](x_masked)
            s, t = s * reversed_mask, t * reversed_mask
            gate = (direction - 1) / 2
            x = reversed_mask * (x * ops.exp(direction * s) + direction * t * ops.exp(gate * s)) + x_masked
            log_det_inv += gate * ops.sum(s, axis=1)
        return x, log_det_inv

    def log_loss(self, x):
        y, logdet = self(x)
        return -ops.mean(self.distribution.log_prob(y) + logdet)

    def train_step(self, data):
        self.zero_grad()
        loss = self.log_loss(data)
        loss.backward()
        self.optimizer.apply([v.value.grad for v in self.trainable_variables])
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}

    def test_step(self, data):
        self.loss_tracker.update_state(self.log_loss(data))
        return {"loss": self.loss_tracker.result()}


model = RealNVP(num_coupling_layers=4)
model.build((None, 2))
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.003))
history = model.fit(normalized_data, batch_size=128, epochs=8, verbose=2, validation_split=0.2)
z, _ = model(normalized_data)
samples = model.distribution.sample(500)
x, _ = model.predict(samples)
back, _ = model(x, training=True)
roundtrip = float(ops.max(ops.abs(back - samples)))
z_std = float(ops.std(z))
print(z_std, roundtrip)
