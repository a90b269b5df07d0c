"""The mapper on a generator whose errors are known."""

import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from patch_generator import PatchGenerator, waves
from torch import Tensor

from nm_vqtsg.errors import ArtifactError, DataError, ParameterError, UserError
from nm_vqtsg.estimators.neural_mapper import NeuralMapper
from nm_vqtsg.mapper import advice
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.mapper.quality import MapperReport, measure
from nm_vqtsg.params import Rocket, Stage3, Svq
from nm_vqtsg.session import Session
from nm_vqtsg.session.progress import Task
from nm_vqtsg.session.stop import Interrupted, StopRequest
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.training.checkpoint import CheckpointFolder

GOLDEN = Path(__file__).parents[1] / "golden" / "stage3.txt"
X = waves(256)


def small(steps: int = 3, **kwargs: object) -> Stage3:
    return Stage3(steps=steps, width=8, multipliers=(1, 2), **kwargs)  # type: ignore[arg-type]


def mapper(steps: int = 3, **kwargs: object) -> NeuralMapper:
    return NeuralMapper(small(steps), tau=0.3, progress=False, device="cpu", **kwargs)  # type: ignore[arg-type]


@dataclass
class InUnitsOfTheData:
    """The toy generator as users meet generators: with a scaling."""

    generator_: PatchGenerator
    mean_: np.ndarray
    std_: np.ndarray


@pytest.fixture(scope="module")
def fitted() -> NeuralMapper:
    return mapper().fit(PatchGenerator(X), X)


def test_brings_variants_nearer_to_the_series_and_mends_their_amplitude() -> None:
    generator = PatchGenerator(X, gain=0.6)
    trained = mapper(100).fit(generator, X)
    assert trained.report_.l1 < 0.6 * trained.report_.l1_input
    assert advice.warnings(asdict(trained.report_)) == []
    assert trained.curve_[-1]["loss"] < 0.6 * trained.curve_[-1]["l1_input"]

    unseen = StochasticVariants(generator, waves(200, seed=1))
    x_hat = unseen.draw(slice(0, 200), 0.3, torch.Generator().manual_seed(5))
    amplitude = [
        series.std(-1).mean().item() for series in (unseen.x, x_hat, torch.tensor(trained.transform(x_hat)))
    ]
    assert amplitude[1] < 0.75 * amplitude[0]
    assert amplitude[2] > 0.9 * amplitude[0]


def test_transform_is_in_eval_mode_even_after_training_mode() -> None:
    trained = NeuralMapper(small(dropout=0.5), tau=0.3, progress=False).fit(PatchGenerator(X), X)
    x_hat = waves(10, seed=2)
    first = trained.transform(x_hat)
    trained.mapper_.network.train()
    assert np.array_equal(trained.transform(x_hat), first)
    assert trained.mapper_.network.training


def test_equal_seeds_give_equal_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        mapper(random_state=seed).fit(PatchGenerator(X), X).save(tmp_path / f"{name}.safetensors")
    a, b, c = ((tmp_path / f"{name}.safetensors").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_losses_of_the_first_20_steps_are_the_golden_ones() -> None:
    trained = mapper(20).fit(PatchGenerator(X), X, session=Session(log_every=1))
    losses = [row["loss"] for row in trained.curve_]
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text("".join(f"{loss:.6f}\n" for loss in losses))
    assert losses == pytest.approx(np.loadtxt(GOLDEN).tolist(), rel=2e-3)


def test_saved_and_loaded_it_maps_alike(fitted: NeuralMapper, tmp_path: Path) -> None:
    path = tmp_path / "mapper.safetensors"
    fitted.save(path, {"dataset": "toy"})
    loaded = NeuralMapper.load(path, device="cpu")
    x_hat = waves(5, seed=3)
    assert np.array_equal(loaded.transform(x_hat), fitted.transform(x_hat))
    assert (loaded.tau_, loaded.section("stage3"), loaded.section("svq")) == (
        fitted.tau_,
        fitted.section("stage3"),
        fitted.section("svq"),
    )
    loaded.save(tmp_path / "again.safetensors", {"dataset": "toy"})
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_with_a_scaled_generator_everything_is_in_the_units_of_the_data(tmp_path: Path) -> None:
    x = waves(64, channels=2)
    mean, std = np.array([100.0, -3.0]), np.array([20.0, 0.5])
    units = x.numpy() * std[:, None] + mean[:, None]
    trained = mapper(2).fit(InUnitsOfTheData(PatchGenerator(x), mean, std), units)
    plain = mapper(2).fit(PatchGenerator(x), x)
    expected = plain.transform(x) * std[:, None] + mean[:, None]
    np.testing.assert_allclose(trained.transform(units), expected, rtol=1e-3, atol=1e-2)
    trained.save(tmp_path / "m.safetensors")
    assert np.array_equal(NeuralMapper.load(tmp_path / "m.safetensors").transform(units), trained.transform(units))


def test_searches_for_tau_where_none_is_given() -> None:
    trained = NeuralMapper(small(), tau_grid=(0.05, 0.3, 2), rocket=Rocket(n_kernels=50), progress=False).fit(
        PatchGenerator(X, tau=0.3), X
    )
    assert trained.tau_ == 0.3
    assert trained.tau_curve_ is not None
    assert trained.tau_curve_.n_train == len(X)


def test_lists_and_two_dimensions_are_taken() -> None:
    flat = X[:, 0].tolist()
    trained = mapper().fit(PatchGenerator(X), flat)
    assert trained.transform(flat[:4]).shape == (4, 1, 24)


def test_the_squared_distance_changes_the_variants() -> None:
    plain, squared = (
        NeuralMapper(small(), Svq(distance=d), tau=0.3, progress=False).fit(PatchGenerator(X), X).report_
        for d in ("euclidean", "squared")
    )
    assert plain.l1_input != squared.l1_input


def test_a_mapper_that_returns_a_constant_is_reported() -> None:
    class Constant(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused = torch.nn.Parameter(torch.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            return torch.sin(torch.arange(x.shape[-1]) * 1.0).expand_as(x)

    constant = Mapper(small(), Svq(), 0.3, 1, 24, codes="")
    constant._network = Constant()  # type: ignore[assignment]
    report = measure(constant, StochasticVariants(PatchGenerator(X), X))
    assert report.spread < 1e-6
    assert any("same series" in warning for warning in advice.warnings(asdict(report)))
    assert advice.warnings(asdict(MapperReport(0.1, 0.2, 0.9, 5))) == []
    assert "farther" in advice.warnings(asdict(MapperReport(0.3, 0.2, 0.9, 5)))[0]


@pytest.mark.parametrize(
    ("x_hat", "words"),
    [
        (np.zeros((3, 2, 24)), "channels 2"),
        (np.zeros((3, 1, 25)), "length 25"),
        (np.full((3, 1, 24), np.nan), "NaN"),
        (np.zeros((0, 1, 24)), "no series"),
        ("text", "numbers"),
    ],
)
def test_series_that_do_not_fit_are_refused_in_one_sentence(
    fitted: NeuralMapper, x_hat: object, words: str
) -> None:
    with pytest.raises(DataError, match=words) as error:
        fitted.transform(x_hat)
    assert "\n" not in str(error.value)


def test_misuse_is_answered_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not fitted"):
        mapper().transform(X)
    with pytest.raises(UserError, match="not fitted"):
        mapper().save(tmp_path / "m")
    with pytest.raises(UserError, match="codebooks"):
        mapper().fit(object(), X)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="tau"):
        NeuralMapper(small(), tau=-1.0, progress=False).fit(PatchGenerator(X), X)
    with pytest.raises(ArtifactError, match="no such file"):
        NeuralMapper.load(tmp_path / "missing")
    scaled = InUnitsOfTheData(PatchGenerator(X), np.zeros(1), np.ones(1))
    with pytest.raises(DataError, match="channels 2"):
        mapper().fit(scaled, waves(8, channels=2))


def test_stopped_and_resumed_it_gives_the_same_bytes(tmp_path: Path) -> None:
    def trained(session: Session) -> NeuralMapper:
        return mapper(8).fit(PatchGenerator(X), X, session=session)

    stop = StopRequest()

    class StopAfter(Task):
        def show(self) -> None:
            if self.done == 4:
                stop.request(signal.SIGTERM)

    class Watch:
        def start(self, description: str, total: int, done: int = 0) -> Task:
            return StopAfter(description, total, done)

    folder = CheckpointFolder(tmp_path / "checkpoints")
    with pytest.raises(Interrupted):
        trained(Session(checkpoints=folder.folder, stop=stop, progress=Watch()))
    assert folder.latest() is not None
    trained(Session(checkpoints=folder.folder)).save(tmp_path / "resumed.safetensors")
    trained(Session()).save(tmp_path / "straight.safetensors")
    assert (tmp_path / "resumed.safetensors").read_bytes() == (tmp_path / "straight.safetensors").read_bytes()
