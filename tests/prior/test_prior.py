"""The prior learns a language whose distribution is known, and its shortcuts change nothing."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from prior import toy
from torch import Tensor

from nm_vqtsg.errors import ArtifactError, DataError, UserError
from nm_vqtsg.params import Sample, Stage2, Transformer
from nm_vqtsg.prior import advice
from nm_vqtsg.prior._fast import hidden_at, masked_logits
from nm_vqtsg.prior.decoding import band_logits
from nm_vqtsg.prior.maskgit import Canvas, decode, training_mask
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.prior.network import BandContext
from nm_vqtsg.prior.quality import BandScore

SHORT = toy.CONFIG.model_copy(update={"steps": 3, "batch_size": 8})


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def warnings(low: BandScore, high: BandScore) -> list[str]:
    scores = {"lf": asdict(low), "hf": asdict(high)}
    return advice.warnings({"bands": ["lf", "hf"], "masked": {"train": {"unconditional": scores}}})


@pytest.fixture(scope="module")
def prior() -> Prior:
    return toy.trained()


@pytest.fixture(scope="module")
def sampled(prior: Prior) -> tuple[Tensor, ...]:
    return prior.sample(2000, rng=source())


def test_unconditional_samples_have_the_language_s_distribution(sampled: tuple[Tensor, ...]) -> None:
    start, grammatical = toy.starts(sampled[0])
    assert grammatical.float().mean() > 0.9
    share = start.bincount(minlength=4) / len(start)
    expected = torch.tensor([0.125, 0.375, 0.125, 0.375])
    assert (share - expected).abs().sum() / 2 < 0.08  # total variation


def test_second_band_follows_the_first_at_the_same_time(sampled: tuple[Tensor, ...]) -> None:
    low, high = ((ids - 1) // 2 for ids in sampled)
    expected = low.repeat_interleave(2, dim=1).repeat(1, 2)
    assert (high // 2 == expected).float().mean() > 0.97
    assert (high % 2).float().mean() < toy.COIN - 0.1  # without choice noise decoding prefers the mode


def test_choice_noise_lets_decoding_keep_the_distribution(prior: Prior) -> None:
    config = Sample(hf_choice_temperature=1000.0)
    _, high = prior.sample(1000, rng=source(), config=config)
    assert abs(((high - 1) // 2 % 2).float().mean() - toy.COIN) < 0.03


def test_low_temperatures_draw_what_is_likely_and_high_ones_anything(prior: Prior) -> None:
    canvas = Canvas(torch.full((1, 4), 4), torch.zeros(1, 1, dtype=torch.int64), 0)
    with torch.no_grad():
        guess = band_logits(prior.network, 0, [], torch.tensor([0]))(canvas)[0, 0]
    for temperature in (0.5, 1.0, 2.0):
        config = Sample(lf_temperature=temperature, steps=1)
        low, _ = prior.sample(4000, 0, rng=source(), config=config)
        share = ((low[:, 0] - 1) // 2).bincount(minlength=4) / 4000
        torch.testing.assert_close(share, (guess / temperature).softmax(0), atol=0.03, rtol=0)
    _, high = prior.sample(500, rng=source(), config=Sample(hf_temperature=0.01, hf_choice_temperature=1000.0))
    assert ((high - 1) // 2 % 2).float().mean() < 0.01, "the likelier side of the coin alone"


def test_classes_condition_the_samples(prior: Prior) -> None:
    y = torch.arange(600) % 2
    start, _ = toy.starts(prior.sample(600, y, rng=source())[0])
    assert (start // 2 == y).float().mean() > 0.95
    only, _ = toy.starts(prior.sample(200, 1, rng=source())[0])
    assert (only // 2 == 1).float().mean() > 0.95


def test_later_bands_go_with_the_given_ones(prior: Prior) -> None:
    tokens, y = toy.language(300, seed=3)
    kept, high = prior.sample(300, y, rng=source(), given=tokens[:1])
    assert torch.equal(kept, tokens[0])
    expected = ((tokens[0] - 1) // 2).repeat_interleave(2, dim=1).repeat(1, 2)
    assert ((high - 1) // 4 == expected).float().mean() > 0.97
    assert all(map(torch.equal, prior.sample(300, y, rng=source(), given=tokens), tokens))


def test_given_tokens_that_do_not_fit_are_refused(prior: Prior) -> None:
    tokens, _ = toy.language(8)
    for n, given in ((7, tokens[:1]), (8, [*tokens, tokens[0]]), (8, [tokens[0][:4]])):
        with pytest.raises(DataError, match="give those of the first of 2 bands, of every series"):
            prior.sample(n, rng=source(), given=given)
    with pytest.raises(DataError, match="is not one of the 4 live codes"):
        prior.sample(8, rng=source(), given=[torch.zeros_like(tokens[0])])


def test_cross_entropy_comes_close_to_the_language_s_entropy(prior: Prior) -> None:
    tokens, y = toy.language(4000, seed=1)
    low, high = prior.score(tokens, y, seed=0)
    assert warnings(low, high) == []
    assert toy.COIN_ENTROPY - 0.03 < high.cross_entropy < toy.COIN_ENTROPY + 0.05
    assert high.accuracy == pytest.approx(1 - toy.COIN, abs=0.03)


def test_first_guess_is_the_language_s_distribution_with_and_without_class(prior: Prior) -> None:
    canvas = Canvas(torch.full((3, 4), 4), torch.zeros(3, 1, dtype=torch.int64), 0)
    with torch.no_grad():
        guess = band_logits(prior.network, 0, [], torch.tensor([0, 1, 2]))(canvas).softmax(-1)[:, 0]
    expected = torch.tensor([[0.25, 0.75, 0, 0], [0, 0, 0.25, 0.75], [0.125, 0.375, 0.125, 0.375]])
    torch.testing.assert_close(guess, expected, atol=0.1, rtol=0)


def test_dead_codes_are_never_sampled(sampled: tuple[Tensor, ...]) -> None:
    for ids, live in zip(sampled, toy.live_masks(), strict=True):
        assert live[ids].all()


def test_head_on_masked_positions_equals_the_full_head(prior: Prior) -> None:
    network = prior.network
    tokens, y = toy.language(16)
    own = prior.vocabulary.ids(tokens)
    for band, n_tokens in enumerate(prior.vocabulary.n_tokens):
        masked = training_mask(16, n_tokens, source(band))
        logits, target = masked_logits(network, own, y, band, masked)
        visible = own[band].masked_fill(masked, network.n_codes[band])
        transformer = network.band(band)
        full = transformer.head(transformer.hidden(visible, y, network.context(band, own[:band])))
        torch.testing.assert_close(logits, full[masked])
        assert torch.equal(target, own[band][masked])


def test_features_at_some_positions_equal_those_of_all(prior: Prior) -> None:
    tokens, y = toy.language(16)
    own = prior.vocabulary.ids(tokens)
    for band, n_tokens in enumerate(prior.vocabulary.n_tokens):
        transformer, context = prior.network.band(band), prior.network.context(band, own[:band])
        positions = torch.rand(16, n_tokens, generator=source()).argsort(1)[:, :3]
        full = transformer.hidden(own[band], y, context)
        wanted = full.gather(1, positions.unsqueeze(-1).expand(-1, -1, full.shape[-1]))
        torch.testing.assert_close(hidden_at(transformer, own[band], y, context, positions), wanted)


def test_context_computed_once_equals_context_at_every_step(prior: Prior) -> None:
    network = prior.network
    tokens, y = toy.language(32)
    low = prior.vocabulary.ids(tokens)[:1]

    def every_step(canvas: Canvas) -> Tensor:
        return band_logits(network, 1, low, y)(canvas)

    def draw(logits_fn) -> Tensor:  # type: ignore[no-untyped-def]
        return decode(logits_fn, (32, 16), mask_token=8, n_steps=5, choice_temperature=1.0, rng=source())

    assert torch.equal(draw(every_step), draw(band_logits(network, 1, low, y)))


def test_the_empty_canvas_is_answered_once_per_class(prior: Prior) -> None:
    """At the first step series differ by their class alone; the logits are those of every series by itself."""
    network, n_tokens = prior.network, prior.vocabulary.n_tokens[0]
    classes = torch.tensor([2, 0, 2, 1, 0])
    tokens = torch.full((5, n_tokens), network.n_codes[0])
    everywhere = torch.arange(n_tokens).expand(5, n_tokens)
    calls: list[int] = []
    handle = network.band(0).embedding.register_forward_hook(lambda module, args, out: calls.append(len(args[0])))
    try:
        with torch.no_grad():
            found = band_logits(network, 0, [], classes)(Canvas(tokens, everywhere, 0))
            assert calls == [3]
            each = network.band(0).head(network.band(0).hidden(tokens, classes))
            torch.testing.assert_close(found, each)
            calls.clear()
            band_logits(network, 0, [], classes)(Canvas(tokens, everywhere[:, 1:], 1))
            assert calls == [5]  # a canvas that is not empty belongs to its series
    finally:
        handle.remove()


def test_guidance(prior: Prior) -> None:
    network, y = prior.network, torch.tensor([0, 1, 1])
    canvas = Canvas(torch.full((3, 4), 4), torch.arange(4).expand(3, 4), 0)

    def logits(classes: Tensor, scale: float) -> Tensor:
        with torch.no_grad():
            return band_logits(network, 0, [], classes, scale)(canvas)

    null, conditional = logits(torch.full_like(y, 2), 1.0), logits(y, 1.0)
    torch.testing.assert_close(logits(y, 0.0), null)
    torch.testing.assert_close(logits(y, 2.5), null + 2.5 * (conditional - null), atol=1e-4, rtol=1e-4)
    off = prior.sample(20, y[:1].expand(20), rng=source(), config=Sample(guidance_scale=1.0))
    near = prior.sample(20, y[:1].expand(20), rng=source(), config=Sample(guidance_scale=1.0 + 1e-7))
    assert all(map(torch.equal, off, near))


def test_sampling_depends_on_the_generator_alone(prior: Prior) -> None:
    first, again, other = (prior.sample(70, rng=source(seed)) for seed in (1, 1, 2))
    assert all(map(torch.equal, first, again))
    assert not torch.equal(first[1], other[1])


def test_equal_seeds_give_equal_bytes_and_files_come_back(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.safetensors", "b.safetensors", "c.safetensors")]
    priors = [toy.trained(seed, SHORT) for seed in (0, 0, 1)]
    for prior, path in zip(priors, paths, strict=True):
        prior.save(path, {"made_by": "a test"})
    assert paths[0].read_bytes() == paths[1].read_bytes() != paths[2].read_bytes()
    loaded = Prior.load(paths[0])
    assert loaded.config == SHORT and loaded.vocabulary.grids == toy.GRIDS and loaded.n_classes == 2
    pair = (p.sample(5, 1, rng=source()) for p in (priors[0], loaded))
    assert all(map(torch.equal, *pair))


def test_damaged_or_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prior.safetensors"
    with pytest.raises(ArtifactError, match="no such file"):
        Prior.load(path)
    toy.trained(0, SHORT).save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ArtifactError, match="prior"):
        Prior.load(path)


def test_one_band_three_bands_and_no_labels() -> None:
    grids = [(1, 3), (2, 5), (4, 2)]
    small = Stage2(lf=Transformer(width=8, depth=1, heads=2), hf=Transformer(width=8, depth=1, heads=1), steps=3)
    for count in (1, 3):
        books = toy.codebooks([torch.ones(6, dtype=torch.bool)] * count)
        prior = Prior(small, grids[:count], books, n_classes=0)
        tokens = [torch.randint(6, (20, rows * columns), generator=source()) for rows, columns in grids[:count]]
        curve = prior.fit(tokens, None, seed=0)
        assert curve[-1]["step"] == 3 and f"loss_{count - 1}" in curve[-1]
        assert [tuple(ids.shape) for ids in prior.sample(4, rng=source())] == [
            (4, rows * columns) for rows, columns in grids[:count]
        ]
        with pytest.raises(DataError, match="without labels"):
            prior.sample(2, 0, rng=source())


@pytest.mark.parametrize("columns_from, columns_to", [(8, 35), (5, 23), (7, 31), (4, 4), (1, 3), (9, 4)])
def test_context_is_aligned_in_time(columns_from: int, columns_to: int) -> None:
    reader = BandContext(5, (1, columns_from), (2, columns_to), Transformer(width=8, heads=2), 4, 0.0)
    centre_to = (torch.arange(columns_to) + 0.5) / columns_to
    start, end = reader.columns / columns_from, (reader.columns + 1) / columns_from
    assert (start <= centre_to).all() and (centre_to < end + 1e-6).all()
    out = reader(torch.randint(5, (2, columns_from), generator=source()))
    assert out.shape == (2, 2 * columns_to, 4)
    torch.testing.assert_close(out[:, :columns_to], out[:, columns_to:])  # both frequency rows


def test_bad_calls_are_named(prior: Prior) -> None:
    tokens, y = toy.language(8)
    fresh = Prior(toy.CONFIG, toy.GRIDS, toy.codebooks(), n_classes=2)
    with pytest.raises(UserError, match="not trained"):
        fresh.sample(1, rng=source())
    with pytest.raises(DataError, match="live codes"):
        fresh.fit((tokens[0] - 1, tokens[1]), y)
    with pytest.raises(DataError, match="1 bands"):
        fresh.fit(tokens[:1], y)
    with pytest.raises(DataError, match="shape"):
        fresh.fit((tokens[0][:, :3], tokens[1]), y)
    with pytest.raises(DataError, match="class 2 is unknown"):
        prior.sample(3, 2, rng=source())
    with pytest.raises(DataError, match="2 labels were given for 3"):
        prior.sample(3, torch.tensor([0, 1]), rng=source())
    with pytest.raises(DataError, match="at least 1"):
        prior.sample(0, rng=source())
    with pytest.raises(ArtifactError, match="live code"):
        Prior(toy.CONFIG, toy.GRIDS, toy.codebooks([torch.zeros(8, dtype=torch.bool)] * 2), n_classes=2)


def test_prior_that_learnt_nothing_is_called_out(prior: Prior) -> None:
    tokens, y = toy.language(200)
    stuck = Prior(SHORT, toy.GRIDS, toy.codebooks(), n_classes=2)
    stuck.fit(tokens, y, seed=0)
    with torch.no_grad():
        for band in range(2):
            head = stuck.network.band(band).head[-1]
            head.weight.zero_()
            head.bias.zero_()
            head.bias[0] = 5.0
    low, high = stuck.score(tokens, y, seed=0)
    assert high.n_predicted == 1
    assert ["one token" in sentence for sentence in warnings(low, high)] == [True, True]
    unlearned = replace(high, n_predicted=2, cross_entropy=high.unigram_entropy + 0.1)
    assert "has not learned" in warnings(low, unlearned)[1]


def test_weights_that_overflow_are_called_damaged() -> None:
    tokens, y = toy.language(64)
    prior = Prior(SHORT, toy.GRIDS, toy.codebooks(), n_classes=2)
    prior.fit(tokens, y)
    with torch.no_grad():
        prior.network.band(1).head[-1].bias[0] = torch.inf
    with pytest.raises(ArtifactError, match="weights are damaged"):
        prior.sample(3, rng=source())
