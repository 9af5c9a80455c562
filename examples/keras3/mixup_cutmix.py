"""Trains on mixtures of two images, made by keras.ops and keras.random and by the layers of Keras."""

import os

os.environ["KERAS_BACKEND"] = "torch"

from pathlib import Path

import keras
import numpy as np
from keras import layers, ops
from torch.utils.data import DataLoader

keras.utils.set_random_seed(42)
BATCH_SIZE = 32
IMG_SIZE = 8
EPOCHS = 2

data = np.load(Path(__file__).parent.parent / "data" / "digits.npz")
x = np.repeat(data["images"][..., None], 3, -1).astype("float32") / 16.0
y = keras.utils.to_categorical(data["labels"], num_classes=10)
x_train, y_train, x_val, y_val = x[:384], y[:384], x[1280:], y[1280:]
seed_generator = keras.random.SeedGenerator(3)


def sample_beta_distribution(size, concentration_0=0.2, concentration_1=0.2):
    gamma_1_sample = keras.random.gamma(shape=[size], alpha=concentration_1, seed=seed_generator)
    gamma_2_sample = keras.random.gamma(shape=[size], alpha=concentration_0, seed=seed_generator)
    return gamma_1_sample / (gamma_1_sample + gamma_2_sample)


def mix_up(images, labels, alpha=0.2):
    batch_size = ops.shape(images)[0]
    order = keras.random.shuffle(ops.arange(batch_size), seed=seed_generator)
    lambdas = sample_beta_distribution(batch_size, alpha, alpha)
    x_l = ops.reshape(lambdas, (batch_size, 1, 1, 1))
    y_l = ops.reshape(lambdas, (batch_size, 1))
    images = images * x_l + ops.take(images, order, axis=0) * (1 - x_l)
    return images, labels * y_l + ops.take(labels, order, axis=0) * (1 - y_l)


def get_box(lambda_value):
    cut_size = ops.cast(IMG_SIZE * ops.sqrt(1.0 - lambda_value), "int32")
    cut = keras.random.randint((2,), 0, IMG_SIZE, seed=seed_generator)
    lower = ops.clip(cut - cut_size // 2, 0, IMG_SIZE)
    upper = ops.clip(cut + cut_size // 2, 0, IMG_SIZE)
    size = ops.where(upper == lower, ops.ones_like(upper), upper - lower)
    return ops.minimum(lower, IMG_SIZE - 1), size


def cut_mix(image1, label1, image2, label2):
    lambda_value = sample_beta_distribution(1)[0]
    (top, left), (height, width) = get_box(lambda_value)
    crop = ops.slice(image2, (top, left, 0), (int(height), int(width), 3))
    image = ops.slice_update(image1, (top, left, 0), crop)
    share = 1 - ops.cast(height * width, "float32") / (IMG_SIZE * IMG_SIZE)
    return image, share * label1 + (1 - share) * label2


def collate_cut_mix(samples):
    mixed = [cut_mix(*one, *other) for one, other in zip(samples, samples[1:] + samples[:1], strict=True)]
    return ops.stack([image for image, _ in mixed]), ops.stack([label for _, label in mixed])


def collate_mix_up(samples):
    images, labels = (ops.stack(part) for part in zip(*samples, strict=True))
    return mix_up(images, labels)


def collate_layers(samples):
    batch = {"images": np.stack([s[0] for s in samples]), "labels": np.stack([s[1] for s in samples])}
    batch = layers.MixUp(alpha=0.2, seed=1)(batch, training=True)
    batch = layers.CutMix(factor=0.3, seed=2)(batch, training=True)
    return batch["images"], batch["labels"]


def training_model():
    model = keras.Sequential()
    model.add(layers.Input((IMG_SIZE, IMG_SIZE, 3)))
    model.add(layers.Conv2D(12, 3, padding="same", activation="relu"))
    model.add(layers.MaxPooling2D())
    model.add(layers.Conv2D(16, 3, padding="same", activation="relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(10, activation="softmax"))
    return model


initial_model = training_model()
initial_model.save_weights("initial_weights.weights.h5")
val_loader = DataLoader(list(zip(x_val, y_val, strict=True)), batch_size=BATCH_SIZE)
scores = {}
for name, collate in {"mix_up": collate_mix_up, "cut_mix": collate_cut_mix, "layers": collate_layers}.items():
    model = training_model()
    model.load_weights("initial_weights.weights.h5")
    model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(0.01), metrics=["accuracy"])
    train_loader = DataLoader(list(zip(x_train, y_train, strict=True)), batch_size=BATCH_SIZE, collate_fn=collate)
    model.fit(train_loader, validation_data=val_loader, epochs=EPOCHS, verbose=2)
    _, scores[name] = model.evaluate(val_loader, verbose=0)
print(scores)
