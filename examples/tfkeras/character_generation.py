"""Write text, character by character, with a recurrent network; training in `fit` and in a loop of one's own."""

import time

import numpy as np
import tensorflow as tf

tf.random.set_seed(10)
text = "so it rains and rains, and then the sun comes out.\nthe sun comes out, and then it rains again.\n" * 30
vocab = sorted(set(text))
print(f"{len(vocab)} unique characters")
ids_from_chars = tf.keras.layers.StringLookup(vocabulary=list(vocab), mask_token=None)
chars_from_ids = tf.keras.layers.StringLookup(vocabulary=ids_from_chars.get_vocabulary(), invert=True, mask_token=None)


def text_from_ids(ids):
    return tf.strings.reduce_join(chars_from_ids(ids), axis=-1)


all_ids = ids_from_chars(tf.strings.unicode_split(text, "UTF-8"))
ids_dataset = tf.data.Dataset.from_tensor_slices(all_ids)
for ids in ids_dataset.take(3):
    print(chars_from_ids(ids).numpy().decode("utf-8"))
seq_length = 30
sequences = ids_dataset.batch(seq_length + 1, drop_remainder=True)
print(text_from_ids(next(iter(sequences))).numpy())


def split_input_target(sequence):
    return sequence[:-1], sequence[1:]


dataset = sequences.map(split_input_target).shuffle(1000).batch(16, drop_remainder=True)
dataset = dataset.prefetch(tf.data.experimental.AUTOTUNE)


class MyModel(tf.keras.Model):
    def __init__(self, vocab_size, embedding_dim, rnn_units):
        super().__init__(self)
        self.embedding = tf.keras.layers.Embedding(vocab_size, embedding_dim)
        self.gru = tf.keras.layers.GRU(rnn_units, return_sequences=True, return_state=True)
        self.dense = tf.keras.layers.Dense(vocab_size)

    def call(self, inputs, states=None, return_state=False, training=False):
        x = self.embedding(inputs, training=training)
        if states is None:
            states = self.gru.get_initial_state(x)
        x, states = self.gru(x, initial_state=states, training=training)
        x = self.dense(x, training=training)
        return (x, states) if return_state else x


model = MyModel(vocab_size=len(ids_from_chars.get_vocabulary()), embedding_dim=16, rnn_units=64)
for input_example_batch, target_example_batch in dataset.take(1):
    example_batch_predictions = model(input_example_batch)
loss = tf.losses.SparseCategoricalCrossentropy(from_logits=True)
example_batch_mean_loss = loss(target_example_batch, example_batch_predictions)
exp_mean_loss = tf.exp(example_batch_mean_loss).numpy()  # about the size of the vocabulary
model.compile(optimizer=tf.keras.optimizers.Adam(0.01), loss=loss)
history = model.fit(dataset, epochs=12, verbose=2)


class OneStep(tf.keras.Model):
    def __init__(self, model, chars_from_ids, ids_from_chars, temperature=0.3):
        super().__init__()
        self.temperature = temperature
        self.model, self.chars_from_ids, self.ids_from_chars = model, chars_from_ids, ids_from_chars
        # Create a mask to prevent "[UNK]" from being generated.
        skip_ids = self.ids_from_chars(["[UNK]"])[:, None]
        sparse_mask = tf.SparseTensor(
            values=[-float("inf")] * len(skip_ids), indices=skip_ids, dense_shape=[len(ids_from_chars.get_vocabulary())]
        )
        self.prediction_mask = tf.sparse.to_dense(sparse_mask)

    @tf.function
    def generate_one_step(self, inputs, states=None):
        input_chars = tf.strings.unicode_split(inputs, "UTF-8")
        input_ids = self.ids_from_chars(input_chars).to_tensor()
        predicted_logits, states = self.model(inputs=input_ids, states=states, return_state=True)
        predicted_logits = predicted_logits[:, -1, :] / self.temperature + self.prediction_mask
        predicted_ids = tf.squeeze(tf.random.categorical(predicted_logits, num_samples=1), axis=-1)
        return self.chars_from_ids(predicted_ids), states


one_step_model = OneStep(model, chars_from_ids, ids_from_chars)
start, states, next_char = time.time(), None, tf.constant(["the sun", "so it r"])
result = [next_char]
for n in range(40):
    next_char, states = one_step_model.generate_one_step(next_char, states=states)
    result.append(next_char)
result = tf.strings.join(result)
written = [line.numpy().decode("utf-8") for line in result]
known = np.mean([line[i : i + 4] in text for line in written for i in range(len(line) - 3)])
print(written, "Run time: %.2f" % (time.time() - start), known)
