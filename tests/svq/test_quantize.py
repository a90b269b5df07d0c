"""Stochastic vector quantisation against Eq. (3.1b)."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch import Tensor

from nm_vqtsg.errors import DataError, ParameterError
from nm_vqtsg.svq.quantize import StochasticQuantizer

DRAWS = 50_000


def random_codebook(seed: int = 0, k: int = 50, d: int = 8) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    live = torch.rand(k, generator=generator) < 0.6
    return torch.randn(k, d, generator=generator), live


def law_of_the_paper(z: Tensor, codes: Tensor, live: Tensor, tau: float, power: int = 1) -> Tensor:
    """Eq. (3.1b) written down naively in double precision: (d,), (K, d) -> (K,)."""
    distance = (codes.double() - z.double()).norm(dim=1) ** power
    logits = torch.where(live, -distance / tau, -math.inf)
    return torch.softmax(logits, 0)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("tau", [0.1, 0.5, 1.0, 4.0])
@pytest.mark.parametrize(("distance", "power"), [("euclidean", 1), ("squared", 2)])
def test_probabilities_are_those_of_the_paper(tau: float, distance: str, power: int) -> None:
    codes, live = random_codebook()
    z = torch.randn(3, 4, 8, generator=seeded(1))
    found = StochasticQuantizer(codes, live, distance).probabilities(z, tau)  # type: ignore[arg-type]
    assert found.shape == (3, 4, 50)
    for row, p in zip(z.reshape(-1, 8), found.reshape(-1, 50), strict=True):
        expected = law_of_the_paper(row, codes, live, tau, power)
        torch.testing.assert_close(p.double(), expected, atol=2e-6, rtol=1e-4)


@pytest.mark.parametrize("tau", [0.3, 1.0, 4.0])
def test_frequencies_of_draws_pass_a_chi_square_test(tau: float) -> None:
    codes, live = random_codebook()
    z = 0.5 * torch.randn(8, generator=seeded(2))
    tokens = StochasticQuantizer(codes, live).draw(z.expand(DRAWS, 8), tau, seeded(3))
    expected = law_of_the_paper(z, codes, live, tau) * DRAWS
    frequent = expected > 5
    counts = torch.bincount(tokens, minlength=50)
    observed = torch.cat([counts[frequent], counts[~frequent].sum()[None]]).double()
    wanted = torch.cat([expected[frequent], expected[~frequent].sum()[None]])
    if wanted[-1] == 0:
        observed, wanted = observed[:-1], wanted[:-1]
    assert chisquare(observed, wanted * observed.sum() / wanted.sum()).pvalue > 1e-3


@pytest.mark.parametrize("tau", [1e-300, 1e-30, 1e-9])
def test_tau_to_zero_is_the_nearest_live_code(tau: float) -> None:
    codes, live = random_codebook()
    z = torch.randn(500, 8, generator=seeded(4))
    nearest = torch.cdist(z, codes).masked_fill(~live, math.inf).argmin(1)
    assert torch.equal(StochasticQuantizer(codes, live).draw(z, tau, seeded()), nearest)


@pytest.mark.parametrize("tau", [1e9, 1e300, math.inf])
def test_tau_to_infinity_is_uniform_over_live_codes(tau: float) -> None:
    codes, live = random_codebook()
    tokens = StochasticQuantizer(codes, live).draw(torch.randn(8).expand(DRAWS, 8), tau, seeded(5))
    counts = torch.bincount(tokens, minlength=50)
    assert counts[~live].sum() == 0
    assert chisquare(counts[live]).pvalue > 1e-3


@settings(max_examples=40, deadline=None)
@given(
    tau=st.floats(1e-38, 1e38),
    scale=st.floats(1e-4, 1e4),
    k=st.integers(1, 70),
    seed=st.integers(0, 2**16),
)
def test_dead_codes_are_never_drawn(tau: float, scale: float, k: int, seed: int) -> None:
    codes, live = random_codebook(seed, k)
    live[seed % k] = True
    z = scale * torch.randn(64, 8, generator=seeded(seed))
    z[:32] = codes[torch.arange(32) % k]  # on top of codes, dead ones too
    tokens = StochasticQuantizer(codes, live).draw(z, tau, seeded(seed))
    assert live[tokens].all()


def test_latents_on_a_code_stay_there_at_low_temperature() -> None:
    codes, live = random_codebook()
    own = live.nonzero().squeeze(1)
    assert torch.equal(StochasticQuantizer(codes, live).draw(codes[own], 0.01, seeded()), own)


def test_draws_repeat_with_the_seed_and_differ_between_positions() -> None:
    codes, live = random_codebook()
    quantizer = StochasticQuantizer(codes, live)
    z = torch.zeros(5, 40, 8)
    first, again, other = (quantizer.draw(z, 1.0, seeded(s)) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == (5, 40)
    assert len(first.unique()) > 5


def test_squared_and_plain_distance_differ_as_the_formula_says() -> None:
    codes, live = torch.tensor([[0.0], [3.0]]), torch.ones(2, dtype=torch.bool)
    z = torch.zeros(1, 1)
    plain = StochasticQuantizer(codes, live).probabilities(z, 1.0)
    squared = StochasticQuantizer(codes, live, "squared").probabilities(z, 1.0)
    assert plain[0, 0] / plain[0, 1] == pytest.approx(math.exp(3), rel=1e-4)
    assert squared[0, 0] / squared[0, 1] == pytest.approx(math.exp(9), rel=1e-4)


@pytest.mark.parametrize("tau", [0.0, -1.0, math.nan])
def test_impossible_temperatures_are_refused(tau: float) -> None:
    codes, live = random_codebook()
    with pytest.raises(ParameterError, match="tau"):
        StochasticQuantizer(codes, live).draw(torch.zeros(1, 8), tau, seeded())


def test_a_codebook_without_live_codes_is_refused() -> None:
    with pytest.raises(DataError, match="live"):
        StochasticQuantizer(torch.zeros(4, 8), torch.zeros(4, dtype=torch.bool))


def test_each_temperature_is_drawn_as_it_is_alone() -> None:
    codes, live = random_codebook()
    z = torch.randn(3, 700, 8, generator=seeded(4))  # more positions than are drawn at once
    quantizer = StochasticQuantizer(codes, live)
    together = quantizer.draw_each(z, (0.1, 1.0, math.inf), seeded(5))
    assert together.shape == (3, 3, 700)
    for tokens, tau in zip(together, (0.1, 1.0, math.inf), strict=True):
        assert torch.equal(tokens, quantizer.draw(z, tau, seeded(5)))


@pytest.mark.parametrize("n", [1, 1023, 1024, 1025, 5000])
@pytest.mark.parametrize("distance", ["euclidean", "squared"])
def test_a_few_positions_at_a_time_are_drawn_as_all_at_once(n: int, distance: str) -> None:
    codes, live = random_codebook()
    z = torch.randn(n, 8, generator=seeded(6))
    quantizer = StochasticQuantizer(codes, live, distance)  # type: ignore[arg-type]
    plain = quantizer.choose(quantizer.weights(quantizer.gaps(z), 0.5), torch.rand(n, generator=seeded(7)))
    found = quantizer.draw(z, 0.5, seeded(7))
    assert (found != plain).sum() <= n / 1000  # products of other shapes may round otherwise
