"""What fit says of a generator that has learnt nothing, too much, or what it should."""

import numpy as np
import pytest

from nm_vqtsg import TimeVQVAE
from nm_vqtsg.commands.fit_warnings import Labelled, warnings

T = np.linspace(0, 6.28, 24)


def sines(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(n) % 2
    phases = np.random.default_rng(seed).uniform(0, 0.5, n)
    return np.sin(T * (1 + y)[:, None] + phases[:, None])[:, None], y


def said(learnt_from: Labelled, held_out: Labelled, stage1: int, stage2: int, codes: int) -> dict[str, list[str]]:
    small = {"width": 16, "depth": 1, "heads": 1}
    model = TimeVQVAE(
        {"steps": stage1, "codebook_size": codes, "last_width": 16, "learning_rate": 5e-3},
        {"steps": stage2, "lf": {"width": 32, "depth": 2, "heads": 2}, "hf": small, "learning_rate": 1e-2},
        progress=False,
    )
    return warnings(model.fit(*learnt_from), learnt_from, held_out)


def test_too_few_steps_are_called_out_in_the_tokeniser_s_name() -> None:
    found = said(sines(40, 0), sines(20, 1), 1, 1, 32)
    assert any("hardly reconstructed" in sentence for sentence in found["tokeniser"])


@pytest.mark.parametrize("labelled", [True, False])
def test_a_prior_that_has_memorised_noise_is_called_out(labelled: bool) -> None:
    """Noise in other units, so that the scaling is the model's."""
    rng = np.random.default_rng(0)
    X = 50 + 7 * rng.normal(size=(40, 1, 24))
    y = np.array(["a", "b"] * 20) if labelled else None
    parts = [(X[rows], None if y is None else y[rows]) for rows in (slice(0, 30), slice(30, 40))]
    found = said(parts[0], parts[1], 100, 250, 64)
    assert any("has memorised" in sentence for sentence in found["prior"])


def test_a_sound_generator_is_not() -> None:
    assert said(sines(200, 0), sines(100, 1), 200, 250, 8) == {}
