"""A small network learns to take noise away from points of a spiral; a second one follows its weights slowly."""

import math
import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from keras import layers, ops

keras.utils.set_random_seed(9)
total_timesteps, batch_size = 30, 128
angles = np.random.uniform(0.5, 3 * np.pi, 1280)
points = np.stack([np.cos(angles), np.sin(angles)], -1) * angles[:, None] / 6 + np.random.normal(0, 0.02, (1280, 2))
points = points.astype("float32")


class GaussianDiffusion:
    def __init__(self, beta_start=1e-3, beta_end=0.25, timesteps=total_timesteps):
        betas = np.linspace(beta_start, beta_end, timesteps)
        alphas_cumprod = np.cumprod(1.0 - betas, axis=0)
        posterior_variance = betas * (1.0 - np.append(1.0, alphas_cumprod[:-1])) / (1.0 - alphas_cumprod)
        constant = lambda values: ops.convert_to_tensor(values, dtype="float32")
        self.signal_rate = constant(np.sqrt(alphas_cumprod))
        self.noise_rate = constant(np.sqrt(1.0 - alphas_cumprod))
        self.deviation = constant(np.sqrt(posterior_variance))
        self.noise_share = constant(betas / np.sqrt(1.0 - alphas_cumprod))
        self.scale = constant(1 / np.sqrt(1.0 - betas))

    def extract(self, a, t):
        return ops.take(a, t)[:, None]

    def q_sample(self, x_start, t, noise):
        return self.extract(self.signal_rate, t) * x_start + self.extract(self.noise_rate, t) * noise

    def p_sample(self, pred_noise, x, t, seed):
        mean = self.extract(self.scale, t) * (x - self.extract(self.noise_share, t) * pred_noise)
        noise = keras.random.normal(shape=ops.shape(x), dtype=x.dtype, seed=seed)
        return mean + self.extract(self.deviation, t) * noise  # no variance at t = 0


class TimeEmbedding(layers.Layer):
    def __init__(self, dim):
        super().__init__()
        self.emb = ops.exp(ops.arange(dim // 2, dtype="float32") * -(math.log(100) / (dim // 2 - 1)))

    def call(self, inputs):
        emb = ops.cast(inputs, dtype="float32")[:, None] * self.emb[None, :]
        return ops.concatenate([ops.sin(emb), ops.cos(emb)], axis=-1)


def build_model(width=64):
    zero = keras.initializers.VarianceScaling(1e-10, mode="fan_avg", distribution="uniform")
    point_input, time_input = layers.Input(shape=(2,)), keras.Input(shape=(), dtype="int32", name="time_input")
    temb = layers.Dense(width, activation="silu")(TimeEmbedding(16)(time_input))
    x = layers.Dense(width)(point_input)
    for _ in range(2):
        x = keras.activations.silu(x + layers.Dense(width)(temb))
        x = x + layers.Dense(width, activation="silu")(layers.GroupNormalization(8)(x))
    return keras.Model([point_input, time_input], layers.Dense(2, kernel_initializer=zero)(x), name="unet")


class DiffusionModel(keras.Model):
    def __init__(self, network, ema_network, gdf_util, timesteps, ema=0.95):
        super().__init__()
        self.network, self.ema_network, self.gdf_util = network, ema_network, gdf_util
        self.timesteps, self.ema, self.seed_generator = timesteps, ema, keras.random.SeedGenerator(2)

    def train_step(self, points):
        t = keras.random.randint((ops.shape(points)[0],), 0, self.timesteps, dtype="int64", seed=self.seed_generator)
        noise = keras.random.normal(ops.shape(points), dtype=points.dtype, seed=self.seed_generator)
        points_t = self.gdf_util.q_sample(points, t, noise)
        loss = self.compute_loss(y=noise, y_pred=self.network([points_t, t], training=True))
        self.zero_grad(), loss.backward()
        with torch.no_grad():
            weights = self.network.trainable_weights
            self.optimizer.apply([weight.value.grad for weight in weights], weights)
            for weight, ema_weight in zip(self.network.weights, self.ema_network.weights):
                ema_weight.assign(self.ema * ema_weight + (1 - self.ema) * weight)
        return {"loss": loss}

    def generate(self, num=256):
        samples = keras.random.normal(shape=(num, 2), dtype="float32", seed=self.seed_generator)
        for t in reversed(range(0, self.timesteps)):
            tt = ops.cast(ops.full([num], t), dtype="int64")
            pred_noise = ops.convert_to_tensor(self.ema_network.predict([samples, tt], verbose=0, batch_size=num))
            samples = self.gdf_util.p_sample(pred_noise, samples, tt, self.seed_generator)
        return ops.convert_to_numpy(samples)


network, ema_network = build_model(), build_model()
ema_network.set_weights(network.get_weights())
model = DiffusionModel(network, ema_network, GaussianDiffusion(), total_timesteps)
model.compile(loss=keras.losses.MeanSquaredError(), optimizer=keras.optimizers.Adam(0.005))
history = model.fit(points, epochs=12, batch_size=batch_size, verbose=2)
generated = model.generate()
distance = lambda a: np.sqrt(((a[:, None] - points[None]) ** 2).sum(-1)).min(1).mean()
generated_distance, noise_distance = float(distance(generated)), float(distance(np.random.normal(size=(256, 2))))
