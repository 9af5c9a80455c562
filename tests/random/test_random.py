"""`keras.random`: Keras 3's numbers for a seed, other numbers without."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import ops, random

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("random_keras_3", ROOT / "scripts" / "golden" / "random_keras_3.py")
golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden)
GOLDEN = json.loads((ROOT / "tests" / "golden" / "random_keras315.json").read_text())
OURS = dict(golden.cases(random, ops))


@pytest.mark.parametrize("name", GOLDEN)
def test_a_seed_gives_the_numbers_of_keras_3_on_torch(name):
    np.testing.assert_allclose(OURS[name].numpy(), GOLDEN[name], rtol=1e-6)


def test_the_cases_are_those_of_the_file():
    assert list(OURS) == list(GOLDEN)


def test_without_a_seed_the_global_one_decides():
    keras.utils.set_random_seed(1)
    first = [random.normal((3,)), random.gamma((2,), 1.0), random.shuffle(torch.arange(9))]
    assert not torch.equal(random.normal((3,)), first[0])
    keras.utils.set_random_seed(1)
    again = [random.normal((3,)), random.gamma((2,), 1.0), random.shuffle(torch.arange(9))]
    assert all(map(torch.equal, first, again))


def test_a_seed_leaves_the_global_generator_as_it_is():
    torch.manual_seed(4)
    wanted = torch.rand(2)
    torch.manual_seed(4)
    random.gamma((2,), 1.0, seed=9)
    random.uniform((2,), seed=9)
    assert torch.equal(torch.rand(2), wanted)


def test_a_layer_draws_anew_in_each_call_with_a_generator_of_its_own():
    class Sampling(keras.layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.seed_generator = random.SeedGenerator(1337)

        def call(self, inputs):
            mean, log_variance = inputs
            batch, size = ops.shape(mean)[0], ops.shape(mean)[1]
            return mean + ops.exp(0.5 * log_variance) * random.normal((batch, size), seed=self.seed_generator)

    x = keras.Input((3,))
    model = keras.Model(x, Sampling()([x, x]))
    assert model.output_shape == (None, 3)
    zeros = np.zeros((2, 3))
    first = model.predict(zeros, verbose=0)
    assert not np.array_equal(first, model.predict(zeros, verbose=0))
    # The shapes were found without drawing.
    wanted = random.normal((2, 3), seed=random.SeedGenerator(1337))
    np.testing.assert_array_equal(first, wanted.numpy())


def test_a_generator_is_made_again_from_its_config():
    source = random.SeedGenerator(5)
    assert source.next().tolist() == [5, 0]
    assert source.next(ordered=False).tolist() == [5, 1]
    assert source.state.numpy().tolist() == [6 * 5387, 2 * 5387]
    assert random.SeedGenerator.from_config(source.get_config()).next().tolist() == [5, 0]


def test_types_and_seeds_that_make_no_sense_are_errors():
    with pytest.raises(ValueError, match="float `dtype`.*Use `keras.random.randint`"):
        random.uniform((2,), dtype="int32")
    with pytest.raises(ValueError, match="integer `dtype`"):
        random.randint((2,), 0, 3, dtype="float32")
    with pytest.raises(ValueError, match="a SeedGenerator or None. Received: seed='a'"):
        random.normal((2,), seed="a")
    with pytest.raises(ValueError, match=r"\(batch, classes\)"):
        random.categorical(torch.zeros(3), 2)
    with pytest.raises(ValueError, match="between 0 and 1"):
        random.dropout(torch.zeros(3), 1.5)
