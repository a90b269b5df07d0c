"""Losses of the first 20 steps, kept in ``tests/golden/stage2.txt``.

A change of the networks, the masks or the order of random draws shows here. Run this file as a script to write
the losses anew after a change that is meant. The tolerance, 0.1 %, is that of another processor: its kernels
add in another order, and 20 steps of training amplify the last digits.
"""

from pathlib import Path

import pytest
import torch
from prior import toy

from nm_vqtsg.params import Stage2
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.session import Session

GOLDEN = Path(__file__).parents[1] / "golden" / "stage2.txt"


def losses() -> list[float]:
    """The paper's networks on random tokens of 64 series, 8 and 2 x 35 tokens, 128 codes, 3 classes."""
    source = torch.Generator().manual_seed(0)
    tokens = [torch.randint(128, (64, n), generator=source) for n in (8, 70)]
    books = toy.codebooks([torch.ones(128, dtype=torch.bool)] * 2)
    prior = Prior(Stage2(steps=20, batch_size=16), [(1, 8), (2, 35)], books, n_classes=3)
    curve = prior.fit(tokens, torch.arange(64) % 3, seed=0, session=Session(log_every=1))
    return [row["loss"] for row in curve]


def test_losses_of_the_first_steps() -> None:
    golden = [float(line) for line in GOLDEN.read_text().split()]
    assert losses() == pytest.approx(golden, rel=1e-3)


if __name__ == "__main__":
    GOLDEN.write_text("".join(f"{loss:.6f}\n" for loss in losses()))
