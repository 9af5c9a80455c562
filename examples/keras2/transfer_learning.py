'''Fine-tunes a network of keras.applications on a new set of classes.

First only the new top layers are trained, with the rest frozen; then the last block as well.
'''
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
folder = sys.argv[1] if len(sys.argv) > 1 else '.'

data = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'data', 'digits.npz'))
images = data['images'][:320].repeat(4, axis=1).repeat(4, axis=2)[..., np.newaxis].repeat(3, axis=-1) / 8. - 1
labels = to_categorical(data['labels'][:320] % 2, 2)

# create the base model (with weights='imagenet' where there is a network)
base_model = MobileNet(weights=None, include_top=False, input_shape=(32, 32, 3), alpha=0.25)

# add a global spatial average pooling layer
x = base_model.output
x = GlobalAveragePooling2D()(x)
# let's add a fully-connected layer
x = Dense(32, activation='relu')(x)
x = Dropout(0.2)(x)
# and a logistic layer
predictions = Dense(2, activation='softmax')(x)

# this is the model we will train
model = Model(inputs=base_model.input, outputs=predictions)

# first: train only the top layers (which were randomly initialized)
for layer in base_model.layers:
    layer.trainable = False
model.compile(optimizer='rmsprop', loss='categorical_crossentropy')
before = base_model.get_weights()
trainable_at_first = len(model.trainable_weights)
model.fit(images, labels, epochs=1, batch_size=32, verbose=0)
base_unchanged = all(np.array_equal(a, b) for a, b in zip(before, base_model.get_weights()))

# let's visualize layer names and layer indices to see how many layers we should freeze
names = [(i, layer.name) for i, layer in enumerate(base_model.layers)]
print(names[:3], '...', names[-3:])

# we chose to train the top block, i.e. we will freeze the first layers and unfreeze the rest
cut = [name for _, name in names].index('conv_dw_13')
for layer in model.layers[:cut]:
    layer.trainable = False
for layer in model.layers[cut:]:
    layer.trainable = True

# we need to recompile the model for these modifications to take effect
model.compile(optimizer=SGD(lr=0.01, momentum=0.9), loss='categorical_crossentropy', metrics=['accuracy'])
trainable_later = len(model.trainable_weights)
path = os.path.join(folder, 'last.h5')
history = model.fit(images, labels, epochs=3, batch_size=32, verbose=0, validation_split=0.2,
                    callbacks=[ModelCheckpoint(path, monitor='val_acc', period=1),
                               EarlyStopping(monitor='loss', patience=5),
                               CSVLogger(os.path.join(folder, 'training.log'), separator='\t')])
below = [w for layer in base_model.layers[:cut] for w in layer.get_weights()]
lower_unchanged = all(np.array_equal(a, b) for a, b in zip(before, below))

saved = load_model(path)
difference = np.abs(saved.predict(images[:8]) - model.predict(images[:8])).max()

# the convolutional base as one layer of another model
frozen = MobileNet(weights=None, include_top=False, input_shape=(32, 32, 3), alpha=0.25, pooling='avg')
frozen.trainable = False
nested = Sequential()
nested.add(frozen)
nested.add(Dense(2, activation='softmax'))
nested.compile('adam', 'categorical_crossentropy', metrics=['acc'])
nested_trainable = len(nested.trainable_weights)
