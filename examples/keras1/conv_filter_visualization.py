"""Pictures that please a filter: the input follows the gradient of what one filter of a convolution answers."""

from __future__ import print_function

import os

import numpy as np

np.random.seed(1)

from keras import backend as K
from keras.layers import Convolution2D, Dense, Flatten, MaxPooling2D, ZeroPadding2D
from keras.models import Sequential
from keras.utils import np_utils

here = os.path.dirname(os.path.abspath(__file__))
digits = np.load(os.path.join(here, "..", "data", "digits.npz"))
first = K.image_dim_ordering() == "th"
pictures = np.expand_dims(digits["images"][:600] / 16.0, 1 if first else 3)
size = pictures.shape[1:]

model = Sequential()
model.add(ZeroPadding2D((1, 1), input_shape=size))
model.add(Convolution2D(8, 3, 3, activation="relu", name="lines"))
model.add(MaxPooling2D((2, 2), strides=(2, 2)))
model.add(ZeroPadding2D((1, 1)))
model.add(Convolution2D(12, 3, 3, activation="relu", name="shapes"))
model.add(Flatten())
model.add(Dense(10, activation="softmax"))
model.compile("adam", "categorical_crossentropy")
model.fit(pictures, np_utils.to_categorical(digits["labels"][:600], 10), nb_epoch=3, verbose=0)
model.summary()


def as_bytes(picture):
    """Grey in the middle, five standard deviations to black and white."""
    centred = (picture - picture.mean()) / (picture.std() + 1e-5)
    return np.uint8(255 * np.clip(centred / 10 + 0.5, 0, 1))


shown = model.layers[0].input
answers = dict((layer.name, layer.output) for layer in model.layers)["shapes"]
kept_filters, rises = [], []
for number in range(12):
    answer = K.mean(answers[:, number] if first else answers[..., number])
    slope = K.gradients(answer, shown)[0]
    look = K.function([shown], [answer, slope / (K.sqrt(K.mean(K.square(slope))) + 1e-5)])
    picture = np.random.uniform(0.4, 0.5, (1,) + size)
    values = []
    while len(values) < 20:
        value, direction = look([picture])
        values.append(float(value))
        if value <= 0:
            break
        picture += 0.1 * direction
    else:
        kept_filters.append((as_bytes(picture[0]), values[-1]))
        rises.append(values[-1] / values[0])

kept_filters.sort(key=lambda kept: -kept[1])
print("%d of 12 filters answer; the strongest gives %.3f" % (len(kept_filters), kept_filters[0][1]))
