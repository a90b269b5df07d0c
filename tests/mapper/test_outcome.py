"""The temperature chosen by what mappers make of generated series, where it is known whether a mapper can help."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from patch_generator import PatchGenerator, waves
from torch import Tensor

from nm_vqtsg import NeuralMapper
from nm_vqtsg.errors import DataError, ParameterError
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.mapper.outcome import HELD_OUT, Outcome, search_by_outcome
from nm_vqtsg.metrics.fid import fid
from nm_vqtsg.params import Stage3, Svq
from nm_vqtsg.session import Session
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.training.seeds import derive_seed, new_rng
from nm_vqtsg.training.validation import holdout

X = waves(120)
GRID = (0.1, 3.0)
CONFIG = Stage3(steps=60, width=8, multipliers=(1, 2))


def plain_features(X: np.ndarray) -> np.ndarray:
    return np.concatenate([X, np.diff(X, axis=2)], 2)[:, 0]


class RealGenerator(PatchGenerator):
    """Its samples are new real series: whatever a mapper does to them is harm."""

    def sample(self, n: int, *args: object, **kwargs: object) -> Tensor:
        return waves(n, seed=7)


def search(generator: PatchGenerator, config: Stage3 = CONFIG, session: Session | None = None) -> Outcome:
    x_hat = generator.sample(150, rng=new_rng(1))
    return search_by_outcome(generator, X, x_hat, GRID, plain_features, config=config, svq=Svq(), session=session)


@pytest.fixture(scope="module")
def mended() -> Outcome:
    return search(PatchGenerator(X, gain=0.6, tau=0.1))


def test_a_mapper_that_mends_wins_with_the_temperature_that_mends_most(mended: Outcome) -> None:
    assert mended.grid == GRID
    assert mended.fid[0] < 0.5 * mended.fid_unmapped and mended.fid[0] < mended.fid[1]
    assert mended.tau == 0.1 and mended.at_edge
    assert (mended.steps, mended.n_generated, mended.n_held_out) == (60, 150, 24)


def test_where_every_mapper_harms_no_mapping_wins() -> None:
    outcome = search(RealGenerator(X))
    assert outcome.fid_unmapped < min(outcome.fid)
    assert outcome.tau is None and not outcome.at_edge


def test_a_gain_within_a_standard_error_is_none() -> None:
    outcome = Outcome(GRID, (0.8, 0.9), 1.0, 0.1, 60, 150, 24)
    assert outcome.tau == 0.1
    assert replace(outcome, standard_error=0.2).tau is None
    assert replace(outcome, standard_error=0.3).at_edge is False


def test_what_is_held_out_trains_no_mapper_and_judges_all(mended: Outcome) -> None:
    """The winner's FID, from its parts."""
    generator = PatchGenerator(X, gain=0.6, tau=0.1)
    fitted, held_out = holdout(len(X), None, HELD_OUT, derive_seed(0, "outcome"))
    mapper = Mapper(CONFIG, Svq(), 0.1, 1, 24, "")
    mapper.fit(StochasticVariants(generator, X[fitted]))
    x_hat = generator.sample(150, rng=new_rng(1))
    real = plain_features(X[held_out].numpy())
    assert mended.fid[0] == fid(real, plain_features(mapper.map(x_hat).numpy()))
    assert mended.fid_unmapped == fid(real, plain_features(x_hat.numpy()))


def test_the_standard_error_is_the_spread_over_other_samples_and_other_real_series(mended: Outcome) -> None:
    """Against draws from the distributions themselves, of which the bootstrap knows one sample each."""
    generator = PatchGenerator(X, gain=0.6, tau=0.1)
    fitted, _ = holdout(len(X), None, HELD_OUT, derive_seed(0, "outcome"))
    mapper = Mapper(CONFIG, Svq(), 0.1, 1, 24, "")
    mapper.fit(StochasticVariants(generator, X[fitted]))
    differences = []
    for seed in range(60):
        real, x_hat = plain_features(waves(24, seed=100 + seed).numpy()), generator.sample(150, rng=new_rng(seed))
        before, after = (fid(real, plain_features(series.numpy())) for series in (x_hat, mapper.map(x_hat)))
        differences.append(before - after)
    assert 0.5 < mended.standard_error / np.std(differences) < 2


def test_again_it_gives_the_same_also_from_checkpoints(tmp_path: Path, mended: Outcome) -> None:
    session = Session(checkpoints=tmp_path)
    for _ in range(2):
        assert search(PatchGenerator(X, gain=0.6, tau=0.1), session=session) == mended
    assert {folder.name for folder in tmp_path.iterdir()} == {"tau-0.1", "tau-3.0"}


def test_the_estimator_chooses_by_outcome(caplog: pytest.LogCaptureFixture) -> None:
    options = {"tau_grid": GRID, "rocket": {"n_kernels": 30}, "progress": False, "device": "cpu"}
    how = {"choose": "outcome", "mapper_steps": 60, "n_samples": 150}
    helped = NeuralMapper(CONFIG, tau_search=how, **options).fit(PatchGenerator(X, gain=0.6, tau=0.1), X)
    assert helped.tau_ == 0.1 and helped.outcome_ is not None and helped.outcome_.tau == 0.1
    assert helped.tau_curve_ is not None and helped.report_ is not None
    with caplog.at_level(logging.WARNING):
        harmed = NeuralMapper(CONFIG, tau_search=how, **options).fit(RealGenerator(X), X)
    assert harmed.tau_ is None and harmed.report_ is None and harmed.curve_ == []
    assert "the generated ones" in caplog.text
    assert np.array_equal(harmed.transform(X), X.numpy())
    assert NeuralMapper(CONFIG, tau=0.1, progress=False).fit(RealGenerator(X), X).outcome_ is None


def test_misuse_is_named() -> None:
    with pytest.raises(DataError, match="two must be held out"):
        search_by_outcome(PatchGenerator(X), X[:4], X, GRID, plain_features, config=CONFIG, svq=Svq())
    with pytest.raises(ParameterError, match="empty"):
        search_by_outcome(PatchGenerator(X), X, X, [], plain_features, config=CONFIG, svq=Svq())
    with pytest.raises(ParameterError, match="choose"):
        NeuralMapper(tau_search={"choose": "luck"}, progress=False).fit(PatchGenerator(X), X)
