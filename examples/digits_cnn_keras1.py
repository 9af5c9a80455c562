"""Train a small convolutional network on the UCI handwritten digits.

Written for Keras 1. Run it with `keras-torch run examples/digits_cnn_keras1.py [FOLDER]`;
the weights and the model go to FOLDER (default: the current one).
"""

from __future__ import print_function

import os
import sys

import numpy as np

np.random.seed(2016)  # for reproducibility

from keras.callbacks import EarlyStopping, ModelCheckpoint
from keras.layers import Activation, Dense, Dropout, Flatten
from keras.layers.convolutional import Convolution2D, MaxPooling2D
from keras.layers.normalization import BatchNormalization
from keras.models import Sequential, load_model
from keras.optimizers import Adam
from keras.regularizers import l2
from keras.utils import np_utils

folder = sys.argv[1] if len(sys.argv) > 1 else "."
batch_size = 32
nb_classes = 10
nb_epoch = 40
nb_filters = 32
img_rows, img_cols = 8, 8

# the data, shuffled and split between train and test sets
data = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "digits.npz"))
order = np.random.permutation(len(data["labels"]))
X = data["images"][order].reshape(-1, img_rows, img_cols, 1).astype("float32") / 16
y = data["labels"][order]
X_train, y_train = X[:1437], y[:1437]
X_test, y_test = X[1437:], y[1437:]
print("X_train shape:", X_train.shape)
print(X_train.shape[0], "train samples")
print(X_test.shape[0], "test samples")

# convert class vectors to binary class matrices
Y_train = np_utils.to_categorical(y_train, nb_classes)
Y_test = np_utils.to_categorical(y_test, nb_classes)

model = Sequential()
model.add(
    Convolution2D(
        nb_filters, 3, 3, border_mode="same", init="he_normal", dim_ordering="tf", input_shape=(img_rows, img_cols, 1)
    )
)
model.add(BatchNormalization(mode=0, axis=-1))
model.add(Activation("relu"))
model.add(
    Convolution2D(2 * nb_filters, 3, 3, border_mode="same", init="he_normal", dim_ordering="tf", W_regularizer=l2(1e-4))
)
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2), dim_ordering="tf"))
model.add(Dropout(p=0.25))
model.add(Flatten())
model.add(Dense(output_dim=128, init="glorot_uniform"))
model.add(Activation("relu"))
model.add(Dropout(0.5))
model.add(Dense(nb_classes))
model.add(Activation("softmax"))
model.summary()

model.compile(loss="categorical_crossentropy", optimizer=Adam(lr=0.001, decay=1e-4), metrics=["accuracy"])

weights_path = os.path.join(folder, "digits_cnn_keras1_weights.h5")
callbacks = [
    ModelCheckpoint(weights_path, monitor="val_loss", save_best_only=True, save_weights_only=True),
    EarlyStopping(monitor="val_loss", patience=10),
]
history = model.fit(
    X_train, Y_train, batch_size=batch_size, nb_epoch=nb_epoch, verbose=2, validation_split=0.1, callbacks=callbacks
)
print("Best validation accuracy: %.4f" % max(history.history["val_acc"]))

model.load_weights(weights_path)
loss, accuracy = model.evaluate(X_test, Y_test, verbose=0)
print("Test loss: %.4f" % loss)
print("Test accuracy: %.4f" % accuracy)

# the saved model predicts what the trained one does
model_path = os.path.join(folder, "digits_cnn_keras1.h5")
model.save(model_path)
restored = load_model(model_path)
before = model.predict_proba(X_test, verbose=0)
after = restored.predict_proba(X_test, verbose=0)
if not np.allclose(before, after, atol=1e-6):
    raise RuntimeError(
        "The restored model predicts something else; largest difference: %g" % np.abs(before - after).max()
    )
if not np.array_equal(model.predict_classes(X_test, verbose=0), before.argmax(axis=-1)):
    raise RuntimeError("The predicted classes are not the most probable ones")
print("Saved %s; predictions agree." % model_path)
