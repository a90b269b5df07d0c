"""Draws by inverse CDF have the law of softmax(logits)."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare

from nm_vqtsg.nn.inverse_cdf import draw_categorical


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("n_codes", [1, 2, 31, 32, 33, 100])
def test_frequencies_match_the_law_and_torch_multinomial(n_codes: int) -> None:
    logits = 1.5 * torch.randn(n_codes, generator=source(n_codes))
    n = 60_000
    index, _ = draw_categorical(logits.repeat(n, 1), source())
    ours = index.bincount(minlength=n_codes)
    law = logits.double().softmax(-1)
    assert ours.sum() == n and len(ours) == n_codes
    if n_codes > 1:
        assert chisquare(ours.numpy(), (law * n).numpy()).pvalue > 1e-3
        theirs = law.multinomial(n, replacement=True, generator=source(1)).bincount(minlength=n_codes)
        seen = (ours + theirs) > 0
        assert chi2_contingency(torch.stack([ours, theirs])[:, seen].numpy()).pvalue > 1e-3


@given(n_codes=st.integers(1, 80), scale=st.sampled_from([0.0, 1.0, 30.0, 200.0]), seed=st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_impossible_codes_are_never_drawn_and_log_probabilities_are_right(
    n_codes: int, scale: float, seed: int
) -> None:
    logits = scale * torch.randn(50, n_codes, generator=source(seed))
    dead = torch.rand(50, n_codes, generator=source(seed + 1)) < 0.7
    dead[torch.arange(50), torch.randint(n_codes, (50,), generator=source(seed + 2))] = False
    logits = logits.masked_fill(dead, -torch.inf)
    index, log_p = draw_categorical(logits.clone(), source(seed + 3))
    assert not dead.gather(1, index[:, None]).any()
    exact = logits.double().log_softmax(-1).gather(1, index[:, None]).squeeze(1)
    assert torch.allclose(log_p.double(), exact, atol=1e-3, rtol=1e-4)
