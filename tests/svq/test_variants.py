"""Stochastic variants of real series."""

import pytest
import torch
from patch_generator import PatchGenerator, waves

from nm_vqtsg.params import Svq
from nm_vqtsg.svq.quantize import StochasticQuantizer
from nm_vqtsg.svq.variants import StochasticVariants


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_cached_latents_give_exactly_what_encoding_every_step_gives() -> None:
    x = waves(300, channels=2)
    generator = PatchGenerator(x)
    variants = StochasticVariants(generator, x)
    quantizers = [StochasticQuantizer(*codebook) for codebook in generator.codebooks]
    for step in range(5):
        rows = torch.randint(300, (32,), generator=seeded(step))
        source = seeded(100 + step)
        tokens = [q.draw(z, 0.4, source) for q, z in zip(quantizers, generator.encode(x[rows]), strict=True)]
        assert torch.equal(variants.draw(rows, 0.4, seeded(100 + step)), generator.decode(tokens))


def test_series_are_encoded_once() -> None:
    x = waves(300)
    generator = PatchGenerator(x)
    variants = StochasticVariants(generator, x)
    for step in range(3):
        list(variants.batches(0.4, seeded(step)))
    assert generator.encoded == 300


def test_batches_cover_all_series_in_order() -> None:
    x = waves(300)
    variants = StochasticVariants(PatchGenerator(x, codes=200), x)
    nearest = torch.cat(list(variants.batches(1e-9, seeded())))
    assert nearest.shape == x.shape
    assert (nearest - x).abs().mean() < 0.2 * (nearest.roll(1, 0) - x).abs().mean()


def test_the_distance_from_the_series_grows_with_tau() -> None:
    x = waves(200)
    variants = StochasticVariants(PatchGenerator(x), x)
    errors = [(torch.cat(list(variants.batches(tau, seeded()))) - x).abs().mean() for tau in (1e-9, 0.2, 1, 100)]
    assert errors == sorted(errors)
    assert errors[0] < errors[-1] / 4


def test_the_squared_distance_is_passed_on() -> None:
    x = waves(50)
    generator = PatchGenerator(x)
    plain, squared = (
        StochasticVariants(generator, x, Svq(distance=d)).draw(slice(0, 50), 0.3, seeded())
        for d in ("euclidean", "squared")
    )
    assert not torch.equal(plain, squared)


def test_a_temperature_in_spacings_is_as_many_times_larger_in_each_band() -> None:
    x = waves(50)
    generator = PatchGenerator(x)
    variants = StochasticVariants(generator, x, Svq(unit="spacing"))
    absolute = StochasticVariants(generator, x)
    spacings = []
    for (codes, live), latents in zip(generator.codebooks, variants.latents, strict=True):
        distances = torch.cdist(latents.flatten(0, 1), codes[live]).sort(-1).values
        spacings.append(float((distances[:, 1] - distances[:, 0]).median()))
    assert len(set(spacings)) > 1
    for tau in (0.5, 2.0):
        drawn = variants.tokens(slice(0, 50), tau, seeded())
        for band, spacing in enumerate(spacings):
            expected = absolute.tokens(slice(0, 50), tau * spacing, seeded())[band]
            assert (drawn[band] == expected).float().mean() > 0.99


def test_codes_ten_times_farther_apart_draw_the_same_tokens_at_a_temperature_in_spacings() -> None:
    z = torch.randn(300, 8, generator=seeded())
    codes, live = torch.randn(40, 8, generator=seeded(1)), torch.ones(40, dtype=torch.bool)
    near, far = StochasticQuantizer(codes, live), StochasticQuantizer(10 * codes, live)
    assert far.spacing(10 * z) == pytest.approx(10 * near.spacing(z), rel=1e-3)
    drawn = [
        quantizer.draw(latents, 1.5 * quantizer.spacing(latents), seeded(2))
        for quantizer, latents in ((near, z), (far, 10 * z))
    ]
    assert (drawn[0] == drawn[1]).float().mean() > 0.99
    alone = torch.zeros(40, dtype=torch.bool)
    alone[3] = True
    assert StochasticQuantizer(codes, alone).spacing(z) == 1
    twins = StochasticQuantizer(codes.repeat(2, 1), live.repeat(2))
    assert twins.draw(z, 2 * twins.spacing(z), seeded()).shape == (300,)
