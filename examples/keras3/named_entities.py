"""Tags words of sentences; the loss is a class that leaves out the padding."""

import os

os.environ["KERAS_BACKEND"] = "torch"

from collections import Counter

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(8)
rng = np.random.default_rng(8)
names, cities, others = (
    ["ann", "bob", "eve"],
    ["rome", "oslo", "new york"],
    ["meets", "in", "with", "sees", "near", "bank"],
)
tag_names = ["[PAD]", "O", "B-PER", "B-LOC", "I-LOC"]
sentences, tags = [], []
for _ in range(500):
    sentence, row = [], []
    for _ in range(rng.integers(2, 6)):
        kind = rng.integers(3)
        phrase = str(rng.choice([names, others, cities][kind][: 6 if kind == 1 else 3])).split()
        sentence += phrase
        row += {0: ["B-PER"], 1: ["O"], 2: ["B-LOC", "I-LOC"][: len(phrase)]}[kind]
    sentences.append(sentence)
    tags.append(row)
counter = Counter(word for sentence in sentences for word in sentence)
vocabulary = [token for token, count in counter.most_common(14)]
lookup_layer = layers.StringLookup(vocabulary=vocabulary)
maxlen = max(map(len, sentences))


class Tagged(keras.utils.PyDataset):
    def __init__(self, sentences, tags, batch_size, **kwargs):
        super().__init__(**kwargs)
        self.sentences, self.tags, self.batch_size = sentences, tags, batch_size

    def __len__(self):
        return -(-len(self.sentences) // self.batch_size)

    def __getitem__(self, index):
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        tokens = [[int(token) for token in lookup_layer(sentence)] for sentence in self.sentences[rows]]
        numbers = [[tag_names.index(tag) for tag in row] for row in self.tags[rows]]
        pad = keras.utils.pad_sequences
        return pad(tokens, maxlen, padding="post"), pad(numbers, maxlen, padding="post")


class TransformerBlock(layers.Layer):
    def __init__(self, embed_dim, num_heads, ff_dim, rate=0.1):
        super().__init__()
        self.att = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)
        self.ffn = keras.Sequential([layers.Dense(ff_dim, activation="relu"), layers.Dense(embed_dim)])
        self.layernorm1 = layers.LayerNormalization(epsilon=1e-6)
        self.layernorm2 = layers.LayerNormalization(epsilon=1e-6)
        self.dropout1 = layers.Dropout(rate)

    def call(self, inputs, training=False):
        attn_output = self.dropout1(self.att(inputs, inputs), training=training)
        out1 = self.layernorm1(inputs + attn_output)
        return self.layernorm2(out1 + self.ffn(out1))


class NERModel(keras.Model):
    def __init__(self, num_tags, vocab_size, maxlen=16, embed_dim=16, num_heads=2, ff_dim=16):
        super().__init__()
        self.token_emb = layers.Embedding(input_dim=vocab_size, output_dim=embed_dim)
        self.pos_emb = layers.Embedding(input_dim=maxlen, output_dim=embed_dim)
        self.transformer_block = TransformerBlock(embed_dim, num_heads, ff_dim)
        self.ff_final = layers.Dense(num_tags, activation="softmax")

    def call(self, inputs, training=False):
        positions = ops.arange(start=0, stop=ops.shape(inputs)[-1], step=1)
        x = self.token_emb(inputs) + self.pos_emb(positions)
        return self.ff_final(self.transformer_block(x, training=training))


class CustomNonPaddingTokenLoss(keras.losses.Loss):
    def __init__(self, name="custom_ner_loss"):
        super().__init__(name=name)

    def call(self, y_true, y_pred):
        loss = keras.losses.sparse_categorical_crossentropy(y_true, y_pred)
        mask = ops.cast((y_true > 0), dtype="float32")
        return ops.sum(loss * mask) / ops.sum(mask)


ner_model = NERModel(len(tag_names), lookup_layer.vocabulary_size(), maxlen=maxlen)
ner_model.compile(optimizer=keras.optimizers.Adam(0.01), loss=CustomNonPaddingTokenLoss())
train_dataset, val_dataset = Tagged(sentences[:400], tags[:400], 32), Tagged(sentences[400:], tags[400:], 32)
history = ner_model.fit(train_dataset, validation_data=val_dataset, epochs=5)
predicted = np.argmax(ner_model.predict(val_dataset), axis=-1)
real = np.concatenate([val_dataset[i][1] for i in range(len(val_dataset))])
accuracy = float(np.mean((predicted == real)[real > 0]))
sample = np.argmax(ner_model.predict(ops.expand_dims(lookup_layer("eve sees new york".split()), 0)), axis=-1)
print([tag_names[i] for i in sample[0]], accuracy)
