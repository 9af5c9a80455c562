"""A GAN whose critic also reads the digit, and whose painter is told which one to paint.

The critic learns on its own; inside the stacked model it is frozen, so that only the painter follows its advice.
"""

from __future__ import print_function

import os
import sys
from collections import defaultdict

try:
    import cPickle as pickle
except ImportError:
    import pickle

import numpy as np

np.random.seed(4)

import keras.backend as K
from keras.layers import Dense, Dropout, Embedding, Flatten, Input, Reshape, merge
from keras.layers.advanced_activations import LeakyReLU
from keras.layers.convolutional import Convolution2D, UpSampling2D
from keras.models import Model, Sequential
from keras.optimizers import Adam
from keras.utils.generic_utils import Progbar

K.set_image_dim_ordering("th")
out = sys.argv[1] if len(sys.argv) > 1 else "."
SEEDS, BATCH, EPOCHS = 16, 64, 2
here = os.path.dirname(os.path.abspath(__file__))
digits = np.load(os.path.join(here, "..", "data", "digits.npz"))
pictures = digits["images"][:, None].astype("float32") / 8 - 1
kinds = digits["labels"]
known, held_back = slice(0, 1024), slice(1024, 1280)

painting = Sequential(
    [
        Dense(48, input_dim=SEEDS, activation="relu"),
        Dense(12 * 4 * 4, activation="relu"),
        Reshape((12, 4, 4)),
        UpSampling2D((2, 2)),
        Convolution2D(16, 3, 3, border_mode="same", activation="relu", init="glorot_normal"),
        Convolution2D(1, 2, 2, border_mode="same", activation="tanh", init="glorot_normal"),
    ]
)
seed, wish = Input((SEEDS,), name="seed"), Input((1,), dtype="int32", name="wish")
wished = Flatten()(Embedding(10, SEEDS, init="glorot_normal")(wish))
painter = Model([seed, wish], painting(merge([seed, wished], mode="mul")))

looking = Sequential()
looking.add(Convolution2D(8, 3, 3, border_mode="same", subsample=(2, 2), input_shape=(1, 8, 8)))
looking.add(LeakyReLU())
looking.add(Dropout(0.3))
looking.add(Convolution2D(16, 3, 3, border_mode="same", subsample=(1, 1)))
looking.add(LeakyReLU())
looking.add(Flatten())
picture = Input((1, 8, 8))
seen = looking(picture)
verdicts = [Dense(1, activation="sigmoid", name="genuine")(seen), Dense(10, activation="softmax", name="kind")(seen)]
critic = Model(input=picture, output=verdicts)


def ready(model):
    model.compile(Adam(lr=0.002, beta_1=0.5), ["binary_crossentropy", "sparse_categorical_crossentropy"])
    return model


ready(critic)
critic.trainable = False
stacked = ready(Model([seed, wish], critic(painter([seed, wish]))))


def wishes(count):
    return [np.random.uniform(-1, 1, (count, SEEDS)), np.random.randint(0, 10, (count, 1))]


def mixed(real, labels):
    asked = wishes(len(real))
    both = np.concatenate([real, painter.predict(asked)])
    return both, [np.repeat([1, 0], len(real)), np.concatenate([labels, asked[1][:, 0]])]


log, frozen = defaultdict(list), []
for epoch in range(EPOCHS):
    steps = 1024 // BATCH
    bar = Progbar(target=steps)
    for step in range(steps):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        judged = critic.train_on_batch(*mixed(pictures[rows], kinds[rows]))
        asked, kept = wishes(2 * BATCH), critic.get_weights()
        fooled = stacked.train_on_batch(asked, [np.ones(2 * BATCH), asked[1]])
        frozen.append(all(np.array_equal(*pair) for pair in zip(kept, critic.get_weights())))
        bar.update(step + 1, values=[("critic", judged[0]), ("painter", fooled[0])])
    log["critic"].append(critic.evaluate(*mixed(pictures[held_back], kinds[held_back]), verbose=0))
    log["painter"].append(stacked.evaluate(asked, [np.ones(2 * BATCH), asked[1]], verbose=0))
    for name, model in (("painter", painter), ("critic", critic)):
        model.save_weights(os.path.join(out, "%s_%02d.hdf5" % (name, epoch)), True)

sheet = painter.predict([np.random.uniform(-1, 1, (20, SEEDS)), np.arange(20).reshape(-1, 1) // 2])
sheet = (np.hstack(sheet.reshape(2, 80, 8)) * 8 + 8).astype(np.uint8)
with open(os.path.join(out, "losses.pkl"), "wb") as target:
    pickle.dump(dict(log), target)
