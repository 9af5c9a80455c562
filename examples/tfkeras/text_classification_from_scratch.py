"""Tell good reviews from bad ones: from text files to a model that takes raw strings."""

import os
import random
import re
import string
import sys

import tensorflow as tf
from tensorflow.keras import layers
from tensorflow.keras.layers import TextVectorization

random.seed(7)
tf.random.set_seed(7)
folder = os.path.join(sys.argv[1] if len(sys.argv) > 1 else ".", "reviews")
words = {
    "pos": "great wonderful moving brilliant superb touching funny clever".split(),
    "neg": "awful boring dull stupid terrible weak annoying wooden".split(),
}
neutral = "the film plot actor scene story was with and a in this of music ending it's".split()


def write_review(label):
    text = [random.choice(neutral) for _ in range(random.randint(8, 20))]
    for _ in range(random.randint(1, 3)):
        text.insert(random.randrange(len(text)), random.choice(words[label]).title() + random.choice(["!", ",", ""]))
    return "<br />".join([" ".join(text[:6]), " ".join(text[6:])])


for split, count in (("train", 160), ("test", 40)):
    for label in words:
        os.makedirs(os.path.join(folder, split, label), exist_ok=True)
        for number in range(count):
            with open(os.path.join(folder, split, label, f"{number}.txt"), "w") as file:
                file.write(write_review(label))

batch_size = 16
raw_train_ds = tf.keras.utils.text_dataset_from_directory(
    f"{folder}/train", batch_size=batch_size, validation_split=0.2, subset="training", seed=1337
)
raw_val_ds = tf.keras.utils.text_dataset_from_directory(
    f"{folder}/train", batch_size=batch_size, validation_split=0.2, subset="validation", seed=1337
)
raw_test_ds = tf.keras.utils.text_dataset_from_directory(f"{folder}/test", batch_size=batch_size)
print(f"Number of batches in raw_train_ds: {raw_train_ds.cardinality()}")
for text_batch, label_batch in raw_train_ds.take(1):
    for i in range(2):
        print(text_batch.numpy()[i])
        print(label_batch.numpy()[i])


def custom_standardization(input_data):
    lowercase = tf.strings.lower(input_data)
    stripped_html = tf.strings.regex_replace(lowercase, "<br />", " ")
    return tf.strings.regex_replace(stripped_html, f"[{re.escape(string.punctuation)}]", "")


max_features = 60
embedding_dim = 16
sequence_length = 24
vectorize_layer = TextVectorization(
    standardize=custom_standardization,
    max_tokens=max_features,
    output_mode="int",
    output_sequence_length=sequence_length,
)
text_ds = raw_train_ds.map(lambda x, y: x)
vectorize_layer.adapt(text_ds)


def vectorize_text(text, label):
    text = tf.expand_dims(text, -1)
    return vectorize_layer(text), label


train_ds = raw_train_ds.map(vectorize_text).cache().prefetch(buffer_size=10)
val_ds = raw_val_ds.map(vectorize_text).cache().prefetch(buffer_size=10)
test_ds = raw_test_ds.map(vectorize_text).cache().prefetch(buffer_size=10)

inputs = tf.keras.Input(shape=(None,), dtype="int64")
x = layers.Embedding(max_features, embedding_dim)(inputs)
x = layers.Dropout(0.2)(x)
x = layers.Conv1D(16, 7, padding="valid", activation="relu", strides=3)(x)
x = layers.GlobalMaxPooling1D()(x)
x = layers.Dense(16, activation="relu")(x)
x = layers.Dropout(0.2)(x)
predictions = layers.Dense(1, activation="sigmoid", name="predictions")(x)
model = tf.keras.Model(inputs, predictions)
model.compile(loss="binary_crossentropy", optimizer=tf.keras.optimizers.Adam(0.01), metrics=["accuracy"])
history = model.fit(train_ds, validation_data=val_ds, epochs=5, verbose=2)
test_loss, test_accuracy = model.evaluate(test_ds)

# Make an end-to-end model
inputs = tf.keras.Input(shape=(1,), dtype="string")
end_to_end_model = tf.keras.Model(inputs, model(vectorize_layer(inputs)))
end_to_end_model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
end_to_end_results = end_to_end_model.evaluate(raw_test_ds)
opinions = end_to_end_model.predict(tf.constant([["A superb story, wonderful music!"], ["Dull and stupid ending..."]]))
print(opinions)
