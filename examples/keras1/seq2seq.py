"""An encoder and a decoder turn words round: the decoder sees the word's code and the letter before, step by step."""

from __future__ import print_function

import numpy as np

np.random.seed(21)

from keras.layers import Dense, Dropout, Embedding, GRU, Input, RepeatVector, TimeDistributed, merge
from keras.models import Model, model_from_json

LETTERS = " abcd"  # the space is padding, and the beginning of every answer
LENGTH, HIDDEN, WORDS = 4, 32, 600


def numbers_of(words):
    return np.array([[LETTERS.index(c) for c in word.ljust(LENGTH)] for word in words])


words = ["".join(np.random.choice(list(LETTERS[1:]), np.random.randint(2, LENGTH + 1))) for _ in range(WORDS)]
turned = [word[::-1] for word in words]
questions, answers = numbers_of(words), numbers_of(turned)
before = np.hstack([np.zeros((WORDS, 1), int), answers[:, :-1]])
targets = np.expand_dims(answers, -1)
weights = np.where(answers > 0, 1.0, 0.3)

question = Input(shape=(LENGTH,), dtype="int32", name="question")
letters = Embedding(output_dim=12, input_dim=len(LETTERS), input_length=LENGTH)
read = GRU(HIDDEN, return_sequences=True, consume_less="mem")(letters(question))
code = GRU(HIDDEN, go_backwards=True, dropout_W=0.05, dropout_U=0.05)(merge([read, letters(question)], mode="concat"))
code = Dropout(0.05)(code)

answer = Input(shape=(LENGTH,), dtype="int32", name="answer")
given = merge([RepeatVector(LENGTH)(code), letters(answer)], mode="concat", concat_axis=-1)
written = GRU(HIDDEN, return_sequences=True, inner_activation="sigmoid")(given)
output = TimeDistributed(Dense(len(LETTERS), activation="softmax"), name="letters")(written)
model = Model(input=[question, answer], output=[output])
model.compile("rmsprop", "sparse_categorical_crossentropy", sample_weight_mode="temporal", metrics=["accuracy"])
model.optimizer.lr = 0.01

losses = []
for round in range(5):
    history = model.fit(
        {"question": questions, "answer": before},
        {"letters": targets},
        nb_epoch=3,
        batch_size=30,
        sample_weight=weights,
        validation_split=0.1,
        verbose=0,
    )
    losses += history.history["loss"]
    print("round", round, "loss %.3f, validation %.3f" % (losses[-1], history.history["val_loss"][-1]))

reader = model_from_json(model.to_json())
reader.set_weights(model.get_weights())


def write(word):
    line = np.zeros((1, LENGTH + 1), dtype=int)
    for step in range(LENGTH):
        letter = reader.predict([numbers_of([word]), line[:, :LENGTH]])[0, step].argmax()
        line[0, step + 1] = letter
    return "".join(LETTERS[i] for i in line[0, 1:]).strip()


tried = words[-20:]
decoded = [write(word) for word in tried]
right = np.mean([word[::-1] == text for word, text in zip(tried, decoded)])
for word, text in list(zip(tried, decoded))[:5]:
    print(word, "->", text)
