"""Train a convolutional network with two branches on the UCI handwritten digits.

Written for Keras 2. Run it with `keras-torch run examples/digits_cnn_keras2.py [FOLDER]`;
the weights and the model go to FOLDER (default: the current one).
"""

from __future__ import print_function

import os
import sys

import keras
import numpy as np
from keras import backend as K
from keras.callbacks import CSVLogger, ModelCheckpoint, ReduceLROnPlateau
from keras.layers import BatchNormalization, Conv2D, Dense, Dropout, GlobalAveragePooling2D, Input, MaxPooling2D
from keras.layers import LeakyReLU, concatenate
from keras.models import Model, load_model

np.random.seed(7)

folder = sys.argv[1] if len(sys.argv) > 1 else "."
num_classes = 10
batch_size = 32
epochs = 25

data = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "digits.npz"))
order = np.random.permutation(len(data["labels"]))
images = data["images"][order].astype("float32") / 16.0
labels = keras.utils.to_categorical(data["labels"][order], num_classes)

rows, cols = images.shape[1:]
if K.image_data_format() == "channels_first":
    images = images.reshape(-1, 1, rows, cols)
    channel_axis = 1
else:
    images = images.reshape(-1, rows, cols, 1)
    channel_axis = -1

x_train, x_val, x_test = images[:1257], images[1257:1437], images[1437:]
y_train, y_val, y_test = labels[:1257], labels[1257:1437], labels[1437:]
print(x_train.shape[0], "train samples,", x_val.shape[0], "validation samples,", x_test.shape[0], "test samples")


def conv_block(x, filters, kernel_size):
    x = Conv2D(filters, kernel_size, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    x = BatchNormalization(axis=channel_axis)(x)
    return LeakyReLU(alpha=0.1)(x)


inputs = Input(shape=x_train.shape[1:], name="image")
narrow = conv_block(inputs, 24, (3, 3))
wide = conv_block(inputs, 24, (5, 5))
x = concatenate([narrow, wide], axis=channel_axis)
x = MaxPooling2D((2, 2))(x)
x = Dropout(0.2)(x)
x = conv_block(x, 64, (3, 3))
x = conv_block(x, 64, (3, 3))
x = GlobalAveragePooling2D()(x)
x = Dropout(0.3)(x)
outputs = Dense(num_classes, activation="softmax", kernel_regularizer=keras.regularizers.l2(1e-4), name="digit")(x)
model = Model(inputs=inputs, outputs=outputs)
model.summary()

model.compile(
    loss="categorical_crossentropy",
    optimizer=keras.optimizers.Adam(lr=0.003),
    metrics=["accuracy"],
)

weights_path = os.path.join(folder, "digits_cnn_keras2_weights.h5")
history = model.fit(
    x_train,
    y_train,
    batch_size=batch_size,
    epochs=epochs,
    verbose=2,
    validation_data=(x_val, y_val),
    callbacks=[
        ReduceLROnPlateau(monitor="val_loss", factor=0.3, patience=3, min_lr=1e-5, verbose=1),
        ModelCheckpoint(weights_path, monitor="val_loss", save_best_only=True, save_weights_only=True),
        CSVLogger(os.path.join(folder, "digits_cnn_keras2.csv")),
    ],
)
print("Best validation accuracy: {:.4f}".format(max(history.history["val_acc"])))
print("Last learning rate: {:g}".format(float(K.get_value(model.optimizer.lr))))

model.load_weights(weights_path)
score = model.evaluate(x_test, y_test, verbose=0)
print("Test loss: {:.4f}".format(score[0]))
print("Test accuracy: {:.4f}".format(score[1]))

# The saved model predicts what the trained one does.
model_path = os.path.join(folder, "digits_cnn_keras2.h5")
model.save(model_path)
restored = load_model(model_path)
difference = np.abs(model.predict(x_test) - restored.predict(x_test)).max()
if difference > 1e-6:
    raise RuntimeError("The restored model predicts something else; largest difference: {:g}".format(difference))
print("Saved {}; predictions agree.".format(model_path))
