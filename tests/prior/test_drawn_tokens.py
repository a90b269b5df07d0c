"""The prior on tokens that are drawn anew at every step."""

import numpy as np
import pytest
import torch
from prior import toy
from torch import Tensor

from nm_vqtsg import TimeVQVAE
from nm_vqtsg.errors import ParameterError
from nm_vqtsg.params import Stage2
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.prior.train import Draw
from nm_vqtsg.svq.variants import token_draws
from nm_vqtsg.training.seeds import derive_seed
from nm_vqtsg.training.validation import holdout

SHORT = toy.CONFIG.model_copy(update={"steps": 120})


def fitted(config: Stage2, tokens: tuple[Tensor, ...], y: Tensor, draw: Draw | None = None) -> Prior:
    prior = Prior(config, toy.GRIDS, toy.codebooks(), n_classes=2)
    prior.fit(tokens, y, 0, draw=draw)
    return prior


def weights(prior: Prior) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in prior.network.state_dict().values()]


@pytest.mark.parametrize("fraction", [0.0, 0.25])
def test_draws_that_give_the_tokens_of_train_change_nothing(fraction: float) -> None:
    """Rows are those of TRAIN, with series held out, too, and those are never drawn."""
    tokens, y = toy.language(400)
    parts = holdout(400, y.numpy(), 0.25, derive_seed(0, "prior holdout"))
    allowed = set(parts[0].tolist()) if fraction else set(range(400))
    asked: set[int] = set()

    def draw(rows: Tensor, rng: torch.Generator) -> list[Tensor]:
        asked.update(rows.tolist())
        return [ids[rows] for ids in tokens]

    config = SHORT.model_copy(update={"validation_fraction": fraction, "svq_tau": 0.1})
    drawn = fitted(config, tokens, y, draw)
    assert weights(drawn) == weights(fitted(config.model_copy(update={"svq_tau": 0.0}), tokens, y))
    assert asked == allowed


def test_what_is_drawn_is_what_is_learnt() -> None:
    """Sentences of TRAIN all start alike; those drawn start as in the language."""
    tokens, y = toy.language(2000)
    alike = tuple(ids[y == 0][:1].expand(400, -1) for ids in tokens)

    def draw(rows: Tensor, rng: torch.Generator) -> list[Tensor]:
        chosen = torch.randint(2000, (len(rows),), generator=rng)
        return [ids[chosen] for ids in tokens]

    prior = fitted(
        toy.CONFIG.model_copy(update={"svq_tau": 1.0}), alike, torch.zeros(400, dtype=torch.int64), draw
    )
    low = prior.sample(1000, rng=torch.Generator().manual_seed(1))[0]
    begin, grammatical = toy.starts(low)
    assert grammatical.float().mean() > 0.9
    shares = torch.bincount(begin, minlength=4) / 1000
    assert shares.tolist() == pytest.approx([1 / 8, 3 / 8, 1 / 8, 3 / 8], abs=0.07)


def test_draws_are_needed_where_they_are_asked_for() -> None:
    tokens, y = toy.language(40)
    with pytest.raises(ParameterError, match="stage2.svq_tau: .*set it to 0, or give `draw`"):
        fitted(SHORT.model_copy(update={"svq_tau": 0.1}), tokens, y)


def test_an_estimator_draws_at_its_temperature_and_repeats_itself() -> None:
    """A vanishing temperature draws the nearest codes; a real one changes what is learnt, the same in each fit."""
    t = np.linspace(0, 6.28, 24)
    X = np.stack([np.sin(t * k + p) for p in np.linspace(0, 3, 20) for k in (1, 2)])

    def bytes_at(tau: float) -> list[bytes]:
        model = TimeVQVAE({"steps": 30, "codebook_size": 16}, {"steps": 5, "svq_tau": tau}, progress=False).fit(X)
        return weights(model.prior_)

    nearest, drawn = bytes_at(0), bytes_at(1.0)
    assert bytes_at(1e-9) == nearest
    assert drawn != nearest and bytes_at(1.0) == drawn


def test_no_draws_at_temperature_zero() -> None:
    assert token_draws(None, torch.zeros(1, 1, 8), 0) is None  # type: ignore[arg-type]
