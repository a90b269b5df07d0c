"""The prior with series held out, with averaged weights, and over the sizes that it may have."""

import math
import signal
from pathlib import Path

import pytest
import torch
from prior import toy
from torch import Tensor

from nm_vqtsg.params import Sample, Stage2, Transformer
from nm_vqtsg.prior import advice
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.prior.quality import cross_entropy_of_frequencies
from nm_vqtsg.session import Session
from nm_vqtsg.session.progress import Task
from nm_vqtsg.session.stop import Interrupted, StopRequest
from nm_vqtsg.training.seeds import derive_seed
from nm_vqtsg.training.validation import holdout

WATCHED = toy.CONFIG.model_copy(update={"steps": 220, "validation_fraction": 0.25})


def trained(
    tokens: tuple[Tensor, ...], y: Tensor | None, session: Session | None = None, **config: float
) -> Prior:
    prior = Prior(WATCHED.model_copy(update=config), toy.GRIDS, toy.codebooks(), 0 if y is None else 2)
    prior.curve = prior.fit(tokens, y, 0, session)  # type: ignore[attr-defined]
    return prior


def test_held_out_tokens_are_scored_beside_the_loss_and_train_nothing() -> None:
    tokens, y = toy.language(400)
    prior = trained(tokens, y)
    rows, others = holdout(400, y.numpy(), 0.25, derive_seed(0, "prior holdout"))
    curve, held_out = prior.curve, prior.held_out  # type: ignore[attr-defined]
    assert held_out is not None and held_out.n == 100
    assert [row["step"] for row in curve] == [100, 200, 220]
    for row in curve:
        assert row["validation_loss"] == pytest.approx(row["validation_loss_0"] + row["validation_loss_1"])
    best = min(curve, key=lambda row: row["validation_loss"])
    assert held_out.best_step == best["step"]
    assert [band.cross_entropy for band in held_out.bands] == [
        curve[-1]["validation_loss_0"],
        curve[-1]["validation_loss_1"],
    ]
    assert held_out.bands == prior.score([ids[others] for ids in tokens], y[others], 0)
    alone = trained(tuple(ids[rows] for ids in tokens), y[rows], validation_fraction=0.0)
    assert alone.held_out is None and "validation_loss" not in alone.curve[-1]  # type: ignore[attr-defined]
    for name, tensor in alone.network.state_dict().items():
        assert torch.equal(tensor, prior.network.state_dict()[name]), name


def test_it_may_be_watched_without_labels() -> None:
    tokens, _ = toy.language(80)
    held_out = trained(tokens, None, steps=5).held_out
    assert held_out is not None and held_out.n == 20


def test_frequencies_are_what_the_prior_is_held_against() -> None:
    learnt_from, tokens = torch.tensor([[0, 0, 1]]), torch.tensor([[0], [2]])
    expected = -(math.log(3 / 6) + math.log(1 / 6)) / 2  # one more of each of three codes
    assert cross_entropy_of_frequencies(learnt_from, tokens, 3) == pytest.approx(expected)
    tokens, y = toy.language(4000)
    prior = trained(tokens, y, steps=2)
    assert prior.held_out is not None
    marginal = torch.special.entr(torch.tensor([0.25, 0.25, 0.25, 0.25])).sum()  # each LF token is as frequent
    assert prior.held_out.frequencies[0] == pytest.approx(float(marginal), abs=0.02)


def warnings(prior: Prior, tokens: tuple[Tensor, ...], y: Tensor) -> list[str]:
    held_out = prior.held_out
    assert held_out is not None
    names = ["lf", "hf"]
    learnt = {name: vars(score) for name, score in zip(names, prior.score(tokens, y, 0), strict=True)}
    scores = zip(names, held_out.bands, held_out.frequencies, strict=True)
    bands = {name: {**vars(score), "frequencies": frequencies} for name, score, frequencies in scores}
    return advice.warnings(
        {"bands": names, "masked": {"train": {"unconditional": learnt}}, "held_out": {"bands": bands}}
    )


def test_a_prior_that_has_memorised_is_called_out() -> None:
    """Tokens without any order: whatever is learnt of them is memorised."""
    rng = torch.Generator().manual_seed(0)
    tokens = tuple(2 * torch.randint(size // 2, (20, n), generator=rng) + 1 for size, n in ((8, 4), (16, 16)))
    y = torch.arange(20) % 2
    said = warnings(trained(tokens, y, steps=300), tokens, y)
    assert ["has memorised" in line for line in said] == [True, True]
    assert [line.split(":")[0] for line in said] == ["band LF", "band HF"]
    tokens, y = toy.language(400)
    assert warnings(trained(tokens, y), tokens, y) == []


@pytest.mark.parametrize("config", [{"ema_decay": 0.9}, {"ema_decay": 0.9, "validation_fraction": 0.0}])
def test_stopped_and_resumed_it_gives_the_same_bytes(tmp_path: Path, config: dict[str, float]) -> None:
    tokens, y = toy.language(200)
    stop = StopRequest()

    class StopAfter(Task):
        def show(self) -> None:
            if self.done == 150:
                stop.request(signal.SIGTERM)

    class Watch:
        def start(self, description: str, total: int, done: int = 0) -> Task:
            return StopAfter(description, total, done)

    with pytest.raises(Interrupted):
        trained(tokens, y, Session(checkpoints=tmp_path / "c", stop=stop, progress=Watch()), **config)
    resumed, straight = (
        trained(tokens, y, Session(checkpoints=tmp_path / "c"), **config),
        trained(tokens, y, **config),
    )
    resumed.save(tmp_path / "resumed.safetensors")
    straight.save(tmp_path / "straight.safetensors")
    assert (tmp_path / "resumed.safetensors").read_bytes() == (tmp_path / "straight.safetensors").read_bytes()
    assert resumed.curve == straight.curve  # type: ignore[attr-defined]
    assert resumed.held_out == straight.held_out


def test_averaged_weights_are_other_weights_from_the_same_training() -> None:
    tokens, y = toy.language(200)
    plain, averaged = (trained(tokens, y, steps=30, ema_decay=decay) for decay in (0.0, 0.9))
    assert [row["loss"] for row in plain.curve] == [row["loss"] for row in averaged.curve]  # type: ignore[attr-defined]
    assert not torch.equal(plain.network.band(0).head[1].weight, averaged.network.band(0).head[1].weight)
    held_out = averaged.held_out
    assert held_out is not None
    assert held_out.bands[0].cross_entropy == averaged.curve[-1]["validation_loss_0"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("n_codes", [2, 32, 1024])
@pytest.mark.parametrize(
    "config",
    [
        {"hf": Transformer(width=128, depth=4, heads=2)},
        {"hf": Transformer(width=64, depth=2, heads=2), "dropout": 0.5, "class_dropout": 0.5},
        {"dropout": 0.0, "class_dropout": 0.0},
        {"class_dropout": 0.9, "ema_decay": 0.999},
    ],
)
def test_sizes_and_dropouts_are_free(n_codes: int, config: dict) -> None:
    grids, books = ((1, 8), (2, 33)), toy.codebooks([torch.ones(n_codes, dtype=torch.bool)] * 2)
    prior = Prior(Stage2(steps=2, batch_size=4, **config), grids, books, n_classes=3)
    rng = torch.Generator().manual_seed(0)
    tokens = [torch.randint(n_codes, (6, rows * columns), generator=rng) for rows, columns in grids]
    curve = prior.fit(tokens, torch.arange(6) % 3, 0)
    assert math.isfinite(curve[-1]["loss"])
    for y in (None, torch.arange(5) % 3):
        low, high = prior.sample(5, y, rng=rng, config=Sample(guidance_scale=1.5))
        assert (low.shape, high.shape) == ((5, 8), (5, 66)) and int(high.max()) < n_codes
