"""The energy distance, against its definition and closed cases, and what the mapper learns by it."""

import numpy as np
import pytest
import torch
from patch_generator import PatchGenerator, waves

from nm_vqtsg import NeuralMapper
from nm_vqtsg.errors import ParameterError, UserError
from nm_vqtsg.mapper.energy import LOG_SHARE, EnergyDistance, energy_distance
from nm_vqtsg.mapper.loss import SpectralLoss
from nm_vqtsg.params import Params, Sample, Stage3

SMALL = {"steps": 150, "width": 8, "multipliers": (1, 2)}


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def by_definition(a: np.ndarray, b: np.ndarray) -> float:
    """Pair by pair."""
    across = np.mean([np.linalg.norm(p - q) for p in a for q in b])
    within = [
        np.mean([np.linalg.norm(p - q) for i, p in enumerate(own) for j, q in enumerate(own) if i != j])
        for own in (a, b)
    ]
    return 2 * float(across) - float(within[0]) - float(within[1])


def test_it_is_its_definition() -> None:
    a, b = noise(7, 5).double(), 2 * noise(9, 5, seed=1).double() + 1
    assert float(energy_distance(a, b)) == pytest.approx(by_definition(a.numpy(), b.numpy()), rel=1e-12)
    assert float(energy_distance(b, a)) == pytest.approx(float(energy_distance(a, b)), rel=1e-12)


def test_closed_cases() -> None:
    """Two points each: 2·3 − 0 − 0. And in one dimension twice the area between squared distribution functions."""
    apart = energy_distance(torch.zeros(2, 4), torch.tensor([[3.0, 0, 0, 0]] * 2))
    assert float(apart) == pytest.approx(6)
    shift = 1.5  # of two uniform distributions on [0, 1]: no overlap, E|a − b| = 1.5, E|a − a'| = 1/3
    a, b = (torch.rand(2000, 1, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert float(energy_distance(a, b + shift)) == pytest.approx(2 * shift - 2 / 3, abs=0.03)


def test_draws_from_one_distribution_are_at_zero_on_average() -> None:
    draws = [float(energy_distance(noise(16, 3, seed=2 * k), noise(16, 3, seed=2 * k + 1))) for k in range(400)]
    error = np.std(draws) / 20
    assert min(draws) < 0 < max(draws) and abs(np.mean(draws)) < 3 * error


def test_equal_points_give_finite_gradients() -> None:
    """As of a mapper that gives the same series whatever goes in."""
    mapped = torch.zeros(8, 1, 32, requires_grad=True)
    EnergyDistance(32)(mapped, noise(8, 1, 32)).backward()
    assert mapped.grad is not None and bool(mapped.grad.isfinite().all())


def test_gradients_are_those_of_finite_differences() -> None:
    mapped, x = noise(3, 1, 20).double().requires_grad_(), noise(4, 1, 20, seed=1).double()
    assert torch.autograd.gradcheck(EnergyDistance(20), (mapped, x))


def test_views_are_series_and_magnitudes_at_the_scale_of_root_mean_squares() -> None:
    x = noise(5, 2, 40)
    views = EnergyDistance(40).views(x)
    magnitudes = SpectralLoss(40).magnitudes(x)
    assert len(views) == 1 + 2 * len(magnitudes)
    expected = [x, *(part for own in magnitudes for part in (own, LOG_SHARE * own.log()))]
    for view, own in zip(views, expected, strict=True):
        assert view.shape[0] == 5
        torch.testing.assert_close(view.norm(dim=1), own.reshape(5, -1).square().mean(1).sqrt())
    own, other = (EnergyDistance(40).views(side) for side in (x, noise(6, 2, 40, seed=1)))
    mean = np.mean([by_definition(a.numpy(), b.numpy()) for a, b in zip(own, other, strict=True)])
    assert float(EnergyDistance(40)(x, noise(6, 2, 40, seed=1))) == pytest.approx(float(mean), rel=1e-4)


def test_a_mapper_learns_what_pairs_do_not_tell() -> None:
    """Generated series are half as large as real ones, and variants are not: only the pool shows it."""
    X = waves(64)
    generated = 0.5 * waves(400, seed=1)
    sizes = {}
    for weight in (0.0, 20.0):
        mapper = NeuralMapper(SMALL | {"energy_weight": weight}, tau=0.1, progress=False)
        mapper.fit(PatchGenerator(X), X, generated=generated)
        sizes[weight] = float(mapper.transform(0.5 * waves(100, seed=2)).std() / waves(100, seed=2).std())
    assert sizes[0.0] < 0.7 and sizes[20.0] > 0.85, sizes


def test_its_part_stands_in_the_curve_and_weighs_as_asked() -> None:
    X = waves(32)
    for more, names in (({}, {"l1", "energy"}), ({"stft_weight": 2.0}, {"l1", "stft", "energy"})):
        config = SMALL | {"steps": 10, "energy_weight": 0.5, "validation_fraction": 0.25} | more
        row = NeuralMapper(config, tau=0.3, progress=False).fit(PatchGenerator(X), X).curve_[-1]
        assert names < set(row)
        total = row["l1"] + 2 * row.get("stft", 0) + 0.5 * row["energy"]
        assert row["loss"] == pytest.approx(total, rel=1e-5)


def test_equal_seeds_give_equal_weights_and_the_pool_is_drawn_where_none_is_given() -> None:
    X = waves(32)
    config = SMALL | {"steps": 5, "energy_weight": 1.0}
    mapped = [
        NeuralMapper(config, tau=0.3, progress=False, random_state=seed).fit(PatchGenerator(X), X).transform(X[:3])
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(mapped[0], mapped[1]) and not np.array_equal(mapped[0], mapped[2])


def test_what_is_missing_is_said() -> None:
    X = waves(16)
    mapper = NeuralMapper({"steps": 2, "energy_weight": 1.0}, tau=0.3, progress=False)
    with pytest.raises(ParameterError, match="energy_weight: there are no generated series .* two or more"):
        mapper.fit(PatchGenerator(X), X, generated=X[:1])
    with pytest.raises(UserError, match="energy_weight: needs generated series; give them"):
        mapper.fit(TokeniserAlone(PatchGenerator(X)), X)
    with pytest.raises(ParameterError, match="energy_weight: series of 7 samples"):
        EnergyDistance(7)
    with pytest.raises(ValueError, match=r"sample\.n_pool: with stage3\.energy_weight .* set it to 4096"):
        Params(stage3=Stage3(energy_weight=1))
    assert Params(stage3=Stage3(energy_weight=1), sample=Sample(n_pool=100)).sample.n_pool == 100


class TokeniserAlone:
    """A generator without samples."""

    def __init__(self, generator: PatchGenerator) -> None:
        self.codebooks, self.encode, self.decode = generator.codebooks, generator.encode, generator.decode
