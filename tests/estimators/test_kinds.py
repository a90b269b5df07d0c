"""Kinds of generators: what all of them do, and what tells them apart."""

from pathlib import Path

import numpy as np
import pytest
import torch

from nm_vqtsg.errors import ArtifactError, ParameterError, UserError
from nm_vqtsg.estimators.generator import TwoStageEstimator
from nm_vqtsg.estimators.neural_mapper import NeuralMapper
from nm_vqtsg.estimators.registry import generator_class
from nm_vqtsg.estimators.timevqvae import TimeVQVAE
from nm_vqtsg.estimators.vqvae import VQVAE
from nm_vqtsg.generators.base import VQGenerator
from nm_vqtsg.generators.two_stage import TwoStageGenerator
from nm_vqtsg.params import Params, Sample, Stage1, Stage2, Stage3, Transformer, override
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.tokenizer import registry
from nm_vqtsg.tokenizer.quality import code_usage, reconstruction_errors
from nm_vqtsg.training.seeds import derive_seed

STAGE1 = Stage1(steps=60, batch_size=16, codebook_size=32, last_width=32)
STAGE2 = Stage2(
    steps=20,
    batch_size=8,
    lf=Transformer(width=16, depth=1, heads=2),
    hf=Transformer(width=8, depth=1, heads=1),
)


def waves(n: int = 64, length: int = 64) -> np.ndarray:
    """Two channels about 50 with an amplitude of 10, random phases."""
    phase = np.random.default_rng(0).uniform(0, 6, (n, 1))
    wave = np.sin(np.arange(length) * 0.3 + phase)
    return 50 + 10 * np.stack([wave, wave**2], axis=1)


@pytest.fixture(scope="module")
def plain() -> VQVAE:
    return VQVAE(STAGE1, STAGE2, progress=False, device="cpu").fit(waves(), np.arange(64) % 2)


def test_a_plain_vqvae_has_one_band_of_the_series_itself(plain: VQVAE) -> None:
    tokenizer = plain.tokenizer_
    assert tokenizer.grids == ((1, 32),)  # 64 samples, aiming at hf_width = 32 positions
    x = torch.from_numpy(((waves() - plain.mean_[:, None]) / plain.std_[:, None]).astype(np.float32))
    errors = reconstruction_errors(tokenizer, x)
    assert set(errors) == {"total", "series"} and errors["total"] == errors["series"]
    assert errors["total"]["mse"] < 0.3  # of a variance of 1
    assert set(code_usage(tokenizer, x)) == {"series"}
    row = plain.curves_["stage1"][-1]
    assert row["loss"] == pytest.approx(row["series"] + row["series_commitment"], rel=1e-5)


def test_a_plain_vqvae_serves_mapper_and_protocol(plain: VQVAE) -> None:
    generator: VQGenerator = plain.generator_
    (book,) = generator.codebooks
    (latents,) = generator.encode(torch.zeros(3, 2, 64))
    assert latents.shape == (3, 32, book.codes.shape[1])
    mapper = NeuralMapper(Stage3(steps=3), tau=0.1, progress=False, device="cpu").fit(plain, waves())
    mapped = mapper.transform(plain.sample(4, 1, rng=0))
    assert mapped.shape == (4, 2, 64) and 30 < mapped.mean() < 70


def test_a_plain_vqvae_is_saved_and_loaded(plain: VQVAE, tmp_path: Path) -> None:
    plain.save(tmp_path)
    again = VQVAE.load(tmp_path, device="cpu", progress=False)
    assert np.array_equal(again.sample(3, 0, rng=1), plain.sample(3, 0, rng=1))
    with pytest.raises(ArtifactError, match="describes a 'vqvae' where a TimeVQVAE is needed"):
        TimeVQVAE.load(tmp_path)
    with pytest.raises(ArtifactError, match="bands series where lf, hf are needed; run stage1"):
        registry.load("timevqvae", tmp_path / "stage1.safetensors")


@pytest.mark.parametrize("kind", registry.known())
def test_two_stages_apart_are_the_two_at_once(kind: str, tmp_path: Path) -> None:
    """As the pipeline does it: z-scored series, a file between the stages."""
    x = np.random.default_rng(0).standard_normal((24, 1, 32)).astype(np.float32)
    y = np.arange(24) % 2

    def make() -> TwoStageEstimator:
        stage1 = STAGE1.model_copy(update={"steps": 3})
        return generator_class(kind)(stage1, STAGE2, scale=False, progress=False, device="cpu")

    whole = make().fit(x, y)
    parts = make().fit_tokenizer(x).fit_prior(x, y)
    assert np.array_equal(parts.sample(3, 1, rng=0), whole.sample(3, 1, rng=0))
    tokenizer = registry.build(kind, STAGE1.model_copy(update={"steps": 3}), 1, 32)
    tokenizer.fit(x)
    tokenizer.save(tmp_path / "one")
    again = registry.load(kind, tmp_path / "one")
    prior = Prior(STAGE2, again.grids, again.codebooks, 2)
    prior.fit(again.tokens(torch.from_numpy(x)), torch.from_numpy(y))
    prior.save(tmp_path / "two")
    steps = TwoStageGenerator(again, Prior.load(tmp_path / "two"), Sample())
    source = torch.Generator().manual_seed(derive_seed(0, "sample"))
    assert np.array_equal(steps.sample(3, 1, rng=source).numpy(), whole.sample(3, 1, rng=0))


def test_kinds_are_found_by_name() -> None:
    assert {"timevqvae", "vqvae"} <= set(registry.known())
    assert generator_class("timevqvae") is TimeVQVAE and generator_class("vqvae") is VQVAE
    with pytest.raises(UserError, match="'vqgan' is unknown; there are timevqvae, vqvae"):
        generator_class("vqgan")
    with pytest.raises(ParameterError, match="generator: 'vqvea' is unknown.* did you mean 'vqvae'"):
        override(Params(), ["generator=vqvea"])


def test_a_prior_needs_a_tokeniser() -> None:
    with pytest.raises(UserError, match="VQVAE is not fitted yet"):
        VQVAE().fit_prior(waves())
