"""Translate numbers in words into digits with a transformer, its masks made by the layers."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers
from tensorflow.keras.layers import TextVectorization

keras.utils.set_random_seed(8)
names = "zero one two three four five six seven eight nine".split()
numbers = np.random.permutation(1000)[:800]
pairs = [(" ".join(names[int(d)] for d in str(n)), "[start] " + " ".join(str(n)) + " [end]") for n in numbers]
train_pairs, val_pairs = pairs[:700], pairs[700:]
vocab_size, sequence_length, batch_size, embed_dim, latent_dim, num_heads = 20, 5, 64, 32, 32, 2

eng_vectorization = TextVectorization(vocab_size, output_mode="int", output_sequence_length=sequence_length)
digit_vectorization = TextVectorization(
    vocab_size, standardize=lambda text: tf.strings.lower(text), output_sequence_length=sequence_length + 1
)
eng_vectorization.adapt([pair[0] for pair in train_pairs])
digit_vectorization.adapt([pair[1] for pair in train_pairs])


def format_dataset(eng, digits):
    eng, digits = eng_vectorization(eng), digit_vectorization(digits)
    return ({"encoder_inputs": eng, "decoder_inputs": digits[:, :-1]}, digits[:, 1:])


def make_dataset(pairs):
    dataset = tf.data.Dataset.from_tensor_slices(([eng for eng, _ in pairs], [digits for _, digits in pairs]))
    dataset = dataset.batch(batch_size).map(format_dataset, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.shuffle(2048).prefetch(16).cache()


class PositionalEmbedding(layers.Layer):
    def __init__(self, sequence_length, vocab_size, embed_dim, **kwargs):
        super().__init__(**kwargs)
        self.token_embeddings = layers.Embedding(input_dim=vocab_size, output_dim=embed_dim)
        self.position_embeddings = layers.Embedding(input_dim=sequence_length, output_dim=embed_dim)

    def call(self, inputs):
        return self.token_embeddings(inputs) + self.position_embeddings(tf.range(0, tf.shape(inputs)[-1], delta=1))

    def compute_mask(self, inputs, mask=None):
        return tf.math.not_equal(inputs, 0)


class TransformerBlock(layers.Layer):
    """An encoder; with `encoder_outputs`, a decoder that does not look ahead."""

    def __init__(self, embed_dim, latent_dim, num_heads, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.attention_1, self.attention_2 = [layers.MultiHeadAttention(num_heads, embed_dim) for _ in range(2)]
        self.dense_proj = keras.Sequential([layers.Dense(latent_dim, activation="relu"), layers.Dense(embed_dim)])
        self.layernorms = [layers.LayerNormalization() for _ in range(3)]

    def call(self, inputs, encoder_outputs=None, mask=None):
        padding_mask = None if mask is None else tf.cast(mask[:, tf.newaxis, :], dtype="int32")
        if encoder_outputs is not None:
            causal_mask = self.get_causal_attention_mask(inputs)
            padding_mask = causal_mask if mask is None else tf.minimum(padding_mask, causal_mask)
        x = self.layernorms[0](inputs + self.attention_1(inputs, inputs, attention_mask=padding_mask))
        if encoder_outputs is not None:
            x = self.layernorms[1](x + self.attention_2(query=x, value=encoder_outputs, key=encoder_outputs))
        return self.layernorms[2](x + self.dense_proj(x))

    def get_causal_attention_mask(self, inputs):
        batch_size, sequence_length = tf.shape(inputs)[0], tf.shape(inputs)[1]
        i, j = tf.range(sequence_length)[:, tf.newaxis], tf.range(sequence_length)
        mask = tf.reshape(tf.cast(i >= j, dtype="int32"), (1, sequence_length, sequence_length))
        return tf.tile(mask, tf.concat([tf.expand_dims(batch_size, -1), tf.constant([1, 1], dtype=tf.int32)], axis=0))


encoder_inputs = keras.Input(shape=(None,), dtype="int64", name="encoder_inputs")
x = PositionalEmbedding(sequence_length, vocab_size, embed_dim)(encoder_inputs)
encoder_outputs = TransformerBlock(embed_dim, latent_dim, num_heads)(x)
decoder_inputs = keras.Input(shape=(None,), dtype="int64", name="decoder_inputs")
x = PositionalEmbedding(sequence_length, vocab_size, embed_dim)(decoder_inputs)
x = layers.Dropout(0.1)(TransformerBlock(embed_dim, latent_dim, num_heads)(x, encoder_outputs))
transformer = keras.Model([encoder_inputs, decoder_inputs], layers.Dense(vocab_size, activation="softmax")(x))
transformer.compile(keras.optimizers.Adam(0.004), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = transformer.fit(make_dataset(train_pairs), epochs=6, validation_data=make_dataset(val_pairs), verbose=2)
digit_index_lookup = dict(enumerate(digit_vectorization.get_vocabulary()))


def decode_sequence(input_sentence):
    tokenized_input_sentence, decoded_sentence = eng_vectorization([input_sentence]), "[start]"
    for i in range(sequence_length):
        tokenized_target_sentence = digit_vectorization([decoded_sentence])[:, :-1]
        predictions = transformer([tokenized_input_sentence, tokenized_target_sentence])
        sampled_token_index = np.argmax(predictions[0, i, :])
        decoded_sentence += " " + digit_index_lookup[sampled_token_index]
        if digit_index_lookup[sampled_token_index] == "[end]":
            break
    return decoded_sentence


translated = [(eng, decode_sequence(eng), digits) for eng, digits in val_pairs[:20]]
print(translated[:3])
