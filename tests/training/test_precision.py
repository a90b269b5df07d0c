"""What a GPU run changes, as far as a CPU can show it: precision, compilation, and no waiting for the device."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from nm_vqtsg.errors import UserError
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.nn.quantizer import Codebook
from nm_vqtsg.params import Fcn, Stage1, Stage2, Stage3, Svq
from nm_vqtsg.prior.maskgit import training_mask
from nm_vqtsg.prior.model import Prior
from nm_vqtsg.prior.network import PriorNetwork
from nm_vqtsg.prior.train import masked_loss, sparse_masked_loss
from nm_vqtsg.session import Session, Task
from nm_vqtsg.svq.variants import StochasticVariants
from nm_vqtsg.tokenizer.kinds import timevqvae
from nm_vqtsg.training.precision import check_precision

L, N, STEPS = 32, 40, 6
X = torch.randn(N, 1, L, generator=torch.Generator().manual_seed(0)).cumsum(-1) / 4
Y = torch.arange(N) % 2
BUDGET = {"steps": STEPS, "batch_size": 8}
STAGE1 = Stage1(codebook_size=16, steps=STEPS, batch_size=8)


def stage1(session: Session) -> list[dict[str, float]]:
    return timevqvae.KIND.build(STAGE1, 1, L).fit(X, 0, session)


def stage2(session: Session) -> list[dict[str, float]]:
    grids, book = ((1, 4), (2, 8)), Codebook(torch.randn(16, 4), torch.ones(16, dtype=torch.bool))
    tokens = [torch.randint(16, (N, n), generator=torch.Generator().manual_seed(n)) for n in (4, 16)]
    return Prior(Stage2(**BUDGET), grids, [book] * 2, 2).fit(tokens, Y, 0, session)


def stage3(session: Session) -> list[dict[str, float]]:
    tokenizer = timevqvae.KIND.build(STAGE1.model_copy(update={"steps": 1}), 1, L)
    tokenizer.fit(X)
    mapper = Mapper(Stage3(multipliers=(1, 2, 4), **BUDGET), Svq(), 0.5, 1, L, codes="")
    return mapper.fit(StochasticVariants(tokenizer, X), 0, session)


def judge(session: Session) -> list[dict[str, float]]:
    return Judge(Fcn(epochs=2, batch_size=16), 1, 2).fit(X.numpy(), Y.numpy(), session)


ALL = pytest.mark.parametrize("train", [stage1, stage2, stage3, judge])
Train = Callable[[Session], list[dict[str, float]]]


class Waits(TorchDispatchMode):
    """Counts operations by which a host waits for its device, while it is told to."""

    NAMES = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "bincount", "unique")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.watching = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if self.watching and name.startswith(self.NAMES):
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


class OnlyInSteps:
    """A `Progress` that has `Waits` look at whole steps: from the end of one to the end of the next."""

    def __init__(self, waits: Waits) -> None:
        self.waits, self.steps = waits, 0

    def start(self, description: str, total: int, done: int = 0) -> Task:
        owner = self

        class Step(Task):
            def show(self) -> None:
                owner.steps += 1
                owner.waits.watching = self.done < self.total - 1  # the last step ends a row of the curve

        return Step(description, total, done)


@contextmanager
def watched(compiler: str | None) -> Iterator[tuple[Session, Waits, OnlyInSteps]]:
    waits = Waits()
    progress = OnlyInSteps(waits)
    with waits:
        yield Session(progress=progress, compiler=compiler, log_every=1000), waits, progress
        waits.watching = False


@pytest.mark.parametrize("train", [stage1, stage2, stage3])
def test_no_step_waits_for_the_device(train: Train) -> None:
    """In the form of a GPU (`compiler` chooses it on a CPU) no step asks for a value or a number of rows."""
    with watched("eager") as (session, waits, progress):
        train(session)
    assert progress.steps == STEPS
    assert waits.seen == []


def test_the_watch_sees_what_waits() -> None:
    """The form of a CPU does ask how many positions are hidden, so the test above can fail."""
    with watched(None) as (session, waits, _):
        stage2(session)
    assert "nonzero" in waits.seen


@ALL
def test_compiled_networks_learn_the_same(train: Train) -> None:
    torch.compiler.reset()
    plain, compiled = train(Session()), train(Session(compiler="aot_eager"))
    assert compiled[-1]["loss"] == pytest.approx(plain[-1]["loss"], rel=1e-3)


@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
def test_inductor_compiles_both_bands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `--compile` uses. Bands differ in their lengths, of which inductor is not to make variables."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch.compiler.reset()  # after many networks of one class nothing more would be compiled
    plain, compiled = (
        timevqvae.KIND.build(STAGE1, 1, L).fit(X, 0, Session(compiler=compiler)) for compiler in (None, "inductor")
    )
    assert list(tmp_path.rglob("*.so")), "nothing was compiled"
    assert compiled[-1]["loss"] == pytest.approx(plain[-1]["loss"], rel=1e-2)


@ALL
def test_mixed_precision_learns_nearly_the_same(train: Train) -> None:
    plain, mixed = train(Session()), train(Session(precision="bfloat16"))
    assert mixed[-1]["loss"] != plain[-1]["loss"]
    assert mixed[-1]["loss"] == pytest.approx(plain[-1]["loss"], rel=0.1)


@pytest.mark.parametrize("fast", [True, False])
def test_the_judge_s_own_precision(
    fast: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`fcn.precision` does what the session's does, warns where it is slow, and leaves all looks in float32."""
    monkeypatch.setattr("nm_vqtsg.judge.train.fast_bfloat16", lambda device: fast)
    own = Judge(Fcn(epochs=2, batch_size=16, precision="bfloat16"), 1, 2)
    curve = own.fit(X.numpy(), Y.numpy())
    assert ("fcn.precision: bfloat16 makes training slower on device 'cpu'" in caplog.text) is not fast
    assert curve == judge(Session(precision="bfloat16"))
    assert curve != judge(Session())
    assert own.features(X.numpy()).dtype == "float64" and own.network.head.weight.dtype == torch.float32


def test_codes_are_chosen_in_full_precision() -> None:
    tokenizer = timevqvae.KIND.build(STAGE1.model_copy(update={"steps": 1}), 1, L)
    tokenizer.fit(X)
    band, rng = tokenizer.lf, torch.Generator()
    z = band.encode(X).detach()
    with torch.autocast("cpu", torch.bfloat16):
        quantised, commitment = band.quantizer(z, 0, rng)
        assert band.encode(X).dtype == torch.float32
    assert quantised.dtype == commitment.dtype == torch.float32


def test_both_forms_of_the_masked_loss_are_equal() -> None:
    torch.manual_seed(0)
    network = PriorNetwork((11, 13), ((1, 4), (2, 6)), 3, (Stage2().lf, Stage2().hf), 0.0)
    tokens, y = [torch.randint(11, (5, 4)), torch.randint(13, (5, 12))], torch.randint(3, (5,))
    for band, n in enumerate((4, 12)):
        masked, found = training_mask(5, n, torch.Generator().manual_seed(band)), []
        for form in (sparse_masked_loss, masked_loss):
            network.zero_grad()
            loss = form(network, tokens, y, band, masked)
            loss.backward()
            found.append((loss, {k: p.grad for k, p in network.named_parameters() if p.grad is not None}))
        (loss, gradients), (other, others) = found
        torch.testing.assert_close(loss, other)
        assert gradients.keys() == others.keys()
        for name, gradient in gradients.items():
            torch.testing.assert_close(gradient, others[name], rtol=1e-4, atol=1e-6)


def test_what_the_device_cannot_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no fast bfloat16"):
        check_precision(Session(precision="bfloat16"))
    with pytest.raises(UserError, match="not one of"):
        check_precision(Session(precision="float16"))
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match="C\\+\\+ compiler"):
        check_precision(Session(compiler="inductor"))
    check_precision(Session())
