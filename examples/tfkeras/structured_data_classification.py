"""Predict a disease from a table of numbers, codes and words, preprocessed inside the model."""

import csv

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.RandomState(17)
keras.utils.set_random_seed(17)


def make_row():
    age, pressure, rate = rng.randint(29, 78), rng.randint(94, 200), rng.randint(70, 203)
    sex, pain, vessels = rng.randint(2), rng.randint(5), rng.randint(4)
    thal = rng.choice(["normal", "fixed", "reversible"])
    score = (age - 54) / 9 + (pressure - 140) / 25 - (rate - 140) / 30 + 1.5 * (pain == 4) + vessels - 1
    score += {"normal": -1, "fixed": 0, "reversible": 2}[thal] + 0.5 * sex
    return [age, sex, pain, pressure, rate, vessels, thal, int(score > 0.8)]


columns = ["age", "sex", "cp", "trestbps", "thalach", "ca", "thal", "target"]
with open("heart.csv", "w", newline="") as file:
    csv.writer(file).writerows([columns] + [make_row() for _ in range(400)])
with open("heart.csv") as file:
    rows = list(csv.DictReader(file))
text = {"thal"}
table = {name: np.array([row[name] if name in text else int(row[name]) for row in rows]) for name in columns}


def dataframe_to_dataset(table):
    table = dict(table)
    labels = table.pop("target")
    ds = tf.data.Dataset.from_tensor_slices((table, labels))
    return ds.shuffle(buffer_size=len(labels))


train_ds = dataframe_to_dataset({name: values[:320] for name, values in table.items()})
val_ds = dataframe_to_dataset({name: values[320:] for name, values in table.items()})
for x, y in train_ds.take(1):
    print("Input:", x)
    print("Target:", y)
train_ds = train_ds.batch(32)
val_ds = val_ds.batch(32)


def encode_numerical_feature(feature, name, dataset):
    normalizer = layers.Normalization()
    feature_ds = dataset.map(lambda x, y: x[name])
    feature_ds = feature_ds.map(lambda x: tf.expand_dims(x, -1))
    normalizer.adapt(feature_ds)
    return normalizer(feature)


def encode_categorical_feature(feature, name, dataset, is_string):
    lookup_class = layers.StringLookup if is_string else layers.IntegerLookup
    lookup = lookup_class(output_mode="int")
    feature_ds = dataset.map(lambda x, y: x[name])
    feature_ds = feature_ds.map(lambda x: tf.expand_dims(x, -1))
    lookup.adapt(feature_ds)
    encoder = layers.CategoryEncoding(num_tokens=lookup.vocabulary_size(), output_mode="multi_hot")
    return encoder(lookup(feature))


# Categorical features encoded as integers, or as string
sex = keras.Input(shape=(1,), name="sex", dtype="int64")
cp = keras.Input(shape=(1,), name="cp", dtype="int64")
ca = keras.Input(shape=(1,), name="ca", dtype="int64")
thal = keras.Input(shape=(1,), name="thal", dtype="string")
# Numerical features
age = keras.Input(shape=(1,), name="age")
trestbps = keras.Input(shape=(1,), name="trestbps")
thalach = keras.Input(shape=(1,), name="thalach")
all_inputs = [sex, cp, ca, thal, age, trestbps, thalach]

encoded = [encode_categorical_feature(item, item.name, train_ds, False) for item in (sex, cp, ca)]
encoded.append(encode_categorical_feature(thal, "thal", train_ds, True))
encoded += [encode_numerical_feature(item, item.name, train_ds) for item in (age, trestbps, thalach)]
all_features = layers.concatenate(encoded)
x = layers.Dense(32, activation="relu")(all_features)
x = layers.Dropout(0.2)(x)
output = layers.Dense(1, activation="sigmoid")(x)
model = keras.Model(all_inputs, output)
model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")])
history = model.fit(train_ds, epochs=15, validation_data=val_ds, verbose=2)

sample = {"age": 71, "sex": 1, "cp": 4, "trestbps": 180, "thalach": 90, "ca": 3, "thal": "reversible"}
input_dict = {name: tf.convert_to_tensor([value]) for name, value in sample.items()}
probability = model.predict(input_dict)[0][0]
print("This patient has a %.1f percent probability of having the disease." % (100 * probability))
model.save("heart_model.keras")
reloaded = keras.models.load_model("heart_model.keras")
again = reloaded.predict(input_dict)[0][0]
