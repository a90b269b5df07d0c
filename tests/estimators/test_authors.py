"""The authors' own package as a generator; on Python 3.11 it is installed as docs/generators.md says."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch

from nm_vqtsg.errors import DataError, UserError
from nm_vqtsg.estimators.authors import AuthorsGenerator
from nm_vqtsg.estimators.neural_mapper import NeuralMapper
from nm_vqtsg.generators.base import VQGenerator
from nm_vqtsg.nn.quantizer import nearest_code
from nm_vqtsg.params import Stage3

CODES = 64
LENGTH = 48


def package() -> tuple[Any, Any]:
    """The modules of the package, or a skip."""
    reason = "the package timevqvae is not installed (see docs/generators.md)"
    return (
        pytest.importorskip("timevqvae.vqvae", reason=reason),
        pytest.importorskip("timevqvae.maskgit", reason=reason),
    )


def waves(n: int = 96) -> torch.Tensor:
    phase = np.random.default_rng(0).uniform(0, 6, (n, 2, 1))
    return torch.from_numpy((2**0.5 * np.sin(np.arange(LENGTH) * 0.3 + phase)).astype(np.float32))


def make(vqvae: Any, maskgit: Any) -> Any:
    prior = maskgit.PriorModelConfig(16, 1, 1, 1, True, 0.2)
    return maskgit.MaskGIT(
        vqvae=vqvae,
        lf_choice_temperature=10.0,
        hf_choice_temperature=0.0,
        lf_num_sampling_steps=4,
        hf_num_sampling_steps=4,
        lf_codebook_size=CODES,
        hf_codebook_size=CODES,
        transformer_embedding_dim=16,
        lf_prior_model_config=prior,
        hf_prior_model_config=prior,
        classifier_free_guidance_scale=1.0,
        n_classes=2,
    )


def fit_package(x: torch.Tensor) -> Any:
    """Both stages by the package's own losses, a few steps each."""
    vqvae_module, maskgit_module = package()
    torch.manual_seed(0)
    np.random.seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its weight_norm is deprecated
        vqvae = vqvae_module.VQVAE(
            x.shape[1], LENGTH, hid_dim=32, codebook_size_l=CODES, codebook_size_h=CODES, codebook_dim=4
        )
    optimizer = torch.optim.AdamW(vqvae.parameters(), 5e-3)
    for _ in range(60):
        out = vqvae(x[torch.randperm(len(x))[:32]])
        loss = sum(out.recons_loss.values()) + sum(each["loss"].squeeze() for each in out.vq_losses.values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    maskgit = make(vqvae.eval(), maskgit_module)
    optimizer = torch.optim.AdamW([p for p in maskgit.parameters() if p.requires_grad], 5e-3)
    for _ in range(20):
        rows = torch.randperm(len(x))[:32]
        optimizer.zero_grad()
        maskgit(x[rows], rows[:, None] % 2).total_mask_prediction_loss.backward()
        optimizer.step()
    return maskgit


@pytest.fixture(scope="module")
def adapter() -> AuthorsGenerator:
    return AuthorsGenerator(fit_package(waves()), waves())


def test_tokens_are_the_package_s_own(adapter: AuthorsGenerator) -> None:
    x, maskgit = waves()[:5], adapter.maskgit
    parts = ((maskgit.encoder_l, maskgit.vq_model_l), (maskgit.encoder_h, maskgit.vq_model_h))
    tokens = []
    for latents, book, (encoder, quantizer) in zip(adapter.encode(x), adapter.codebooks, parts, strict=True):
        theirs = maskgit.encode_to_z_q(x, encoder, quantizer)[1]
        tokens.append(nearest_code(latents, book.codes, book.live))
        assert torch.equal(tokens[-1], theirs)
    torch.testing.assert_close(adapter.decode(tokens), maskgit.vqvae(x).x_recon)


def test_only_codes_that_train_picks_are_live(adapter: AuthorsGenerator) -> None:
    for latents, book in zip(adapter.encode(waves()), adapter.codebooks, strict=True):
        assert book.codes.shape == (CODES, 4)
        assert book.live.nonzero().flatten().tolist() == nearest_code(latents, book.codes).unique().tolist()
    assert not all(book.live.all() for book in adapter.codebooks)


def test_samples_depend_on_the_generator_alone(adapter: AuthorsGenerator) -> None:
    source: VQGenerator = adapter  # mypy: it is one

    def draw(seed: int, n: int = 3, y: Any = None) -> torch.Tensor:
        return source.sample(n, y, rng=torch.Generator().manual_seed(seed))

    torch.manual_seed(5)
    before = torch.get_rng_state()
    assert torch.equal(draw(0), draw(0)) and not torch.equal(draw(0), draw(1))
    assert torch.equal(before, torch.get_rng_state())
    assert draw(0, 1).shape == (1, 2, LENGTH)
    assert draw(0, 300).shape == (300, 2, LENGTH)
    assert torch.equal(draw(0, 4, 1), draw(0, 4, torch.ones(4)))
    for n, y, message in ((0, None, "at least 1"), (2, [0], "one label for each"), (2, 2, r"outside 0\.\.1")):
        with pytest.raises(DataError, match=message):
            draw(0, n, None if y is None else torch.as_tensor(y))


def test_the_mapper_trains_on_it(adapter: AuthorsGenerator) -> None:
    adapter.maskgit.train()  # as its training leaves it; the networks must work in evaluation mode all the same
    stage3 = Stage3(steps=80, batch_size=16, multipliers=(1, 2))
    mapper = NeuralMapper(stage3, tau=0.3, progress=False, device="cpu").fit(adapter, waves().numpy())
    assert mapper.report_.l1 < mapper.report_.l1_input  # mapped variants are nearer to the real series
    mapped = mapper.transform(adapter.sample(3, rng=torch.Generator()).numpy())
    assert mapped.shape == (3, 2, LENGTH) and np.isfinite(mapped).all()


def test_what_does_not_fit_is_refused(adapter: AuthorsGenerator) -> None:
    with pytest.raises(DataError, match="x has channels 1 where the VQVAE had 2"):
        AuthorsGenerator(adapter.maskgit, waves()[:, :1])
    vqvae_module, maskgit_module = package()
    vqvae = vqvae_module.VQVAE(2, LENGTH, codebook_size_l=CODES, codebook_size_h=CODES).eval()
    vqvae(waves()[:4])  # tells the encoders their sizes, and would start the codes
    for quantizer in (vqvae.vq_model_l, vqvae.vq_model_h):
        quantizer._codebook.initted.zero_()
    with pytest.raises(UserError, match="not trained yet"):
        AuthorsGenerator(make(vqvae, maskgit_module), waves())


def test_another_object_is_refused() -> None:
    """Needs no package."""
    with pytest.raises(UserError, match="Linear has no vqvae; give a MaskGIT of the package timevqvae"):
        AuthorsGenerator(torch.nn.Linear(2, 2), waves())
