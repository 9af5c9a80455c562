"""Show where a network looks: class activation heatmaps and integrated gradients of it."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

img_size = (32, 32)
keras.utils.set_random_seed(5)


def make_images(count):
    """Noise with a bright square somewhere (class 1), with a bright cross (class 2), or with nothing (class 0)."""
    images = np.random.uniform(0, 100, (count,) + img_size + (3,))
    classes = np.random.randint(0, 3, count)
    corners = np.random.randint(2, 20, (count, 2))
    for image, kind, (y, x) in zip(images, classes, corners):
        if kind == 1:
            image[y : y + 9, x : x + 9] += 120
        if kind == 2:
            image[y + 3 : y + 6, x : x + 9] += 120
            image[y : y + 9, x + 3 : x + 6] += 120
    return images.astype("float32"), classes, corners


x_train, y_train, _ = make_images(300)
inputs = keras.Input(img_size + (3,))
x = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
for filters in (8, 16):
    x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    x = keras.layers.MaxPooling2D()(x)
x = keras.layers.Conv2D(24, 3, padding="same", activation="relu", name="last_conv")(x)
x = keras.layers.GlobalMaxPooling2D(name="pool")(x)
model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax", name="predictions")(x))
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", ["accuracy"])
history = model.fit(x_train, y_train, batch_size=32, epochs=4, verbose=2)


def make_gradcam_heatmap(img_array, model, last_conv_layer_name, pred_index=None):
    grad_model = tf.keras.models.Model([model.inputs], [model.get_layer(last_conv_layer_name).output, model.output])
    with tf.GradientTape() as tape:
        last_conv_layer_output, preds = grad_model(img_array)
        if pred_index is None:
            pred_index = tf.argmax(preds[0])
        class_channel = preds[:, pred_index]
    grads = tape.gradient(class_channel, last_conv_layer_output)
    pooled_grads = tf.reduce_mean(grads, axis=(0, 1, 2))
    last_conv_layer_output = last_conv_layer_output[0]
    heatmap = last_conv_layer_output @ pooled_grads[..., tf.newaxis]
    heatmap = tf.squeeze(heatmap)
    heatmap = tf.maximum(heatmap, 0) / tf.math.reduce_max(heatmap)
    return heatmap.numpy()


def get_gradients(img_input, top_pred_idx):
    images = tf.cast(img_input, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        preds = model(images)
        top_class = preds[:, top_pred_idx]
    return tape.gradient(top_class, images)


def get_integrated_gradients(img_input, top_pred_idx, num_steps=20):
    baseline = np.full(img_size + (3,), 50.0).astype(np.float32)
    img_input = img_input.astype(np.float32)
    interpolated = [baseline + (step / num_steps) * (img_input - baseline) for step in range(num_steps + 1)]
    interpolated = np.array(interpolated).astype(np.float32)
    grads = []
    for img in interpolated:
        grads.append(get_gradients(tf.expand_dims(img, axis=0), top_pred_idx=top_pred_idx)[0])
    grads = tf.convert_to_tensor(grads, dtype=tf.float32)
    grads = (grads[:-1] + grads[1:]) / 2.0
    avg_grads = tf.reduce_mean(grads, axis=0)
    return (img_input - baseline) * avg_grads, baseline


# Remove last layer's softmax
model.layers[-1].activation = None
images, classes, corners = make_images(40)
preds = model.predict(images)
accuracy = np.mean(np.argmax(preds, axis=1) == classes)
hits, attributions, differences = [], [], []
for image, (y, x) in zip(images[classes == 1], corners[classes == 1]):
    heatmap = make_gradcam_heatmap(image[None], model, "last_conv", pred_index=1)
    big = tf.image.resize(heatmap[..., None], img_size).numpy()[..., 0]
    row, column = np.unravel_index(big.argmax(), big.shape)
    hits.append(y - 3 <= row < y + 12 and x - 3 <= column < x + 12)
igrads, baseline = get_integrated_gradients(images[0], tf.argmax(preds[0]).numpy())
top = np.argmax(preds[0])
explained = float(tf.reduce_sum(igrads))
difference = float(model(images[:1])[0, top] - model(baseline[None])[0, top])
print(
    "accuracy %.2f, heatmaps at the square: %.2f, explained %.2f of %.2f"
    % (accuracy, np.mean(hits), explained, difference)
)
