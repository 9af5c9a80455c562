"""A transformer with a causal mask learns sentences of a small grammar and writes some itself."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import random

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(21)
vocab_size, maxlen, embed_dim, num_heads, feed_forward_dim = 24, 12, 24, 2, 24

subjects, verbs = ["the cat", "a dog", "my old friend", "the bird"], ["sees", "likes", "follows"]
sentences = [
    f"{random.choice(subjects)} {random.choice(verbs)} {random.choice(subjects)} and {random.choice(verbs)} it"
    for _ in range(400)
]
words = sorted({word for sentence in sentences for word in sentence.split()})
vocab = ["", "[UNK]", "."] + words
word_to_index = {word: index for index, word in enumerate(vocab)}
tokens = [[word_to_index[word] for word in (sentence + " .").split()] for sentence in sentences]
text = keras.utils.pad_sequences(tokens, maxlen + 1, padding="post", truncating="post")
x, y = text[:, :-1], text[:, 1:]


def causal_attention_mask(batch_size, n_dest, n_src, dtype):
    """Mask the upper half of the dot product matrix, so that no token sees later ones."""
    i = ops.arange(n_dest)[:, None]
    j = ops.arange(n_src)
    m = i >= j - n_src + n_dest
    mask = ops.reshape(ops.cast(m, dtype), [1, n_dest, n_src])
    mult = ops.concatenate([ops.expand_dims(batch_size, -1), ops.convert_to_tensor([1, 1])], 0)
    return ops.tile(mask, mult)


class TransformerBlock(layers.Layer):
    def __init__(self, embed_dim, num_heads, ff_dim, rate=0.1):
        super().__init__()
        self.att = layers.MultiHeadAttention(num_heads, embed_dim)
        self.ffn = keras.Sequential([layers.Dense(ff_dim, activation="relu"), layers.Dense(embed_dim)])
        self.layernorm1 = layers.LayerNormalization(epsilon=1e-6)
        self.layernorm2 = layers.LayerNormalization(epsilon=1e-6)
        self.dropout1, self.dropout2 = layers.Dropout(rate), layers.Dropout(rate)

    def call(self, inputs):
        batch_size, seq_len = ops.shape(inputs)[0], ops.shape(inputs)[1]
        causal_mask = causal_attention_mask(batch_size, seq_len, seq_len, "bool")
        attention_output = self.dropout1(self.att(inputs, inputs, attention_mask=causal_mask))
        out1 = self.layernorm1(inputs + attention_output)
        return self.layernorm2(out1 + self.dropout2(self.ffn(out1)))


class TokenAndPositionEmbedding(layers.Layer):
    def __init__(self, maxlen, vocab_size, embed_dim):
        super().__init__()
        self.token_emb = layers.Embedding(input_dim=vocab_size, output_dim=embed_dim)
        self.pos_emb = layers.Embedding(input_dim=maxlen, output_dim=embed_dim)

    def call(self, x):
        positions = ops.arange(0, ops.shape(x)[-1], 1)
        return self.token_emb(x) + self.pos_emb(positions)


def create_model():
    inputs = layers.Input(shape=(maxlen,), dtype="int32")
    x = TokenAndPositionEmbedding(maxlen, vocab_size, embed_dim)(inputs)
    x = TransformerBlock(embed_dim, num_heads, feed_forward_dim)(x)
    model = keras.Model(inputs=inputs, outputs=[layers.Dense(vocab_size)(x), x])
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss=[loss_fn, None])  # No loss on word embeddings
    return model


class TextGenerator(keras.callbacks.Callback):
    """Writes on after the start, word by word, one of the k likeliest each time."""

    def __init__(self, max_tokens, start_tokens, k=3):
        self.max_tokens, self.start_tokens, self.k, self.texts = max_tokens, start_tokens, k, []

    def sample_from(self, logits):
        logits, indices = ops.top_k(logits, k=self.k, sorted=True)
        indices = np.asarray(indices).astype("int32")
        preds = np.asarray(keras.activations.softmax(ops.expand_dims(logits, 0))[0]).astype("float64")
        return np.random.choice(indices, p=preds / preds.sum())

    def on_epoch_end(self, epoch, logs=None):
        written = list(self.start_tokens)
        while len(written) < self.max_tokens:
            y, _ = self.model.predict(np.array([written + [0] * (maxlen - len(written))]), verbose=0)
            written.append(int(self.sample_from(y[0][len(written) - 1])))
        self.texts.append(" ".join(vocab[token] for token in written))
        print(f"\n{self.texts[-1]}\n")


text_gen_callback = TextGenerator(maxlen, [word_to_index["the"], word_to_index["cat"]])
model = create_model()
history = model.fit(x, y, batch_size=32, verbose=2, epochs=6, callbacks=[text_gen_callback])
