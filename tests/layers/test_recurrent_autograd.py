"""The step loops with their own backward pass against plain autograd."""

from __future__ import annotations

import pytest
import torch

from keras_torch import activations
from keras_torch.layers import GRUCell, LSTMCell
from keras_torch.layers.recurrent_autograd import ELEMENTWISE, run_loop
from keras_torch.layers.recurrent_loop import run_steps

PAIRS = [(activations.tanh, gate) for gate in ELEMENTWISE] + [(activations.relu, activations.sigmoid)]


def problem(cls, activation, gate, masked):
    """Return a built float64 cell, and sums, kernel, masks and states for `run_loop`."""
    options = {"reset_after": False} if cls is GRUCell else {}
    cell = cls(3, activation=activation, recurrent_activation=gate, dtype="float64", **options)
    cell.build((None, 3))
    generator = torch.Generator().manual_seed(4)

    def make(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_(True)

    masks = (torch.rand(cell.gates, 2, 3, generator=generator) > 0.4).double() * 2 if masked else None
    return (
        cell,
        make(2, 5, 3 * cell.gates),
        make(3, 3 * cell.gates),
        masks,
        [make(2, 3) for _ in range(cell.state_count)],
    )


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("every_output", [False, True])
@pytest.mark.parametrize("cls", [LSTMCell, GRUCell])
@pytest.mark.parametrize(("activation", "gate"), PAIRS)
def test_results_and_gradients_are_those_of_autograd(cls, activation, gate, every_output, masked):
    cell, sums, kernel, masks, states = problem(cls, activation, gate, masked)
    found = []
    for run in (
        lambda: run_loop(cell._loop(), cell._run_steps, sums, kernel, masks, states, every_output),
        lambda: run_steps(cell._step(kernel, masks), sums, states, None, every_output),
    ):
        sequence, last, final = run()
        outputs = [*([sequence] if every_output else []), last, *final]
        loss = sum((output * (index + 1)).square().sum() for index, output in enumerate(outputs))
        found.append([*outputs, *torch.autograd.grad(loss, [sums, kernel, *states])])
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("cls", [LSTMCell, GRUCell])
def test_gradients_can_be_differentiated_again(cls):
    cell, sums, kernel, masks, states = problem(cls, activations.tanh, activations.sigmoid, True)

    def run(sums, kernel, *states):
        sequence, _, final = run_loop(cell._loop(), cell._run_steps, sums, kernel, masks, list(states), True)
        return sequence, *final

    inputs = (sums[:, :2].detach().requires_grad_(True), kernel, *states)
    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


def test_unknown_activations_take_plain_autograd():
    assert LSTMCell(3, activation="softsign")._loop() is None
    assert GRUCell(3, reset_after=True)._loop() is None
    assert LSTMCell(3, recurrent_activation=lambda x: x)._loop() is None
