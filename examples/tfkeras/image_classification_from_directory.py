"""Classify the images of two folders: circles and crosses drawn into PNG files."""

import os
import sys

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

image_size = (24, 24)
batch_size = 16
epochs = 4
root = os.path.join(sys.argv[1] if len(sys.argv) > 1 else ".", "shapes")
tf.random.set_seed(1)
rng = np.random.RandomState(1)


def draw(kind):
    """An image of 32 x 32 pixels with one shape on it, in a random colour."""
    rows, columns = np.mgrid[:32, :32]
    y, x, radius = rng.randint(11, 21), rng.randint(11, 21), rng.randint(6, 10)
    if kind == "circle":
        shape = np.abs(np.hypot(rows - y, columns - x) - radius) < 1.5
    else:
        inside = np.maximum(np.abs(rows - y), np.abs(columns - x)) < radius
        shape = inside & (np.minimum(np.abs(rows - y), np.abs(columns - x)) < 2)
    image = rng.randint(0, 60, (32, 32, 3))
    image[shape] = rng.randint(130, 255, 3)
    return image.astype("uint8")


for kind in ("circle", "cross"):
    os.makedirs(os.path.join(root, kind), exist_ok=True)
    for number in range(64):
        png = tf.io.encode_png(draw(kind))
        tf.io.write_file(os.path.join(root, kind, "%03d.png" % number), png)
with open(os.path.join(root, "circle", "064.png"), "wb") as fobj:
    fobj.write(b"this is no image")

# Filter out corrupted images
num_skipped = 0
for folder_name in ("circle", "cross"):
    folder_path = os.path.join(root, folder_name)
    for fname in os.listdir(folder_path):
        fpath = os.path.join(folder_path, fname)
        with open(fpath, "rb") as fobj:
            is_png = tf.compat.as_bytes("PNG") in fobj.peek(10)
        if not is_png:
            num_skipped += 1
            os.remove(fpath)
print("Deleted %d images" % num_skipped)

options = dict(validation_split=0.2, seed=1337, image_size=image_size, batch_size=batch_size)
train_ds = keras.preprocessing.image_dataset_from_directory(root, subset="training", **options)
val_ds = keras.preprocessing.image_dataset_from_directory(root, subset="validation", **options)
class_names = train_ds.class_names
for images, labels in train_ds.take(1):
    print(images[0].numpy().astype("uint8").shape, class_names[int(labels[0])])

data_augmentation = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)])
train_ds = train_ds.map(
    lambda img, label: (data_augmentation(img, training=True), label), num_parallel_calls=tf.data.AUTOTUNE
)
train_ds = train_ds.cache().prefetch(tf.data.AUTOTUNE)
val_ds = val_ds.prefetch(tf.data.AUTOTUNE)


def make_model(input_shape, num_classes):
    inputs = keras.Input(shape=input_shape)
    x = layers.Rescaling(1.0 / 255)(inputs)
    x = layers.Conv2D(8, 3, strides=2, padding="same")(x)
    x = layers.BatchNormalization(momentum=0.8)(x)
    x = layers.Activation("relu")(x)
    previous_block_activation = x
    for size in [16, 24]:
        x = layers.SeparableConv2D(size, 3, padding="same")(x)
        x = layers.BatchNormalization(momentum=0.8)(x)
        x = layers.Activation("relu")(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        residual = layers.Conv2D(size, 1, strides=2, padding="same")(previous_block_activation)
        x = layers.add([x, residual])
        previous_block_activation = x
    x = layers.GlobalAveragePooling2D()(x)
    activation, units = ("sigmoid", 1) if num_classes == 2 else ("softmax", num_classes)
    x = layers.Dropout(0.1)(x)
    return keras.Model(inputs, layers.Dense(units, activation=activation)(x))


model = make_model(image_size + (3,), num_classes=2)
callbacks = [keras.callbacks.ModelCheckpoint(os.path.join(root, "..", "save_at_{epoch}.h5"), save_freq="epoch")]
model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="binary_crossentropy", metrics=["accuracy"])
history = model.fit(train_ds, epochs=epochs, callbacks=callbacks, validation_data=val_ds, verbose=2)

img = keras.preprocessing.image.load_img(os.path.join(root, "cross", "000.png"), target_size=image_size)
img_array = tf.expand_dims(keras.preprocessing.image.img_to_array(img), 0)
score = float(model.predict(img_array)[0][0])
print("This image is %.2f%% circle and %.2f%% cross." % (100 * (1 - score), 100 * score))
