"""How much building, copying and loading a model does: a guard against what would make it slower unnoticed.

Counted are operators of torch and calls of Python functions, which are the same on every machine, not times. A ceiling
is what was counted when it was set; lower it when the work gets less.
"""

import sys
from pathlib import Path

import pytest

import keras_torch as keras

sys.path.insert(0, str(Path(__file__).parents[1]))
from counting import calls_of_ours, operators, python_calls

# work: operators, calls of functions of keras_torch, calls of all Python functions
CEILINGS = {
    "build": (58, 2290, 4010),
    "clone": (58, 3180, 5180),
    "summary": (10, 1760, 2100),
    ".keras": (94, 6660, 11500),
    ".h5": (96, 6710, 11710),
}
DRAWS = ("uniform", "normal", "rand")


def block():
    """A residual block: two convolutions, each with its normalization, an addition and two activations."""
    image = keras.Input((32, 32, 64))
    x = image
    for number in range(2):
        x = keras.layers.Conv2D(64, 3, padding="same", name=f"conv_{number}")(x)
        x = keras.layers.BatchNormalization(name=f"bn_{number}")(x)
        x = keras.layers.Add(name="add")([x, image]) if number else x
        x = keras.layers.Activation("relu", name=f"relu_{number}")(x)
    return keras.Model(image, x)


def how_often(found, parts):
    """Return how many of the operators have one of `parts` in their names."""
    return sum(times for name, times in found.items() if any(part in name for part in parts))


@pytest.mark.parametrize("work", CEILINGS)
def test_making_a_model_does_no_more_than_it_did(work, tmp_path):
    model = block()
    if work.startswith("."):
        model.save(tmp_path / f"model{work}")
    run = {
        "build": block,
        "clone": lambda: keras.models.clone_model(model),
        "summary": lambda: model.summary(print_fn=lambda *_, **__: None),
    }.get(work, lambda: keras.models.load_model(tmp_path / f"model{work}", compile=False))
    run()
    ran, called = operators(run), python_calls(run)
    found = (sum(ran.values()), calls_of_ours(called), sum(called.values()))
    for times, ceiling, what in zip(found, CEILINGS[work], ("operators", "calls of ours", "Python calls"), strict=True):
        assert times <= ceiling, f"{what}: {times}, most often {sorted(ran.items(), key=lambda item: -item[1])[:9]}"


def test_kernels_are_drawn_where_they_stay():
    ran = operators(block)
    # Both kernels, each in two parts: what is copied there are whole numbers that become floats.
    assert how_often(ran, DRAWS) == 2 and how_often(ran, ("copy",)) == 4 and how_often(ran, ("clone",)) == 0


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_loading_draws_nothing(ending, tmp_path):
    block().save(tmp_path / f"model{ending}")
    ran = operators(lambda: keras.models.load_model(tmp_path / f"model{ending}", compile=False))
    assert how_often(ran, DRAWS) == 0
