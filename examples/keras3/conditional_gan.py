"""The generator is told which digit to draw; both networks are trained in one train_step of torch's style."""

import os

os.environ["KERAS_BACKEND"] = "torch"

from pathlib import Path

import keras
import numpy as np
import torch
from keras import layers, ops

keras.utils.set_random_seed(4)
batch_size, num_classes, image_size, latent_dim = 64, 4, 8, 8
data = np.load(Path(__file__).parent.parent / "data" / "digits.npz")
rows = data["labels"] < num_classes
all_digits = np.reshape(data["images"][rows].astype("float32") / 16.0, (-1, image_size, image_size, 1))
all_labels = keras.utils.to_categorical(data["labels"][rows], num_classes)
dataset = torch.utils.data.TensorDataset(torch.from_numpy(all_digits), torch.from_numpy(all_labels).float())
dataloader = torch.utils.data.DataLoader(dataset, batch_size=batch_size, shuffle=True)
generator_in_channels, discriminator_in_channels = latent_dim + num_classes, 1 + num_classes

discriminator = keras.Sequential(
    [
        keras.layers.InputLayer((image_size, image_size, discriminator_in_channels)),
        layers.Conv2D(16, (3, 3), strides=(2, 2), padding="same", activation="leaky_relu"),
        layers.Conv2D(32, (3, 3), strides=(2, 2), padding="same", activation="leaky_relu"),
        layers.GlobalMaxPooling2D(),
        layers.Dense(1),
    ],
    name="discriminator",
)
generator = keras.Sequential(
    [
        keras.layers.InputLayer((generator_in_channels,)),
        layers.Dense(2 * 2 * generator_in_channels, activation="leaky_relu"),
        layers.Reshape((2, 2, generator_in_channels)),
        layers.Conv2DTranspose(24, (4, 4), strides=(2, 2), padding="same"),
        layers.LeakyReLU(negative_slope=0.2),
        layers.Conv2DTranspose(1, (4, 4), strides=(2, 2), padding="same", activation="sigmoid"),
    ],
    name="generator",
)


class ConditionalGAN(keras.Model):
    def __init__(self, discriminator, generator, latent_dim):
        super().__init__()
        self.discriminator, self.generator, self.latent_dim = discriminator, generator, latent_dim
        self.seed_generator = keras.random.SeedGenerator(1337)
        self.gen_loss_tracker = keras.metrics.Mean(name="generator_loss")
        self.disc_loss_tracker = keras.metrics.Mean(name="discriminator_loss")

    @property
    def metrics(self):
        return [self.gen_loss_tracker, self.disc_loss_tracker]

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

    def update(self, network, optimizer, loss):
        self.zero_grad()
        loss.backward()
        with torch.no_grad():
            optimizer.apply([v.value.grad for v in network.trainable_weights], network.trainable_weights)

    def noise(self, labels):
        vectors = keras.random.normal((ops.shape(labels)[0], self.latent_dim), seed=self.seed_generator)
        return ops.concatenate([vectors, labels], axis=1)

    def train_step(self, data):
        real_images, labels = data
        label_planes = ops.repeat(labels[:, None, None, :], repeats=[image_size * image_size], axis=1)
        label_planes = ops.reshape(label_planes, (-1, image_size, image_size, num_classes))
        batch_size = ops.shape(real_images)[0]
        fake_images = ops.concatenate([self.generator(self.noise(labels)), label_planes], -1)
        real_images = ops.concatenate([real_images, label_planes], -1)
        truth = ops.concatenate([ops.ones((batch_size, 1)), ops.zeros((batch_size, 1))], axis=0)
        d_loss = self.loss_fn(truth, self.discriminator(ops.concatenate([fake_images, real_images], axis=0)))
        self.update(self.discriminator, self.d_optimizer, d_loss)

        fake_images = ops.concatenate([self.generator(self.noise(labels)), label_planes], -1)
        g_loss = self.loss_fn(ops.zeros((batch_size, 1)), self.discriminator(fake_images))
        self.update(self.generator, self.g_optimizer, g_loss)
        self.gen_loss_tracker.update_state(g_loss), self.disc_loss_tracker.update_state(d_loss)
        return {"g_loss": self.gen_loss_tracker.result(), "d_loss": self.disc_loss_tracker.result()}


d_optimizer, g_optimizer = (keras.optimizers.Adam(learning_rate=rate, beta_1=0.5) for rate in (0.001, 0.002))
cond_gan = ConditionalGAN(discriminator=discriminator, generator=generator, latent_dim=latent_dim)
cond_gan.compile(d_optimizer, g_optimizer, loss_fn=keras.losses.BinaryCrossentropy(from_logits=True))
history = cond_gan.fit(dataloader, epochs=12)
fake = cond_gan.generator.predict(np.concatenate([np.random.normal(size=(40, 8)), np.repeat(np.eye(4), 10, 0)], 1))
means = np.stack([all_digits[all_labels[:, i] == 1].mean(0).ravel() for i in range(num_classes)])
drawn = np.stack([fake[i * 10 : i * 10 + 10].mean(0).ravel() for i in range(num_classes)])
resemblance = np.corrcoef(drawn, means)[:num_classes, num_classes:]
right = float((resemblance.argmax(1) == np.arange(num_classes)).mean())
print(resemblance.round(2), right)
