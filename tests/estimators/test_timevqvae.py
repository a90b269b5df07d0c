"""TimeVQVAE as users meet it: arrays in and out, own labels and units, clear refusals."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nm_vqtsg.errors import ArtifactError, DataError, UserError
from nm_vqtsg.estimators.timevqvae import TimeVQVAE
from nm_vqtsg.generators.base import VQGenerator
from nm_vqtsg.generators.two_stage import TwoStageGenerator
from nm_vqtsg.params import Sample, Stage1, Stage2, Transformer
from nm_vqtsg.training.seeds import new_rng

STAGE1 = Stage1(steps=20, batch_size=8, codebook_size=16, last_width=16)
STAGE2 = Stage2(
    steps=20,
    batch_size=8,
    lf=Transformer(width=16, depth=1, heads=2),
    hf=Transformer(width=8, depth=1, heads=1),
)
CHANNELS, LENGTH = 2, 30


def data(n: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Slow and fast waves around 100 with an amplitude of about 10, in two channels."""
    rng = np.random.default_rng(0)
    y = np.where(np.arange(n) % 2 == 0, "slow", "fast")
    speed = np.where(y == "slow", 0.3, 0.9)
    time = np.arange(LENGTH) + rng.uniform(0, 6, (n, 1))
    wave = np.sin(speed[:, None] * time)
    return 100 + 10 * np.stack([wave, -wave], axis=1) + 0.1 * rng.standard_normal((n, CHANNELS, LENGTH)), y


def make(**changes: Any) -> TimeVQVAE:
    return TimeVQVAE(STAGE1, STAGE2, progress=False, device="cpu", **changes)


@pytest.fixture(scope="module")
def model() -> TimeVQVAE:
    return make(random_state=3).fit(*data())


def test_samples_are_in_the_units_of_the_data(model: TimeVQVAE) -> None:
    X = model.sample(40)
    assert X.shape == (40, CHANNELS, LENGTH) and X.dtype == np.float32
    assert 90 < X.mean() < 110 and 0 < X.std() < 30
    np.testing.assert_allclose(model.mean_, data()[0].mean((0, 2)), rtol=1e-6)


def test_seeds_decide(model: TimeVQVAE) -> None:
    assert np.array_equal(model.sample(3, rng=1), model.sample(3, rng=1))
    assert not np.array_equal(model.sample(3, rng=1), model.sample(3, rng=2))
    assert np.array_equal(model.sample(3), model.sample(3, rng=3))  # random_state
    assert np.array_equal(model.sample(3), make(random_state=3).fit(*data()).sample(3))


def test_classes_by_the_user_s_labels(model: TimeVQVAE) -> None:
    assert model.classes_.tolist() == ["fast", "slow"]
    one = model.sample(2, "slow", rng=0)
    each = model.sample(2, ["slow", "slow"], rng=0)
    assert np.array_equal(one, each)
    with pytest.raises(DataError, match="class 'medium' is unknown; the classes are 'fast', 'slow'"):
        model.sample(2, "medium")
    with pytest.raises(DataError, match="3 labels were given for 2 series"):
        model.sample(2, ["slow", "slow", "fast"])


def test_a_mixture_of_classes(tmp_path: Path) -> None:
    X, y = data()
    model = make(random_state=3, sampling={"unconditional": "mixture"}).fit(
        X, np.where(np.arange(24) < 21, y[0], y[1])
    )
    assert model.facts_.n_per_class == (3, 21)
    rng = new_rng(5, "sample")
    drawn = model.generator_.draw_classes(50, rng)
    assert drawn is not None and 0 < (drawn == 0).double().mean() < 0.4
    assert np.array_equal(model.sample(50, rng=5), model._unscaled(model.generator_.sample(50, drawn, rng=rng)))
    model.save(tmp_path / "model")
    again = TimeVQVAE.load(tmp_path / "model", device="cpu", progress=False)
    assert np.array_equal(again.sample(20, rng=1), model.sample(20, rng=1))
    plain = model.set_params(sampling__unconditional="null_class").sample(20, rng=1)
    assert not np.array_equal(plain, again.sample(20, rng=1))


def test_reconstruct(model: TimeVQVAE) -> None:
    X, _ = data()
    rebuilt = model.reconstruct(X)
    assert rebuilt.shape == X.shape
    assert np.allclose(rebuilt[:1], model.reconstruct(X[:1].tolist()), rtol=1e-5)  # a batch of another size


def test_save_and_load(model: TimeVQVAE, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    again = TimeVQVAE.load(tmp_path / "model", device="cpu", progress=False)
    assert np.array_equal(again.sample(4, "fast"), model.sample(4, "fast"))
    assert again.classes_.tolist() == model.classes_.tolist()
    assert again.stage1 == STAGE1 and again.stage2 == STAGE2
    again.save(tmp_path / "copy")
    for name in ("stage1.safetensors", "stage2.safetensors", "generator.json"):
        assert (tmp_path / "model" / name).read_bytes() == (tmp_path / "copy" / name).read_bytes()
    with pytest.raises(ArtifactError, match="not a saved generator"):
        TimeVQVAE.load(tmp_path / "nowhere")


def test_without_labels_and_two_dimensional_input() -> None:
    model = make().fit(data()[0][:, 0].tolist())
    assert model.sample(2).shape == (2, 1, LENGTH)
    assert len(model.classes_) == 0
    with pytest.raises(DataError, match="without labels"):
        model.sample(2, 0)


def test_generator_serves_the_protocol(model: TimeVQVAE) -> None:
    generator: VQGenerator = model.generator_
    x = torch.zeros(3, CHANNELS, LENGTH)
    latents = generator.encode(x)
    assert [z.shape[0] for z in latents] == [3, 3]
    for z, book in zip(latents, generator.codebooks, strict=True):
        assert z.shape[-1] == book.codes.shape[-1] and book.live.any()
    source = torch.Generator().manual_seed(0)
    tokens = model.generator_.sample_tokens(5, torch.tensor([0, 1, 0, 1, 1]), rng=source)
    assert generator.decode(tokens).shape == (5, CHANNELS, LENGTH)
    assert not generator.decode(tokens).requires_grad
    assert generator.sample(3, 1, rng=source).shape == (3, CHANNELS, LENGTH)


def test_prior_of_another_tokeniser_is_refused(model: TimeVQVAE) -> None:
    other = copy.deepcopy(model.generator_.tokenizer)
    other.codebooks[0].live.logical_not_()
    with pytest.raises(ArtifactError, match="another tokeniser"):
        TwoStageGenerator(other, model.generator_.prior, Sample())


BAD_SERIES = [
    (np.zeros((4, LENGTH, 2, 1)), "shape"),
    (np.zeros((0, CHANNELS, LENGTH)), "no series"),
    ([[1.0, 2.0], [1.0]], "one length"),
    ([["a"] * LENGTH], "numbers"),
    (np.full((2, CHANNELS, LENGTH), np.nan), "NaN"),
    (np.zeros((2, CHANNELS, LENGTH)), "constant"),
    (np.random.default_rng(0).standard_normal((4, 1, 2)), "too short"),
]


@pytest.mark.parametrize("X, message", BAD_SERIES, ids=[message for _, message in BAD_SERIES])
def test_bad_series_are_refused(X: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        make().fit(X)


def test_bad_labels_are_refused() -> None:
    X, y = data()
    with pytest.raises(DataError, match="one label for each of the 24"):
        make().fit(X, y[:5])
    with pytest.raises(DataError, match="NaN"):
        make().fit(X, np.full(len(X), np.nan))
    with pytest.raises(DataError, match="mixes"):
        make().fit(X, np.array([1, "a", *y[2:]], dtype=object))


def test_calls_that_do_not_fit_are_refused(model: TimeVQVAE) -> None:
    X, _ = data()
    for call in (lambda: make().sample(1), lambda: make().reconstruct(X), lambda: make().save("x")):
        with pytest.raises(UserError, match="not fitted yet"):
            call()
    with pytest.raises(DataError, match="channels 1 where the fitted data had 2"):
        model.reconstruct(X[:, :1])
    with pytest.raises(DataError, match="length 29 where the fitted data had 30"):
        model.reconstruct(X[:, :, :29])
    with pytest.raises(DataError, match="NaN or infinite values, first in series 1"):
        model.reconstruct(np.where(np.arange(24)[:, None, None] == 1, np.inf, X))
    with pytest.raises(DataError, match="at least 1"):
        model.sample(0)
