"""The judge: trains on TRAIN alone, keeps its best weights, gives the same answers whatever the batch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from untrained import untrained_judge

from nm_vqtsg.errors import ArtifactError, DataError
from nm_vqtsg.judge import network as fcn
from nm_vqtsg.judge._fast import ByteDropout
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.judge.train import score
from nm_vqtsg.params import Fcn
from nm_vqtsg.session import Session
from nm_vqtsg.session.stop import Interrupted, StopRequest
from nm_vqtsg.training.validation import stratified_holdout


def config(**changes: float) -> Fcn:
    defaults = {"epochs": 6, "max_steps": 1000, "batch_size": 16, "learning_rate": 3e-3, "patience": 50}
    return Fcn.model_validate({**defaults, "validation_fraction": 0.2, **changes})


def trained(X: np.ndarray, y: np.ndarray, session: Session | None = None, **changes: float) -> tuple[Judge, list]:
    judge = Judge(config(**changes), 1, 2)
    return judge, judge.fit(X, y, session)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real network with narrow blocks, so that the tests take seconds."""
    monkeypatch.setattr(fcn, "BLOCKS", ((8, 8), (16, 5), (fcn.FEATURES, 5)))


def two_waves(n: int, seed: int, length: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Slow and fast sines with noise: (n, 1, L), (n,)."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    t = np.linspace(0, 1, length)
    phase = rng.uniform(0, 6, (n, 1))
    X = np.sin(2 * np.pi * (2 + 3 * y[:, None]) * t + phase) + 0.2 * rng.normal(size=(n, length))
    return X[:, None].astype(np.float32), y


def test_published_shape() -> None:
    """1.316 million weights for five classes, as in supervised-FCN-2."""
    blocks = ((128, 8), (256, 5), (256, 5), (256, 5), (256, 5), (128, 5))
    expected = sum(
        (before * k + 1) * out + 2 * out
        for (out, k), before in zip(blocks, (1, 128, 256, 256, 256, 256), strict=True)
    )
    assert expected + 128 * 5 + 5 == pytest.approx(1.316e6, rel=2e-3)


def test_equals_one_dimensional_convolutions() -> None:
    """The channels-last planes compute what Conv1d with "same" padding computes."""
    torch.manual_seed(0)
    model = fcn.FCN(2, 3, dropout=0.5).eval()
    x = torch.randn(4, 2, 19)
    h = x
    for layer in model.blocks:
        if isinstance(layer, nn.Conv2d):
            kernel = layer.weight.shape[-1]
            h = nn.functional.pad(h, ((kernel - 1) // 2, kernel // 2))
            h = nn.functional.conv1d(h, layer.weight.squeeze(2), layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            h = nn.functional.batch_norm(
                h, layer.running_mean, layer.running_var, layer.weight, layer.bias, eps=layer.eps
            )
        elif isinstance(layer, nn.ReLU):
            h = h.relu()
    torch.testing.assert_close(model.features(x), h.mean(-1), rtol=1e-4, atol=1e-5)


def test_learns_and_returns_its_best_epoch() -> None:
    X, y = two_waves(120, 0)
    judge, curve = trained(X, y)
    X_test, y_test = two_waves(60, 1)
    assert judge.accuracy(X_test, y_test) > 0.9
    _, held_out = stratified_holdout(y, 0.2, 0)
    loss, _ = score(judge.network, torch.tensor(X[held_out]), torch.tensor(y[held_out]))
    assert loss == pytest.approx(min(row["validation_loss"] for row in curve), rel=1e-4)


def test_patience_ends_training() -> None:
    X, _ = two_waves(60, 0)
    y = np.random.default_rng(0).integers(0, 2, 60)  # nothing can be learned
    _, curve = trained(X, y, epochs=40, patience=3)
    best = int(np.argmin([row["validation_loss"] for row in curve]))
    assert len(curve) == best + 1 + 3 < 40


def test_max_steps_bounds_the_training() -> None:
    X, y = two_waves(60, 0)
    _, curve = trained(X, y, max_steps=5)
    assert curve[-1]["step"] == 5
    assert curve[-1]["lr"] == pytest.approx(1e-6)


def test_same_seed_same_bytes_and_round_trip(tmp_path: Path) -> None:
    X, y = two_waves(40, 0)
    for name in ("a", "b"):
        judge, _ = trained(X, y, epochs=2)
        judge.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    again = Judge.load(tmp_path / "a")
    np.testing.assert_array_equal(again.features(X), judge.features(X))


def test_the_batch_does_not_matter() -> None:
    X, _ = two_waves(300, 0)
    judge = untrained_judge(1, 2)
    whole = judge.features(X)
    alone = np.concatenate([judge.features(X[i : i + 1]) for i in (0, 255, 256, 299)])
    np.testing.assert_allclose(whole[[0, 255, 256, 299]], alone, atol=1e-5)
    features, probabilities = judge.features_and_probabilities(X)
    np.testing.assert_array_equal(features, whole)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    logits = judge.network(torch.tensor(X)).detach()
    np.testing.assert_allclose(probabilities, logits.softmax(1), atol=1e-5)


def test_dropout_rate_and_scale() -> None:
    torch.manual_seed(0)
    x = torch.ones(64, 8, 1, 101)
    for p in (0.5, 0.25):
        dropped = ByteDropout(p).train()(x)
        assert (dropped == 0).double().mean() == pytest.approx(p, abs=0.01)
        assert dropped.max() == pytest.approx(1 / (1 - p))
        assert torch.equal(ByteDropout(p).eval()(x), x)


def test_stratified_holdout() -> None:
    y = np.array([0] * 50 + [1] * 10 + [2] * 2 + [3])
    fitted, held_out = stratified_holdout(y, 0.1, 0)
    assert sorted([*fitted, *held_out]) == list(range(63))
    assert np.bincount(y[held_out], minlength=4).tolist() == [5, 1, 1, 0]
    with pytest.raises(DataError, match="no class has two series"):
        stratified_holdout(np.arange(5), 0.1, 0)


def test_resumed_training_equals_an_unbroken_one(tmp_path: Path) -> None:
    X, y = two_waves(40, 0)
    whole, curve = trained(X, y)

    class StopAt(StopRequest):
        """Asks for the end after seven steps, between two looks at the validation part."""

        left = 7

        def check(self) -> None:
            self.left -= 1
            if self.left == 0:
                raise Interrupted(15)

    session = Session(checkpoints=tmp_path / "c")
    with pytest.raises(Interrupted):
        trained(X, y, replace(session, stop=StopAt()))
    resumed, resumed_curve = trained(X, y, session)
    np.testing.assert_array_equal(resumed.features(X), whole.features(X))
    assert resumed_curve == curve


def test_wrong_inputs_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\(n, 1, L\)"):
        untrained_judge(1, 2).features(np.zeros((3, 2, 24), np.float32))
    from nm_vqtsg.artifacts import save_model

    save_model(tmp_path / "m", {"a": torch.zeros(1)}, {"kind": "prior"})
    with pytest.raises(ArtifactError, match="prior"):
        Judge.load(tmp_path / "m")


def test_saving_memory_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recomputed activations give the loss, the gradients and the running statistics of kept ones."""
    x = torch.randn(6, 2, 37, generator=torch.Generator().manual_seed(0))
    found = []
    for large in (fcn.LARGE, 1):
        monkeypatch.setattr(fcn, "LARGE", large)
        torch.manual_seed(0)
        model = fcn.FCN(2, 3, dropout=0.5).train()
        kept: list[int] = []

        def keep(tensor: torch.Tensor, kept: list[int] = kept) -> torch.Tensor:
            kept.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = model(x).square().mean()
        loss.backward()
        gradients = {name: p.grad for name, p in model.named_parameters()}
        found.append((loss.detach(), gradients, model.state_dict(), sum(kept)))
    (loss, gradients, state, kept_plain), (loss_frugal, gradients_frugal, state_frugal, kept_frugal) = found
    assert torch.equal(loss, loss_frugal)
    assert all(torch.equal(gradients[name], gradients_frugal[name]) for name in gradients)  # type: ignore[arg-type]
    assert all(torch.equal(state[name], state_frugal[name]) for name in state)
    assert kept_frugal < 0.6 * kept_plain
