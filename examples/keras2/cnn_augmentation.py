"""Digits that are turned, shifted and sheared while a network learns: from an array, then from folders of files."""

from __future__ import print_function

import itertools
import os
import sys

import keras
import numpy as np
from keras.callbacks import ReduceLROnPlateau
from keras.layers import Activation, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.models import Sequential
from keras.preprocessing.image import ImageDataGenerator, array_to_img, img_to_array, load_img

np.random.seed(3)
out = sys.argv[1] if len(sys.argv) > 1 else "."
here = os.path.dirname(os.path.abspath(__file__))
data = np.load(os.path.join(here, "..", "data", "digits.npz"))
images, labels = data["images"][..., None].astype("float32"), data["labels"]
targets = keras.utils.to_categorical(labels)
x_train, x_test, y_train, y_test = images[:1200], images[1200:], targets[:1200], targets[1200:]

model = Sequential()
for filters in (16, 16):
    model.add(Conv2D(filters, (3, 3), padding="same", input_shape=x_train.shape[1:]))
    model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(64, activation="relu"))
model.add(Dropout(0.5))
model.add(Dense(10, activation="softmax"))
model.compile(keras.optimizers.rmsprop(lr=0.002, decay=1e-6), "categorical_crossentropy", metrics=["accuracy"])

centred = dict(featurewise_center=True, featurewise_std_normalization=True)
moving = ImageDataGenerator(
    rotation_range=5,
    width_shift_range=0.1,
    height_shift_range=0.1,
    shear_range=0.1,
    zoom_range=0.05,
    fill_mode="nearest",
    preprocessing_function=None,
    **centred,
)
still = ImageDataGenerator(**centred)
for generator in (moving, still):
    generator.fit(x_train)
history = model.fit_generator(
    moving.flow(x_train, y_train, batch_size=32),
    steps_per_epoch=-(-len(x_train) // 32),
    epochs=4,
    verbose=2,
    validation_data=still.flow(x_test, y_test, batch_size=32, shuffle=False),
    validation_steps=-(-len(x_test) // 32),
    callbacks=[ReduceLROnPlateau("val_loss", 0.5, 1)],
    workers=1,
)
scores = model.evaluate_generator(still.flow(x_test, y_test, batch_size=32, shuffle=False))

# Files in folders: pictures/train/even/0.png, pictures/train/odd/1.png and so on.
pictures = os.path.join(out, "pictures")
for number in range(160):
    folder = os.path.join(pictures, "train" if number < 120 else "test", "odd" if labels[number] % 2 else "even")
    if not os.path.isdir(folder):
        os.makedirs(folder)
    array_to_img(images[number]).save(os.path.join(folder, "%d.png" % number))
read = dict(target_size=(12, 12), batch_size=16, class_mode="binary")
mirrored = ImageDataGenerator(rescale=1 / 255.0, shear_range=0.2, zoom_range=0.2, horizontal_flip=True)
train_generator = mirrored.flow_from_directory(os.path.join(pictures, "train"), **read)
validation_generator = ImageDataGenerator(rescale=1 / 255.0).flow_from_directory(os.path.join(pictures, "test"), **read)

parity = Sequential(
    [
        Conv2D(8, (3, 3), input_shape=(12, 12, 3), activation="relu"),
        MaxPooling2D(),
        Flatten(),
        Dense(1, activation="sigmoid"),
    ]
)
parity.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
binary_history = parity.fit_generator(
    train_generator, steps_per_epoch=7, epochs=2, verbose=0, validation_data=validation_generator, validation_steps=2
)

# One picture in five versions, as files.
preview = os.path.join(out, "preview")
os.makedirs(preview)
one = img_to_array(load_img(os.path.join(folder, "%d.png" % number)))[None]
endless = mirrored.flow(one, batch_size=1, save_to_dir=preview, save_prefix="digit", save_format="jpeg")
versions = np.concatenate(list(itertools.islice(endless, 5)))
