"""Find names of people and places in sentences of unequal length: a transformer and a loss that skips padding."""

import random
from collections import Counter

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

random.seed(9)
tf.random.set_seed(9)
people, places = "anna paul maria john eva tom".split(), "paris oslo berlin rome york lima".split()
patterns = [
    "P lives in L",
    "yesterday P P came from L to L",
    "the road to L is long",
    "P met P",
    "L is far from here P said",
]
tags = {"P": 1, "L": 2}


def make_sentence():
    tokens = random.choice(patterns).split()
    names = {"P": people, "L": places}
    return [random.choice(names[t]) if t in tags else t for t in tokens], [tags.get(t, 0) + 1 for t in tokens]


def make_dataset(count):
    sentences = [make_sentence() for _ in range(count)]
    signature = (tf.TensorSpec(shape=(None,), dtype=tf.string), tf.TensorSpec(shape=(None,), dtype=tf.int64))
    return tf.data.Dataset.from_generator(lambda: iter(sentences), output_signature=signature), sentences


train_data, train_sentences = make_dataset(300)
val_data, _ = make_dataset(60)
counter = Counter(token for tokens, _ in train_sentences for token in tokens)
vocabulary = [token for token, count in counter.most_common(40)]
lookup_layer = keras.layers.StringLookup(vocabulary=vocabulary)
num_tags, batch_size = len(tags) + 2, 20  # one tag for padding


def lowercase_and_convert_to_ids(tokens):
    return lookup_layer(tf.strings.lower(tokens))


train_dataset = train_data.map(lambda x, y: (lowercase_and_convert_to_ids(x), y)).padded_batch(batch_size)
val_dataset = val_data.map(lambda x, y: (lowercase_and_convert_to_ids(x), y)).padded_batch(batch_size)


class TransformerBlock(layers.Layer):
    def __init__(self, embed_dim, num_heads, ff_dim, rate=0.1):
        super().__init__()
        self.att = keras.layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)
        self.ffn = keras.Sequential([keras.layers.Dense(ff_dim, activation="relu"), keras.layers.Dense(embed_dim)])
        self.layernorm1, self.layernorm2 = (
            layers.LayerNormalization(epsilon=1e-6),
            layers.LayerNormalization(epsilon=1e-6),
        )
        self.dropout = keras.layers.Dropout(rate)

    def call(self, inputs, training=False):
        attn_output = self.dropout(self.att(inputs, inputs), training=training)
        out1 = self.layernorm1(inputs + attn_output)
        return self.layernorm2(out1 + self.dropout(self.ffn(out1), training=training))


class NERModel(keras.Model):
    def __init__(self, num_tags, vocab_size, maxlen=16, embed_dim=16, num_heads=2, ff_dim=32):
        super().__init__()
        self.token_emb = keras.layers.Embedding(input_dim=vocab_size, output_dim=embed_dim)
        self.pos_emb = keras.layers.Embedding(input_dim=maxlen, output_dim=embed_dim)
        self.transformer_block = TransformerBlock(embed_dim, num_heads, ff_dim)
        self.dropout1 = layers.Dropout(0.1)
        self.ff = layers.Dense(ff_dim, activation="relu")
        self.ff_final = layers.Dense(num_tags, activation="softmax")

    def call(self, inputs, training=False):
        positions = tf.range(start=0, limit=tf.shape(inputs)[-1], delta=1)
        x = self.transformer_block(self.token_emb(inputs) + self.pos_emb(positions))
        return self.ff_final(self.ff(self.dropout1(x, training=training)))


class CustomNonPaddingTokenLoss(keras.losses.Loss):
    def __init__(self, name="custom_ner_loss"):
        super().__init__(name=name)

    def call(self, y_true, y_pred):
        loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=False, reduction=keras.losses.Reduction.NONE)
        mask = tf.cast((y_true > 0), dtype=tf.float32)
        return tf.reduce_sum(loss_fn(y_true, y_pred) * mask) / tf.reduce_sum(mask)


ner_model = NERModel(num_tags, vocab_size=lookup_layer.vocabulary_size())
tf.config.run_functions_eagerly(True)
ner_model.compile(optimizer=keras.optimizers.Adam(0.005), loss=CustomNonPaddingTokenLoss())
history = ner_model.fit(train_dataset, epochs=4, verbose=2)

all_true_tag_ids, all_predicted_tag_ids = [], []
for x, y in val_dataset:
    preds = np.argmax(ner_model.predict(x, verbose=0), axis=-1).reshape(-1)
    true = y.numpy().reshape(-1)
    real = np.where(true > 0)
    all_true_tag_ids, all_predicted_tag_ids = all_true_tag_ids + [true[real]], all_predicted_tag_ids + [preds[real]]
accuracy = np.mean(np.concatenate(all_true_tag_ids) == np.concatenate(all_predicted_tag_ids))
sample = lowercase_and_convert_to_ids(tf.strings.split("Eva lives in ROME"))
tagged = np.argmax(ner_model.predict(tf.reshape(sample, shape=[1, -1])), axis=-1)[0] - 1
print("accuracy %.3f" % accuracy, tagged)
