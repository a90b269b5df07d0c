"""Masking in training and parallel decoding: the claims of MaskGIT's sections 3.1 and 3.2."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from nm_vqtsg.prior.maskgit import Canvas, decode, masked_count, training_mask


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(
    n_tokens=st.integers(1, 40),
    batch=st.integers(1, 5),
    n_codes=st.integers(1, 40),
    n_steps=st.integers(1, 12),
    choice=st.sampled_from([0.0, 0.5, 10.0]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=150, deadline=None)
def test_decoder_keeps_what_it_fixed_and_leaves_nothing_masked(
    n_tokens: int, batch: int, n_codes: int, n_steps: int, choice: float, seed: int
) -> None:
    seen: list[Canvas] = []
    logit_source = source(1)

    def logits(canvas: Canvas) -> torch.Tensor:
        seen.append(canvas)
        return 3 * torch.randn(*canvas.open.shape, n_codes, generator=logit_source)

    tokens = decode(
        logits,
        (batch, n_tokens),
        mask_token=n_codes,
        n_steps=n_steps,
        choice_temperature=choice,
        rng=source(seed),
    )
    assert tokens.shape == (batch, n_tokens)
    assert tokens.min() >= 0 and tokens.max() < n_codes
    assert seen[0].open.shape == (batch, n_tokens)
    assert sorted({canvas.step for canvas in seen}) == [canvas.step for canvas in seen]
    for canvas, after in zip(seen, [*[c.tokens for c in seen[1:]], tokens], strict=True):
        masked = canvas.tokens == n_codes
        assert (masked.sum(1) == canvas.open.shape[1]).all()
        assert masked.gather(1, canvas.open).all()
        assert canvas.open.diff(dim=1).min() > 0 if canvas.open.shape[1] > 1 else True
        assert torch.equal(after[~masked], canvas.tokens[~masked])  # fixed tokens never change


@pytest.mark.parametrize("n_tokens, n_steps", [(8, 10), (70, 10), (5, 3), (1, 10), (1, 1)])
def test_schedule_is_the_cosine(n_tokens: int, n_steps: int) -> None:
    counts = [masked_count(n_tokens, step, n_steps) for step in range(n_steps)]
    expected = [math.floor(n_tokens * math.cos(math.pi * (t + 1) / (2 * n_steps))) for t in range(n_steps)]
    assert counts == expected
    assert counts[-1] == 0 and counts == sorted(counts, reverse=True)
    opened: list[int] = []

    def logits(canvas: Canvas) -> torch.Tensor:
        opened.append(canvas.open.shape[1])
        return torch.zeros(*canvas.open.shape, 3)

    decode(logits, (2, n_tokens), mask_token=3, n_steps=n_steps, choice_temperature=1.0, rng=source())
    assert opened == sorted({n_tokens, *counts} - {0}, reverse=True)  # steps that keep nothing are left out


def test_without_noise_the_most_confident_draws_are_kept() -> None:
    """Position p is certain to degree p, so confidence must fix the last positions first."""
    n_tokens, kept_first = 8, []

    def logits(canvas: Canvas) -> torch.Tensor:
        if canvas.step == 1:
            kept_first.append(canvas.tokens != 4)
        sharp = torch.zeros(*canvas.open.shape, 4)
        sharp[..., 0] = 20.0 + 2.0 * canvas.open
        return sharp.double()

    decode(logits, (3, n_tokens), mask_token=4, n_steps=4, choice_temperature=0.0, rng=source())
    n_open = masked_count(n_tokens, 0, 4)
    assert torch.equal(kept_first[0], (torch.arange(n_tokens) >= n_open).expand(3, -1))


def test_large_choice_noise_keeps_positions_at_random() -> None:
    kept = torch.zeros(8)

    def logits(canvas: Canvas) -> torch.Tensor:
        if canvas.step == 1:
            kept.add_((canvas.tokens != 4).float().sum(0))
        sharp = torch.zeros(*canvas.open.shape, 4)
        sharp[..., 0] = canvas.open * 0.5
        return sharp

    decode(logits, (8000, 8), mask_token=4, n_steps=4, choice_temperature=1e6, rng=source())
    assert chisquare(kept.numpy()).pvalue > 1e-3


def test_training_mask_follows_the_cosine() -> None:
    """Masked count = ceil(N cos(pi u / 2)), u uniform, so P(count >= k) = 2 arccos((k - 1) / N) / pi."""
    n_tokens, batch = 10, 20_000
    counts = training_mask(batch, n_tokens, source()).sum(1).bincount(minlength=n_tokens + 1)
    at_least = [2 * math.acos((k - 1) / n_tokens) / math.pi for k in range(1, n_tokens + 2)]
    expected = [high - low for high, low in pairwise(at_least)]
    assert counts[0] == 0
    assert chisquare(counts[1:].numpy(), [batch * p for p in expected]).pvalue > 1e-3


def test_training_mask_chooses_positions_uniformly_and_at_least_one() -> None:
    mask = training_mask(20000, 6, source(1))
    counts = mask.sum(1)
    assert counts.min() >= 1
    one = mask[counts == 1].float().sum(0)
    assert chisquare(one.numpy()).pvalue > 1e-3
    pairs = mask[counts == 2].float()
    together = (pairs.T @ pairs)[torch.triu(torch.ones(6, 6), 1).bool()]
    assert chisquare(together.numpy()).pvalue > 1e-3
    assert training_mask(5, 1, source()).all()


def test_equal_seeds_give_equal_tokens() -> None:
    def logits(canvas: Canvas) -> torch.Tensor:
        return torch.zeros(*canvas.open.shape, 50)

    def draw(seed: int) -> torch.Tensor:
        return decode(logits, (4, 20), mask_token=50, n_steps=5, choice_temperature=2.0, rng=source(seed))

    assert torch.equal(draw(3), draw(3))
    assert not torch.equal(draw(3), draw(4))
