"""A Wasserstein GAN with gradient penalty that draws rings."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

IMG_SHAPE, BATCH_SIZE, noise_dim = (16, 16, 1), 32, 8
keras.utils.set_random_seed(14)

distances = np.hypot(*(np.mgrid[:16, :16] - 7.5))
radii = np.random.uniform(3, 6, (192, 1, 1))
train_images = (2 * np.exp(-((distances - radii) ** 2)) - 1).reshape(-1, *IMG_SHAPE).astype("float32")


def conv_block(
    x, filters, activation, kernel_size=(3, 3), strides=(1, 1), padding="same", use_bias=True, use_dropout=False
):
    x = activation(layers.Conv2D(filters, kernel_size, strides=strides, padding=padding, use_bias=use_bias)(x))
    return layers.Dropout(0.2)(x) if use_dropout else x


def get_discriminator_model():
    img_input = layers.Input(shape=IMG_SHAPE)
    x = conv_block(layers.ZeroPadding2D((1, 1))(img_input), 12, strides=(2, 2), activation=layers.LeakyReLU(0.2))
    x = conv_block(x, 32, strides=(2, 2), activation=layers.LeakyReLU(0.2), use_dropout=True)
    return keras.models.Model(img_input, layers.Dense(1)(layers.Flatten()(x)), name="discriminator")


def get_generator_model():
    noise = layers.Input(shape=(noise_dim,))
    x = layers.BatchNormalization()(layers.Dense(4 * 4 * 32, use_bias=False)(noise))
    x = layers.Reshape((4, 4, 32))(layers.LeakyReLU(0.2)(x))
    for filters, activation in ((16, layers.LeakyReLU(0.2)), (1, layers.Activation("tanh"))):
        x = conv_block(layers.UpSampling2D((2, 2))(x), filters, activation)
    return keras.models.Model(noise, x, name="generator")


class WGAN(keras.Model):
    def __init__(self, discriminator, generator, latent_dim, discriminator_extra_steps=2, gp_weight=10.0):
        super(WGAN, self).__init__()
        self.discriminator, self.generator, self.latent_dim = discriminator, generator, latent_dim
        self.d_steps, self.gp_weight = discriminator_extra_steps, gp_weight

    def compile(self, d_optimizer, g_optimizer, d_loss_fn, g_loss_fn):
        super(WGAN, self).compile()
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer
        self.d_loss_fn, self.g_loss_fn = d_loss_fn, g_loss_fn

    def gradient_penalty(self, batch_size, real_images, fake_images):
        alpha = tf.random.normal([batch_size, 1, 1, 1], 0.0, 1.0)
        interpolated = real_images + alpha * (fake_images - real_images)
        with tf.GradientTape() as gp_tape:
            gp_tape.watch(interpolated)
            pred = self.discriminator(interpolated, training=True)
        grads = gp_tape.gradient(pred, [interpolated])[0]
        return tf.reduce_mean((tf.sqrt(tf.reduce_sum(tf.square(grads), axis=[1, 2, 3])) - 1.0) ** 2)

    def train_step(self, real_images):
        batch_size = tf.shape(real_images)[0]
        for i in range(self.d_steps):
            random_latent_vectors = tf.random.normal(shape=(batch_size, self.latent_dim))
            with tf.GradientTape() as tape:
                fake_images = self.generator(random_latent_vectors, training=True)
                fake_logits = self.discriminator(fake_images, training=True)
                real_logits = self.discriminator(real_images, training=True)
                d_cost = self.d_loss_fn(real_img=real_logits, fake_img=fake_logits)
                d_loss = d_cost + self.gradient_penalty(batch_size, real_images, fake_images) * self.gp_weight
            d_gradient = tape.gradient(d_loss, self.discriminator.trainable_variables)
            self.d_optimizer.apply_gradients(zip(d_gradient, self.discriminator.trainable_variables))
        with tf.GradientTape() as tape:
            random_latent_vectors = tf.random.normal(shape=(batch_size, self.latent_dim))
            gen_img_logits = self.discriminator(self.generator(random_latent_vectors, training=True), training=True)
            g_loss = self.g_loss_fn(gen_img_logits)
        gen_gradient = tape.gradient(g_loss, self.generator.trainable_variables)
        self.g_optimizer.apply_gradients(zip(gen_gradient, self.generator.trainable_variables))
        return {"d_loss": d_loss, "g_loss": g_loss}


class GANMonitor(keras.callbacks.Callback):
    def __init__(self, num_img=6, latent_dim=128):
        self.num_img, self.latent_dim, self.distances = num_img, latent_dim, []

    def on_epoch_end(self, epoch, logs=None):
        noise = tf.random.normal(shape=(self.num_img, self.latent_dim))
        generated_images = (self.model.generator(noise) * 127.5) + 127.5
        difference = generated_images.numpy().mean(axis=0) - (train_images.mean(axis=0) * 127.5 + 127.5)
        self.distances.append(np.abs(difference).mean())
        image = keras.preprocessing.image.array_to_img(generated_images[0].numpy())
        image.save("generated_img_{epoch}.png".format(epoch=epoch))


wgan = WGAN(get_discriminator_model(), get_generator_model(), latent_dim=noise_dim)
cbk = GANMonitor(num_img=32, latent_dim=noise_dim)
wgan.compile(
    keras.optimizers.Adam(learning_rate=0.001, beta_1=0.5, beta_2=0.9),
    keras.optimizers.Adam(learning_rate=0.001, beta_1=0.5, beta_2=0.9),
    d_loss_fn=lambda real_img, fake_img: tf.reduce_mean(fake_img) - tf.reduce_mean(real_img),
    g_loss_fn=lambda fake_img: -tf.reduce_mean(fake_img),
)
history = wgan.fit(train_images, batch_size=BATCH_SIZE, epochs=6, callbacks=[cbk], verbose=2)
print("Distance of the mean images:", cbk.distances)
