"""Writes tests/golden/random_keras315.json: what `keras.random` draws on torch, with a number and with a SeedGenerator.

Run by a Python with keras==3.15.1 and torch. Seeds are 3 and, for the generator, 7. `cases` serves the tests as well.
"""

import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parents[2] / "tests" / "golden" / "random_keras315.json"
SEED, GENERATOR_SEED = 3, 7


def cases(random, ops):
    """Yield (name, values) for each function with a number, then twice in a row with one generator."""
    logits = ops.log(ops.array([[0.1, 0.9], [0.5, 0.5]]))
    numbers = ops.reshape(ops.arange(6), (3, 2))
    generator = random.SeedGenerator(GENERATOR_SEED)
    for kind, seed in (("number", SEED), ("first", generator), ("second", generator)):
        yield f"normal {kind}", random.normal((2, 3), 1.0, 2.0, seed=seed)
        yield f"uniform {kind}", random.uniform((2, 2), -1, 1, seed=seed)
        yield f"randint {kind}", random.randint((4,), 0, 9, seed=seed)
        yield f"truncated_normal {kind}", random.truncated_normal((5,), 0.5, 2.0, seed=seed)
        yield f"categorical {kind}", random.categorical(logits, 4, seed=seed)
        yield f"dropout {kind}", random.dropout(ops.ones((2, 4)), 0.5, seed=seed)
        yield f"dropout of rows {kind}", random.dropout(ops.ones((3, 4)), 0.5, noise_shape=(3, 1), seed=seed)
        yield f"shuffle {kind}", random.shuffle(numbers, seed=seed)
        yield f"shuffle of rows {kind}", random.shuffle(numbers, axis=1, seed=seed)
        yield f"gamma {kind}", random.gamma((2,), 2.0, seed=seed)
        yield f"binomial {kind}", random.binomial((3,), 10.0, 0.3, seed=seed)
        yield f"beta {kind}", random.beta((2,), 2.0, 3.0, seed=seed)


def main():
    from keras import ops, random

    found = {name: np.asarray(ops.convert_to_numpy(values)).tolist() for name, values in cases(random, ops)}
    FILE.write_text(json.dumps(found, indent=0) + "\n")


if __name__ == "__main__":
    main()
