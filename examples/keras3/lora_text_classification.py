"""Trained on one kind of sentences, then adapted to another by matrices of rank 2."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(23)
rng = np.random.default_rng(23)
vocab_size, maxlen, embed_dim, num_heads, ff_dim = 60, 16, 24, 2, 32


def sentences(good, bad, count=600):
    """Words are neutral, of the good or of the bad ones; a sentence is good where more of its words are."""
    tokens = rng.integers(20, vocab_size, (count, maxlen))
    feelings = rng.uniform(size=(count, maxlen))
    tokens = np.where(feelings < 0.2, rng.integers(*good, tokens.shape), tokens)
    tokens = np.where(feelings > 0.8, rng.integers(*bad, tokens.shape), tokens)
    lengths = rng.integers(8, maxlen + 1, count)
    x = [list(row[:length]) for row, length in zip(tokens, lengths, strict=True)]
    y = [sum(good[0] <= t < good[1] for t in row) > sum(bad[0] <= t < bad[1] for t in row) for row in x]
    return keras.utils.pad_sequences(x, maxlen=maxlen), np.array(y, "int32")


@keras.saving.register_keras_serializable()
class TransformerBlock(layers.Layer):
    def __init__(self, embed_dim, num_heads, ff_dim, rate=0.1, **kwargs):
        super().__init__(**kwargs)
        self.settings = {"embed_dim": embed_dim, "num_heads": num_heads, "ff_dim": ff_dim, "rate": rate}
        self.att = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)
        self.ffn = keras.Sequential([layers.Dense(ff_dim, activation="relu"), layers.Dense(embed_dim)])
        self.layernorm1 = layers.LayerNormalization(epsilon=1e-6)
        self.layernorm2 = layers.LayerNormalization(epsilon=1e-6)
        self.dropout1 = layers.Dropout(rate)
        self.dropout2 = layers.Dropout(rate)

    def call(self, inputs):
        attn_output = self.att(inputs, inputs)
        attn_output = self.dropout1(attn_output)
        out1 = self.layernorm1(inputs + attn_output)
        ffn_output = self.ffn(out1)
        ffn_output = self.dropout2(ffn_output)
        return self.layernorm2(out1 + ffn_output)

    def get_config(self):
        return {**super().get_config(), **self.settings}


@keras.saving.register_keras_serializable()
class TokenAndPositionEmbedding(layers.Layer):
    def __init__(self, maxlen, vocab_size, embed_dim, **kwargs):
        super().__init__(**kwargs)
        self.settings = {"maxlen": maxlen, "vocab_size": vocab_size, "embed_dim": embed_dim}
        self.token_emb = layers.Embedding(input_dim=vocab_size, output_dim=embed_dim)
        self.pos_emb = layers.Embedding(input_dim=maxlen, output_dim=embed_dim)

    def call(self, x):
        positions = ops.arange(start=0, stop=ops.shape(x)[-1], step=1)
        return self.token_emb(x) + self.pos_emb(positions)

    def get_config(self):
        return {**super().get_config(), **self.settings}


inputs = layers.Input(shape=(maxlen,))
x = TokenAndPositionEmbedding(maxlen, vocab_size, embed_dim, name="embedding")(inputs)
x = TransformerBlock(embed_dim, num_heads, ff_dim)(x)
x = layers.GlobalAveragePooling1D()(x)
x = layers.Dropout(0.1)(x)
x = layers.Dense(20, activation="relu", name="hidden")(x)
outputs = layers.Dense(2, activation="softmax", name="head")(x)
model = keras.Model(inputs=inputs, outputs=outputs)
x_train, y_train = sentences((0, 10), (10, 20))
model.compile(optimizer=keras.optimizers.Adam(0.005), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, batch_size=32, epochs=6, validation_split=0.2, verbose=2)
model.save("base.keras")

# other words now: 20-30 are good, 30-40 are bad
x_new, y_new = sentences((20, 30), (30, 40))
before = model.evaluate(x_new, y_new, verbose=0)
embedding = model.get_layer("embedding")
for layer in [embedding.pos_emb, *model.layers[2:4]]:
    layer.trainable = False
for layer in [embedding.token_emb, model.get_layer("hidden"), model.get_layer("head")]:
    layer.enable_lora(rank=2)
kernel = np.array(model.get_layer("hidden")._kernel)
model.compile(optimizer=keras.optimizers.Adam(0.02), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
trainable = sorted(weight.path.split("/")[-1] for weight in model.trainable_weights)
model.summary()
adapted = model.fit(x_new, y_new, batch_size=32, epochs=8, validation_split=0.2, verbose=2)
unchanged = bool(np.array_equal(kernel, np.array(model.get_layer("hidden")._kernel)))
after = model.evaluate(x_new, y_new, verbose=0)
model.save("adapted.keras")
again = keras.saving.load_model("adapted.keras", compile=False)
difference = float(np.abs(again.predict(x_new, verbose=0) - model.predict(x_new, verbose=0)).max())
print(before, after, trainable, unchanged, difference)
