"""Windows of a series that a convolutional autoencoder rebuilds badly are anomalies."""

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(3)
TIME_STEPS = 24
steps = np.arange(1200)
rng = np.random.default_rng(2)
series = (np.sin(steps * 2 * np.pi / 24) + 0.1 * rng.normal(size=1200)).astype("float32")
faulty = series[:400].copy()
faulty[200:212] += 2.5
training_mean, training_std = series.mean(), series.std()
training_value = ((series - training_mean) / training_std)[:, None]
test_value = ((faulty - training_mean) / training_std)[:, None]


def create_sequences(values, time_steps=TIME_STEPS):
    return np.stack([values[i : (i + time_steps)] for i in range(len(values) - time_steps + 1)])


x_train = create_sequences(training_value)
model = keras.Sequential(
    [
        layers.Input(shape=(x_train.shape[1], x_train.shape[2])),
        layers.Conv1D(filters=16, kernel_size=7, padding="same", strides=2, activation="relu"),
        layers.Dropout(rate=0.1),
        layers.Conv1D(filters=8, kernel_size=7, padding="same", strides=2, activation="relu"),
        layers.Conv1DTranspose(filters=8, kernel_size=7, padding="same", strides=2, activation="relu"),
        layers.Dropout(rate=0.1),
        layers.Conv1DTranspose(filters=16, kernel_size=7, padding="same", strides=2, activation="relu"),
        layers.Conv1DTranspose(filters=1, kernel_size=7, padding="same"),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.003), loss="mse")
model.summary()
history = model.fit(
    x_train,
    x_train,
    epochs=8,
    batch_size=64,
    validation_split=0.1,
    callbacks=[keras.callbacks.EarlyStopping(monitor="val_loss", patience=5, mode="min")],
)
train_mae_loss = np.mean(np.abs(model.predict(x_train) - x_train), axis=1)
threshold = np.max(train_mae_loss)
x_test = create_sequences(test_value)
test_mae_loss = np.mean(np.abs(model.predict(x_test) - x_test), axis=1).reshape((-1))
anomalies = test_mae_loss > threshold
anomalous_data_indices = [
    i for i in range(TIME_STEPS - 1, len(test_value) - TIME_STEPS + 1) if np.all(anomalies[i - TIME_STEPS + 1 : i])
]
print("Anomalies:", anomalous_data_indices)

# Forecasting: six steps from 48
sequence_length, future = 48, 6
targets = np.stack([training_value[i : i + future, 0] for i in range(sequence_length, 1200 - future)])
options = {"sequence_length": sequence_length, "sampling_rate": 2, "sequence_stride": 2, "batch_size": 64}
dataset_train = keras.utils.timeseries_dataset_from_array(
    training_value[:900], targets[:850], shuffle=True, seed=1, **options
)
dataset_val = keras.utils.timeseries_dataset_from_array(training_value[900:], targets[900:], **options)
for batch in dataset_train.take(1):
    inputs, batch_targets = batch
print("Input shape:", inputs.numpy().shape, "Target shape:", batch_targets.numpy().shape)
inputs = keras.layers.Input(shape=(inputs.shape[1], inputs.shape[2]))
gru_out = keras.layers.GRU(16)(inputs)
outputs = keras.layers.Dense(future)(gru_out)
forecaster = keras.Model(inputs=inputs, outputs=outputs)
forecaster.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse")
path_checkpoint = "model_checkpoint.weights.h5"
forecasts = forecaster.fit(
    dataset_train,
    epochs=6,
    validation_data=dataset_val,
    callbacks=[
        keras.callbacks.EarlyStopping(monitor="val_loss", min_delta=0, patience=5),
        keras.callbacks.ModelCheckpoint(
            monitor="val_loss", filepath=path_checkpoint, verbose=1, save_weights_only=True, save_best_only=True
        ),
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=2, min_lr=0.0001),
    ],
)
forecaster.load_weights(path_checkpoint)
error = forecaster.evaluate(dataset_val)
