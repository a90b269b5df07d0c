"""What the mapper minimises at a step: which series, which losses, and whose gradients."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from patch_generator import PatchGenerator, waves
from torch import nn
from torch.nn.functional import l1_loss

from nm_vqtsg import NeuralMapper
from nm_vqtsg.errors import ArtifactError, ParameterError, UserError
from nm_vqtsg.mapper.critic import Critic, adversarial_losses
from nm_vqtsg.mapper.loss import MapperLoss
from nm_vqtsg.mapper.objective import Objective
from nm_vqtsg.mapper.pool import Pool, load_pool, rows_to_redraw, save_pool
from nm_vqtsg.params import Params, Sample, Stage3
from nm_vqtsg.svq.variants import StochasticVariants

SMALL = {"steps": 150, "width": 8, "multipliers": (1, 2)}
X = waves(60)
CPU = torch.device("cpu")


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Seen(nn.Module):
    """No mapping; remembers what it was given."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.x = x
        return x


def objective(config: Stage3, **more: object) -> Objective:
    return Objective(config, MapperLoss(config, 24, CPU), StochasticVariants(PatchGenerator(X), X), 0.3, **more)


def test_by_default_it_is_l1_of_variants() -> None:
    rows, network = torch.arange(8), Seen()
    losses = objective(Stage3()).losses(network, rows, source(1))
    variant = StochasticVariants(PatchGenerator(X), X).draw(rows, 0.3, source(1))
    assert set(losses) == {"loss", "l1_input"} and torch.equal(network.x, variant)
    assert float(losses["loss"]) == float(losses["l1_input"]) == float(l1_loss(variant, X[:8]))


@pytest.mark.parametrize("fraction, count", [(0.25, 2), (0.5, 4), (1.0, 8)])
def test_a_share_of_the_batch_is_drawn_anew_and_paired_with_what_it_was(fraction: float, count: int) -> None:
    """Each redrawn series is its own with ten more; of the series that may be used alone."""
    fitted = torch.arange(10, 60, 2)
    rows = rows_to_redraw(60, 150, source())
    pool = Pool.of(X, None, X[rows] + 10, rows)
    network = Seen()
    told = objective(Stage3(redrawn_fraction=fraction, batch_size=8), fitted=fitted, pool=pool)
    for step in range(5):
        losses = told.losses(network, torch.arange(8), source(step))
        from_pool = network.x.amax((1, 2)) > 5
        assert int(from_pool.sum()) == count
        for series in network.x[from_pool] - 10:
            nearest = int((X - series).abs().amax((1, 2)).argmin())
            assert nearest in fitted and torch.allclose(X[nearest], series, atol=1e-5)
        apart = (network.x[from_pool] - 10).abs().mean()
        assert float(losses["l1_input"]) >= 10 * fraction - 0.5 and float(apart) < 5


def test_pools_of_a_part_are_renumbered() -> None:
    rows = torch.tensor([4, 1, 3, 1, 0, 2])
    pool = Pool.of(X, X[:5], X[rows], rows).within(torch.tensor([3, 1]))
    assert pool.rows.tolist() == [1, 0, 1] and torch.equal(pool.redrawn, X[[1, 3, 1]])
    assert torch.equal(pool.samples, X[:5])
    counts = Counter(rows_to_redraw(7, 18, source()).tolist())
    assert sorted(counts) == list(range(7)) and set(counts.values()) == {2, 3}
    assert not len(rows_to_redraw(7, 0, source()))


def test_a_damaged_pool_is_refused(tmp_path: Path) -> None:
    rows = torch.arange(3)
    pool = Pool.of(X, X[:2], X[:3], rows)
    save_pool(tmp_path / "pool.npz", pool)
    assert all(map(torch.equal, load_pool(tmp_path / "pool.npz"), pool))
    for wrong in (rows[:2], rows - 1, rows.float()):
        save_pool(tmp_path / "pool.npz", pool._replace(rows=wrong))
        with pytest.raises(ArtifactError, match="pool.npz: 'rows' does not tell .* run the step sample again"):
            load_pool(tmp_path / "pool.npz")


def test_a_small_share_is_one_series() -> None:
    pool, network = Pool.of(X, None, X + 10, torch.arange(60)), Seen()
    objective(Stage3(redrawn_fraction=1e-3, batch_size=8), pool=pool).losses(network, torch.arange(8), source())
    assert int((network.x.amax((1, 2)) > 5).sum()) == 1


def test_balanced_batches_have_all_classes_alike() -> None:
    y = np.array([0] * 50 + [1] * 8 + [2] * 2)
    x = X.clone()
    x[:, 0, 0] = torch.from_numpy(y).float() * 10  # so that a series tells its class
    config = Stage3(balanced=True)
    told = Objective(
        config,
        MapperLoss(config, 24, CPU),
        Labelled(x),  # type: ignore[arg-type]
        0.3,
        fitted=torch.arange(5, 60),
        y=y,
    )
    network, counts, members = Seen(), Counter[float](), set()
    for step in range(100):
        told.losses(network, torch.arange(32), source(step))
        counts.update((network.x[:, 0, 0] / 10).round().tolist())
        members |= {int((x - series).abs().amax((1, 2)).argmin()) for series in network.x[:4]}
    assert sum(counts.values()) == 3200 and all(
        abs(n - 3200 / 3) < 4 * math.sqrt(3200 * 2 / 9) for n in counts.values()
    )
    assert min(members) >= 5 and {58, 59} <= members


class Labelled:
    """Variants that are the series themselves."""

    def __init__(self, x: torch.Tensor) -> None:
        self.x = x

    def __len__(self) -> int:
        return len(self.x)

    def draw(self, rows: torch.Tensor, tau: float, rng: torch.Generator) -> torch.Tensor:
        return self.x[rows]


def test_gradients_of_either_side_reach_that_side_alone() -> None:
    torch.manual_seed(0)
    critic, x = Critic(2), torch.randn(6, 2, 40)
    mapped = torch.randn(5, 2, 40, requires_grad=True)
    losses = adversarial_losses(critic, mapped, x)
    losses["adversarial"].backward()
    assert mapped.grad is not None and bool(mapped.grad.abs().sum() > 0)
    assert all(weights.grad is None for weights in critic.parameters())
    mapped.grad = None
    losses["critic"].backward()
    assert mapped.grad is None and all(weights.grad is not None for weights in critic.parameters())


def test_losses_are_those_of_their_definition() -> None:
    torch.manual_seed(0)
    critic, x, mapped = Critic(1).eval(), torch.randn(6, 1, 33), torch.randn(5, 1, 33)
    losses = {name: loss.detach() for name, loss in adversarial_losses(critic, mapped, x).items()}
    real, false = (torch.sigmoid(critic(series).detach().double()) for series in (x, mapped))
    assert float(losses["adversarial"]) == pytest.approx(float(-false.log().mean()), rel=1e-5)
    expected = -real.log().mean() - (1 - false).log().mean()
    assert float(losses["critic"]) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("length", [1, 2, 5, 24, 131])
def test_a_critic_takes_series_of_any_length(length: int) -> None:
    assert Critic(3)(torch.randn(2, 3, length)).shape[0] == 2


def test_a_mapper_learns_from_the_critic_what_pairs_do_not_tell() -> None:
    """Generated series are half as large as real ones, and variants are not."""
    x, generated, sizes = waves(64), 0.5 * waves(400, seed=1), {}
    for weight in (0.0, 1.0):
        mapper = NeuralMapper(SMALL | {"adversarial_weight": weight, "steps": 300}, tau=0.1, progress=False)
        mapper.fit(PatchGenerator(x), x, generated=generated)
        sizes[weight] = float(mapper.transform(0.5 * waves(100, seed=2)).std() / waves(100, seed=2).std())
        assert {"adversarial", "critic", "l1"} <= set(mapper.curve_[-1]) or not weight
    assert sizes[0.0] < 0.8 and sizes[1.0] > sizes[0.0] + 0.08, sizes
    assert not any("critic" in name for name in mapper.mapper_.network.state_dict())


def test_equal_seeds_give_equal_weights() -> None:
    config = SMALL | {"steps": 5, "adversarial_weight": 1.0, "redrawn_fraction": 0.5, "balanced": True}
    y = np.arange(60) % 3
    mapped = [
        NeuralMapper(config, tau=0.3, progress=False, random_state=seed)
        .fit(Redrawing(X), X, y, n_redrawn=90)
        .transform(X[:3])
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(mapped[0], mapped[1]) and not np.array_equal(mapped[0], mapped[2])


class Redrawing(PatchGenerator):
    """Draws anew by variants at a high temperature."""

    def redraw(
        self, x: torch.Tensor, y: torch.Tensor | None, *, rng: torch.Generator, session: object
    ) -> torch.Tensor:
        assert y is not None and len(y) == len(x)
        return StochasticVariants(self, x).draw(slice(None), 3.0, rng)


def test_what_is_missing_is_said() -> None:
    for config, told in (
        (Stage3(balanced=True), "balanced: the series have no classes; set it to false"),
        (Stage3(redrawn_fraction=0.5), "redrawn_fraction: there are no series .* set it to 0"),
        (Stage3(adversarial_weight=1), "adversarial_weight: there are no generated series"),
    ):
        for pool in (None, Pool.of(X)):
            with pytest.raises(ParameterError, match=told):
                objective(config, pool=pool)
    mapper = NeuralMapper({"redrawn_fraction": 0.5}, tau=0.3, progress=False)
    with pytest.raises(UserError, match="needs a generator that draws tokens anew .*PatchGenerator does not"):
        mapper.fit(PatchGenerator(X), X)
    with pytest.raises(ValueError, match=r"sample\.n_redrawn: with stage3\.redrawn_fraction .* set it to 8192"):
        Params(stage3=Stage3(redrawn_fraction=0.5))
    with pytest.raises(ValueError, match=r"sample\.n_pool: with stage3\.adversarial_weight"):
        Params(stage3=Stage3(adversarial_weight=1))
    assert Params(stage3=Stage3(redrawn_fraction=1), sample=Sample(n_redrawn=1)).sample.n_redrawn == 1
