"""The other side: the workloads as torch users write them, by hand and tuned."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional
from workloads import WORKLOADS


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


class Block(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, before: int, filters: int, strides: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, filters, 3, strides, padding=1, bias=False)
        self.second = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(filters), nn.BatchNorm2d(filters)])
        self.shortcut: nn.Module = nn.Identity()
        if strides > 1:
            convolution = nn.Conv2d(before, filters, 1, strides, bias=False)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(filters))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's output."""
        y = functional.relu(self.norms[0](self.first(x)))
        return functional.relu(self.norms[1](self.second(y)) + self.shortcut(x))


def resnet20() -> nn.Module:
    """ResNet-20 for images of 32 x 32."""
    stack: list[nn.Module] = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    before = 16
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            stack.append(Block(before, filters, 2 if stage and not block else 1))
            before = filters
    return nn.Sequential(*stack, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def torch_model(name: str) -> nn.Module:
    """The workload's model, which returns logits."""
    if name == "LSTM":
        return Recurrent()
    if name == "ResNet-20":
        return resnet20()
    if name == "CNN":
        return nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
            nn.Flatten(), nn.Linear(64 * 12 * 12, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
        )  # fmt: skip
    first, hidden = (16, 64) if name == "tiny MLP" else (784, 512)
    return nn.Sequential(
        nn.Linear(first, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 10)
    )


def _placed(
    name: str, device: torch.device, tuned: bool, times: int = 1
) -> tuple[torch.Tensor, torch.Tensor, nn.Module]:
    """Return data and model on the device; images in torch's layout, when tuned with channels last in memory."""
    x, y = (torch.as_tensor(item).to(device) for item in WORKLOADS[name].data(times))
    model = torch_model(name).to(device)
    if x.dim() == 4:
        x = x.permute(0, 3, 1, 2)
        x = x if tuned else x.contiguous()
        model = model.to(memory_format=torch.channels_last) if tuned else model
    return x, y, model


def train_epoch(
    name: str, device: torch.device, tuned: bool = False, logging: bool = False, times: int = 1
) -> Callable[[], None]:
    """Return a function that trains one epoch.

    By hand: torch.optim.Adam as it comes, `.item()` of loss and accuracy in each step. Tuned: fused Adam, channels
    last, numbers read at the end of the epoch.
    """
    x, y, model = _placed(name, device, tuned, times)
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=tuned or None)
    batch = WORKLOADS[name].batch

    def by_hand() -> None:
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

    def by_expert() -> None:
        model.train()
        total, correct = torch.zeros((), device=device), torch.zeros((), device=device)
        for index in torch.randperm(len(x), device=device).split(batch):
            inputs, labels = x[index], y[index]
            optimizer.zero_grad()
            logits = model(inputs)
            loss = loss_function(logits, labels)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                total += loss.detach() * len(index)
                correct += (logits.argmax(1) == labels).sum()
        total.item(), correct.item()

    return by_expert if tuned else by_hand


def predict(name: str, device: torch.device, batch: int = 32, times: int = 1) -> Callable[[], None]:
    """Return a function that predicts all samples batch by batch in inference mode."""
    x, _, model = _placed(name, device, False, times)
    model.eval()

    def run() -> None:
        with torch.inference_mode():
            torch.cat([model(part).softmax(-1) for part in x.split(batch)]).cpu().numpy()

    return run


def model_call(name: str, device: torch.device, calls: int) -> Callable[[], None]:
    """Return a function that calls the model, with softmax, many times on one batch."""
    x, _, model = _placed(name, device, tuned=False)
    whole, inputs = nn.Sequential(model, nn.Softmax(-1)).eval(), x[: WORKLOADS[name].batch]

    def run() -> None:
        with torch.inference_mode():
            for _ in range(calls):
                whole(inputs)

    return run
