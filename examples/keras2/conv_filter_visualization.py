'''Visualization of filters and of the regions that a class is recognised by (Grad-CAM), via gradients of the input.'''
from __future__ import print_function

import os

import numpy as np
from keras import backend as K
from keras.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from keras.models import Model
from keras.utils import np_utils

np.random.seed(1)
data = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'data', 'digits.npz'))
images, labels = data['images'][:600, ..., np.newaxis] / 16., np_utils.to_categorical(data['labels'][:600], 10)

inputs = Input(shape=(8, 8, 1), name='pixels')
x = Conv2D(8, 3, padding='same', activation='relu', name='block1_conv1')(inputs)
x = MaxPooling2D()(x)
x = Conv2D(12, 3, padding='same', activation='relu', name='block2_conv1')(x)
predictions = Dense(10, activation='softmax', name='predictions')(Flatten()(x))
model = Model(inputs, predictions)
model.compile('adam', 'categorical_crossentropy', metrics=['accuracy'])
model.fit(images, labels, epochs=4, batch_size=32, verbose=0)


def deprocess_image(x):
    x -= x.mean()
    x /= (x.std() + K.epsilon())
    x *= 0.25
    x += 0.5
    return np.clip(np.clip(x, 0, 1) * 255, 0, 255).astype('uint8')


def normalize(x):
    return x / (K.sqrt(K.mean(K.square(x))) + K.epsilon())


def generate_pattern(layer_name, filter_index, steps=20, step=0.1):
    layer_output = model.get_layer(layer_name).output
    loss = K.mean(layer_output[:, :, :, filter_index])
    grads = normalize(K.gradients(loss, model.input)[0])
    iterate = K.function([model.input], [loss, grads])
    input_img_data = np.random.random((1, 8, 8, 1)) * 0.1 + 0.4
    losses = []
    for i in range(steps):
        loss_value, grads_value = iterate([input_img_data])
        input_img_data += grads_value * step
        losses.append(loss_value)
    return deprocess_image(input_img_data[0]), losses


patterns = [generate_pattern('block2_conv1', i) for i in range(4)]

# heat map of what made the network say which digit it is
image = images[:1]
preds = model.predict(image)
digit = np.argmax(preds[0])
class_output = model.output[:, digit]
last_conv_layer = model.get_layer('block2_conv1')
grads = K.gradients(class_output, last_conv_layer.output)[0]
pooled_grads = K.mean(grads, axis=(0, 1, 2))
iterate = K.function([model.input], [pooled_grads, last_conv_layer.output[0]])
pooled_grads_value, conv_layer_output_value = iterate([image])
for i in range(12):
    conv_layer_output_value[:, :, i] *= pooled_grads_value[i]
heatmap = np.mean(conv_layer_output_value, axis=-1)
heatmap = np.maximum(heatmap, 0)
heatmap /= np.max(heatmap)

# saliency: how much the score changes with each pixel
saliency = K.function([model.layers[0].input, K.learning_phase()], K.gradients(K.max(model.output, axis=1), model.input))
saliency_map = np.abs(saliency([image, 0])[0]).max(axis=-1)

# activations of all layers, one model with many outputs
layer_outputs = [layer.output for layer in model.layers[1:]]
activation_model = Model(inputs=model.input, outputs=layer_outputs)
activations = activation_model.predict(image)
