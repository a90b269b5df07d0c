"""A generator and a mapper that train in a second, on series whose classes and units are easy to recognise."""

from typing import Any

import numpy as np

from nm_vqtsg import NeuralMapper, TimeVQVAE

LENGTH = 30


def labelled_waves(n: int = 24, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Slow and fast waves around 100 with an amplitude of about 10: X (n, channels, LENGTH), y (n,) text."""
    rng = np.random.default_rng(0)
    y = np.where(np.arange(n) % 2 == 0, "slow", "fast")
    speed = np.where(y == "slow", 0.3, 0.9)
    wave = np.sin(speed[:, None] * (np.arange(LENGTH) + rng.uniform(0, 6, (n, 1))))
    X = np.stack([wave * (1 + channel) for channel in range(channels)], axis=1)
    return 100 + 10 * X + 0.1 * rng.standard_normal((n, channels, LENGTH)), y


def small_generator(**changes: Any) -> TimeVQVAE:
    stage1 = {"steps": 10, "batch_size": 8, "codebook_size": 16, "last_width": 16}
    transformers = {"lf": {"width": 16, "depth": 1, "heads": 2}, "hf": {"width": 8, "depth": 1, "heads": 1}}
    options = {"progress": False, "device": "cpu", "random_state": 3, **changes}
    return TimeVQVAE(stage1, {"steps": 10, "batch_size": 8, **transformers}, **options)


def small_mapper(**changes: Any) -> NeuralMapper:
    options = {"tau": 0.3, "progress": False, "device": "cpu", **changes}
    return NeuralMapper({"steps": 3, "width": 8, "multipliers": (1, 2)}, **options)
