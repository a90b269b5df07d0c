"""Independent streams of random numbers from one seed."""

import hashlib
from collections.abc import Callable
from typing import TypeVar

import torch

Built = TypeVar("Built")


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed from a seed and names or counters; independent for different parts."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def seeded(seed: int, build: Callable[[], Built]) -> Built:
    """What `build` makes with torch's global generator at `seed`: a network with its first weights.

    It is built on the CPU, so that every device starts from the same weights, and the global generator is left as
    it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return build()


def new_rng(*parts: int | str) -> torch.Generator:
    """A generator of random numbers on the CPU, seeded by `derive_seed`."""
    return torch.Generator().manual_seed(derive_seed(*parts))
