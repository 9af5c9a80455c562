"""Density estimation with Real NVP: a normalizing flow from two moons to a Gaussian and back."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers, regularizers

keras.utils.set_random_seed(16)
angles = np.random.uniform(0, np.pi, 1000)
moons = np.concatenate(
    [np.stack([np.cos(angles), np.sin(angles)], 1)[:500], np.stack([1 - np.cos(angles), 0.5 - np.sin(angles)], 1)[500:]]
)
np.random.shuffle(moons)
data = (moons + np.random.normal(0, 0.05, moons.shape)).astype("float32")
norm = layers.Normalization()
norm.adapt(data)
normalized_data = norm(data)

output_dim = 32
reg = 0.001


def Coupling(input_shape):
    input = keras.layers.Input(shape=input_shape)
    t = keras.layers.Dense(output_dim, activation="relu", kernel_regularizer=regularizers.l2(reg))(input)
    t = keras.layers.Dense(output_dim, activation="relu", kernel_regularizer=regularizers.l2(reg))(t)
    t = keras.layers.Dense(input_shape, activation="linear", kernel_regularizer=regularizers.l2(reg))(t)
    s = keras.layers.Dense(output_dim, activation="relu", kernel_regularizer=regularizers.l2(reg))(input)
    s = keras.layers.Dense(output_dim, activation="relu", kernel_regularizer=regularizers.l2(reg))(s)
    s = keras.layers.Dense(input_shape, activation="tanh", kernel_regularizer=regularizers.l2(reg))(s)
    return keras.Model(inputs=input, outputs=[s, t])


class RealNVP(keras.Model):
    def __init__(self, num_coupling_layers):
        super(RealNVP, self).__init__()
        self.num_coupling_layers = num_coupling_layers
        self.masks = np.array([[0, 1], [1, 0]] * (num_coupling_layers // 2), dtype="float32")
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.layers_list = [Coupling(2) for i in range(num_coupling_layers)]

    @property
    def metrics(self):
        """Both fit and evaluate reset what is listed here."""
        return [self.loss_tracker]

    def log_prob(self, z):
        """Logarithm of the density of the standard normal distribution."""
        return -0.5 * tf.reduce_sum(z**2 + np.log(2 * np.pi), axis=-1)

    def call(self, x, training=True):
        log_det_inv = 0
        direction = 1
        if training:
            direction = -1
        for i in range(self.num_coupling_layers)[::direction]:
            x_masked = x * self.masks[i]
            reversed_mask = 1 - self.masks[i]
            s, t = self.layers_list[i](x_masked)
            s *= reversed_mask
            t *= reversed_mask
            gate = (direction - 1) / 2
            x = reversed_mask * (x * tf.exp(direction * s) + direction * t * tf.exp(gate * s)) + x_masked
            log_det_inv += gate * tf.reduce_sum(s, [1])
        return x, log_det_inv

    def log_loss(self, x):
        y, logdet = self(x)
        log_likelihood = self.log_prob(y) + logdet
        return -tf.reduce_mean(log_likelihood)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = self.log_loss(data)
        g = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(g, self.trainable_variables))
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}

    def test_step(self, data):
        loss = self.log_loss(data)
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}


model = RealNVP(num_coupling_layers=4)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.005))
history = model.fit(normalized_data, batch_size=128, epochs=12, verbose=2, validation_split=0.2)

# From data to latent space.
z, _ = model(normalized_data)
# From latent space to data.
samples = np.random.normal(size=(300, 2)).astype("float32")
x, _ = model.predict(samples)
back, _ = model(z, training=False)
error = tf.reduce_max(tf.abs(back - normalized_data)).numpy()
nearest = np.linalg.norm(x[:, None] - normalized_data.numpy()[None], axis=-1).min(axis=1)
print("Inversion error %.1e; distance of samples to the data: %.3f" % (error, np.median(nearest)))
