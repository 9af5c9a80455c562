"""Structured data with numbers, words and gaps; preprocessing layers are part of the model."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(15)
rng = np.random.default_rng(15)
NUMERIC_FEATURE_NAMES = ["age", "wage_per_hour", "weeks_worked"]
CATEGORICAL_FEATURES_WITH_VOCABULARY = {
    "education": ["school", "bachelor", "master", "doctor"],
    "sector": ["private", "public", "self-employed"],
}
FEATURE_NAMES = NUMERIC_FEATURE_NAMES + list(CATEGORICAL_FEATURES_WITH_VOCABULARY)
rows = 1200
frame = {
    "age": rng.integers(17, 80, rows).astype("float32"),
    "wage_per_hour": rng.gamma(2.0, 10.0, rows).astype("float32"),
    "weeks_worked": rng.integers(0, 53, rows).astype("float32"),
    **{name: rng.choice(words, rows) for name, words in CATEGORICAL_FEATURES_WITH_VOCABULARY.items()},
}
degree = np.array([CATEGORICAL_FEATURES_WITH_VOCABULARY["education"].index(word) for word in frame["education"]])
income = frame["wage_per_hour"] * frame["weeks_worked"] * (1 + 0.4 * degree) * (0.5 + (frame["sector"] == "private"))
target = (income > np.quantile(income, 0.7)).astype("float32")
train = {name: values[:1000] for name, values in frame.items()}
test = {name: values[1000:] for name, values in frame.items()}
weights = np.where(target[:1000] == 1, 2.0, 1.0)


class GatedLinearUnit(layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.linear, self.sigmoid = layers.Dense(units), layers.Dense(units, activation="sigmoid")

    def call(self, inputs):
        return self.linear(inputs) * self.sigmoid(inputs)


class GatedResidualNetwork(layers.Layer):
    def __init__(self, units, dropout_rate):
        super().__init__()
        self.units = units
        self.elu_dense, self.linear_dense = layers.Dense(units, activation="elu"), layers.Dense(units)
        self.dropout = layers.Dropout(dropout_rate)
        self.gated_linear_unit = GatedLinearUnit(units)
        self.layer_norm = layers.LayerNormalization()
        self.project = layers.Dense(units)

    def call(self, inputs):
        x = self.dropout(self.linear_dense(self.elu_dense(inputs)))
        if inputs.shape[-1] != self.units:
            inputs = self.project(inputs)
        return self.layer_norm(inputs + self.gated_linear_unit(x))


class VariableSelection(layers.Layer):
    def __init__(self, num_features, units, dropout_rate):
        super().__init__()
        self.grns = [GatedResidualNetwork(units, dropout_rate) for _ in range(num_features)]
        self.grn_concat = GatedResidualNetwork(units, dropout_rate)
        self.softmax = layers.Dense(units=num_features, activation="softmax")

    def call(self, inputs):
        v = ops.expand_dims(self.softmax(self.grn_concat(layers.concatenate(inputs))), axis=-1)
        x = ops.stack([grn(input) for grn, input in zip(self.grns, inputs, strict=True)], axis=1)
        return ops.squeeze(ops.matmul(ops.transpose(v, axes=[0, 2, 1]), x), axis=1)


def create_model(encoding_size=16, dropout_rate=0.1):
    inputs, encoded = {}, []
    for name in FEATURE_NAMES:
        if name in NUMERIC_FEATURE_NAMES:
            inputs[name] = layers.Input(name=name, shape=(1,), dtype="float32")
            normalization = layers.Normalization(axis=None, name=f"{name}_scaled")
            normalization.adapt(train[name])
            encoded.append(layers.Dense(encoding_size)(normalization(inputs[name])))
        else:
            inputs[name] = layers.Input(name=name, shape=(1,), dtype="string")
            lookup = layers.StringLookup(vocabulary=CATEGORICAL_FEATURES_WITH_VOCABULARY[name], num_oov_indices=1)
            embedding = layers.Embedding(input_dim=lookup.vocabulary_size(), output_dim=encoding_size)
            encoded.append(layers.Flatten()(embedding(lookup(inputs[name]))))
    features = VariableSelection(len(FEATURE_NAMES), encoding_size, dropout_rate)(encoded)
    return keras.Model(inputs=inputs, outputs=layers.Dense(units=1, activation="sigmoid")(features))


model = create_model()
metrics, weighted_metrics = [keras.metrics.BinaryAccuracy(name="accuracy")], [keras.metrics.AUC(name="auc")]
model.compile("adam", keras.losses.BinaryCrossentropy(), metrics=metrics, weighted_metrics=weighted_metrics)
model.optimizer.learning_rate = 0.01
early_stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=5, restore_best_weights=True)
options = {"sample_weight": weights, "batch_size": 50, "validation_split": 0.1, "callbacks": [early_stopping]}
history = model.fit(train, target[:1000], epochs=6, **options)
_, accuracy, auc = model.evaluate(test, target[1000:], verbose=0)
sample = {"age": 40.0, "wage_per_hour": 60.0, "weeks_worked": 52.0, "education": "doctor", "sector": "private"}
probability = float(model.predict({name: np.array([[value]]) for name, value in sample.items()})[0, 0])
print(f"Test accuracy: {round(accuracy * 100, 2)}%, {probability}")
