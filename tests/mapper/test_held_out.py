"""The mapper with series held out, and with averaged weights."""

import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from patch_generator import PatchGenerator, waves
from torch.nn.functional import l1_loss

from nm_vqtsg import NeuralMapper
from nm_vqtsg.errors import ParameterError
from nm_vqtsg.mapper import advice
from nm_vqtsg.mapper.loss import MapperLoss
from nm_vqtsg.mapper.train import HeldOutVariants
from nm_vqtsg.nn.quantizer import Codebook
from nm_vqtsg.params import Stage3
from nm_vqtsg.session import Session
from nm_vqtsg.session.progress import Task
from nm_vqtsg.session.stop import Interrupted, StopRequest
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.training.seeds import derive_seed
from nm_vqtsg.training.validation import holdout

X = waves(64)
CLASSES = np.array(["a", "b"])[np.arange(64) % 8 // 6]  # three quarters and one quarter


def mapper(steps: int = 120, **config: object) -> NeuralMapper:
    stage3 = {"steps": steps, "width": 8, "multipliers": (1, 2), "validation_fraction": 0.25, **config}
    return NeuralMapper(Stage3(**stage3), tau=0.3, progress=False, device="cpu")  # type: ignore[arg-type]


def held_out_variants(y: np.ndarray | None = CLASSES) -> tuple[np.ndarray, np.ndarray, HeldOutVariants]:
    fitted, held_out = holdout(64, y, 0.25, derive_seed(0, "mapper holdout"))
    loss = MapperLoss(Stage3(), 24, torch.device("cpu"))
    return fitted, held_out, HeldOutVariants(StochasticVariants(PatchGenerator(X), X), held_out, 0.3, 0, loss)


def test_the_weights_that_are_best_on_held_out_series_are_kept() -> None:
    """The loss on twelve series falls to the end; that on four others does not."""
    few = X[:16]
    trained = mapper(600).fit(PatchGenerator(few), few)
    found = trained.held_out_
    assert found is not None and found.n_validation == 4
    losses = [row["validation_loss"] for row in trained.curve_]
    assert [row["step"] for row in trained.curve_] == [100, 200, 300, 400, 500, 600]
    assert trained.curve_[-1]["loss"] == min(row["loss"] for row in trained.curve_)
    assert found.validation_loss == min(losses)
    assert found.validation_step == 100 * (1 + int(np.argmin(losses))) < 600
    assert all(row["validation_input"] == found.validation_input for row in trained.curve_)


def test_the_loss_on_held_out_series_is_that_of_the_mapper() -> None:
    trained = mapper(100).fit(PatchGenerator(X), X, CLASSES)
    _, held_out, variants = held_out_variants()
    assert len(variants.x) == 16 * 8
    mapped, x = torch.from_numpy(trained.transform(variants.variant)), X[held_out].repeat(8, 1, 1)
    found = trained.held_out_
    assert found is not None
    assert float(l1_loss(mapped, x)) == pytest.approx(found.validation_loss, rel=1e-6)
    assert float(l1_loss(variants.variant, x)) == pytest.approx(found.validation_input, rel=1e-6)


def test_held_out_series_are_of_all_classes_and_train_nothing() -> None:
    _, held_out, _ = held_out_variants()
    assert (CLASSES[held_out] == "b").mean() == 0.25
    other = X.clone()
    other[held_out] = -other[held_out]
    generator = PatchGenerator(X)
    networks = [mapper(100).fit(generator, x, CLASSES).curve_[-1]["loss"] for x in (X, other)]
    assert networks[0] == networks[1]


def test_without_labels_series_are_held_out_at_random() -> None:
    found = mapper(100).fit(PatchGenerator(X), X).held_out_
    assert found is not None and found.n_validation == 16


def test_a_mapper_that_only_harms_changes_nothing_and_says_so() -> None:
    """Tokens without an error leave nothing to mend."""

    class Exact(PatchGenerator):
        def _codebook(self, latents: torch.Tensor, k: int) -> Codebook:
            return Codebook(latents, torch.ones(len(latents), dtype=torch.bool))

    exact = Exact(X[:8])
    trained = NeuralMapper(
        Stage3(steps=100, width=8, multipliers=(1, 2), validation_fraction=0.25, learning_rate=0.5),
        tau=1e-6,
        progress=False,
    ).fit(exact, X[:8])
    found = trained.held_out_
    assert found is not None and found.validation_step == 0
    assert found.validation_loss == found.validation_input
    np.testing.assert_array_equal(trained.transform(X), X.numpy())
    assert any("changes nothing" in line for line in advice.warnings(vars(trained.report_) | vars(found)))


@pytest.mark.parametrize("config", [{"validation_fraction": 0.25}, {"validation_fraction": 0.0}])
def test_stopped_and_resumed_it_gives_the_same_bytes(tmp_path: Path, config: dict[str, float]) -> None:
    def trained(session: Session) -> NeuralMapper:
        return mapper(230, ema_decay=0.9, dropout=0.1, **config).fit(
            PatchGenerator(X), X, CLASSES, session=session
        )

    stop = StopRequest()

    class StopAfter(Task):
        def show(self) -> None:
            if self.done == 150:
                stop.request(signal.SIGTERM)

    class Watch:
        def start(self, description: str, total: int, done: int = 0) -> Task:
            return StopAfter(description, total, done)

    with pytest.raises(Interrupted):
        trained(Session(checkpoints=tmp_path / "c", stop=stop, progress=Watch()))
    resumed, straight = trained(Session(checkpoints=tmp_path / "c")), trained(Session())
    resumed.save(tmp_path / "resumed.safetensors")
    straight.save(tmp_path / "straight.safetensors")
    assert (tmp_path / "resumed.safetensors").read_bytes() == (tmp_path / "straight.safetensors").read_bytes()
    assert resumed.curve_ == straight.curve_
    assert resumed.held_out_ == straight.held_out_


def test_averaged_weights_are_other_weights_from_the_same_training() -> None:
    plain, averaged = (
        mapper(30, validation_fraction=0.0, ema_decay=d).fit(PatchGenerator(X), X) for d in (0, 0.9)
    )
    assert plain.curve_ == averaged.curve_
    assert not np.array_equal(plain.transform(X), averaged.transform(X))
    assert averaged.held_out_ is None


def test_fractions_have_limits() -> None:
    with pytest.raises(ParameterError, match="validation_fraction"):
        NeuralMapper({"validation_fraction": 0.5}, tau=0.3, progress=False).fit(PatchGenerator(X), X)
