"""Stochastic variants of real series."""

import torch
from patch_generator import PatchGenerator, waves

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
        StochasticVariants(generator, x, d).draw(slice(0, 50), 0.3, seeded()) for d in ("euclidean", "squared")
    )
    assert not torch.equal(plain, squared)
