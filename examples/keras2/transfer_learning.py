"""Fine-tunes a network of keras.applications on a new set of classes.

First only the new top layers are trained, with the rest frozen; then the last block as well.
"""

from __future__ import print_function

import os
import sys

import numpy as np
from keras.applications.mobilenet import MobileNet
from keras.callbacks import CSVLogger, EarlyStopping, ModelCheckpoint
from keras.layers import Dense, Dropout, GlobalAveragePooling2D
from keras.models import Model, Sequential, load_model
from keras.optimizers import SGD
from keras.utils import to_categorical

np.random.seed(1337)
folder = sys.argv[1] if len(sys.argv) > 1 else "."

data = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "digits.npz"))
images = data["images"][:320].repeat(4, axis=1).repeat(4, axis=2)[..., np.newaxis].repeat(3, axis=-1) / 8.0 - 1
labels = to_categorical(data["labels"][:320] % 2, 2)

# Where there is a network, weights='imagenet' would be the point of it all.
base_model = MobileNet(weights=None, include_top=False, input_shape=(32, 32, 3), alpha=0.25)

x = GlobalAveragePooling2D()(base_model.output)
x = Dropout(0.2)(Dense(32, activation="relu")(x))
model = Model(inputs=base_model.input, outputs=Dense(2, activation="softmax")(x))

# The new layers alone, so that their first gradients spoil nothing below.
for layer in base_model.layers:
    layer.trainable = False
model.compile(optimizer="rmsprop", loss="categorical_crossentropy")
before = base_model.get_weights()
trainable_at_first = len(model.trainable_weights)
model.fit(images, labels, epochs=1, batch_size=32, verbose=0)
base_unchanged = all(np.array_equal(a, b) for a, b in zip(before, base_model.get_weights()))

# Then the last block as well; compiling again makes it so.
names = [layer.name for layer in base_model.layers]
print(names[:3], "...", names[-3:])
cut = names.index("conv_dw_13")
for i, layer in enumerate(model.layers):
    layer.trainable = i >= cut
model.compile(optimizer=SGD(lr=0.01, momentum=0.9), loss="categorical_crossentropy", metrics=["accuracy"])
trainable_later = len(model.trainable_weights)
path = os.path.join(folder, "last.h5")
history = model.fit(
    images,
    labels,
    epochs=3,
    batch_size=32,
    verbose=0,
    validation_split=0.2,
    callbacks=[
        ModelCheckpoint(path, monitor="val_acc", period=1),
        EarlyStopping(monitor="loss", patience=5),
        CSVLogger(os.path.join(folder, "training.log"), separator="\t"),
    ],
)
below = [w for layer in base_model.layers[:cut] for w in layer.get_weights()]
lower_unchanged = all(np.array_equal(a, b) for a, b in zip(before, below))

saved = load_model(path)
difference = np.abs(saved.predict(images[:8]) - model.predict(images[:8])).max()

# A whole network as one layer of another model.
frozen = MobileNet(weights=None, include_top=False, input_shape=(32, 32, 3), alpha=0.25, pooling="avg")
frozen.trainable = False
nested = Sequential()
nested.add(frozen)
nested.add(Dense(2, activation="softmax"))
nested.compile("adam", "categorical_crossentropy", metrics=["acc"])
nested_trainable = len(nested.trainable_weights)
