"""EinsumDense: which equations are products of matrices, initial values, and what is refused."""

from __future__ import annotations

import pytest
import torch

from keras_torch import config, layers


@pytest.mark.parametrize(
    ("equation", "output_shape", "is_linear"),
    [
        ("abc,cde->abde", (None, 2, 3), True),
        ("abc, ecd -> abde", (None, 2, 3), True),
        ("...x,xy->...y", 3, True),
        ("abc,bd->adc", (3, None), False),
        ("abc,bcd->abd", (2, 3), False),
        ("ab...,bc->ac...", 3, False),
    ],
)
def test_products_over_the_last_axes_are_linear_modules(equation: str, output_shape, is_linear: bool) -> None:
    layer = layers.EinsumDense(equation, output_shape)
    x = torch.randn(4, 2, 5)
    torch.testing.assert_close(layer(x), torch.einsum(equation, x, layer.kernel.value))
    assert hasattr(layer, "linear") is is_linear


@pytest.mark.parametrize(("dialect", "bound"), [("3", (6 / (4 + 600)) ** 0.5), ("tf", (6 / (4 * 20 + 4 * 30)) ** 0.5)])
def test_fans_are_those_of_the_equation_in_keras_3_and_of_the_shape_before(dialect: str, bound: float) -> None:
    with config.dialect_scope(dialect):
        layer = layers.EinsumDense("ab,bcd->acd", (20, 30))
        layer.build((None, 4))
    assert float(layer.kernel.detach().abs().max()) == pytest.approx(bound, rel=0.02)


def test_sizes_that_the_input_knows_fill_the_symbolic_shape_but_in_keras_3() -> None:
    layer = layers.EinsumDense("abc,cd->abd", (None, 3))
    assert layer.compute_output_shape((None, 7, 2)) == (None, 7, 3)
    with config.dialect_scope("3"):
        assert layer.compute_output_shape((None, 7, 2)) == (None, None, 3)


@pytest.mark.parametrize(
    ("equation", "output_shape", "bias_axes", "text"),
    [
        ("ab,bc", 3, None, "must have the form"),
        ("ab,bc->...c", 3, None, "must have the form"),
        ("...a...,ab->...b...", 3, None, "must have the form"),
        ("abc,cd->abd", (None, 3), None, "must fit the rank"),
        ("ab,bc->ac", (3, 4), None, "needs 1 sizes in `output_shape`"),
        ("ab,bc->ad", 3, None, "neither in the inputs nor in the kernel"),
        ("ab,bd->ab", 5, None, "both must have one size"),
        ("ab,bcd->ac", 3, None, "known size, but 'd'"),
        ("ab,bc->ac", None, None, "known size, but 'c'"),
        ("ab,bc->ac", 3, "b", "`bias_axes`"),
        ("ab,bc->ac", -3, None, "`output_shape` must be an integer"),
    ],
)
def test_equations_that_do_not_work_are_refused(equation: str, output_shape, bias_axes, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        layers.EinsumDense(equation, output_shape, bias_axes=bias_axes).build((2, 4))


def test_the_equation_must_be_text_and_inputs_of_another_size_are_refused() -> None:
    with pytest.raises(TypeError, match="`equation` must be a string"):
        layers.EinsumDense(3, 4)
    layer = layers.EinsumDense("...x,xy->...y", 3)
    layer(torch.ones(2, 5, 4))
    with pytest.raises(ValueError, match="size 4 on axis -1"):
        layer(torch.ones(2, 5))
