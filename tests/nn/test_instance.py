"""Instance normalisation, alone and in tokeniser, mapper and study."""

from pathlib import Path

import numpy as np
import pytest
import torch
from patch_generator import waves

from nm_vqtsg import NeuralMapper, TimeVQVAE
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.nn.instance import InstanceNorm
from nm_vqtsg.tokenizer.kinds import timevqvae


def normalised(n: int, channels: int = 1) -> np.ndarray:
    """Waves, each of mean 0 and standard deviation 1 in every channel, as float32."""
    t, rng = np.linspace(0, 6.28, 24), np.random.default_rng(0)
    X = np.sin(t * rng.integers(1, 4, (n, channels, 1)) + rng.uniform(0, 6, (n, channels, 1)))
    return ((X - X.mean(-1, keepdims=True)) / X.std(-1, keepdims=True)).astype(np.float32)


def learnt(X: np.ndarray) -> InstanceNorm:
    norm = InstanceNorm(X.shape[1])
    norm.learn(torch.from_numpy(X))
    return norm


def test_it_gives_what_all_series_have() -> None:
    X = normalised(30, 2) * np.array([[2.0], [0.5]], dtype=np.float32) + np.array(
        [[1.0], [-3.0]], dtype=np.float32
    )
    out = learnt(X)(torch.from_numpy(waves(40, 24).numpy().repeat(2, 1) * 3 + 1)).numpy()
    np.testing.assert_allclose(out.mean(-1), np.tile([1.0, -3.0], (40, 1)), atol=1e-4)
    np.testing.assert_allclose(out.std(-1), np.tile([2.0, 0.5], (40, 1)), rtol=1e-4)


def test_series_that_have_it_already_stay_as_they_are() -> None:
    X = normalised(30)
    np.testing.assert_allclose(learnt(X)(torch.from_numpy(X)).numpy(), X, atol=1e-5)


@pytest.mark.parametrize("change", ["mean", "std", "one channel", "constant", "not learnt"])
def test_where_series_differ_nothing_changes(change: str) -> None:
    X = normalised(30, 2)
    if change == "mean":
        X[3] += 0.1
    elif change == "std":
        X[3] *= 1.1
    elif change == "one channel":
        X[3, 1] *= 1.1
    elif change == "constant":
        X[:] = 0
    norm = InstanceNorm(2) if change == "not learnt" else learnt(X)
    other = torch.from_numpy(normalised(5, 2)) * 7
    assert torch.equal(norm(other), other)


def test_a_constant_series_stays_finite_and_gradients_flow() -> None:
    x = torch.zeros(2, 1, 24, requires_grad=True)
    out = learnt(normalised(30))(x)
    out.square().sum().backward()
    assert out.isfinite().all() and x.grad is not None and x.grad.isfinite().all()


@pytest.mark.parametrize("asked", [True, False])
def test_everything_that_is_made_is_normalised_and_files_come_back(asked: bool, tmp_path: Path) -> None:
    """Reconstructions, samples and mapped samples, of a model with as few steps as can be."""
    X = 50 + 7 * normalised(60)
    model = TimeVQVAE(
        {"steps": 20, "codebook_size": 16, "instance_norm": asked}, {"steps": 5}, progress=False
    ).fit(X)
    mapper = NeuralMapper({"steps": 5, "instance_norm": asked}, tau=0.1, progress=False).fit(model, X)
    samples = model.sample(20)
    for made in (model.reconstruct(X), samples, mapper.transform(samples)):
        assert np.allclose(made.std(-1), 7, rtol=1e-3) == asked
        assert np.allclose(made.mean(-1), 50, atol=1e-2) == asked
    tokenizer = model.tokenizer_
    tokenizer.save(tmp_path / "one.safetensors")
    again = timevqvae.KIND.load(tmp_path / "one.safetensors")
    x = torch.from_numpy(normalised(10))
    assert torch.equal(again.reconstruct(x), tokenizer.reconstruct(x))
    mapper.mapper_.save(tmp_path / "three.safetensors")
    assert torch.equal(Mapper.load(tmp_path / "three.safetensors").map(x), mapper.mapper_.map(x))
