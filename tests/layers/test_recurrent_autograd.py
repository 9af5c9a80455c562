"""The step loops with their own backward pass against plain autograd."""

from __future__ import annotations

import pytest
import torch

from keras_torch import activations
from keras_torch.layers import GRUCell, LSTMCell
from keras_torch.layers.recurrent_autograd import ELEMENTWISE, run_loop
from keras_torch.layers.recurrent_loop import run_steps

PAIRS = [(activations.tanh, gate) for gate, entry in ELEMENTWISE.items() if not entry.of_input]
# exponential of exponential of ... has no numbers to compare.
PAIRS += [(item, activations.sigmoid) for item in ELEMENTWISE if item is not activations.exponential]
CELLS = {
    "lstm": LSTMCell,
    "gru before": lambda *args, **options: GRUCell(*args, reset_after=False, **options),
    "gru after": lambda *args, **options: GRUCell(*args, reset_after=True, **options),
    "gru without bias": lambda *args, **options: GRUCell(*args, reset_after=True, use_bias=False, **options),
}


def problem(kind, activation, gate, masked):
    """Return a built float64 cell, and sums, kernel, bias, masks and states for `run_loop`."""
    cell = CELLS[kind](3, activation=activation, recurrent_activation=gate, dtype="float64")
    cell.build((None, 3))
    generator = torch.Generator().manual_seed(4)

    def make(*shape):
        return (0.3 * torch.randn(*shape, generator=generator, dtype=torch.float64)).requires_grad_(True)

    masks = (torch.rand(cell.gates, 2, 3, generator=generator) > 0.4).double() * 2 if masked else None
    return (
        cell,
        make(2, 5, 3 * cell.gates),
        make(3, 3 * cell.gates),
        make(9) if kind == "gru after" else None,
        masks,
        [make(2, 3) for _ in range(cell.state_count)],
    )


@pytest.mark.parametrize(("every_output", "masked"), [(False, True), (True, False)])
@pytest.mark.parametrize("kind", [kind for kind in CELLS if kind != "gru without bias"])
@pytest.mark.parametrize(("activation", "gate"), PAIRS)
def test_results_and_gradients_are_those_of_autograd(kind, activation, gate, every_output, masked):
    cell, sums, kernel, bias, masks, states = problem(kind, activation, gate, masked)
    found = []
    for run in (
        lambda: run_loop(cell._loop(), cell._run_steps, sums, kernel, bias, masks, states, every_output),
        lambda: run_steps(cell._step(kernel, bias, masks), sums, states, None, every_output),
    ):
        sequence, last, final = run()
        outputs = [*([sequence] if every_output else []), last, *final]
        loss = sum((output * (index + 1)).square().sum() for index, output in enumerate(outputs))
        found.append(
            [*outputs, *torch.autograd.grad(loss, [sums, kernel, *states, *([bias] if bias is not None else [])])]
        )
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("kind", CELLS)
def test_gradients_can_be_differentiated_again(kind):
    cell, sums, kernel, bias, masks, states = problem(kind, activations.tanh, activations.sigmoid, True)

    def run(sums, kernel, bias, *states):
        sequence, _, final = run_loop(cell._loop(), cell._run_steps, sums, kernel, bias, masks, list(states), True)
        return sequence, *final

    inputs = (sums[:, :2].detach().requires_grad_(True), kernel, bias, *states)
    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


def test_activations_that_are_not_elementwise_take_plain_autograd():
    assert LSTMCell(3, activation="softmax")._loop() is None
    assert GRUCell(3, recurrent_activation="silu")._loop() is None
    assert LSTMCell(3, recurrent_activation=lambda x: x)._loop() is None
