"""Tokens drawn anew in part: what stays, what changes, and whose distribution it has."""

import pytest
import torch
from prior import toy
from torch import Tensor

from nm_vqtsg.errors import DataError
from nm_vqtsg.params import Sample
from nm_vqtsg.prior.maskgit import Canvas, decode
from nm_vqtsg.prior.model import Prior

FREE = {"lf_choice_temperature": 1000.0, "hf_choice_temperature": 1000.0}


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def prior() -> Prior:
    return toy.trained()


def changed(before: tuple[Tensor, ...], after: tuple[Tensor, ...]) -> list[Tensor]:
    """Of each band, how many tokens of each series differ."""
    return [(old != new).sum(1) for old, new in zip(before, after, strict=True)]


def test_only_open_positions_are_decoded_and_the_others_are_seen() -> None:
    known = torch.arange(24).reshape(3, 8) % 5
    positions = torch.tensor([[0, 3, 7], [1, 2, 3], [4, 5, 6]])
    seen: list[Canvas] = []

    def logits(canvas: Canvas) -> Tensor:
        seen.append(canvas)
        return torch.randn(*canvas.open.shape, 5, generator=source(len(seen)))

    drawn = decode(
        logits,
        (3, 8),
        mask_token=5,
        n_steps=4,
        choice_temperature=1.0,
        rng=source(),
        known=known,
        open_positions=positions,
    )
    is_open = torch.zeros(3, 8, dtype=torch.bool).scatter(1, positions, True)
    assert torch.equal(drawn[~is_open], known[~is_open]) and int(drawn.max()) < 5
    assert torch.equal(seen[0].tokens, known.masked_fill(is_open, 5)) and torch.equal(seen[0].open, positions)
    assert [canvas.open.shape[1] for canvas in seen] == [3, 2, 1], "floor(3 cos(pi (t+1) / 8)) stay open"


def test_all_positions_open_is_decoding_from_nothing() -> None:
    def logits(canvas: Canvas) -> Tensor:
        return torch.randn(*canvas.open.shape, 6, generator=source(canvas.step))

    every = torch.arange(7).expand(4, 7)
    drawn = [
        decode(logits, (4, 7), mask_token=6, n_steps=5, choice_temperature=2.0, rng=source(1), **more)
        for more in ({}, {"known": torch.zeros(4, 7, dtype=torch.int64), "open_positions": every})
    ]
    assert torch.equal(*drawn)


@pytest.mark.parametrize("fraction, most", [(0.1, (1, 2)), (0.25, (1, 4)), (1.0, (4, 16))])
def test_no_more_than_the_share_changes(prior: Prior, fraction: float, most: tuple[int, int]) -> None:
    tokens, y = toy.language(200, seed=5)
    redrawn = prior.redraw(tokens, y, rng=source(), config=Sample(redraw_fraction=fraction))
    for band, (differ, limit) in enumerate(zip(changed(tokens, redrawn), most, strict=True)):
        assert int(differ.max()) <= limit and bool(differ.any()), band
        assert bool(prior.vocabulary.live[band][redrawn[band]].all())


def test_the_language_is_what_redrawing_leaves_alone(prior: Prior) -> None:
    """Real sentences: a word between its neighbours is certain, and coins keep their odds."""
    tokens, y = toy.language(2000, seed=7)
    low, high = prior.redraw(tokens, y, rng=source(), config=Sample(redraw_fraction=0.25, **FREE))
    assert (low == tokens[0]).float().mean() > 0.97
    coins = ((high - 1) // 2 % 2).float()
    assert coins.mean() == pytest.approx(toy.COIN, abs=0.02)
    assert (high != tokens[1]).any(1).float().mean() > 0.5


def test_what_contradicts_its_class_is_mended_by_corrections(prior: Prior) -> None:
    """Sentences of class 0 shown as class 1: redrawn again and again, they become ones of class 1."""
    tokens, y = toy.language(400, seed=3)
    of_zero = tuple(band[y == 0] for band in tokens)
    ones = torch.ones(len(of_zero[0]), dtype=torch.int64)
    current, rng = of_zero, source()
    for _ in range(8):
        current = prior.redraw(current, ones, rng=rng, config=Sample(redraw_fraction=1.0))
    start, grammatical = toy.starts(current[0])
    assert (start[grammatical] >= 2).float().mean() > 0.95


def test_corrections_are_redrawing_after_decoding(prior: Prior) -> None:
    y = torch.arange(32) % 2
    config = Sample(redraw_fraction=0.5)
    rng = source()
    by_hand = prior.sample(32, y, rng=rng, config=config)
    for _ in range(2):
        by_hand = prior.redraw(by_hand, y, rng=rng, config=config)
    corrected = prior.sample(32, y, rng=source(), config=config.model_copy(update={"corrections": 2}))
    assert all(map(torch.equal, by_hand, corrected))
    plain = prior.sample(32, y, rng=source(), config=config)
    assert not all(map(torch.equal, plain, corrected))


def test_tokens_that_do_not_fit_are_refused(prior: Prior) -> None:
    tokens, y = toy.language(4)
    with pytest.raises(DataError, match="one of the 4 live codes"):
        prior.redraw((tokens[0] - 1, tokens[1]), y, rng=source())
    with pytest.raises(DataError, match="2 labels were given for 4 series"):
        prior.redraw(tokens, y[:2], rng=source())
