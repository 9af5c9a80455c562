"""A subclassed encoder and decoder with masks, a learning rate schedule, a masked loss and accuracy."""

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(5)
rng = np.random.default_rng(0)
vocabulary, units, batch_size = 11, 32, 40
START, END = 1, 2
lengths = rng.integers(2, 6, 800)
source, target = np.zeros((800, 5), "int32"), np.zeros((800, 7), "int32")
for row, length in enumerate(lengths):  # sorts numbers
    source[row, :length] = rng.integers(3, vocabulary, length)
    target[row, : length + 2] = [START, *sorted(source[row, :length]), END]


class Encoder(layers.Layer):
    def __init__(self, vocabulary, units, **kwargs):
        super().__init__(**kwargs)
        self.embedding = layers.Embedding(vocabulary, units, mask_zero=True)
        self.rnn = layers.Bidirectional(layers.GRU(units, return_sequences=True), merge_mode="sum")

    def call(self, x):
        return self.rnn(self.embedding(x))


class Decoder(layers.Layer):
    def __init__(self, vocabulary, units, **kwargs):
        super().__init__(**kwargs)
        self.embedding = layers.Embedding(vocabulary, units, mask_zero=True)
        self.rnn = layers.GRU(units, return_sequences=True, return_state=True)
        self.attention = layers.MultiHeadAttention(num_heads=1, key_dim=units)
        self.norm = layers.LayerNormalization()
        self.output_layer = layers.Dense(vocabulary)

    def call(self, context, x, state=None, return_state=False):
        x = self.embedding(x)
        x, state = self.rnn(x, initial_state=state)
        attended, self.last_attention = self.attention(query=x, value=context, return_attention_scores=True)
        logits = self.output_layer(self.norm(x + attended))
        return (logits, state) if return_state else logits


@keras.saving.register_keras_serializable("seq2seq")
class Translator(keras.Model):
    def __init__(self, units, vocabulary, **kwargs):
        super().__init__(**kwargs)
        self.units, self.vocabulary = units, vocabulary
        self.encoder = Encoder(vocabulary, units)
        self.decoder = Decoder(vocabulary, units)

    def call(self, inputs):
        context, x = inputs
        return self.decoder(self.encoder(context), x)

    def translate(self, sentences, max_length=6):
        context = self.encoder(ops.convert_to_tensor(sentences))
        tokens, state = ops.full((len(sentences), 1), START, dtype="int32"), None
        done, written = ops.zeros_like(tokens, dtype="bool"), []
        for _ in range(max_length):
            logits, state = self.decoder(context, tokens, state=state, return_state=True)
            tokens = ops.where(done, 0, ops.cast(ops.argmax(logits, axis=-1), "int32"))
            done = ops.logical_or(done, tokens == END)
            written.append(tokens)
        return ops.convert_to_numpy(ops.concatenate(written, axis=1))

    def get_config(self):
        return {**super().get_config(), "units": self.units, "vocabulary": self.vocabulary}


@keras.saving.register_keras_serializable("seq2seq")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, peak):
        self.peak = peak

    def __call__(self, step):
        step = (ops.cast(step, "float32") + 1.0) / 40
        return self.peak * ops.minimum(step, ops.rsqrt(step))

    def get_config(self):
        return {"peak": self.peak}


@keras.saving.register_keras_serializable("seq2seq")
def masked_accuracy(y_true, y_pred):
    mask = ops.cast(ops.not_equal(y_true, 0), "float32")
    match = ops.cast(ops.equal(y_true, ops.cast(ops.argmax(y_pred, axis=-1), y_true.dtype)), "float32")
    return ops.sum(match * mask) / ops.sum(mask)


model = Translator(units, vocabulary)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
model.compile(keras.optimizers.Adam(WarmUp(0.02), beta_2=0.98, clipnorm=1.0), loss, metrics=[masked_accuracy])
history = model.fit((source, target[:, :-1]), target[:, 1:], batch_size, epochs=6, validation_split=0.1)
translated = model.translate(source[:40])
model.save("translator.keras")
again = keras.models.load_model("translator.keras").translate(source[:40])
right = float(
    np.mean(np.all(np.pad(translated, [(0, 0), (0, 6 - translated.shape[1])])[:, :6] == target[:40, 1:], axis=1))
)
print("Sorted without a mistake:", right)
