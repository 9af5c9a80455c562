"""`SeedGenerator`, and the torch generators that seeds of Keras 3 stand for."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from keras_torch import config, registry
from keras_torch.backend.variable import Variable
from keras_torch.distributed import Share
from keras_torch.symbolic.naming import unique_name


class SeedGenerator:
    """A row of seeds: a state of two whole numbers, of which the second counts the calls.

    Given as `seed` to the functions of `keras.random`, each call draws other numbers, the same ones in every run.
    Without `seed` the first number comes from Python's generator, which `keras.utils.set_random_seed` seeds.
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        if kwargs:
            raise ValueError(f"`SeedGenerator` has no argument {', '.join(map(repr, kwargs))}.")
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise ValueError(f"`seed` must be an integer or None. Received: seed={seed!r}")
        self.name = name or (unique_name("seed_generator") if config.is_modern() else "seed_generator")
        self._initial_seed = None if seed is None else int(seed)
        first = random.randint(1, 1_000_000_000) if seed is None else int(seed)
        self.state = Variable(torch.tensor([first, 0]), trainable=False, name="seed_generator_state")
        self.state._scope = self.name

    def next(self, ordered: bool = True) -> torch.Tensor:
        """Return the state, a tensor of two numbers, and go on to the next one: by counting, or in no clear order."""
        current = self.state.value.clone()
        with torch.no_grad():
            following = current + torch.tensor([0, 1], device=current.device) if ordered else (current + 1) * 5387
            self.state.assign(following if ordered else following % 933199)
        return current

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal generator at its start."""
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """Make a generator from `get_config`."""
        return cls(**config)


def _describe(generator: SeedGenerator) -> dict[str, Any]:
    inner = {"module": "keras.random", "class_name": "SeedGenerator", "config": generator.get_config()}
    return {**inner, "registered_name": None}


registry.WRITERS[SeedGenerator] = _describe
registry.READERS["SeedGenerator"] = SeedGenerator.from_config


def seed_of(seed: Any) -> int:
    """Return the number that Keras 3 on torch seeds a generator with."""
    if isinstance(seed, SeedGenerator):
        return (int(seed.next().sum()) + Share.offset()) & 0xFFFFFFFF
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise ValueError(f"`seed` must be an integer, a SeedGenerator or None. Received: seed={seed!r} of {type(seed)}")
    return int(seed) & 0xFFFFFFFF


def generator_for(seed: Any) -> tuple[torch.device, torch.Generator | None]:
    """Return the device to draw on, and a generator for a seed; none without a seed, or where only shapes matter."""
    device = config.default_device()
    if seed is None or device.type == "meta":
        return device, None
    return device, torch.Generator(device).manual_seed(seed_of(seed))


@contextlib.contextmanager
def global_seed(device: torch.device, seed: Any) -> Iterator[None]:
    """Seed torch's own generator of a device for what knows no other, and set it back afterwards.

    `torch.manual_seed` would seed those of every kind of device, and note where from: 5 ms a call.
    """
    if device.type == "cuda":
        torch.cuda.init()
        generator = torch.cuda.default_generators[torch.cuda.current_device() if device.index is None else device.index]
    else:
        generator = torch.default_generator
    before = generator.get_state()
    generator.manual_seed(seed_of(seed))
    try:
        yield
    finally:
        generator.set_state(before)
