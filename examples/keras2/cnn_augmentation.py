'''Trains a small convnet on images in folders, with augmentation, and on arrays in memory.'''
from __future__ import print_function

import os
import sys

import keras
import numpy as np
from keras.callbacks import ReduceLROnPlateau
from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation, Flatten
from keras.layers import Conv2D, MaxPooling2D
from keras.preprocessing.image import ImageDataGenerator, array_to_img, img_to_array, load_img

np.random.seed(3)
folder = sys.argv[1] if len(sys.argv) > 1 else '.'
batch_size = 32
num_classes = 10
epochs = 4

data = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'data', 'digits.npz'))
x_train, y_train = data['images'][:1200, ..., np.newaxis], keras.utils.to_categorical(data['labels'][:1200])
x_test, y_test = data['images'][1200:, ..., np.newaxis], keras.utils.to_categorical(data['labels'][1200:])

model = Sequential()
model.add(Conv2D(16, (3, 3), padding='same', input_shape=x_train.shape[1:]))
model.add(Activation('relu'))
model.add(Conv2D(16, (3, 3)))
model.add(Activation('relu'))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(64))
model.add(Activation('relu'))
model.add(Dropout(0.5))
model.add(Dense(num_classes))
model.add(Activation('softmax'))

# initiate RMSprop optimizer
opt = keras.optimizers.rmsprop(lr=0.002, decay=1e-6)
model.compile(loss='categorical_crossentropy', optimizer=opt, metrics=['accuracy'])

x_train = x_train.astype('float32')
x_test = x_test.astype('float32')
datagen = ImageDataGenerator(
    featurewise_center=True,
    featurewise_std_normalization=True,
    rotation_range=5,
    width_shift_range=0.1,
    height_shift_range=0.1,
    shear_range=0.1,
    zoom_range=0.05,
    fill_mode='nearest',
    preprocessing_function=None)
datagen.fit(x_train)
plain = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
plain.fit(x_train)

history = model.fit_generator(datagen.flow(x_train, y_train, batch_size=batch_size),
                              steps_per_epoch=int(np.ceil(x_train.shape[0] / float(batch_size))),
                              epochs=epochs,
                              verbose=2,
                              validation_data=plain.flow(x_test, y_test, batch_size=batch_size, shuffle=False),
                              validation_steps=int(np.ceil(x_test.shape[0] / float(batch_size))),
                              callbacks=[ReduceLROnPlateau('val_loss', 0.5, 1)],
                              workers=1)
scores = model.evaluate_generator(plain.flow(x_test, y_test, batch_size=batch_size, shuffle=False))

# the same from files: data/train/even/0.png, data/train/odd/1.png, ...
for part, indices in (('train', range(0, 120)), ('validation', range(120, 160))):
    for name in ('even', 'odd'):
        os.makedirs(os.path.join(folder, 'data', part, name))
    for i in indices:
        name = ('even', 'odd')[data['labels'][i] % 2]
        array_to_img(data['images'][i][..., np.newaxis]).save(os.path.join(folder, 'data', part, name, '%d.png' % i))

train_datagen = ImageDataGenerator(rescale=1. / 255, shear_range=0.2, zoom_range=0.2, horizontal_flip=True)
test_datagen = ImageDataGenerator(rescale=1. / 255)
train_generator = train_datagen.flow_from_directory(
    os.path.join(folder, 'data', 'train'),
    target_size=(12, 12),
    batch_size=16,
    class_mode='binary')
validation_generator = test_datagen.flow_from_directory(
    os.path.join(folder, 'data', 'validation'),
    target_size=(12, 12),
    batch_size=16,
    class_mode='binary')

binary = Sequential()
binary.add(Conv2D(8, (3, 3), input_shape=(12, 12, 3), activation='relu'))
binary.add(MaxPooling2D(pool_size=(2, 2)))
binary.add(Flatten())
binary.add(Dense(1))
binary.add(Activation('sigmoid'))
binary.compile(loss='binary_crossentropy', optimizer='rmsprop', metrics=['accuracy'])
binary_history = binary.fit_generator(
    train_generator,
    steps_per_epoch=120 // 16,
    epochs=2,
    verbose=0,
    validation_data=validation_generator,
    validation_steps=40 // 16)

# one image, augmented and written to files
os.makedirs(os.path.join(folder, 'preview'))
img = load_img(os.path.join(folder, 'data', 'train', 'even', '0.png'))
x = img_to_array(img)
x = x.reshape((1,) + x.shape)
i = 0
for batch in train_datagen.flow(x, batch_size=1, save_to_dir=os.path.join(folder, 'preview'),
                                save_prefix='digit', save_format='jpeg'):
    i += 1
    if i >= 5:
        break  # otherwise the generator would loop indefinitely
