"""FeatureSpace encodes numbers, whole numbers and words; contextual embeddings come from attention."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers
from keras.utils import FeatureSpace

keras.utils.set_random_seed(16)
rng = np.random.default_rng(16)
rows = 800
features = {
    "age": rng.integers(20, 80, rows),
    "cp": rng.integers(0, 4, rows),
    "sex": rng.integers(0, 2, rows),
    "thal": rng.choice(["fixed", "normal", "reversible"], rows),
    "chol": rng.normal(240, 40, rows).astype("float32"),
}
risk = 0.05 * (features["age"] - 50) + (features["cp"] == 2) * 2 + (features["thal"] == "fixed") * 1.5
risk += 0.02 * (features["chol"] - 240) - 1.0
target = (risk > 0).astype("float32")
train = {name: values[:600] for name, values in features.items()}
val = {name: values[600:] for name, values in features.items()}

feature_space = FeatureSpace(
    features={
        "cp": FeatureSpace.integer_categorical(num_oov_indices=0),
        "sex": "integer_categorical",
        "thal": FeatureSpace.string_categorical(num_oov_indices=0),
        "age": FeatureSpace.float_discretized(num_bins=10),
        "chol": FeatureSpace.float_normalized(),
    },
    crosses=[FeatureSpace.cross(feature_names=("sex", "age"), crossing_dim=16)],
    output_mode="concat",
)
feature_space.adapt(train)
preprocessed_x = feature_space({name: values[:4] for name, values in train.items()})
print("preprocessed_x.shape:", preprocessed_x.shape)

dict_inputs = feature_space.get_inputs()
encoded_features = feature_space.get_encoded_features()
x = layers.Dense(16, activation="relu")(encoded_features)
x = layers.Dropout(0.2)(x)
predictions = layers.Dense(1, activation="sigmoid")(x)
training_model = keras.Model(inputs=encoded_features, outputs=predictions)
training_model.compile(keras.optimizers.Adam(0.01), loss="binary_crossentropy", metrics=["accuracy"])
history = training_model.fit(feature_space(train), target[:600], epochs=8, verbose=2)
inference_model = keras.Model(inputs=dict_inputs, outputs=predictions)
predicted = inference_model.predict({name: values[:, None] for name, values in val.items()})
accuracy = float(np.mean((predicted[:, 0] > 0.5) == target[600:]))
sample = {"age": 70, "cp": 2, "sex": 1, "thal": "fixed", "chol": 300.0}
probability = float(inference_model.predict({name: np.array([[value]]) for name, value in sample.items()})[0, 0])
feature_space.save("myfeaturespace.keras")
reloaded_feature_space = keras.models.load_model("myfeaturespace.keras")
difference = float(np.abs(np.asarray(reloaded_feature_space(val)) - np.asarray(feature_space(val))).max())

# TabTransformer: embeddings of the categories look at each other
inputs = {name: keras.Input((1,), name=name, dtype="int32") for name in ("cp", "sex", "thal")}
lookup = layers.StringLookup(num_oov_indices=0)
lookup.adapt(train["thal"])
columns = []
for name, size in (("cp", 4), ("sex", 2), ("thal", 3)):
    columns.append(layers.Embedding(size, 8)(inputs[name]))
encoded = layers.Concatenate(axis=1)(columns)
attention_output = layers.MultiHeadAttention(num_heads=2, key_dim=8)(encoded, encoded)
encoded = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([attention_output, encoded]))
numeric_input = keras.Input((2,), name="numeric")
normalizer = layers.Normalization()
numeric = np.stack([features["age"], features["chol"]], axis=1).astype("float32")
normalizer.adapt(numeric[:600])
joined = layers.Concatenate()([layers.Flatten()(encoded), normalizer(numeric_input)])
hidden = layers.Dense(16, activation="selu")(layers.BatchNormalization()(joined))
transformer = keras.Model([inputs, numeric_input], layers.Dense(1, activation="sigmoid")(hidden))
transformer.compile(keras.optimizers.AdamW(0.01, weight_decay=1e-4), "binary_crossentropy", metrics=["accuracy"])


def columns_of(table):
    return {
        "cp": table["cp"][:, None],
        "sex": table["sex"][:, None],
        "thal": np.asarray(lookup(table["thal"][:, None])),
    }


validation_data = ([columns_of(val), numeric[600:]], target[600:])
transformer_history = transformer.fit(
    [columns_of(train), numeric[:600]], target[:600], validation_data=validation_data, epochs=8
)
print(accuracy, probability, difference)
