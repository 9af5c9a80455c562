"""Train a small residual network on the UCI handwritten digits.

Written for tf.keras. Run it with `keras-torch run examples/digits_cnn_tfkeras.py [FOLDER]`;
the model goes to FOLDER (default: the current one).
"""

import sys
from pathlib import Path

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

keras.utils.set_random_seed(42)

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")

with np.load(Path(__file__).resolve().parent / "data" / "digits.npz") as data:
    images, labels = data["images"], data["labels"]
order = np.random.default_rng(42).permutation(len(labels))
images = images[order, ..., np.newaxis].astype("float32") / 16.0
labels = labels[order].astype("int32")
(x_train, x_test), (y_train, y_test) = np.split(images, [1437]), np.split(labels, [1437])
print(f"{len(x_train)} training images, {len(x_test)} test images")


def residual_block(x, filters):
    shortcut = layers.Conv2D(filters, 1, use_bias=False)(x)
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.ReLU()(layers.add([x, shortcut]))


inputs = keras.Input(shape=(8, 8, 1))
x = residual_block(inputs, 32)
x = layers.MaxPooling2D()(x)
x = residual_block(x, 64)
x = layers.GlobalAveragePooling2D()(x)
x = layers.Dropout(0.3)(x)
outputs = layers.Dense(10)(x)
model = keras.Model(inputs, outputs, name="digits")
model.summary()

model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=2e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
)


def schedule(epoch, lr):
    return lr if epoch < 12 else lr * 0.8


history = model.fit(
    x_train,
    y_train,
    batch_size=32,
    epochs=20,
    validation_split=0.1,
    verbose=2,
    callbacks=[
        keras.callbacks.LearningRateScheduler(schedule),
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=8, restore_best_weights=True),
        keras.callbacks.ModelCheckpoint(str(folder / "digits_cnn_tfkeras_best.h5"), save_best_only=True),
    ],
)
print(f"Best validation accuracy: {max(history.history['val_accuracy']):.4f}")

results = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
print(f"Test loss: {results['loss']:.4f}")
print(f"Test accuracy: {results['accuracy']:.4f}")

# The saved model predicts what the trained one does.
path = folder / "digits_cnn_tfkeras.h5"
model.save(str(path))
restored = keras.models.load_model(str(path))
difference = float(np.abs(model.predict(x_test, verbose=0) - restored.predict(x_test, verbose=0)).max())
if difference > 1e-6:
    raise RuntimeError(f"The restored model predicts something else; largest difference: {difference:g}")
print(f"Saved {path}; predictions agree.")
