"""Recommend films: embeddings of users and films whose dot product tells a rating."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

EMBEDDING_SIZE = 8
num_users, num_movies, num_ratings = 50, 40, 1500
rng = np.random.RandomState(18)
tf.random.set_seed(18)

taste, kind = rng.normal(size=(num_users, 2)), rng.normal(size=(num_movies, 2))
users, movies = rng.randint(0, num_users, num_ratings), rng.randint(0, num_movies, num_ratings)
ratings = np.clip(np.round(3 + 1.3 * np.sum(taste[users] * kind[movies], axis=1)), 1, 5)
min_rating, max_rating = min(ratings), max(ratings)
x = np.stack([users, movies], axis=1)
# Normalize the targets between 0 and 1. Makes it easy to train.
y = (ratings - min_rating) / (max_rating - min_rating)
train_indices = int(0.9 * num_ratings)
x_train, x_val, y_train, y_val = x[:train_indices], x[train_indices:], y[:train_indices], y[train_indices:]


class RecommenderNet(keras.Model):
    def __init__(self, num_users, num_movies, embedding_size, **kwargs):
        super(RecommenderNet, self).__init__(**kwargs)
        self.user_embedding = layers.Embedding(
            num_users,
            embedding_size,
            embeddings_initializer="he_normal",
            embeddings_regularizer=keras.regularizers.l2(1e-6),
        )
        self.user_bias = layers.Embedding(num_users, 1)
        self.movie_embedding = layers.Embedding(
            num_movies,
            embedding_size,
            embeddings_initializer="he_normal",
            embeddings_regularizer=keras.regularizers.l2(1e-6),
        )
        self.movie_bias = layers.Embedding(num_movies, 1)

    def call(self, inputs):
        user_vector = self.user_embedding(inputs[:, 0])
        user_bias = self.user_bias(inputs[:, 0])
        movie_vector = self.movie_embedding(inputs[:, 1])
        movie_bias = self.movie_bias(inputs[:, 1])
        dot_user_movie = tf.tensordot(user_vector, tf.transpose(movie_vector), 1)
        dot_user_movie = tf.expand_dims(tf.linalg.diag_part(dot_user_movie), 1)
        # Add all the components (including bias)
        x = dot_user_movie + user_bias + movie_bias
        # The sigmoid activation forces the rating to between 0 and 1
        return tf.nn.sigmoid(x)


model = RecommenderNet(num_users, num_movies, EMBEDDING_SIZE)
model.compile(
    loss=tf.keras.losses.BinaryCrossentropy(),
    optimizer=keras.optimizers.Adam(learning_rate=0.02),
    metrics=[keras.metrics.RootMeanSquaredError(name="rmse")],
)
history = model.fit(x=x_train, y=y_train, batch_size=64, epochs=12, verbose=2, validation_data=(x_val, y_val))
model.summary()

# Show top recommendations to a user
user_id = 3
movies_not_watched = np.setdiff1d(np.arange(num_movies), x[x[:, 0] == user_id][:, 1]).reshape(-1, 1)
user_movie_array = np.hstack(([[user_id]] * len(movies_not_watched), movies_not_watched))
predicted = model.predict(user_movie_array).flatten()
top_ratings_indices = predicted.argsort()[-5:][::-1]
recommended = movies_not_watched[top_ratings_indices].flatten()
preference = (kind @ taste[user_id])[movies_not_watched.flatten()]
gain = (kind @ taste[user_id])[recommended].mean() - preference.mean()
print("Recommended:", recommended, "liked more than others by", gain)

# Train against mean squared error in a loop
optimizer = tf.keras.optimizers.SGD(learning_rate=0.5, momentum=0.9)
train_set = tf.data.Dataset.from_tensor_slices((x_train, y_train.astype("float32")))
loss_avg = tf.keras.metrics.Mean()


@tf.function
def train_step(pairs, scores):
    with tf.GradientTape() as tape:
        predictions = model(pairs, training=True)
        loss = tf.reduce_mean(tf.square(tf.squeeze(predictions, axis=1) - scores)) + tf.add_n(model.losses)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients((grad, var) for grad, var in zip(grads, model.trainable_variables) if grad is not None)
    loss_avg(loss)


loop_losses = []
for epoch in range(3):
    for pairs, scores in train_set.shuffle(2000).batch(64):
        train_step(pairs, scores)
    loop_losses.append(loss_avg.result().numpy())
    loss_avg.reset_states()
print(loop_losses)
