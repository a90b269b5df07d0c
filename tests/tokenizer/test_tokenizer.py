"""The tokeniser as a whole: training, determinism, resuming, saving, golden losses."""

from pathlib import Path

import numpy as np
import pytest
import torch

from nm_vqtsg.artifacts import load_facts, save_model
from nm_vqtsg.datasets.fetch import fetch
from nm_vqtsg.errors import ArtifactError, DataError
from nm_vqtsg.nn.bands import split_bands
from nm_vqtsg.params import Stage1
from nm_vqtsg.session import Session
from nm_vqtsg.tokenizer import advice
from nm_vqtsg.tokenizer.kinds import timevqvae
from nm_vqtsg.tokenizer.quality import code_usage, reconstruction_errors
from nm_vqtsg.training.checkpoint import CheckpointFolder

SMALL = Stage1(codebook_size=32, batch_size=16)
GOLDEN = Path(__file__).parents[1] / "golden" / "stage1_italy_power_demand.txt"
RELATIVE_TOLERANCE = 0.02  # other processors round differently, and a choice of another code amplifies it


def small(steps, **changes):
    return SMALL.model_copy(update={"steps": steps, **changes})


def series(n=64, channels=1, length=24, seed=0):
    random = np.random.default_rng(seed)
    time = np.linspace(0, 1, length)
    phase, rate = random.uniform(0, 6, (n, channels, 1)), random.uniform(3, 25, (n, channels, 1))
    x = np.sin(rate * time + phase) + 0.1 * random.standard_normal((n, channels, length))
    return torch.from_numpy(((x - x.mean()) / x.std()).astype(np.float32))


@pytest.fixture(scope="module")
def trained():
    x = series(128)
    tokenizer = timevqvae.KIND.build(small(120), in_channels=1, length=24)
    curve = tokenizer.fit(x, seed=1, session=Session(log_every=10))
    return tokenizer, x, curve


def test_training_reconstructs(trained):
    tokenizer, x, curve = trained
    assert curve[-1]["loss"] < 0.5 * curve[0]["loss"]
    assert set(curve[-1]) == {"step", "loss", "lf", "hf", "lf_commitment", "hf_commitment", "lr"}
    errors = reconstruction_errors(tokenizer, x)
    assert errors["total"]["mse"] < 0.2
    rebuilt = tokenizer.reconstruct(x)
    assert errors["total"]["l1"] == pytest.approx(float((rebuilt - x).abs().mean()), rel=1e-5)


def test_methods_agree_with_one_another(trained):
    tokenizer, x, _ = trained
    tokens = tokenizer.tokens(x)
    for z, book, ids, n in zip(tokenizer.encode(x), tokenizer.codebooks, tokens, tokenizer.n_tokens, strict=True):
        assert z.shape == (len(x), n, 8) and not z.requires_grad
        distance = torch.cdist(z.flatten(0, 1), book.codes).masked_fill(~book.live, torch.inf)
        chosen = distance.gather(1, ids.flatten()[:, None])[:, 0]
        torch.testing.assert_close(chosen, distance.min(1).values, atol=1e-3, rtol=0)
    torch.testing.assert_close(tokenizer.decode(tokens), sum(tokenizer.decode_bands(tokens)))
    torch.testing.assert_close(tokenizer.decode(tokens), tokenizer.reconstruct(x))


def test_batches_do_not_change_the_result(trained):
    tokenizer, x, _ = trained
    many = x.repeat(5, 1, 1)  # more than one batch, the last one not full
    torch.testing.assert_close(tokenizer.reconstruct(many)[-3:], tokenizer.reconstruct(x)[-3:], atol=1e-4, rtol=0)


def test_what_training_computes_once_is_what_every_step_would_compute(trained):
    """Targets of stage 1 and tokens of stage 2: any batch of the whole equals the whole of the batch."""
    tokenizer, x, _ = trained
    rows = torch.tensor([5, 0, 17, 5])
    for whole, batch in zip(split_bands(x), split_bands(x[rows]), strict=True):
        assert torch.equal(whole[rows], batch)
    for whole, batch in zip(tokenizer.tokens(x), tokenizer.tokens(x[rows]), strict=True):
        assert torch.equal(whole[rows], batch)


def test_live_codes_are_those_that_train_picks(trained):
    tokenizer, x, _ = trained
    for book, tokens in zip(tokenizer.codebooks, tokenizer.tokens(x), strict=True):
        assert book.live.nonzero().flatten().tolist() == tokens.unique().tolist()
    usage = code_usage(tokenizer, x)
    assert usage["lf"]["live"] == int(tokenizer.codebooks[0].live.sum())
    assert 1 < usage["lf"]["perplexity"] <= usage["lf"]["live"] + 1e-6


def test_unseen_series_use_live_codes_only():
    x = series(4)
    tokenizer = timevqvae.KIND.build(small(5), in_channels=1, length=24)
    tokenizer.fit(x, seed=0)
    for book, tokens in zip(tokenizer.codebooks, tokenizer.tokens(series(200, seed=9)), strict=True):
        assert book.live[tokens].all() and book.live.sum() < 32


def test_the_live_mask_does_not_depend_on_an_earlier_one(trained):
    tokenizer, x, _ = trained
    before = [book.live.clone() for book in tokenizer.codebooks]
    tokenizer._mark_live(x[:1])
    tokenizer._mark_live(x)
    assert all(torch.equal(a, book.live) for a, book in zip(before, tokenizer.codebooks, strict=True))


@pytest.mark.parametrize(("channels", "length", "n"), [(1, 8, 3), (1, 9, 40), (3, 37, 20), (2, 64, 20)])
def test_any_shape_trains(channels, length, n):
    x = series(n, channels, length)
    tokenizer = timevqvae.KIND.build(small(2), channels, length)
    tokenizer.fit(x.numpy(), seed=0)
    assert tokenizer.reconstruct(x).shape == x.shape
    assert torch.isfinite(tokenizer.reconstruct(x)).all()


def test_equal_seeds_give_equal_bytes(tmp_path):
    x = series()
    files = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        tokenizer = timevqvae.KIND.build(small(6, dropout=0.2), 1, 24)
        tokenizer.fit(x, seed=seed)
        tokenizer.save(tmp_path / name)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1] != files[2]


def test_a_resumed_training_gives_the_same_bytes(tmp_path):
    x, revived = series(20), small(12, revival_patience=0.1)
    results = []
    for interrupted in (False, True):
        checkpoints = CheckpointFolder(tmp_path / "checkpoints")
        session = Session(checkpoints=checkpoints.folder, checkpoint_every=0)
        if interrupted:
            checkpoints.latest().unlink()  # go on from the one before the last
        tokenizer = timevqvae.KIND.build(revived, 1, 24)
        curve = tokenizer.fit(x, seed=0, session=session)
        tokenizer.save(tmp_path / "weights")
        results.append((curve, (tmp_path / "weights").read_bytes()))
    assert results[0] == results[1]


def test_saving_and_loading_changes_nothing(trained, tmp_path):
    tokenizer, x, _ = trained
    tokenizer.save(tmp_path / "a", {"seed": 1})
    loaded = timevqvae.KIND.load(tmp_path / "a")
    loaded.save(tmp_path / "b", {"seed": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert torch.equal(loaded.reconstruct(x), tokenizer.reconstruct(x))
    assert load_facts(tmp_path / "a") == {"seed": 1}


def test_files_of_another_kind_are_refused(trained, tmp_path):
    save_model(tmp_path / "other", {"w": torch.zeros(2)}, {"kind": "prior"})
    with pytest.raises(ArtifactError, match="a model of kind 'prior', not a tokenizer; run stage1"):
        timevqvae.KIND.load(tmp_path / "other")


def test_series_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="too short"):
        timevqvae.KIND.build(SMALL, 1, 3)
    with pytest.raises(DataError, match="do not fit"):
        timevqvae.KIND.build(SMALL, 1, 24).fit(series(length=25))


def test_warnings_name_what_is_wrong():
    good = {"total": {"mse": 0.05, "l1": 0.1}}
    usage = {"lf": {"live": 900, "perplexity": 500.0}, "hf": {"live": 1000, "perplexity": 600.0}}

    def warnings(usage, train, test):
        report = {"codebook_size": 1024, "usage": usage, "reconstruction": {"train": train, "test": test}}
        return advice.warnings(report)

    assert warnings(usage, good, good) == []
    collapsed = usage | {"hf": {"live": 1, "perplexity": 1.0}}
    assert "codebook of band HF has collapsed" in warnings(collapsed, good, good)[0]
    bad = {"total": {"mse": 0.8, "l1": 0.7}}
    assert "hardly reconstructed" in warnings(usage, bad, bad)[0]
    assert "TEST" in warnings(usage, good, {"total": {"mse": 0.3, "l1": 0.4}})[0]


def test_fitting_starts_from_scratch_and_leaves_the_global_generator_alone(trained):
    x = series()
    again = timevqvae.KIND.build(small(2), 1, 24)
    expected = torch.random.get_rng_state()
    again.fit(x, seed=5)
    assert torch.equal(torch.random.get_rng_state(), expected)
    first = {name: tensor.clone() for name, tensor in again.state_dict().items()}
    again.fit(x, seed=5)
    assert all(torch.equal(tensor, first[name]) for name, tensor in again.state_dict().items())


def italy_power_demand():
    x = fetch("ItalyPowerDemand", "sktime").X[:67]  # the archive's TRAIN part
    return ((x - x.mean()) / x.std()).astype(np.float32)


def test_golden_losses():
    """The first 20 losses on ItalyPowerDemand; a change of the method shows here."""
    tokenizer = timevqvae.KIND.build(Stage1(steps=20), 1, 24)
    curve = tokenizer.fit(italy_power_demand(), seed=0, session=Session(log_every=1))
    golden = np.loadtxt(GOLDEN)
    np.testing.assert_allclose([row["loss"] for row in curve], golden[:, 1], rtol=RELATIVE_TOLERANCE)
