"""Compare `fit` with a hand-written torch loop, in pairs, on four workloads; and a model call with nn.Sequential.

Both sides train the same architecture on the same data with the same optimizer and batch size and count accuracy. The
hand-written loop is what one would write: shuffled index batches, `torch.optim.Adam`, CrossEntropyLoss on logits,
`.item()` of loss and accuracy in each step. Epochs alternate between the sides; the medians of their times and the
median of the pairwise ratios are printed. With Keras 3 installed (`KERAS_BACKEND=torch`), `--keras` adds it.
With `--logging` fit shows its progress bar (on a terminal that shows nothing) and counts three metrics: accuracy, top-2
accuracy and cross-entropy; the loop counts the first two and has the third as its loss.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import os
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

SHAPES = {
    # name: samples, batch size
    "tiny MLP": (32 * 300, 32),
    "MNIST MLP": (128 * 60, 128),
    "CNN": (128 * 12, 128),
    "LSTM": (32 * 12, 32),
}


def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Random inputs and labels of the workload's shape."""
    count = SHAPES[name][0]
    random = np.random.default_rng(0)
    y = random.integers(0, 10, count)
    if name == "LSTM":
        return random.integers(0, 20_000, (count, 80)), y % 2
    shape = {"tiny MLP": (16,), "MNIST MLP": (784,), "CNN": (28, 28, 1)}[name]
    return random.random((count, *shape), dtype="float32"), y


def keras_model(name: str, keras: object, logging: bool = False) -> object:
    """The workload's model in Keras's words, compiled with one metric, or three when logging."""
    layers = keras.layers  # type: ignore[attr-defined]
    stack = {
        "tiny MLP": lambda: [
            keras.Input((16,)),  # type: ignore[attr-defined]
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
        ],
        "MNIST MLP": lambda: [
            keras.Input((784,)),  # type: ignore[attr-defined]
            layers.Dense(512, activation="relu"),
            layers.Dense(512, activation="relu"),
        ],
        "CNN": lambda: [
            keras.Input((28, 28, 1)),  # type: ignore[attr-defined]
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
        ],
        "LSTM": lambda: [
            keras.Input((80,), dtype="int32"),  # type: ignore[attr-defined]
            layers.Embedding(20_000, 128),
            layers.LSTM(128),
        ],
    }[name]()
    stack.append(layers.Dense(2 if name == "LSTM" else 10, activation="softmax"))
    model = keras.Sequential(stack)  # type: ignore[attr-defined]
    metrics: list[object] = ["accuracy"]
    if logging:
        top = keras.metrics.SparseTopKCategoricalAccuracy(k=2)  # type: ignore[attr-defined]
        metrics += [top, "sparse_categorical_crossentropy"]
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=metrics)  # type: ignore
    return model


class Recurrent(nn.Module):
    """Embedding, LSTM and a linear head on the last step."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20_000, 128)
        self.lstm = nn.LSTM(128, 128, batch_first=True)
        self.head = nn.Linear(128, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits for integer ids (batch, time)."""
        return self.head(self.lstm(self.embedding(x))[0][:, -1])


def torch_model(name: str) -> nn.Module:
    """The workload's model as a torch user writes it."""
    if name == "LSTM":
        return Recurrent()
    if name == "CNN":
        return nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
            nn.Flatten(), nn.Linear(64 * 12 * 12, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
        )  # fmt: skip
    first, hidden = (16, 64) if name == "tiny MLP" else (784, 512)
    return nn.Sequential(
        nn.Linear(first, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 10)
    )


def torch_epoch(name: str, device: torch.device, logging: bool = False) -> Callable[[], None]:
    """Return a function that trains one epoch with the hand-written loop."""
    x, y = (torch.as_tensor(item).to(device) for item in data(name))
    if name == "CNN":
        x = x.permute(0, 3, 1, 2).contiguous()
    model, loss_function = torch_model(name).to(device), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    batch = SHAPES[name][1]

    def epoch() -> None:
        model.train()
        order = torch.randperm(len(x), device=device)
        total, correct, among_two = 0.0, 0.0, 0.0
        for start in range(0, len(x), batch):
            index = order[start : start + batch]
            inputs, labels = x[index], y[index]
            optimizer.zero_grad()
            logits = model(inputs)
            loss = loss_function(logits, labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(index)
            correct += (logits.argmax(1) == labels).sum().item()
            if logging:
                among_two += (logits.topk(2).indices == labels[:, None]).sum().item()

    return epoch


class Terminal(io.StringIO):
    """A terminal that shows nothing."""

    def isatty(self) -> bool:
        """So that progress bars are drawn as for a person."""
        return True


def fit_epoch(name: str, keras: object, logging: bool = False) -> Callable[[], None]:
    """Return a function that trains one epoch with `fit`."""
    x, y = data(name)
    model = keras_model(name, keras, logging)

    def epoch() -> None:
        with contextlib.redirect_stdout(Terminal()) if logging else contextlib.nullcontext():
            model.fit(x, y, batch_size=SHAPES[name][1], epochs=1, verbose=int(logging))  # type: ignore[attr-defined]

    return epoch


def timed(function: Callable[[], None]) -> float:
    """Seconds that one call takes, with the GPU's work done."""
    gc.collect()
    start = time.perf_counter()
    function()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def compare(sides: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Time the sides in turn after a warm-up each."""
    for function in sides.values():
        function()
    times: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(rounds):
        order = list(sides) if number % 2 == 0 else list(reversed(sides))
        for side in order:
            times[side].append(timed(sides[side]))
    return times


def report(name: str, times: dict[str, list[float]], samples: int) -> None:
    """Print medians in samples a second, and the ratio of times ours / loop, pair by pair."""
    ratios = [ours / loop for ours, loop in zip(times["keras_torch"], times["loop"], strict=True)]
    speeds = "  ".join(f"{side} {samples / statistics.median(seconds):>10,.0f}/s" for side, seconds in times.items())
    print(f"{name:<12} {speeds}  ours/loop {statistics.median(ratios):.3f} ({min(ratios):.3f}-{max(ratios):.3f})")


def model_call(rounds: int) -> None:
    """Compare one inference call of the tiny MLP with nn.Sequential, with softmax on both sides."""
    import keras_torch

    ours = keras_model("tiny MLP", keras_torch)
    theirs = nn.Sequential(torch_model("tiny MLP"), nn.Softmax(-1)).eval()
    x = torch.rand(32, 16)

    def many(model: object) -> Callable[[], None]:
        def run() -> None:
            with torch.inference_mode():
                for _ in range(2000):
                    model(x)  # type: ignore[operator]

        return run

    times = compare({"keras_torch": many(ours), "loop": many(theirs)}, rounds)
    ratios = [a / b for a, b in zip(times["keras_torch"], times["loop"], strict=True)]
    micro = {side: statistics.median(seconds) / 2000 * 1e6 for side, seconds in times.items()}
    print(
        f"model call   keras_torch {micro['keras_torch']:.1f} µs  nn.Sequential {micro['loop']:.1f} µs  "
        f"ratio {statistics.median(ratios):.3f} ({min(ratios):.3f}-{max(ratios):.3f})"
    )


def main() -> None:
    """Run the workloads that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="one workload's name")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--keras", action="store_true", help="add Keras 3 on torch, if it is installed")
    parser.add_argument("--logging", action="store_true", help="with a progress bar and three metrics")
    options = parser.parse_args()
    import keras_torch

    other = None
    if options.keras:
        os.environ["KERAS_BACKEND"] = "torch"
        import keras as other
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    machine = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {machine}, {options.rounds} rounds")
    for name, (samples, _) in SHAPES.items():
        if options.only in (None, name):
            logging = options.logging
            sides = {"keras_torch": fit_epoch(name, keras_torch, logging), "loop": torch_epoch(name, device, logging)}
            if other is not None:
                sides["Keras 3"] = fit_epoch(name, other, logging)
            report(name, compare(sides, options.rounds), samples)
    if options.only in (None, "model call") and not options.logging:
        model_call(options.rounds)


if __name__ == "__main__":
    main()
