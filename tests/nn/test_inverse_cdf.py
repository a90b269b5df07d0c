"""Draws by inverse CDF have the distribution that the plain cumulated sum gives."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare

from nm_vqtsg.nn.inverse_cdf import draw_categorical, invert_cdf

N_DRAWS = 200_000


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("n_codes", [1, 2, 31, 32, 33, 100])
def test_frequencies_match_the_distribution_and_torch_multinomial(n_codes: int) -> None:
    logits = 1.5 * torch.randn(n_codes, generator=source(n_codes))
    n = 60_000
    index, _ = draw_categorical(logits.repeat(n, 1), source())
    ours = index.bincount(minlength=n_codes)
    expected = logits.double().softmax(-1)
    assert ours.sum() == n and len(ours) == n_codes
    if n_codes > 1:
        assert chisquare(ours.numpy(), (expected * n).numpy()).pvalue > 1e-3
        theirs = expected.multinomial(n, replacement=True, generator=source(1)).bincount(minlength=n_codes)
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


@pytest.mark.parametrize("k", [1, 2, 3, 7, 64, 1000, 1003, 1024])
def test_inverse_cdf_is_the_plain_inverse(k: int) -> None:
    weights = torch.rand(300, k, generator=source(6)) ** 8
    weights[:, ::3] = 0 if k > 1 else 1
    uniforms = torch.rand(300, generator=source(7))
    cumulated = weights.double().cumsum(1)
    plain = torch.searchsorted(cumulated, uniforms.double()[:, None] * cumulated[:, -1:], right=True).squeeze(1)
    chosen = invert_cdf(weights, uniforms)
    assert (chosen != plain).sum() <= 1  # a number within rounding of a boundary may fall on its other side
    assert (weights.gather(1, chosen[:, None]) > 0).all()


def test_inverse_cdf_has_the_distribution_of_categorical() -> None:
    weights = torch.rand(1000, generator=source(8)) ** 3
    uniforms = torch.rand(N_DRAWS, generator=source(9))
    mine = torch.bincount(invert_cdf(weights.expand(N_DRAWS, -1), uniforms), minlength=1000)
    expected = torch.distributions.Categorical(weights).probs.double() * N_DRAWS
    keep = expected > 5
    assert chisquare(mine[keep], expected[keep] * mine[keep].sum() / expected[keep].sum()).pvalue > 1e-3


def test_inverse_cdf_survives_the_ends_of_the_unit_interval() -> None:
    weights = torch.zeros(4, 1024)
    weights[:, 500], weights[:, 501] = 1.0, 1e-44
    uniforms = torch.tensor([0.0, 2.0**-24, 0.5, 1 - 2.0**-24])
    assert invert_cdf(weights, uniforms).tolist() == [500] * 4


def test_what_is_no_number_gives_some_index() -> None:
    weights = torch.tensor([[torch.nan] * 10, [1.0] * 9 + [torch.inf]])
    chosen = invert_cdf(weights, torch.tensor([0.3, 0.9]))
    assert ((chosen >= 0) & (chosen < 10)).all()
