"""The steps stage2 and sample on files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nm_vqtsg.artifacts import load_json, load_npz, save_npz
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.generators.two_stage import TwoStageGenerator
from nm_vqtsg.params import Params, Sample, Stage1, Stage2, Transformer
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.steps import sample, stage2
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.study.paths import Paths
from nm_vqtsg.tokenizer.kinds import timevqvae
from nm_vqtsg.training.seeds import new_rng

PARAMS = Params(
    datasets=("ECG5000",),
    stage1=Stage1(steps=5, codebook_size=16, last_width=16),
    stage2=Stage2(
        steps=5,
        batch_size=8,
        lf=Transformer(width=16, depth=1, heads=2),
        hf=Transformer(width=8, depth=1, heads=1),
    ),
    sample=Sample(n_samples=20, n_per_class=3, steps=4),
)
LENGTH = 24


def context(study: Path, step: str) -> StepContext:
    return StepContext(step, PARAMS, Paths(study, "ECG5000", 0), "cpu", "none")


def prepare(folder: Path, labels: bool) -> Path:
    """Data and tokeniser of a study."""
    paths = context(folder, "stage2").paths
    source = np.random.default_rng(0)
    for path, n in ((paths.train, 32), (paths.test, 30)):
        X = np.sin(np.arange(LENGTH) * 0.5 + source.uniform(0, 6, (n, 1, 1))).astype(np.float32)
        y, names = (np.arange(n) % 2, np.array(["-1", "1"])) if labels else (None, None)
        Series(X, y, names, Scaling.none(1)).save(path)
    tokenizer = timevqvae.KIND.build(PARAMS.stage1, 1, LENGTH)
    tokenizer.fit(Series.load(paths.train).X)
    tokenizer.save(paths.weights(1))
    return folder


def run_both(folder: Path) -> Paths:
    stage2.run(context(folder, "stage2"))
    sample.run(context(folder, "sample"))
    return context(folder, "sample").paths


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = prepare(tmp_path_factory.mktemp("study"), labels=True)
    run_both(folder)
    return folder


def test_report_says_how_well_masks_are_filled(study: Path) -> None:
    report = load_json(context(study, "stage2").paths.report(2))
    assert report["steps"] == 5 and report["parameters"] > 0
    assert report["provenance"]["seed"] == 0 and report["provenance"]["step"] == "stage2"
    for split in ("train", "test"):
        for law in ("unconditional", "of_class"):
            for band in ("lf", "hf"):
                found = report["masked"][split][law][band]
                assert found["cross_entropy"] > 0 and 0 <= found["accuracy"] <= 1
    curve = context(study, "stage2").paths.curve(2).read_text().splitlines()
    assert curve[0].split("\t")[:2] == ["step", "loss"] and len(curve) == 2


def test_as_many_samples_as_test_has(study: Path) -> None:
    paths = context(study, "sample").paths
    arrays = load_npz(paths.samples, required=("X", "X_class", "y_class", "tokens_0", "tokens_1"))
    assert arrays["X"].shape == (30, 1, LENGTH) and arrays["X"].dtype == np.float32
    assert np.isfinite(arrays["X"]).all()
    assert arrays["X_class"].shape == (6, 1, LENGTH)
    assert arrays["y_class"].tolist() == [0, 0, 0, 1, 1, 1]
    tokenizer = timevqvae.KIND.load(paths.weights(1))
    tokens = [torch.from_numpy(arrays[f"tokens_{band}"]).long() for band in range(2)]
    np.testing.assert_allclose(tokenizer.decode(tokens).numpy(), arrays["X"], atol=1e-5)


def test_equal_seeds_give_equal_bytes(study: Path, tmp_path: Path) -> None:
    again, before = run_both(prepare(tmp_path, labels=True)), context(study, "sample").paths
    for path, old in (
        (again.weights(2), before.weights(2)),
        (again.report(2), before.report(2)),
        (again.curve(2), before.curve(2)),
        (again.samples, before.samples),
    ):
        assert path.read_bytes() == old.read_bytes(), path.name


def test_the_pool_is_empty_and_the_same_whatever_the_samples_are(study: Path, tmp_path: Path) -> None:
    """So that stage 3, which reads it, runs again for no change of sampling but its own."""
    paths, before = run_both(prepare(tmp_path, labels=True)), context(study, "sample").paths
    sample.run(mixing(tmp_path))
    assert load_npz(before.pool)["X"].shape == (0, 1, LENGTH)
    assert paths.samples.read_bytes() != before.samples.read_bytes()
    assert paths.pool.read_bytes() == before.pool.read_bytes()


def test_the_pool_holds_other_series_than_those_that_are_scored(tmp_path: Path) -> None:
    paths = run_both(prepare(tmp_path, labels=True))
    before = load_npz(paths.samples)
    ctx = context(tmp_path, "sample")
    sampling = PARAMS.sample.model_copy(update={"n_pool": 40, "n_redrawn": 50, "redraw_fraction": 0.2})
    sample.run(replace(ctx, params=PARAMS.model_copy(update={"sample": sampling})))
    after, pool = load_npz(paths.samples), load_npz(paths.pool)
    assert list(pool) == ["X", "X_redrawn", "rows"]
    assert pool["X"].shape == (40, 1, LENGTH) and pool["X"].dtype == np.float32
    for name in ("X", "X_class"):
        np.testing.assert_array_equal(after[name], before[name])
    scored = {series.tobytes() for series in after["X"]}
    assert sum(series.tobytes() in scored for series in pool["X"]) < 20


def test_redrawn_series_are_nearer_to_their_own_than_to_others(tmp_path: Path) -> None:
    paths = run_both(prepare(tmp_path, labels=True))
    sampling = PARAMS.sample.model_copy(update={"n_redrawn": 50, "redraw_fraction": 0.05})
    ctx = context(tmp_path, "sample")
    sample.run(replace(ctx, params=PARAMS.model_copy(update={"sample": sampling})))
    pool, train = load_npz(paths.pool), Series.load(paths.train).X
    assert pool["X_redrawn"].shape == (50, 1, LENGTH) and pool["rows"].shape == (50,)
    own = np.abs(pool["X_redrawn"] - train[pool["rows"]]).mean()
    other = np.abs(pool["X_redrawn"] - train[np.roll(pool["rows"], 1)]).mean()
    assert 0 < own < other


def test_without_labels_there_are_no_class_samples(tmp_path: Path) -> None:
    paths = run_both(prepare(tmp_path, labels=False))
    arrays = load_npz(paths.samples)
    assert "X_class" not in arrays and "y_class" not in arrays and arrays["X"].shape[0] == 30
    assert "of_class" not in load_json(paths.report(2))["masked"]["train"]


def test_held_out_series_stand_in_report_and_curve(tmp_path: Path) -> None:
    ctx = context(prepare(tmp_path, labels=True), "stage2")
    watched = PARAMS.stage2.model_copy(update={"validation_fraction": 0.25, "ema_decay": 0.5})
    stage2.run(replace(ctx, params=PARAMS.model_copy(update={"stage2": watched})))
    report = load_json(ctx.paths.report(2))["held_out"]
    assert report["n"] == 8 and report["best_step"] == 5
    assert all(report["bands"][band]["frequencies"] > 0 for band in ("lf", "hf"))
    names = ctx.paths.curve(2).read_text().splitlines()[0].split("\t")
    assert {"validation_loss", "validation_loss_0", "validation_loss_1"} < set(names)


def mixing(study: Path) -> StepContext:
    ctx = context(study, "sample")
    sampling = PARAMS.sample.model_copy(update={"unconditional": "mixture"})
    return replace(ctx, params=PARAMS.model_copy(update={"sample": sampling}))


def test_a_mixture_draws_classes_as_frequent_as_in_train_and_keeps_them(tmp_path: Path) -> None:
    paths = run_both(prepare(tmp_path, labels=True))
    before = load_npz(paths.samples)
    assert "y" not in before
    train = Series.load(paths.train)
    rare = np.where(np.arange(len(train.X)) < 4, 1, 0)  # 4 of 32
    replace(train, y=rare).save(paths.train)
    ctx = mixing(tmp_path)
    sample.run(ctx)
    arrays = load_npz(paths.samples)
    assert arrays["y"].dtype == np.int64 and len(arrays["y"]) == len(arrays["X"])
    assert 0 < arrays["y"].mean() < 0.35
    np.testing.assert_array_equal(arrays["X_class"], before["X_class"])  # what is given a class does not change
    generator = TwoStageGenerator(
        timevqvae.KIND.load(paths.weights(1)), Prior.load(paths.weights(2)), ctx.params.sample, [28, 4]
    )
    rng = new_rng(0, "sample", "unconditional")
    np.testing.assert_array_equal(generator.sample(30, rng=rng).numpy(), arrays["X"])  # what `sample` gives, too
    drawn = generator.draw_classes(4000, new_rng(0))
    assert drawn is not None and abs(float(drawn.double().mean()) - 4 / 32) < 0.02
    rng = new_rng(5)
    y = generator.draw_classes(30, rng)
    assert torch.equal(generator.sample(30, y, rng=rng), generator.sample(30, rng=new_rng(5)))


def test_a_mixture_without_labels_is_the_null_class_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = run_both(prepare(tmp_path, labels=False))
    before = paths.samples.read_bytes()
    sample.run(mixing(tmp_path))
    assert caplog.text.count("sample.unconditional: mixture is not possible, since there are no classes") == 1
    arrays = load_npz(paths.samples)
    assert "y" not in arrays
    paths.samples.write_bytes(before)
    np.testing.assert_array_equal(load_npz(paths.samples)["X"], arrays["X"])


def test_classes_that_are_not_the_priors_are_refused(study: Path) -> None:
    paths = context(study, "sample").paths
    networks = timevqvae.KIND.load(paths.weights(1)), Prior.load(paths.weights(2))
    with pytest.raises(ArtifactError, match="3 classes were counted, where the prior knows 2"):
        TwoStageGenerator(*networks, Sample(), [1, 2, 3])


def test_stage_that_is_missing_or_of_another_tokeniser_is_named(study: Path, tmp_path: Path) -> None:
    folder = prepare(tmp_path, labels=True)
    paths = context(folder, "sample").paths
    with pytest.raises(ArtifactError, match=r"stage2\.safetensors: no such file"):
        sample.run(context(folder, "sample"))
    other = timevqvae.KIND.build(PARAMS.stage1, 1, 2 * LENGTH)
    other.fit(np.random.default_rng(0).standard_normal((32, 1, 2 * LENGTH)))
    other.save(paths.weights(1))
    paths.weights(2).write_bytes(context(study, "sample").paths.weights(2).read_bytes())
    with pytest.raises(ArtifactError, match="another tokeniser"):
        sample.run(context(folder, "sample"))
    save_npz(paths.weights(2), X=np.zeros(3))
    with pytest.raises(ArtifactError, match="not a readable"):
        sample.run(context(folder, "sample"))
