"""A network of three Dense layers learns handwritten digits.

After twelve epochs it names 93 % of new ones rightly.
"""

from __future__ import print_function

import os

import keras
import numpy as np
from keras.models import Sequential
from keras.layers import Dense, Dropout
from keras.optimizers import RMSprop

np.random.seed(1337)
CLASSES = 10

data = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "digits.npz"))
x_train = data["images"][:1400].reshape(1400, 64).astype("float32")
x_test = data["images"][1400:].reshape(-1, 64).astype("float32")
x_train /= 16
x_test /= 16
print("%d digits to learn from, %d held back" % (len(x_train), len(x_test)))

y_train = keras.utils.to_categorical(data["labels"][:1400], CLASSES)
y_test = keras.utils.to_categorical(data["labels"][1400:], CLASSES)

model = Sequential()
model.add(
    Dense(
        128,
        activation="relu",
        input_shape=(64,),
        kernel_initializer=keras.initializers.VarianceScaling(scale=1.0, mode="fan_in"),
        kernel_regularizer=keras.regularizers.l1_l2(l1=1e-6, l2=1e-5),
    )
)
model.add(Dropout(0.2))
model.add(Dense(64, activation="relu", kernel_initializer="he_uniform"))
model.add(Dropout(0.2))
model.add(Dense(CLASSES, activation="softmax"))

model.summary()

model.compile(loss="categorical_crossentropy", optimizer=RMSprop(lr=0.002, decay=1e-5), metrics=["accuracy"])

history = model.fit(x_train, y_train, batch_size=32, epochs=12, verbose=2, validation_data=(x_test, y_test))
score = model.evaluate(x_test, y_test, verbose=0)
classes = model.predict_classes(x_test, batch_size=32, verbose=0)
print("loss %.3f and accuracy %.3f of those held back" % tuple(score))
