"""Files that real Keras 2.15 and 3.15 wrote of every layer and every kind of model: read, trained on, written again."""

from pathlib import Path

import golden_files
import model_set
import numpy as np
import pytest
from model_set import custom

import keras_torch as keras
from keras_torch import config
from keras_torch.saving import beside

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*no training configuration"),
    pytest.mark.filterwarnings("ignore:.*`hard_sigmoid` as Keras 3 defines it"),
    pytest.mark.filterwarnings("ignore:The loss has `from_logits=True`"),
]
# Keras 2 names weights of layers in layers by scopes, which say little; theirs agree in order, kind and shape.
INNER_NAMES = ("deep", "small-recurrent", "small-frames", "frames", "shared", "subclassed-inside", "custom-layers")
# Keras goes on in another way than the model that it saved; here the model goes on as it did.
BETTER_THAN_KERAS = ("layers-wrappers",)
# The learnt numbers of preprocessing layers are no weights here.
OTHER_ARRAYS = ("learnt-numbers",)
# The format in which every layer is tested, and written again; the other one has the other models.
NATIVE = {"2.15": "h5", "3.15": "keras"}
# In the dialect of tf.keras what stood before a sigmoid is taken for the logits of a softmax.
OWN_LOSSES = (("2.15", "classification"),)
# What does not work.
_SHARED = "Keras itself does not read this file: a layer that two models share becomes two, of which one has no arrays"
FILES: dict[tuple[str, str, str], str] = {
    **{(version, "shared", "keras"): _SHARED for version in ("2.15", "3.15")},
    ("3.15", "shared", "h5"): _SHARED,
    ("2.15", "shared", "h5"): "Keras itself makes two layers of one, and goes on in another way than it did",
    ("2.15", "layers-pooling", "h5"): "losses of whole numbers are whole numbers in Keras 2.15",
    ("2.15", "regression", "keras"): "Keras itself does not read this file: an array among a metric's arguments",
    # With a copy of the old momentum, as on its other backends, Keras has the losses of this project.
    ("3.15", "optimizer-schedule-free", "keras"): "Keras overwrites on torch the momentum that the step still needs",
}
WEIGHTS: dict[tuple[str, str, str], str] = {}
LAYOUTS: dict[tuple[str, str, str], str] = {
    ("2.15", "subclassed", "weights"): "names of weights of layers in layers",
    ("2.15", "loose", "weights"): "names of weights of layers in layers",
    ("2.15", "learnt-numbers", "h5"): "the learnt numbers of Normalization are no weights here",
    ("2.15", "added", "h5"): "Keras 2.15 lists each added loss and metric behind all layers before it",
}


# Compared as powers: decibels of a weak band magnify the rounding of strong ones, and Keras 3.15 differs from itself by
# 4.5e-5 from one processor to another.
DECIBELS = ("layers-audio",)


@pytest.fixture(autouse=True)
def custom_classes():
    """Make the custom classes of the models known, which each test forgets at its end."""
    custom.register(keras)


def marked(cases, pending):
    """Return cases as parameters: what does not work has to fail, what a version rarely writes is for long runs."""
    found = []
    for case in cases:
        marks = [pytest.mark.xfail(reason=pending[case], strict=True)] if case in pending else []
        if case[2] in ("h5", "keras") and case[2] != NATIVE[case[0]] and case not in pending:
            marks.append(pytest.mark.slow)
        found.append(pytest.param(*case, marks=marks))
    return found


def whole_files():
    """Every layer in one file of each version, every other model in every format, 3.15's optimizers in `.keras`."""
    for version, name, kind in golden_files.cases("h5", "keras"):
        of_layers, of_optimizer = name.startswith("layers-"), name.startswith("optimizer-")
        left_out = kind != NATIVE[version] and (of_layers or (of_optimizer and version == "3.15"))
        # Inputs come from the builder, which needs TensorFlow.
        if not left_out and name not in model_set.THEIRS:
            yield version, name, kind


def close(found, expected, tolerance=1e-5):
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("version", "name", "kind"), marked(whole_files(), FILES))
def test_a_file_of_real_keras_predicts_is_written_again_and_trains_on(version, name, kind, tmp_path):
    inputs, targets, objects = golden_files.data(version, name)
    model = keras.models.load_model(golden_files.write(version, name, kind, tmp_path), custom_objects=objects)
    found, expected = model_set.predict(model, inputs), golden_files.outputs(version, name)
    if name in DECIBELS:
        found, expected = ([10 ** (part / 10) for part in parts] for parts in (found, expected))
    close(found, expected)
    if kind == NATIVE[version] and not name.startswith("optimizer-"):
        with config.dialect_scope(golden_files.VERSIONS[version][1]):
            model.save(tmp_path / f"again.{kind}")
        if kind == "keras":
            compare_arrays(version, name, kind, (tmp_path / "again.keras").read_bytes())
        again = keras.models.load_model(tmp_path / f"again.{kind}", custom_objects=objects)
        for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    expected = golden_files.losses(version, name, None if name in BETTER_THAN_KERAS else kind)
    assert (expected is None) == (model.optimizer is None)
    if expected is not None:
        # Models of all layers are slow, and trained by SGD alone, which a few steps show.
        steps = 4 if name.startswith("layers-") else golden_files.STEPS
        expected = {key: values[:steps] for key, values in expected.items()}
        with config.dialect_scope(golden_files.VERSIONS[version][1] if (version, name) in OWN_LOSSES else None):
            found = model_set.train(model, inputs, targets, steps)
        compare_training(version, kind, found, expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "name", "kind"),
    marked((case for case in whole_files() if case[1].startswith("layers-") and case[2] == NATIVE[case[0]]), FILES),
)
def test_models_of_all_layers_follow_real_keras_for_ten_steps(version, name, kind, tmp_path):
    inputs, targets, objects = golden_files.data(version, name)
    model = keras.models.load_model(golden_files.write(version, name, kind, tmp_path), custom_objects=objects)
    expected = golden_files.losses(version, name, None if name in BETTER_THAN_KERAS else kind)
    if expected is not None:
        compare_training(version, kind, model_set.train(model, inputs, targets, golden_files.STEPS), expected)


def compare_arrays(version, name, kind, ours, skip=()):
    """What Keras wrote must be there under the same names; Keras 2.15 keeps the numbers of metrics as well."""
    if name in OTHER_ARRAYS:
        return
    theirs = golden_files.arrays(golden_files.content(version, name, kind))
    expected = {key: value for key, value in theirs.items() if not key.startswith(("metrics/", *skip))}
    found = golden_files.arrays(ours)
    assert {key: found.get(key) for key in expected} == expected


def compare_training(version, kind, found, expected):
    assert len(found) == len(expected)
    if version == "2.15":
        # It hands them out in a list.
        found = dict(zip(expected, found.values(), strict=True))
    if kind == "keras":
        assert sorted(found) == sorted(expected)
    # An .h5 file of Keras 3 does not say whether a metric was called `mae`.
    for key in expected.keys() & found.keys():
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-4, atol=1e-5, err_msg=key)


@pytest.mark.parametrize(
    ("version", "name", "kind"),
    marked(
        (
            case
            for case in golden_files.cases("weights.h5", "weights")
            if not case[1].startswith(("layers-", "optimizer-")) and case[1] not in model_set.THEIRS
        ),
        WEIGHTS,
    ),
)
def test_weights_of_real_keras_fit_a_model_built_in_code(version, name, kind, tmp_path):
    inputs = golden_files.data(version, name)[0]
    model = golden_files.built(version, name, train=False)
    model.load_weights(golden_files.write(version, name, kind, tmp_path))
    if kind == "weights.h5":
        with config.dialect_scope(golden_files.VERSIONS[version][1]):
            model.save_weights(tmp_path / "again.weights.h5")
        compare_arrays(version, name, kind, (tmp_path / "again.weights.h5").read_bytes(), ("optimizer/",))
    close(model_set.predict(model, inputs), golden_files.outputs(version, name))


@pytest.mark.parametrize(
    ("version", "name", "kind"),
    marked(
        (
            case
            for case in golden_files.cases("h5", "weights")
            if case[0] == "2.15" and not case[1].startswith("layers-") and case[1] not in model_set.THEIRS
        ),
        LAYOUTS,
    ),
)
def test_our_files_in_the_old_layout_list_what_those_of_keras_list(version, name, kind, tmp_path):
    with config.dialect_scope("tf"):
        model = golden_files.TABLE[name].make(keras, version)[0]
        ours = Path(model_set.save(model, str(tmp_path / name), kind)).read_bytes()
    theirs = golden_files.content(version, name, kind)
    assert golden_files.in_order(ours) == golden_files.in_order(theirs)
    if name not in INNER_NAMES:
        found, expected = golden_files.listing(ours), golden_files.listing(theirs)
        own = ("@keras_torch_dialect", beside.GROUP)
        assert {key: value for key, value in found.items() if not key.startswith(own)} == expected
