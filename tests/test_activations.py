from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from keras_torch import Input, activations, backend, config, constraints, layers, registry, regularizers

GOLDEN = Path(__file__).parent / "golden"
DIALECTS = {"tier4_keras2.npz": "tf", "tier4_keras3.npz": "3"}
MODULES = {"activations": activations, "regularizers": regularizers, "constraints": constraints}


def golden_cases() -> list:
    cases = []
    for file, dialect in DIALECTS.items():
        with np.load(GOLDEN / file) as arrays:
            for case in json.loads(str(arrays["index"]))["cases"]:
                options = ",".join(f"{key}={value}" for key, value in case["options"].items())
                cases.append(
                    pytest.param(
                        dialect,
                        case,
                        arrays[case["source"]],
                        arrays[case["key"]],
                        arrays.get(case["key"].replace("result", "gradient")),
                        id=f"{dialect}-{case['name']}-{options}-{case['source']}",
                    )
                )
    return cases


@pytest.mark.parametrize(("dialect", "case", "source", "expected", "gradient"), golden_cases())
def test_values_and_gradients_are_those_of_real_keras(dialect, case, source, expected, gradient):
    options = {("negative_slope" if key == "alpha" and case["name"] == "relu" else key): value
               for key, value in case["options"].items()}  # fmt: skip
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    found = getattr(MODULES[case["family"]], case["name"])
    x = torch.from_numpy(source).requires_grad_(gradient is not None)
    with config.dialect_scope(dialect):
        result = found(x, **options) if case["family"] == "activations" else found(**options)(x)
    assert result.dtype == torch.float32
    np.testing.assert_allclose(result.detach().numpy(), expected, rtol=2e-5, atol=1e-6)
    if gradient is not None and result.requires_grad:
        (result * torch.cos(torch.arange(result.numel()).double()).float().reshape(result.shape)).sum().backward()
        if case["name"] == "selu" and dialect == "tf":
            # Around 0 TensorFlow has the slope from the right, torch the one from the left.
            kink = np.abs(source) < 1e-7
            x.grad[kink] = torch.from_numpy(gradient[kink])
        np.testing.assert_allclose(x.grad.numpy(), gradient, rtol=1e-4, atol=1e-5)


def test_hard_sigmoid_is_fixed_by_the_dialect_in_which_its_name_is_resolved():
    x = torch.tensor([1.0])
    with config.dialect_scope("2"):
        old = activations.get("hard_sigmoid")
        same = activations.get(activations.hard_sigmoid)
    with config.dialect_scope("3"):
        new = activations.get("hard_sigmoid")
        assert old(x).item() == same(x).item() == pytest.approx(0.7)
        assert new(x).item() == pytest.approx(4 / 6)
    assert activations.serialize(old) == activations.serialize(new) == "hard_sigmoid"


@pytest.mark.parametrize("name", ["softmax", "sigmoid"])
def test_softmax_and_sigmoid_remember_their_logits(name):
    x = torch.randn(2, 3)
    assert activations.get(name)(x)._keras_logits is x
    if name == "softmax":
        assert not hasattr(activations.softmax(x, axis=0), "_keras_logits")


def test_softmax_over_several_axes_sums_to_one_over_all_of_them():
    result = activations.softmax(torch.randn(2, 3, 4), axis=(1, 2))
    torch.testing.assert_close(result.sum((1, 2)), torch.ones(2))


@pytest.mark.parametrize("name", sorted(registry.activations.objects))
def test_every_activation_is_found_by_name_and_keeps_float32_and_gives_finite_gradients(name):
    function = activations.get(name)
    assert activations.get(activations.serialize(function)) is function
    x = torch.tensor([[-90.0, -1.5, -0.25, 0.3, 2.0, 30.0]], requires_grad=True)
    arguments = (0.5, 0.0) if name == "threshold" else ()
    result = function(x, *arguments)
    assert result.dtype == torch.float32
    result.sum().backward()
    if name != "exponential":
        assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("name", sorted(registry.activations.objects))
def test_activations_compile_without_graph_breaks(name):
    function = activations.get(name)
    arguments = (0.5, 0.0) if name == "threshold" else ()
    x = torch.randn(3, 4)
    compiled = torch.compile(function, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x, *arguments), function(x, *arguments))


def test_none_is_linear_and_functions_pass_through():
    assert activations.get(None) is activations.linear
    assert activations.get(torch.tanh) is torch.tanh


def test_swish_is_written_under_the_name_that_the_dialect_knows():
    assert activations.serialize(activations.swish) == "silu"
    with config.dialect_scope("tf"):
        assert activations.serialize(activations.get("silu")) == "swish"


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match='Did you mean "relu"'):
        activations.get("relv")


def test_custom_objects_come_first():
    def relu6(x):
        return x * 0

    with registry.CustomObjectScope({"relu6": relu6}):
        assert activations.get("relu6") is relu6
    assert activations.get("relu6") is activations.relu6


@pytest.mark.parametrize("name", sorted(registry.activations.objects))
def test_activations_are_recorded_on_symbolic_tensors(name):
    function = activations.get(name)
    arguments = (0.5, 0.0) if name == "threshold" else ()
    x = Input((4,))
    assert function(x, *arguments).shape == ((None, 2) if name == "glu" else (None, 4))


def test_layers_as_activations_are_warned_about_in_keras_2():
    layer = layers.LeakyReLU()
    with config.dialect_scope("2"), pytest.warns(UserWarning, match="given as an activation"):
        assert activations.get(layer) is layer


def test_softmax_refuses_vectors_until_keras_3():
    with config.dialect_scope("2"), pytest.raises(ValueError, match="two axes"):
        activations.softmax(torch.ones(3))
    assert activations.softmax(torch.ones(2)).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("relu", [activations.relu, backend.relu])
def test_a_bounded_relu_starts_at_zero_whatever_its_threshold(relu):
    found = relu(torch.tensor([-3.0, -1.0, 2.0, 9.0]), 0.5, max_value=5.0, threshold=-2.0)
    assert found.tolist() == [-0.5, 0.0, 2.0, 5.0]


@pytest.mark.parametrize("name", sorted(registry.activations.objects))
def test_arrays_and_lists_are_taken_as_tensors(name):
    function = getattr(activations, name)
    arguments = (0.5, 0.0) if name == "threshold" else ()
    values = np.array([[0.5, -0.5], [1.0, 3.0]])
    expected = function(torch.tensor(values, dtype=torch.float32), *arguments)
    for given in (values, values.tolist()):
        found = function(given, *arguments)
        assert found.dtype == torch.float32 and torch.equal(found, expected)


@pytest.mark.parametrize("axis", [(1, 2), [0, -1]])
def test_log_softmax_over_several_axes_is_the_logarithm_of_softmax(axis):
    x = torch.randn(2, 3, 4)
    torch.testing.assert_close(activations.log_softmax(x, axis).exp(), activations.softmax(x, axis))
    assert activations.log_softmax(torch.tensor([[0.0, -1000.0]]), (0, 1)).tolist() == [[0.0, -1000.0]]
