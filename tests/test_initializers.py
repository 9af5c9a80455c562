from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from keras_torch import config, initializers, layers, registry
from keras_torch.initializers import initializations
from keras_torch.random import SeedGenerator

RANDOM = ["RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "GlorotNormal", "GlorotUniform",
          "HeNormal", "HeUniform", "LecunNormal", "LecunUniform", "Orthogonal"]  # fmt: skip
SHAPE = (3, 3, 40, 60)
FAN_IN, FAN_OUT = 360, 540

# Standard deviation of each distribution, from the formulas in the papers.
STDDEV = {
    "RandomNormal": 0.05,
    "RandomUniform": 0.1 / math.sqrt(12),
    "TruncatedNormal": 0.05 * 0.8796,
    "VarianceScaling": math.sqrt(1 / FAN_IN),
    "GlorotNormal": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "GlorotUniform": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "HeNormal": math.sqrt(2 / FAN_IN),
    "HeUniform": math.sqrt(2 / FAN_IN),
    "LecunNormal": math.sqrt(1 / FAN_IN),
    "LecunUniform": math.sqrt(1 / FAN_IN),
}
# Largest absolute value in standard deviations: uniform, and normal cut off at two.
LIMIT = {name: math.sqrt(3) if "Uniform" in name else 2 / 0.8796 for name in STDDEV} | {"RandomNormal": 6.0}


@pytest.mark.parametrize("name", sorted(STDDEV))
def test_mean_spread_and_range_follow_the_formula(name):
    values = registry.initializers.objects[name](seed=1)(SHAPE)
    spread = STDDEV[name]
    assert values.shape == SHAPE and values.dtype == torch.float32
    assert abs(values.mean().item()) < 0.03 * spread
    assert values.std().item() == pytest.approx(spread, rel=0.02)
    assert values.abs().max().item() <= LIMIT[name] * spread * 1.001


@pytest.mark.parametrize("name", sorted(STDDEV))
def test_many_numbers_without_a_seed_have_the_same_distribution(name):
    free, seeded = (registry.initializers.objects[name](seed=seed)(SHAPE).double() for seed in (None, 1))
    assert free.abs().max().item() <= LIMIT[name] * STDDEV[name] * 1.001 and len(free.unique()) > 0.99 * free.numel()
    shares = torch.linspace(0.02, 0.98, 25, dtype=torch.float64)
    found, wanted = (values.flatten().quantile(shares) for values in (free, seeded))
    torch.testing.assert_close(found, wanted, rtol=0, atol=0.06 * STDDEV[name])


@pytest.mark.parametrize("name", ["GlorotUniform", "HeNormal"])
def test_the_number_of_threads_changes_no_number(name):
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        torch.manual_seed(3)
        results.append(initializers.get(name)((100, 10_001)))
    torch.set_num_threads(1)
    assert torch.equal(*results)


def test_values_of_a_seed_have_the_same_places_in_a_layer_as_alone():
    for seed in (5, None):
        initializer = initializers.GlorotUniform(seed=seed)
        layer = layers.Conv2D(16, 3, kernel_initializer=initializer)
        layer.build((None, 8, 8, 16))
        assert torch.equal(layer.kernel.value, initializer((3, 3, 16, 16))) == (seed is not None)
        assert layer.conv.weight.is_contiguous()


@pytest.mark.parametrize("file", ["tier4_keras2.npz", "tier4_keras3.npz"])
def test_fans_and_spreads_are_those_of_real_keras(file):
    with np.load(Path(__file__).parent / "golden" / file) as arrays:
        facts = json.loads(str(arrays["index"]))
    for shape, fans in facts["fans"]:
        assert initializers._compute_fans(shape) == tuple(fans)
    for options, spread, largest in facts["spreads"]:
        values = initializers.VarianceScaling(**options)(SHAPE)
        assert values.std().item() == pytest.approx(spread, rel=0.02)
        rel = 0.25 if options["distribution"] == "untruncated_normal" else 0.01
        assert values.abs().max().item() == pytest.approx(largest, rel=rel)


@pytest.mark.parametrize("shape", [(8, 3), (3, 8), (3, 3, 2, 5), (1, 1, 4, 16)])
def test_orthogonal_makes_orthonormal_rows_or_columns_of_the_flattened_weight(shape):
    matrix = initializers.Orthogonal(gain=2.0)(shape).reshape(-1, shape[-1]) / 2
    small = matrix.t() @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.t()
    torch.testing.assert_close(small, torch.eye(len(small)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_makes_the_same_values_each_time_and_no_seed_makes_new_ones(name):
    seeded = registry.initializers.objects[name](seed=11)
    torch.testing.assert_close(seeded((5, 7)), seeded((5, 7)), rtol=0, atol=0)
    torch.testing.assert_close(initializers.deserialize(initializers.serialize(seeded))((5, 7)), seeded((5, 7)))
    other = initializers.get(name)
    assert not torch.equal(other((5, 7)), other((5, 7)))


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("dialect", ["1", "2"])
def test_numpys_seed_alone_repeats_the_values_in_old_dialects(name, dialect):
    with config.dialect_scope(dialect):
        results = []
        for _ in range(2):
            np.random.seed(1337)
            results.append([initializers.get(name)((4, 6)) for _ in range(2)])
    assert torch.equal(results[0][0], results[1][0]) and torch.equal(results[0][1], results[1][1])
    assert not torch.equal(results[0][0], results[0][1])


@pytest.mark.parametrize("name", RANDOM)
def test_torchs_seed_repeats_the_values(name):
    results = []
    for _ in range(2):
        torch.manual_seed(3)
        results.append(initializers.get(name)((4, 6)))
    assert torch.equal(*results)


@pytest.mark.parametrize("name", sorted(registry.initializers.objects))
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_every_initializer_makes_every_float_type_and_round_trips(name, dtype):
    initializer = initializers.get(name)
    shape = (4, 1, 3) if "stft" in name.lower() else (4, 4)
    values = initializer(shape, dtype=dtype)
    assert values.shape == shape and config.dtype_name(values.dtype) == dtype and torch.isfinite(values).all()
    again = initializers.deserialize(initializers.serialize(initializer))
    assert type(again) is type(initializer) and again.get_config() == initializer.get_config()
    assert initializer.clone().get_config() == initializer.get_config()


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("zero", "Zeros"), ("zeros", "Zeros"), ("one", "Ones"), ("uniform", "RandomUniform"),
        ("normal", "RandomNormal"),
        ("random_normal", "RandomNormal"), ("glorot_uniform", "GlorotUniform"), ("lecun_uniform", "LecunUniform"),
        ("identity", "Identity"), ("orthogonal", "Orthogonal"), ("he_normal", "HeNormal"),
        ("variance_scaling", "VarianceScaling"), ("truncated_normal", "TruncatedNormal"), ("constant", "Constant"),
    ],
)  # fmt: skip
def test_old_names_resolve(name, cls):
    assert type(initializers.get(name)).__name__ == cls
    assert getattr(initializers, name).__name__ == cls


def test_keras_1_did_not_cut_normals_off_and_had_a_larger_orthogonal_gain():
    with config.dialect_scope("1"):
        assert initializers.get("he_normal")((100, 200)).abs().max() > 2.5 * math.sqrt(2 / 100)
        assert initializers.get("orthogonal").get_config()["gain"] == 1.1
    assert initializers.get("orthogonal").get_config()["gain"] == 1.0


def test_identity_repeats_in_old_dialects_and_pads_with_zeros_since():
    expected = torch.eye(2, 4)
    assert torch.equal(initializers.Identity()((2, 4)), expected)
    with config.dialect_scope("2"):
        assert torch.equal(initializers.Identity(3.0)((2, 4)), 3 * torch.eye(2).repeat(1, 2))
        with pytest.raises(ValueError, match="multiple"):
            initializers.Identity()((2, 3))


def test_constant_takes_arrays_and_refuses_those_that_do_not_fit():
    values = np.arange(3.0)
    assert initializers.Constant(values)((2, 3)).tolist() == [[0, 1, 2], [0, 1, 2]]
    assert initializers.Constant(values).get_config() == {"value": [0.0, 1.0, 2.0]}
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        initializers.Constant(values)((2, 2))


def test_an_array_is_an_initializer_of_exactly_its_shape():
    values = np.arange(6.0).reshape(2, 3)
    assert initializers.get(values)((2, 3), dtype="float32").tolist() == values.tolist()
    with pytest.raises(ValueError, match=r"\(3, 2\)"):
        initializers.get(values)((3, 2))


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="`seed` of GlorotUniform"):
        initializers.GlorotUniform(seed=(3, 3))
    with pytest.raises(ValueError, match="`mode` of VarianceScaling"):
        initializers.VarianceScaling(mode="fan")
    with pytest.raises(ValueError, match='Did you mean "GlorotUniform"'):
        initializers.get("glorot_unifrm")
    with pytest.raises(ValueError, match="at least two dimensions"):
        initializers.Orthogonal()((3,))


def test_configs_of_tensorflow_1_carry_a_dtype_that_is_ignored():
    config_ = {"class_name": "VarianceScaling", "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform",
                                                         "seed": None, "dtype": "float32"}}  # fmt: skip
    assert initializers.get(config_).mode == "fan_avg"


def test_keras_1_functions_return_variables_at_once():
    assert initializations.normal((200, 200), scale=0.01, name="w").std().item() == pytest.approx(0.01, rel=0.05)
    assert initializations.glorot_uniform((3, 4), dim_ordering="th").shape == (3, 4)
    assert initializations.zero((2,)).tolist() == [0, 0]
    weight = initializations.get("he_normal")((3, 4), name="W")
    assert weight.requires_grad and weight.name == "W"
    with pytest.raises(ValueError, match='Did you mean "uniform"'):
        initializations.get("unifrm")


def test_functions_written_for_keras_1_need_no_dtype():
    def my_init(shape, name=None):
        return initializations.normal(shape, scale=0.01, name=name)

    initializer = initializers.get(my_init)
    assert initializer((2, 3), dtype="float32").shape == (2, 3)
    assert initializers.serialize(initializer)["config"] == "my_init"
    assert initializers.serialize(initializer, use_legacy_format=True) == "my_init"


def test_the_device_context_is_followed():
    with torch.device("meta"):
        assert initializers.GlorotUniform()((3, 4)).device.type == "meta"


def test_fans_are_known_by_the_private_name_that_scripts_use():
    assert initializers._compute_fans((3, 3, 4, 8)) == (36, 72)
    assert initializers._compute_fans((8, 4, 3, 3), data_format="channels_first") == (36, 72)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("RandomNormal", {"stddev": -1}, "`stddev` of RandomNormal"),
        ("TruncatedNormal", {"mean": None}, "`mean` of TruncatedNormal"),
        ("RandomUniform", {"minval": 1, "maxval": 0}, "`maxval` of RandomUniform"),
        ("VarianceScaling", {"scale": "two"}, "`scale` of VarianceScaling"),
        ("VarianceScaling", {"scale": 0}, "`scale` of VarianceScaling"),
        ("Orthogonal", {"gain": None}, "`gain` of Orthogonal"),
    ],
)
def test_impossible_arguments_are_named(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(initializers, name)(**arguments)


def test_random_values_of_whole_numbers_are_uniform_only():
    assert initializers.RandomUniform(0, 5)((3,), dtype="int32").dtype == torch.int32
    with pytest.raises(ValueError, match="floating-point `dtype`.*int32"):
        initializers.RandomNormal()((3,), dtype="int32")


@pytest.mark.parametrize("window", ["hann", "hamming", None, [0.5, 1.0, 2.0, 1.5, 1.0, 0.5]])
def test_stft_kernels_are_the_fourier_transform_of_the_window(window):
    if isinstance(window, list):
        values = np.array(window)
    else:
        values = {"hann": np.hanning(6), "hamming": np.hamming(6), None: np.ones(6)}[window]
    signal = np.random.default_rng(2).normal(size=6)
    wanted = np.fft.rfft(signal * values, 8)
    for side, part in (("real", wanted.real), ("imag", wanted.imag)):
        kernel = initializers.STFT(side, window, scaling=None)((6, 1, 5), dtype="float64").numpy()
        np.testing.assert_allclose(signal @ kernel[:, 0], part, atol=1e-12)
    if window is not None:
        spectrum = initializers.STFT("real", window, "spectrum")((6, 1, 5), dtype="float64").numpy()
        assert spectrum[:, 0, 0].sum() == pytest.approx(1.0)
        density = initializers.STFT("real", window, "density")((6, 1, 5), dtype="float64").numpy()
        assert np.square(density[:, 0, 0]).sum() == pytest.approx(1.0)


def test_stft_refuses_unknown_sides_scalings_windows_and_shapes():
    for arguments in ({"side": "left"}, {"scaling": "mean"}, {"window": "no such window"}):
        with pytest.raises(ValueError, match="STFT"):
            initializers.STFT(**arguments)
    with pytest.raises(ValueError, match="5 values"):
        initializers.STFT(window=[1.0] * 6)((5, 1, 3))
    with pytest.raises(ValueError, match="frame length"):
        initializers.STFT()((5, 3))


@pytest.mark.parametrize("name", ["VarianceScaling", "GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal",
                                  "LecunUniform", "LecunNormal"])  # fmt: skip
def test_the_axes_that_count_as_inputs_and_outputs_can_be_named(name):
    # The axes exchanged: the same values as for the transposed weight.
    exchanged = getattr(initializers, name)(seed=1, input_axes=[1], output_axes=[0])
    usual = getattr(initializers, name)(seed=1)
    assert exchanged((60, 40)).std().item() == pytest.approx(usual((40, 60)).std().item(), rel=0.05)
    again = initializers.deserialize(json.loads(json.dumps(initializers.serialize(exchanged))))
    assert (again.input_axes, again.output_axes) == ([1], [0])
    assert torch.equal(again((6, 4)), exchanged((6, 4)))


def test_fans_of_named_axes_are_the_products_of_their_sizes():
    assert initializers.compute_fans((2, 3, 5), input_axes=[0, 2], output_axes=[1]) == (10, 3)
    assert initializers.compute_fans((2, 3, 5), input_axes=(-1,), output_axes=()) == (5, 1)
    assert initializers.compute_fans((2, 3, 5), input_axes=[0]) == (6, 10)


def test_axes_that_a_weight_lacks_are_named():
    with pytest.raises(ValueError, match=r"`input_axes`.*\(2, 3\).*Received: \[2\] and \[0\]"):
        initializers.GlorotUniform(input_axes=[2], output_axes=[0])((2, 3))
    with pytest.raises(ValueError, match="`output_axes` of HeNormal must be a list of integers"):
        initializers.HeNormal(input_axes=[0], output_axes="1")


def test_a_seed_generator_gives_other_values_at_each_call_and_stands_in_the_config():
    first, again = (initializers.GlorotUniform(seed=SeedGenerator(3)) for _ in range(2))
    values = first((4, 4))
    assert not torch.equal(values, first((4, 4)))
    assert torch.equal(values, again((4, 4)))
    assert torch.equal(values, initializers.deserialize(initializers.serialize(first))((4, 4)))
    config = first.get_config()["seed"]
    assert (config["class_name"], config["config"]["seed"]) == ("SeedGenerator", 3)
