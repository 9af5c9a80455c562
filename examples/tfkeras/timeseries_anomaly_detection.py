"""Find an anomaly in a time series by what a convolutional autoencoder cannot reconstruct."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

TIME_STEPS = 48
keras.utils.set_random_seed(12)

days = np.arange(1000)
train = np.sin(2 * np.pi * days / 24) + 0.3 * np.sin(2 * np.pi * days / 8) + np.random.normal(0, 0.05, len(days))
test = np.sin(2 * np.pi * days / 24) + 0.3 * np.sin(2 * np.pi * days / 8) + np.random.normal(0, 0.05, len(days))
test[600:620] += 1.5  # the anomaly

training_mean, training_std = train.mean(), train.std()


def create_sequences(values, time_steps=TIME_STEPS):
    values = ((values - training_mean) / training_std)[:, np.newaxis]
    output = []
    for i in range(len(values) - time_steps + 1):
        output.append(values[i : (i + time_steps)])
    return np.stack(output)


x_train, x_test = create_sequences(train), create_sequences(test)
model = keras.Sequential(
    [
        layers.Input(shape=(x_train.shape[1], x_train.shape[2])),
        layers.Conv1D(filters=16, kernel_size=7, padding="same", strides=2, activation="relu"),
        layers.Dropout(rate=0.2),
        layers.Conv1D(filters=8, kernel_size=7, padding="same", strides=2, activation="relu"),
        layers.Conv1DTranspose(filters=8, kernel_size=7, padding="same", strides=2, activation="relu"),
        layers.Dropout(rate=0.2),
        layers.Conv1DTranspose(filters=16, kernel_size=7, padding="same", strides=2, activation="relu"),
        layers.Conv1DTranspose(filters=1, kernel_size=7, padding="same"),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.003), loss="mse")
model.summary()
history = model.fit(
    x_train,
    x_train,
    epochs=6,
    batch_size=64,
    validation_split=0.1,
    callbacks=[keras.callbacks.EarlyStopping(monitor="val_loss", patience=5, mode="min")],
    verbose=2,
)

x_train_pred = model.predict(x_train)
train_mae_loss = np.mean(np.abs(x_train_pred - x_train), axis=1)
threshold = np.max(train_mae_loss)
print("Reconstruction error threshold: ", threshold)

reconstructions = model(x_test, training=False)
test_mae_loss = tf.reduce_mean(tf.abs(reconstructions - x_test), axis=1).numpy().reshape((-1))
anomalies = tf.math.greater(test_mae_loss, threshold).numpy()
print("Number of anomaly samples: ", np.sum(anomalies))

# data i is an anomaly if samples [(i - timesteps + 1) to (i)] are anomalies
anomalous_data_indices = []
for data_idx in range(TIME_STEPS - 1, len(test) - TIME_STEPS + 1):
    if np.all(anomalies[data_idx - TIME_STEPS + 1 : data_idx]):
        anomalous_data_indices.append(data_idx)
print(anomalous_data_indices)
