"""Forecast the temperature of a made-up weather station with an LSTM."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

tf.random.set_seed(11)
split_fraction = 0.7
past = 48
future = 6
step = 3
learning_rate = 0.005
batch_size = 64
epochs = 6

hours = np.arange(1500)
rng = np.random.RandomState(11)
weather = np.cumsum(rng.normal(0, 0.3, len(hours))) * 0.3
temperature = 10 + 8 * np.sin(2 * np.pi * hours / 24) + weather
pressure = 1000 - weather * 2 + rng.normal(0, 0.3, len(hours))
wind = np.abs(rng.normal(2, 1, len(hours)))
raw = np.stack([pressure, temperature, wind], axis=1)
train_split = int(split_fraction * len(raw))


def normalize(data, train_split):
    data_mean = data[:train_split].mean(axis=0)
    data_std = data[:train_split].std(axis=0)
    return (data - data_mean) / data_std


features = normalize(raw, train_split)
start, end = past + future, past + future + train_split
sequence_length = int(past / step)
dataset_train = keras.preprocessing.timeseries_dataset_from_array(
    features[:train_split],
    features[start:end, 1:2],
    sequence_length=sequence_length,
    sampling_rate=step,
    batch_size=batch_size,
)
x_end = len(raw) - past - future
dataset_val = keras.preprocessing.timeseries_dataset_from_array(
    features[train_split:x_end],
    features[train_split + past + future :, 1:2],
    sequence_length=sequence_length,
    sampling_rate=step,
    batch_size=batch_size,
)
for batch in dataset_train.take(1):
    inputs, targets = batch
print("Input shape:", inputs.numpy().shape)
print("Target shape:", targets.numpy().shape)

inputs = keras.layers.Input(shape=(inputs.shape[1], inputs.shape[2]))
lstm_out = keras.layers.LSTM(24)(inputs)
outputs = keras.layers.Dense(1)(lstm_out)
model = keras.Model(inputs=inputs, outputs=outputs)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=learning_rate), loss="mse", metrics=[tf.metrics.MeanAbsoluteError()]
)
model.summary()

path_checkpoint = "model_checkpoint.h5"
es_callback = keras.callbacks.EarlyStopping(monitor="val_loss", min_delta=0, patience=5)
modelckpt_callback = keras.callbacks.ModelCheckpoint(
    monitor="val_loss", filepath=path_checkpoint, verbose=1, save_weights_only=True, save_best_only=True
)
history = model.fit(
    dataset_train, epochs=epochs, validation_data=dataset_val, callbacks=[es_callback, modelckpt_callback], verbose=2
)
model.load_weights(path_checkpoint)
best = model.evaluate(dataset_val, return_dict=True)


class Baseline(tf.keras.Model):
    """Predicts that nothing changes."""

    def __init__(self, label_index=None):
        super().__init__()
        self.label_index = label_index

    def call(self, inputs):
        result = inputs[:, -1, self.label_index]
        return result[:, tf.newaxis]


baseline = Baseline(label_index=1)
baseline.compile(loss=tf.losses.MeanSquaredError(), metrics=[tf.metrics.MeanAbsoluteError()])
unchanged = baseline.evaluate(dataset_val, return_dict=True)
for x, y in dataset_val.take(3):
    print("Truth %.2f, forecast %.2f" % (y[0].numpy()[0], model.predict(x)[0][0]))
