"""train_step in the style of torch brings digits of one kind together and pushes others apart."""

import os

os.environ["KERAS_BACKEND"] = "torch"

from pathlib import Path

import keras
import numpy as np
import torch
from keras import Model, layers, metrics, ops, optimizers

keras.utils.set_random_seed(0)
data = np.load(Path(__file__).parent.parent / "data" / "digits.npz")
images = (data["images"] / 16.0).astype("float32")[..., None]
labels = data["labels"]


class Triplets(torch.utils.data.Dataset):
    def __init__(self, images, labels, length):
        rng = np.random.default_rng(1)
        self.anchor = rng.integers(0, len(images), length)
        same = [rng.choice(np.flatnonzero(labels == labels[i])) for i in self.anchor]
        other = [rng.choice(np.flatnonzero(labels != labels[i])) for i in self.anchor]
        self.images, self.positive, self.negative = images, same, other

    def __len__(self):
        return len(self.anchor)

    def __getitem__(self, i):
        return tuple(self.images[rows[i]] for rows in (self.anchor, self.positive, self.negative))


train_dataset = torch.utils.data.DataLoader(Triplets(images[:1200], labels[:1200], 800), batch_size=32)
val_dataset = torch.utils.data.DataLoader(Triplets(images[1200:], labels[1200:], 200), batch_size=32)

convolutions = [layers.Conv2D(16, 3, activation="relu"), layers.Conv2D(16, 3, activation="relu")]
base_cnn = keras.Sequential([keras.Input((8, 8, 1)), *convolutions], name="base")
flatten = layers.Flatten()(base_cnn.outputs[0])
dense1 = layers.BatchNormalization()(layers.Dense(64, activation="relu")(flatten))
output = layers.Dense(16)(dense1)
embedding = Model(base_cnn.input, output, name="Embedding")


class DistanceLayer(layers.Layer):
    def call(self, anchor, positive, negative):
        ap_distance = ops.sum(ops.square(anchor - positive), -1)
        an_distance = ops.sum(ops.square(anchor - negative), -1)
        return (ap_distance, an_distance)


inputs = [layers.Input(name=name, shape=(8, 8, 1)) for name in ("anchor", "positive", "negative")]
siamese_network = Model(inputs=inputs, outputs=DistanceLayer()(*map(embedding, inputs)))


class SiameseModel(Model):
    def __init__(self, siamese_network, margin=0.5):
        super().__init__()
        self.siamese_network, self.margin = siamese_network, margin
        self.loss_tracker = metrics.Mean(name="loss")

    def call(self, inputs):
        return self.siamese_network(inputs)

    def train_step(self, data):
        self.zero_grad()
        loss = self._compute_loss(data, training=True)
        loss.backward()
        trainable_weights = self.siamese_network.trainable_weights
        gradients = [v.value.grad for v in trainable_weights]
        with torch.no_grad():
            self.optimizer.apply(gradients, trainable_weights)
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}

    def test_step(self, data):
        self.loss_tracker.update_state(self._compute_loss(data))
        return {"loss": self.loss_tracker.result()}

    def _compute_loss(self, data, training=False):
        ap_distance, an_distance = self.siamese_network(data, training=training)
        return ops.mean(ops.maximum(ap_distance - an_distance + self.margin, 0.0))

    @property
    def metrics(self):
        return [self.loss_tracker]


siamese_model = SiameseModel(siamese_network)
siamese_model.compile(optimizer=optimizers.Adam(0.001), weighted_metrics=[])
history = siamese_model.fit(train_dataset, epochs=4, validation_data=val_dataset)

anchor, positive, negative = next(iter(val_dataset))
anchor_embedding, positive_embedding, negative_embedding = embedding(anchor), embedding(positive), embedding(negative)
cosine_similarity = metrics.CosineSimilarity()
positive_similarity = cosine_similarity(anchor_embedding, positive_embedding)
cosine_similarity.reset_state()
negative_similarity = cosine_similarity(anchor_embedding, negative_embedding)
print("Similarities:", ops.convert_to_numpy(positive_similarity), ops.convert_to_numpy(negative_similarity))
