"""EinsumDense: products over the last axes, and other equations."""

from __future__ import annotations

from typing import Any

from layer_cases import BOTH, Case


def _case(equation: str, output_shape: Any, shape: tuple[int, ...], keras: Any = BOTH, **more: Any) -> Case:
    return Case("EinsumDense", {"equation": equation, "output_shape": output_shape, **more}, [shape], keras=keras)


CASES: dict[str, Case] = {
    "plain": _case("ab,bc->ac", 3, (2, 4)),
    "bias": _case("ab,bc->ac", 3, (2, 4), bias_axes="c", activation="relu"),
    "steps": _case("abc,cd->abd", (None, 3), (2, 3, 4), bias_axes="d"),
    "kernel-turned": _case("abc,dc->abd", (None, 3), (2, 3, 4), bias_axes="d"),
    "heads": _case("abc,cde->abde", (None, 2, 3), (2, 3, 4), bias_axes="de"),
    "heads-some-bias": _case("abc,cde->abde", (None, 2, 3), (2, 3, 4), bias_axes="e"),
    "heads-first-bias": _case("abc,cde->abde", (None, 2, 3), (2, 3, 4), bias_axes="d", activation="tanh"),
    "heads-turned": _case("abc,ecd->abde", (None, 2, 3), (2, 3, 4), bias_axes="de"),
    "from-heads": _case("abcd,cde->abe", (None, 5), (2, 3, 2, 4), bias_axes="e"),
    "from-heads-turned": _case("abcd,edc->abe", (None, 5), (2, 3, 2, 4)),
    "left": _case("...x,xy->...y", 3, (2, 3, 4), bias_axes="y"),
    # Keras 3 turns the symbolic axes of `...` around.
    "left-deep": _case("...x,xyz->...yz", (2, 3), (2, 2, 3, 4), ("2.15",), bias_axes="yz"),
    "right": _case("ab...,bc->ac...", 3, (2, 4, 3), bias_axes="c"),
    "mixing-steps": _case("abc,bd->adc", (3, None), (2, 3, 4), bias_axes="d"),
    "step-bias": _case("abc,cd->abd", (3, 2), (2, 3, 4), bias_axes="bd"),
    "kernel-per-step": _case("abc,bcd->abd", (3, 2), (2, 3, 4), bias_axes="d"),
    "diagonal": _case("abc,c->abc", (None, 4), (2, 3, 4)),
}
