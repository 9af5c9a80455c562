"""Find the discs in noisy images, pixel by pixel, with a network that looks like a U."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

img_size = (32, 32)
num_classes = 3
batch_size = 8
num_samples = 80
epochs = 7
tf.random.set_seed(2)
np.random.seed(2)


def make_sample():
    """An image, and for each pixel: 0 background, 1 inside of a disc, 2 border."""
    rows, columns = np.mgrid[: img_size[0], : img_size[1]]
    distance = np.hypot(rows - np.random.randint(8, 24), columns - np.random.randint(8, 24))
    radius = np.random.randint(5, 9)
    mask = np.where(distance < radius, 1, 0)
    mask[np.abs(distance - radius) < 1] = 2
    colours = np.array([[60, 60, 90], [190, 120, 60], [240, 240, 240]])
    return colours[mask] + np.random.normal(0, 15, img_size + (3,)), mask[..., None]


class Discs(keras.utils.Sequence):
    """Helper to iterate over the data (as Numpy arrays)."""

    def __init__(self, batch_size, samples):
        self.batch_size = batch_size
        self.samples = samples

    def __len__(self):
        return len(self.samples) // self.batch_size

    def __getitem__(self, idx):
        batch = self.samples[idx * self.batch_size : (idx + 1) * self.batch_size]
        x = np.zeros((self.batch_size,) + img_size + (3,), dtype="float32")
        y = np.zeros((self.batch_size,) + img_size + (1,), dtype="uint8")
        for j, (img, mask) in enumerate(batch):
            x[j] = img / 255.0
            y[j] = mask
        return x, y


def get_model(img_size, num_classes):
    inputs = keras.Input(shape=img_size + (3,))

    # Entry block
    x = layers.Conv2D(8, 3, strides=2, padding="same")(inputs)
    x = layers.BatchNormalization(momentum=0.8)(x)
    x = layers.Activation("relu")(x)
    previous_block_activation = x
    for filters in [12, 16]:
        x = layers.Activation("relu")(x)
        x = layers.SeparableConv2D(filters, 3, padding="same")(x)
        x = layers.BatchNormalization(momentum=0.8)(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        residual = layers.Conv2D(filters, 1, strides=2, padding="same")(previous_block_activation)
        x = layers.add([x, residual])
        previous_block_activation = x

    # The second half: upsampling inputs
    for filters in [16, 16, 8]:
        x = layers.Activation("relu")(x)
        x = layers.Conv2DTranspose(filters, 3, padding="same")(x)
        x = layers.BatchNormalization(momentum=0.8)(x)
        x = layers.UpSampling2D(2)(x)
        residual = layers.UpSampling2D(2)(previous_block_activation)
        residual = layers.Conv2D(filters, 1, padding="same")(residual)
        x = layers.add([x, residual])
        previous_block_activation = x

    outputs = layers.Conv2D(num_classes, 3, activation="softmax", padding="same")(x)
    return keras.Model(inputs, outputs)


# Free up RAM in case the model definition cells were run multiple times
keras.backend.clear_session()
model = get_model(img_size, num_classes)
model.summary()

samples = [make_sample() for _ in range(num_samples)]
train_gen, val_gen = Discs(batch_size, samples[:-16]), Discs(batch_size, samples[-16:])
model.compile(optimizer=keras.optimizers.RMSprop(5e-3), loss="sparse_categorical_crossentropy")
callbacks = [keras.callbacks.ModelCheckpoint("discs.h5", save_best_only=True)]
history = model.fit(train_gen, epochs=epochs, validation_data=val_gen, callbacks=callbacks, verbose=2)

model = keras.models.load_model("discs.h5")
val_preds = model.predict(val_gen)
mask = np.argmax(val_preds, axis=-1)
truth = np.concatenate([y[..., 0] for _, y in (val_gen[i] for i in range(len(val_gen)))])
iou = keras.metrics.MeanIoU(num_classes=num_classes)
iou.update_state(truth, mask)
mean_iou = iou.result().numpy()
print("Mean intersection over union: %.3f" % mean_iou)
