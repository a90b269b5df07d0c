"""The training loop.

All randomness of step t is drawn from generators seeded with (seed, t), and the order of the data is a function
of the seed alone, so that a run resumed from any checkpoint gives the same bytes as one that was never stopped.
"""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nm_vqtsg.artifacts import digest, digest_tensors
from nm_vqtsg.errors import TrainingError
from nm_vqtsg.params import Training
from nm_vqtsg.session.session import Session
from nm_vqtsg.session.stop import Interrupted
from nm_vqtsg.training.checkpoint import Checkpoint, CheckpointFolder
from nm_vqtsg.training.curve import Row
from nm_vqtsg.training.order import BatchOrder
from nm_vqtsg.training.precision import autocast, compiled
from nm_vqtsg.training.schedule import make_optimizer, make_schedule, rate_factor
from nm_vqtsg.training.seeds import derive_seed

StepLoss = Callable[[Tensor, torch.Generator, int], dict[str, Tensor]]

LOG_EVERY = 50  # steps whose mean makes one row of a loss curve


class Callback(Protocol):
    """Work between steps that carries state of its own, such as early stopping."""

    def tensors(self) -> dict[str, Tensor]:
        """The state, for a checkpoint."""
        ...

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take the state back."""
        ...

    def after_step(self, step: int) -> bool:
        """Called after optimiser step number `step` (from 0); True ends the training."""
        ...


class Window:
    """Losses since the last row of the curve, kept on the device so that no step waits for it."""

    def __init__(self) -> None:
        self._losses: dict[str, list[Tensor]] = {}
        self.first_step = 0

    def add(self, losses: dict[str, Tensor]) -> None:
        for name, loss in losses.items():
            self._losses.setdefault(name, []).append(loss.detach().float())

    def first_bad_step(self) -> int | None:
        """The first step whose loss is not finite, or None."""
        losses = self._losses.get("loss")
        if not losses:
            return None
        bad = (~torch.isfinite(torch.stack(losses))).nonzero()
        return self.first_step + int(bad[0]) if len(bad) else None

    def row(self) -> Row:
        """Means, and start anew."""
        means = {name: float(torch.stack(values).double().mean()) for name, values in self._losses.items()}
        self.first_step += len(self._losses["loss"])
        self._losses.clear()
        return means

    def tensors(self) -> dict[str, Tensor]:
        return {name: torch.stack(values) for name, values in self._losses.items()}

    def restore(self, tensors: dict[str, Tensor], first_step: int, device: torch.device) -> None:
        self._losses = {name: list(tensor.to(device).unbind()) for name, tensor in tensors.items()}
        self.first_step = first_step


class _Run:
    """One training run: module, optimiser, curve; able to be taken apart into a checkpoint and back."""

    def __init__(
        self,
        module: nn.Module,
        budget: Training,
        seed: int,
        n: int,
        session: Session,
        callback: Callback | None,
    ) -> None:
        self.module, self.budget, self.session, self.callback = module, budget, session, callback
        self.log_every = session.log_every or LOG_EVERY
        self.checkpoints = CheckpointFolder(session.checkpoints) if session.checkpoints is not None else None
        self.optimizer = make_optimizer(module, budget)
        self.schedule = make_schedule(self.optimizer, budget)
        self.window, self.curve, self.step, self.done = Window(), list[Row](), 0, False
        start = digest_tensors(*(tensor for _, tensor in sorted(module.state_dict().items())))
        self.fingerprint = digest([budget.model_dump(mode="json"), seed, n, start, self.log_every])

    def rate(self, step: int) -> float:
        """Learning rate of a step."""
        return self.budget.learning_rate * rate_factor(self.budget, step)

    def checkpoint(self) -> Checkpoint:
        tensors = {f"module.{name}": tensor for name, tensor in self.module.state_dict().items()}
        tensors |= {f"optimizer.{name}": tensor for name, tensor in optimizer_tensors(self.optimizer).items()}
        tensors |= {f"window.{name}": tensor for name, tensor in self.window.tensors().items()}
        if self.callback is not None:
            tensors |= {f"callback.{name}": tensor for name, tensor in self.callback.tensors().items()}
        facts = {"curve": self.curve, "window_first_step": self.window.first_step, "done": self.done}
        return Checkpoint(self.step, tensors, facts)

    def restore(self, checkpoint: Checkpoint) -> None:
        parts: dict[str, dict[str, Tensor]] = {"module": {}, "optimizer": {}, "window": {}, "callback": {}}
        for name, tensor in checkpoint.tensors.items():
            kind, _, rest = name.partition(".")
            parts[kind][rest] = tensor
        self.module.load_state_dict(parts["module"])
        restore_optimizer(self.optimizer, parts["optimizer"])
        self.window.restore(parts["window"], checkpoint.facts["window_first_step"], self.session.device)
        self.curve = [{name: float(value) for name, value in row.items()} for row in checkpoint.facts["curve"]]
        self.step, self.done = checkpoint.step, checkpoint.facts["done"]
        if self.callback is not None:
            self.callback.restore(parts["callback"])
        rate = self.rate(self.step)
        state = self.schedule.state_dict() | {"last_epoch": self.step, "_last_lr": [rate]}
        self.schedule.load_state_dict(state)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def save(self) -> None:
        if self.checkpoints is not None:
            self.check_health()
            self.checkpoints.save(self.checkpoint(), self.fingerprint)

    def check_health(self) -> None:
        """Stop when a loss or a weight is not finite.

        Raises
        ------
        TrainingError
            Naming step, learning rate and the last good checkpoint.
        """
        bad = self.window.first_bad_step()
        if bad is None and not bool(torch.stack([p.isfinite().all() for p in self.module.parameters()]).all()):
            bad = self.step - 1
        if bad is None:
            return
        rate = self.rate(bad)
        latest = self.checkpoints.latest() if self.checkpoints else None
        raise TrainingError(
            f"the loss is not finite at step {bad} (learning rate {rate:.3g}); last good checkpoint: "
            f"{latest or 'none'}; lower the learning rate or look for extreme values in the data"
        )

    def end_row(self) -> dict[str, float]:
        row: Row = {"step": float(self.step)} | self.window.row()
        row["lr"] = self.rate(self.step - 1)
        self.curve.append(row)
        if self.session.curve is not None:
            self.session.curve.add(row)
        return {"loss": row["loss"], "lr": row["lr"]}


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """The state of an AdamW optimiser as named tensors ``<parameter>.<name>``."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value) for index, own in state.items() for name, value in own.items()
    }


def restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Take back what `optimizer_tensors` gave, in the memory layout of the parameters.

    The fused optimiser walks through memory, so a contiguous moment of a channels-last weight would be misread.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, _, name = key.partition(".")
        parameter = parameters[int(index)]
        if tensor.shape == parameter.shape:
            tensor = torch.empty_like(parameter, requires_grad=False).copy_(tensor)
        state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def fit(
    module: nn.Module,
    step_loss: StepLoss,
    *,
    n: int,
    budget: Training,
    seed: int,
    session: Session | None = None,
    callback: Callback | None = None,
    description: str = "training",
    parts: Sequence[nn.Module] = (),
) -> list[Row]:
    """Minimise a loss over the parameters of `module`, in place.

    Parameters
    ----------
    module : nn.Module
        Its ``state_dict`` must hold all that training changes. It is left in eval mode.
    step_loss : callable
        ``(rows (batch_size,) int64, rng, step) -> {"loss": scalar, ...}``; the other entries are shown and kept in
        the curve. `rows` and `rng` live on the session's device, so that no step waits for a transfer; `rng` is
        seeded with (seed, step), and torch's global generator, which dropout draws from, with another seed derived
        from it.
    n : int
        Rows of the training set.
    budget, seed, session, callback
        How long, from which seed, in which surroundings, and with which work between steps.
    description : str
        What the progress is called.
    parts : sequence of nn.Module
        The parts of `module` that are compiled, where the session asks for it.

    Returns
    -------
    list of dict
        The loss curve: means over `session.log_every` steps (`LOG_EVERY` by default), with ``step`` (steps done),
        ``loss`` and ``lr``.

    Raises
    ------
    TrainingError
        If a loss or a weight is not finite.
    Interrupted
        If SIGTERM or SIGINT came; a checkpoint was saved.
    """
    session = session or Session()
    module.to(session.device)
    run = _Run(module, budget, seed, n, session, callback)
    if run.checkpoints is not None and (checkpoint := run.checkpoints.load(run.fingerprint)) is not None:
        run.restore(checkpoint)
    if session.curve is not None:
        session.curve.restart(run.curve)
    order = BatchOrder(n, budget.batch_size, derive_seed(seed, "order"), session.device)
    cuda = [session.device] if session.device.type == "cuda" else []
    with torch.random.fork_rng(cuda), session.track(description, budget.steps, run.step) as task:
        task.before_advance = None  # the loop itself looks at the stop request, after saving
        with session.stop.held_back(), compiled(session, parts):
            _loop(run, step_loss, order, derive_seed(seed, "step"), task.advance)
    if session.curve is not None:
        session.curve.close()
    module.eval()
    return run.curve


def _loop(run: _Run, step_loss: StepLoss, order: BatchOrder, seed: int, advance: Callable[..., None]) -> None:
    session, rng = run.session, torch.Generator(run.session.device)
    run.module.train()
    saved_at = time.monotonic()
    while run.step < run.budget.steps and not run.done:
        step_seed = derive_seed(seed, run.step)
        rng.manual_seed(step_seed)
        # another seed, or dropout and the step's own draws would share their first numbers
        global_seed = derive_seed(step_seed, "global")
        torch.default_generator.manual_seed(global_seed)
        if session.device.type == "cuda":  # torch.manual_seed would queue a call per step where CUDA is unused
            torch.cuda.manual_seed(global_seed)
        with autocast(session):
            losses = step_loss(order.rows(run.step), rng, run.step)
        run.optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()
        run.optimizer.step()
        run.schedule.step()
        run.window.add(losses)
        run.step += 1
        run.done = run.callback is not None and run.callback.after_step(run.step - 1)
        numbers: dict[str, float] = {}
        if run.step % run.log_every == 0 or run.step == run.budget.steps or run.done:
            run.check_health()
            numbers = run.end_row()
        if time.monotonic() - saved_at >= session.checkpoint_every:
            run.save()
            saved_at = time.monotonic()
        try:
            session.stop.check()
        except Interrupted:
            run.save()
            raise
        advance(1, **numbers)
    run.save()  # whatever comes after the last step, such as a full disk, costs no training
