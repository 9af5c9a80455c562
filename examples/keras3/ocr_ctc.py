"""A convolutional and recurrent network reads rows of digits with connectionist temporal classification."""

import os

os.environ["KERAS_BACKEND"] = "torch"

from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(11)
data = np.load(Path(__file__).parent.parent / "data" / "digits.npz")
characters = ["0", "1", "2", "3"]
max_length = 3
img_width, img_height = 28, 8
rng = np.random.default_rng(5)
pictures, texts = [], []
for _ in range(400):
    text = rng.choice(characters, max_length)
    canvas = np.zeros((img_height, img_width), "float32")
    for position, character in enumerate(text):
        digit = data["images"][rng.choice(np.flatnonzero(data["labels"] == int(character)))] / 16.0
        start = 1 + position * 9 + rng.integers(-1, 2)
        canvas[:, start : start + 8] += digit
    pictures.append(canvas.T[..., None])  # the width is the time
    texts.append(list(text))

# mapping characters to integers and back
char_to_num = layers.StringLookup(vocabulary=characters, mask_token=None)
num_to_char = layers.StringLookup(vocabulary=char_to_num.get_vocabulary(), mask_token=None, invert=True)
labels = ops.convert_to_numpy(char_to_num(np.array(texts)))
images = np.stack(pictures)
x_train, x_valid, y_train, y_valid = images[:320], images[320:], labels[:320], labels[320:]


def ctc_batch_cost(y_true, y_pred, input_length, label_length):
    label_length = ops.cast(ops.squeeze(label_length, axis=-1), dtype="int32")
    input_length = ops.cast(ops.squeeze(input_length, axis=-1), dtype="int32")
    return ops.expand_dims(ops.ctc_loss(y_true, y_pred, label_length, input_length, mask_index=0), 1)


class CTCLayer(layers.Layer):
    def __init__(self, name=None):
        super().__init__(name=name)
        self.loss_fn = ctc_batch_cost

    def call(self, y_true, y_pred):
        batch_len = ops.cast(ops.shape(y_true)[0], dtype="int64")
        input_length = ops.cast(ops.shape(y_pred)[1], dtype="int64")
        label_length = ops.cast(ops.shape(y_true)[1], dtype="int64")
        input_length = input_length * ops.ones(shape=(batch_len, 1), dtype="int64")
        label_length = label_length * ops.ones(shape=(batch_len, 1), dtype="int64")
        loss = self.loss_fn(y_true, y_pred, input_length, label_length)
        self.add_loss(ops.mean(loss))
        # At test time, just return the computed predictions
        return y_pred


def build_model():
    input_img = layers.Input(shape=(img_width, img_height, 1), name="image", dtype="float32")
    labels = layers.Input(name="label", shape=(None,), dtype="int32")
    x = layers.Conv2D(8, 3, activation="relu", kernel_initializer="he_normal", padding="same", name="Conv1")(input_img)
    x = layers.MaxPooling2D((2, 2), name="pool1")(x)
    x = layers.Conv2D(12, 3, activation="relu", kernel_initializer="he_normal", padding="same", name="Conv2")(x)
    new_shape = (img_width // 2, (img_height // 2) * 12)
    x = layers.Reshape(target_shape=new_shape, name="reshape")(x)
    x = layers.Dense(32, activation="relu", name="dense1")(x)
    x = layers.Bidirectional(layers.LSTM(24, return_sequences=True, dropout=0.1))(x)
    x = layers.Dense(len(char_to_num.get_vocabulary()) + 1, name="dense2")(x)
    output = CTCLayer(name="ctc_loss")(labels, x)
    model = keras.models.Model(inputs=[input_img, labels], outputs=output, name="ocr_model_v1")
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    return model


# labels and blank: the mask index 0 stands for blanks, unknown characters do not occur
model = build_model()
model.summary()
early_stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=5, restore_best_weights=True)
history = model.fit(
    {"image": x_train, "label": y_train},
    validation_data=({"image": x_valid, "label": y_valid},),
    batch_size=20,
    epochs=10,
    callbacks=[early_stopping],
)

prediction_model = keras.models.Model(model.input[0], model.get_layer(name="dense2").output)
preds = prediction_model.predict(x_valid)
input_len = np.ones(preds.shape[0], "int32") * preds.shape[1]
(decoded,), scores = ops.ctc_decode(preds, sequence_lengths=input_len, strategy="greedy", mask_index=0)
decoded = ops.convert_to_numpy(decoded)[:, :max_length]
accuracy = float(np.mean(np.all(np.where(decoded < 0, 0, decoded) == y_valid, axis=-1)))
print("Read without a mistake:", accuracy)
