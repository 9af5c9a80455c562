"""An encoder sees a quarter of the patches of a digit, a decoder draws the others."""

import os

os.environ["KERAS_BACKEND"] = "torch"

from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(22)
PATCH_SIZE, NUM_PATCHES, MASK_PROPORTION, DIM = 2, 16, 0.5, 24
data = np.load(Path(__file__).parent.parent / "data" / "digits.npz")
x = (data["images"] / 16.0).astype("float32")[..., None]


class Patches(layers.Layer):
    def call(self, images):
        return ops.reshape(ops.image.extract_patches(images, size=PATCH_SIZE), (ops.shape(images)[0], NUM_PATCHES, -1))


class PatchEncoder(layers.Layer):
    def __init__(self, downstream=False, **kwargs):
        super().__init__(**kwargs)
        self.downstream, self.num_mask = downstream, int(MASK_PROPORTION * NUM_PATCHES)
        self.seed_generator = keras.random.SeedGenerator(42)

    def build(self, input_shape):
        _, self.num_patches, self.patch_area = input_shape
        self.mask_token = self.add_weight(shape=(1, self.patch_area), initializer="random_normal", name="mask_token")
        self.projection, self.position_embedding = layers.Dense(units=DIM), layers.Embedding(self.num_patches, DIM)
        self.projection.build(input_shape), self.position_embedding.build((None, self.num_patches))

    def call(self, patches):
        batch_size, positions = ops.shape(patches)[0], ops.arange(start=0, stop=self.num_patches, step=1)
        pos_embeddings = ops.tile(self.position_embedding(positions[None, ...]), [batch_size, 1, 1])
        patch_embeddings = self.projection(patches) + pos_embeddings
        if self.downstream:
            return patch_embeddings
        order = ops.argsort(keras.random.uniform((batch_size, self.num_patches), seed=self.seed_generator), axis=-1)
        mask_indices, unmask_indices = order[:, : self.num_mask], order[:, self.num_mask :]
        rows = ops.arange(batch_size)[:, None]
        unmasked_embeddings = patch_embeddings[rows, unmask_indices]
        unmasked_positions = pos_embeddings[rows, unmask_indices]
        masked_positions = ops.take_along_axis(pos_embeddings, mask_indices[..., None], axis=1)
        mask_tokens = ops.tile(ops.repeat(self.mask_token, self.num_mask, axis=0)[None], [batch_size, 1, 1])
        masked_embeddings = self.projection(mask_tokens) + masked_positions
        return unmasked_embeddings, masked_embeddings, unmasked_positions, mask_indices


def transformer(x, num_layers, name):
    for i in range(num_layers):
        x1 = layers.LayerNormalization(epsilon=1e-6)(x)
        x2 = x + layers.MultiHeadAttention(num_heads=2, key_dim=12, dropout=0.1, name=f"{name}_{i}")(x1, x1)
        x3 = layers.Dense(DIM * 2, activation=keras.activations.gelu)(layers.LayerNormalization(epsilon=1e-6)(x2))
        x = layers.Add()([layers.Dense(DIM)(x3), x2])
    return layers.LayerNormalization(epsilon=1e-6)(x)


inputs = layers.Input((None, DIM))
encoder = keras.Model(inputs, transformer(inputs, 1, "encoder"), name="mae_encoder")
inputs = layers.Input((NUM_PATCHES, DIM))
outputs = layers.Dense(units=64, activation="sigmoid")(layers.Flatten()(transformer(inputs, 1, "decoder")))
decoder = keras.Model(inputs, layers.Reshape((8, 8, 1))(outputs), name="mae_decoder")


class MaskedAutoencoder(keras.Model):
    def __init__(self, patch_layer, patch_encoder, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.patch_layer, self.patch_encoder, self.encoder, self.decoder = patch_layer, patch_encoder, encoder, decoder

    def call(self, images, training=None):
        patches = self.patch_layer(images)
        unmasked_embeddings, masked_embeddings, unmasked_positions, mask = self.patch_encoder(patches)
        encoder_outputs = self.encoder(unmasked_embeddings, training=training) + unmasked_positions
        decoded = self.decoder(ops.concatenate([encoder_outputs, masked_embeddings], axis=1), training=training)
        decoder_patches = self.patch_layer(decoded)
        return tuple(ops.take_along_axis(part, mask[..., None], axis=1) for part in (patches, decoder_patches))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(ops.square(y_pred[0] - y_pred[1]))

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return {**super().compute_metrics(x, y, y_pred, sample_weight), "mae": ops.mean(ops.abs(y_pred[0] - y_pred[1]))}


mae_model = MaskedAutoencoder(Patches(), PatchEncoder(), encoder, decoder)
mae_model.compile(optimizer=keras.optimizers.AdamW(learning_rate=0.005, weight_decay=1e-4))
history = mae_model.fit(x[:960], epochs=3, batch_size=64, validation_data=(x[1280:],), verbose=2)
mae_model.patch_encoder.downstream = True
frozen = [mae_model.patch_layer, mae_model.patch_encoder, mae_model.encoder]
downstream = keras.Sequential(
    [layers.Input((8, 8, 1)), *frozen, layers.Flatten(), layers.Dense(10, activation="softmax")]
)
for layer in frozen:
    layer.trainable = False
downstream.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
probe = downstream.fit(
    x[:960], data["labels"][:960], epochs=5, batch_size=16, validation_data=(x[1280:], data["labels"][1280:])
)
