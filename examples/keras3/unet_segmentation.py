"""Finds the pixels of discs and squares in noisy pictures that a PyDataset loads from files."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import random

import keras
import numpy as np
from keras import layers
from keras.utils import load_img, save_img

keras.utils.set_random_seed(7)
img_size, num_classes, batch_size = (16, 16), 3, 16
os.makedirs("images")
os.makedirs("annotations")
rows, columns = np.mgrid[:16, :16]
for i in range(128):
    mask = np.zeros(img_size, "uint8")
    y, x = np.random.randint(3, 6, size=2)
    mask[(rows - y) ** 2 + (columns - x) ** 2 <= 6] = 1
    y, x = np.random.randint(7, 12, size=2)
    mask[y : y + 4, x : x + 4] = 2
    picture = np.stack([mask == 1, mask == 2, mask > 5], -1) * 150 + np.random.uniform(0, 100, img_size + (3,))
    save_img(f"images/{i:03d}.png", picture, scale=False)
    save_img(f"annotations/{i:03d}.png", mask[..., None] + 1, scale=False)

input_img_paths = sorted(os.path.join("images", fname) for fname in os.listdir("images") if fname.endswith(".png"))
target_img_paths = sorted(os.path.join("annotations", fname) for fname in os.listdir("annotations"))
random.Random(1337).shuffle(input_img_paths)
random.Random(1337).shuffle(target_img_paths)


class Shapes(keras.utils.PyDataset):
    def __init__(self, batch_size, img_size, input_img_paths, target_img_paths, **kwargs):
        super().__init__(**kwargs)
        self.batch_size, self.img_size = batch_size, img_size
        self.input_img_paths, self.target_img_paths = input_img_paths, target_img_paths

    def __len__(self):
        return len(self.target_img_paths) // self.batch_size

    def __getitem__(self, idx):
        i = idx * self.batch_size
        x = np.zeros((self.batch_size, *self.img_size, 3), dtype="float32")
        for j, path in enumerate(self.input_img_paths[i : i + self.batch_size]):
            x[j] = keras.utils.img_to_array(load_img(path, target_size=self.img_size)) / 255.0
        y = np.zeros((self.batch_size, *self.img_size, 1), dtype="uint8")
        for j, path in enumerate(self.target_img_paths[i : i + self.batch_size]):
            img = load_img(path, target_size=self.img_size, color_mode="grayscale")
            # Ground truth labels are 1, 2, 3. Subtract one to make them 0, 1, 2:
            y[j] = np.expand_dims(img, 2) - 1
        return x, y


def get_model(img_size, num_classes):
    inputs = keras.Input(shape=(*img_size, 3))
    x = layers.BatchNormalization()(layers.Conv2D(16, 3, strides=2, padding="same")(inputs))
    x = layers.Activation("relu")(x)
    previous_block_activation = x
    for filters in [24]:
        x = layers.Activation("relu")(x)
        x = layers.SeparableConv2D(filters, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        residual = layers.Conv2D(filters, 1, strides=2, padding="same")(previous_block_activation)
        x = layers.add([x, residual])
        previous_block_activation = x
    for filters in [24, 16]:
        x = layers.Activation("relu")(x)
        x = layers.Conv2DTranspose(filters, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.UpSampling2D(2)(x)
        residual = layers.UpSampling2D(2)(previous_block_activation)
        residual = layers.Conv2D(filters, 1, padding="same")(residual)
        x = layers.add([x, residual])
        previous_block_activation = x
    outputs = layers.Conv2D(num_classes, 3, activation="softmax", padding="same")(x)
    return keras.Model(inputs, outputs)


keras.backend.clear_session()
model = get_model(img_size, num_classes)
model.summary()
train_gen = Shapes(batch_size, img_size, input_img_paths[:96], target_img_paths[:96], workers=2)
val_gen = Shapes(batch_size, img_size, input_img_paths[96:], target_img_paths[96:])
metrics = [keras.metrics.MeanIoU(num_classes, sparse_y_pred=False, name="iou")]
model.compile(keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=metrics)
callbacks = [keras.callbacks.ModelCheckpoint("shapes_segmentation.keras", save_best_only=True)]
history = model.fit(train_gen, epochs=7, validation_data=val_gen, callbacks=callbacks, verbose=2)
best = keras.models.load_model("shapes_segmentation.keras")
val_preds = best.predict(val_gen)
predicted = np.argmax(val_preds, axis=-1)
truth = np.concatenate([val_gen[i][1] for i in range(len(val_gen))])[..., 0]
accuracy = float(np.mean(predicted == truth))
scores = best.evaluate(val_gen, return_dict=True)
img = keras.utils.array_to_img(predicted[0][..., None])
print(scores, accuracy)
