"""A layer with a codebook passes gradients straight through and adds its own losses."""

import os

os.environ["KERAS_BACKEND"] = "torch"

from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(10)
latent_dim, num_embeddings = 8, 24
digits = np.load(Path(__file__).parent.parent / "data" / "digits.npz")["images"]
digits = np.expand_dims(digits, -1).astype("float32") / 16.0 - 0.5
x_train, x_test = digits[:1400], digits[1400:]


@keras.saving.register_keras_serializable(package="vq")
class VectorQuantizer(layers.Layer):
    def __init__(self, num_embeddings, embedding_dim, beta=0.25, **kwargs):
        super().__init__(**kwargs)
        self.embedding_dim = embedding_dim
        self.num_embeddings = num_embeddings
        # best kept between 0.25 and 2
        self.beta = beta
        self.embeddings = self.add_weight(
            shape=(self.embedding_dim, self.num_embeddings), initializer="random_uniform", name="embeddings_vqvae"
        )

    def call(self, x):
        input_shape = ops.shape(x)
        flattened = ops.reshape(x, [-1, self.embedding_dim])
        encoding_indices = self.get_code_indices(flattened)
        encodings = ops.one_hot(encoding_indices, self.num_embeddings)
        quantized = ops.matmul(encodings, ops.transpose(self.embeddings))
        quantized = ops.reshape(quantized, input_shape)
        commitment_loss = ops.mean((ops.stop_gradient(quantized) - x) ** 2)
        codebook_loss = ops.mean((quantized - ops.stop_gradient(x)) ** 2)
        self.add_loss(self.beta * commitment_loss + codebook_loss)
        # straight-through estimator
        return x + ops.stop_gradient(quantized - x)

    def get_code_indices(self, flattened_inputs):
        similarity = ops.matmul(flattened_inputs, self.embeddings)
        distances = (
            ops.sum(flattened_inputs**2, axis=1, keepdims=True) + ops.sum(self.embeddings**2, axis=0) - 2 * similarity
        )
        return ops.argmin(distances, axis=1)

    def get_config(self):
        config = super().get_config()
        return {**config, "num_embeddings": self.num_embeddings, "embedding_dim": self.embedding_dim, "beta": self.beta}


def get_encoder():
    encoder_inputs = keras.Input(shape=(8, 8, 1))
    x = layers.Conv2D(16, 3, activation="relu", strides=2, padding="same")(encoder_inputs)
    return keras.Model(encoder_inputs, layers.Conv2D(latent_dim, 1, padding="same")(x), name="encoder")


def get_decoder():
    latent_inputs = keras.Input(shape=get_encoder().output.shape[1:])
    x = layers.Conv2DTranspose(16, 3, activation="relu", strides=2, padding="same")(latent_inputs)
    return keras.Model(latent_inputs, layers.Conv2DTranspose(1, 3, padding="same")(x), name="decoder")


inputs = keras.Input(shape=(8, 8, 1))
encoder, decoder = get_encoder(), get_decoder()
vq_layer = VectorQuantizer(num_embeddings, latent_dim, name="vector_quantizer")
vqvae = keras.Model(inputs, decoder(vq_layer(encoder(inputs))), name="vq_vae")
vqvae.compile(optimizer=keras.optimizers.Adam(0.005), loss="mse", metrics=["mae"])
history = vqvae.fit(x_train, x_train, epochs=6, batch_size=64, validation_data=(x_test, x_test), verbose=2)
loss, error = vqvae.evaluate(x_test, x_test, verbose=0)

encoded_outputs = encoder.predict(x_test)
flat_enc_outputs = encoded_outputs.reshape(-1, encoded_outputs.shape[-1])
codebook_indices = vq_layer.get_code_indices(flat_enc_outputs)
codebook_indices = ops.convert_to_numpy(codebook_indices).reshape(encoded_outputs.shape[:-1])
used = len(np.unique(codebook_indices))

# a table of how often which code stands above which: the simplest prior
pairs = np.stack([codebook_indices[:, :-1].ravel(), codebook_indices[:, 1:].ravel()])
prior = ops.scatter(ops.transpose(pairs), ops.ones(pairs.shape[1]), (num_embeddings, num_embeddings))
total = float(ops.sum(prior))
codes = keras.random.categorical(ops.log(ops.sum(prior, 1, keepdims=True).T + 1e-6), 16 * 4, seed=1)
quantized = ops.take(ops.transpose(vq_layer.embeddings), ops.reshape(codes, (-1, 4, 4)), axis=0)
generated_samples = decoder.predict(quantized, verbose=0)
vqvae.save("vqvae.keras")
again = keras.saving.load_model("vqvae.keras")
np.testing.assert_allclose(again.predict(x_test, verbose=0), vqvae.predict(x_test, verbose=0), atol=1e-5)
print("used codes:", used, "error:", error)
