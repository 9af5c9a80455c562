"""Learn distances of digits with a siamese network and the triplet loss."""

import os

import numpy as np
import tensorflow as tf
from tensorflow.keras import Model, layers, losses, metrics, optimizers, utils

utils.set_random_seed(4)
data = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "digits.npz"))
images, labels = (data["images"] * 16).astype("uint8")[..., None], data["labels"]


def make_triplets(count):
    """Indices of an image, of another one of its class, and of one of another class."""
    anchors = np.random.randint(0, len(labels), count)
    positives = [np.random.choice(np.flatnonzero(labels == labels[i])) for i in anchors]
    negatives = [np.random.choice(np.flatnonzero(labels != labels[i])) for i in anchors]
    return anchors, np.array(positives), np.array(negatives)


def preprocess_image(index):
    image = tf.image.convert_image_dtype(tf.gather(images, index), tf.float32)
    return tf.image.resize(image, (12, 12))


def preprocess_triplets(anchor, positive, negative):
    return preprocess_image(anchor), preprocess_image(positive), preprocess_image(negative)


anchor_dataset, positive_dataset, negative_dataset = [tf.data.Dataset.from_tensor_slices(i) for i in make_triplets(460)]
dataset = tf.data.Dataset.zip((anchor_dataset, positive_dataset, negative_dataset))
dataset = dataset.shuffle(buffer_size=1024).map(preprocess_triplets)
train_dataset = dataset.take(400).batch(32, drop_remainder=False).prefetch(tf.data.AUTOTUNE)
val_dataset = dataset.skip(400).batch(32, drop_remainder=False).prefetch(tf.data.AUTOTUNE)

inputs = layers.Input(shape=(12, 12, 1))
x = layers.Conv2D(16, 3, activation="relu")(inputs)
x = layers.Flatten()(layers.MaxPooling2D()(x))
x = layers.Dense(64, activation="relu")(x)
x = layers.BatchNormalization()(x)
embedding = Model(inputs, layers.Dense(16)(x), name="Embedding")


class DistanceLayer(layers.Layer):
    """Computes the distance between the anchor and the positive, and between the anchor and the negative."""

    def call(self, anchor, positive, negative):
        ap_distance = tf.reduce_sum(tf.square(anchor - positive), -1)
        return ap_distance, tf.reduce_sum(tf.square(anchor - negative), -1)


anchor_input = layers.Input(name="anchor", shape=(12, 12, 1))
positive_input = layers.Input(name="positive", shape=(12, 12, 1))
negative_input = layers.Input(name="negative", shape=(12, 12, 1))
distances = DistanceLayer()(embedding(anchor_input), embedding(positive_input), embedding(negative_input))
siamese_network = Model(inputs=[anchor_input, positive_input, negative_input], outputs=distances)


class SiameseModel(Model):
    def __init__(self, siamese_network, margin=0.5):
        super().__init__()
        self.siamese_network, self.margin = siamese_network, margin
        self.loss_tracker = metrics.Mean(name="loss")

    def call(self, inputs):
        return self.siamese_network(inputs)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = self._compute_loss(data, training=True)
        gradients = tape.gradient(loss, self.siamese_network.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.siamese_network.trainable_weights))
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}

    def test_step(self, data):
        self.loss_tracker.update_state(self._compute_loss(data))
        return {"loss": self.loss_tracker.result()}

    def _compute_loss(self, data, training=False):
        ap_distance, an_distance = self.siamese_network(data, training=training)
        return tf.maximum(ap_distance - an_distance + self.margin, 0.0)

    @property
    def metrics(self):
        return [self.loss_tracker]


siamese_model = SiameseModel(siamese_network)
siamese_model.compile(optimizer=optimizers.Adam(0.002), weighted_metrics=[])
history = siamese_model.fit(train_dataset, epochs=4, validation_data=val_dataset, verbose=2)

anchor, positive, negative = next(iter(val_dataset))
anchor_embedding, positive_embedding, negative_embedding = embedding(anchor), embedding(positive), embedding(negative)
cosine_similarity = metrics.CosineSimilarity()
positive_similarity = cosine_similarity(anchor_embedding, positive_embedding).numpy()
cosine_similarity.reset_state()
negative_similarity = cosine_similarity(anchor_embedding, negative_embedding).numpy()
print("Positive similarity:", positive_similarity, "Negative similarity:", negative_similarity)
