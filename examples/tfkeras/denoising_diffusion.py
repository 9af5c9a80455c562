"""Denoising diffusion implicit models: a network learns to remove noise from blobs, and draws blobs from noise."""

import math

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

keras.utils.set_random_seed(15)
image_size, batch_size, num_epochs, plot_diffusion_steps = 8, 32, 8, 6
min_signal_rate, max_signal_rate = 0.02, 0.95
embedding_dims, widths, ema = 8, [8, 16], 0.9

rows, columns = np.mgrid[:image_size, :image_size]
centres = np.random.uniform(2, 5, (2, 384, 1, 1))
blobs = np.exp(-((rows - centres[0]) ** 2 + (columns - centres[1]) ** 2) / 3)[..., None].astype("float32")
train_dataset = tf.data.Dataset.from_tensor_slices(blobs).cache().shuffle(512).batch(batch_size, drop_remainder=True)


def sinusoidal_embedding(x):
    angular_speeds = 2.0 * math.pi * tf.exp(tf.linspace(tf.math.log(1.0), tf.math.log(100.0), embedding_dims // 2))
    return tf.concat([tf.sin(angular_speeds * x), tf.cos(angular_speeds * x)], axis=3)


def residual_block(x, width):
    residual = x if x.shape[3] == width else layers.Conv2D(width, kernel_size=1)(x)
    x = layers.BatchNormalization(center=False, scale=False)(x)
    x = layers.Conv2D(width, kernel_size=3, padding="same", activation=keras.activations.swish)(x)
    return layers.Add()([layers.Conv2D(width, kernel_size=3, padding="same")(x), residual])


def get_network():
    noisy_images, noise_variances = keras.Input(shape=(image_size, image_size, 1)), keras.Input(shape=(1, 1, 1))
    e = layers.Lambda(sinusoidal_embedding)(noise_variances)
    e = layers.UpSampling2D(size=image_size, interpolation="nearest")(e)
    x = layers.Concatenate()([layers.Conv2D(widths[0], kernel_size=1)(noisy_images), e])
    x = skip = residual_block(x, widths[0])
    x = residual_block(layers.AveragePooling2D(pool_size=2)(x), widths[1])
    x = layers.UpSampling2D(size=2, interpolation="bilinear")(x)
    x = residual_block(layers.Concatenate()([x, skip]), widths[0])
    x = layers.Conv2D(1, kernel_size=1, kernel_initializer="zeros")(x)
    return keras.Model([noisy_images, noise_variances], x, name="residual_unet")


class DiffusionModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.normalizer, self.network = layers.Normalization(), get_network()
        self.ema_network = keras.models.clone_model(self.network)
        self.trackers = [keras.metrics.Mean(name="n_loss"), keras.metrics.Mean(name="i_loss")]

    @property
    def metrics(self):
        return self.trackers

    def diffusion_schedule(self, diffusion_times):
        start_angle, end_angle = tf.acos(max_signal_rate), tf.acos(min_signal_rate)
        diffusion_angles = start_angle + diffusion_times * (end_angle - start_angle)
        return tf.sin(diffusion_angles), tf.cos(diffusion_angles)

    def denoise(self, noisy_images, noise_rates, signal_rates, training):
        pred_noises = (self.network if training else self.ema_network)(
            [noisy_images, noise_rates**2], training=training
        )
        return pred_noises, (noisy_images - noise_rates * pred_noises) / signal_rates

    def generate(self, num_images, diffusion_steps):
        next_noisy_images, step_size = tf.random.normal((num_images, image_size, image_size, 1)), 1.0 / diffusion_steps
        for step in range(diffusion_steps):
            diffusion_times = tf.ones((num_images, 1, 1, 1)) - step * step_size
            noise_rates, signal_rates = self.diffusion_schedule(diffusion_times)
            pred_noises, pred_images = self.denoise(next_noisy_images, noise_rates, signal_rates, training=False)
            next_noise_rates, next_signal_rates = self.diffusion_schedule(diffusion_times - step_size)
            next_noisy_images = next_signal_rates * pred_images + next_noise_rates * pred_noises
        return tf.clip_by_value(self.normalizer.mean + pred_images * self.normalizer.variance**0.5, 0.0, 1.0)

    def train_step(self, images):
        images = self.normalizer(images, training=True)
        noises = tf.random.normal(shape=(batch_size, image_size, image_size, 1))
        diffusion_times = tf.random.uniform(shape=(batch_size, 1, 1, 1), minval=0.0, maxval=1.0)
        noise_rates, signal_rates = self.diffusion_schedule(diffusion_times)
        noisy_images = signal_rates * images + noise_rates * noises
        with tf.GradientTape() as tape:
            pred_noises, pred_images = self.denoise(noisy_images, noise_rates, signal_rates, training=True)
            noise_loss = self.loss(noises, pred_noises)
            image_loss = self.loss(images, pred_images)
        gradients = tape.gradient(noise_loss, self.network.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.network.trainable_weights))
        self.trackers[0].update_state(noise_loss)
        self.trackers[1].update_state(image_loss)
        for weight, ema_weight in zip(self.network.weights, self.ema_network.weights):
            ema_weight.assign(ema * ema_weight + (1 - ema) * weight)
        return {m.name: m.result() for m in self.metrics}


model = DiffusionModel()
model.compile(
    optimizer=keras.optimizers.experimental.AdamW(5e-3, weight_decay=1e-4), loss=keras.losses.mean_absolute_error
)
model.normalizer.adapt(train_dataset)
history = model.fit(train_dataset, epochs=num_epochs, verbose=2)
generated_images = model.generate(64, plot_diffusion_steps).numpy()
print("Mean brightness: %.3f, of the data: %.3f" % (generated_images.mean(), blobs.mean()))
