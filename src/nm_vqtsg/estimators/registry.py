"""From the name of a kind of generator to its estimator."""

from functools import cache
from pathlib import Path

from nm_vqtsg.estimators.folder import read_description
from nm_vqtsg.estimators.generator import TwoStageEstimator
from nm_vqtsg.estimators.timevqvae import TimeVQVAE
from nm_vqtsg.estimators.vqvae import VQVAE
from nm_vqtsg.tokenizer.registry import find

NAMED: tuple[type[TwoStageEstimator], ...] = (TimeVQVAE, VQVAE)


@cache
def generator_class(name: str) -> type[TwoStageEstimator]:
    """The estimator of the kind `name`; for a kind without a class of its own one is made, ``trend`` -> `Trend`.

    Raises
    ------
    UserError
        If there is no such kind in `nm_vqtsg.tokenizer.kinds`.
    """
    kind = find(name)
    for estimator in NAMED:
        if estimator.kind is kind:
            return estimator
    return type(name.capitalize(), (TwoStageEstimator,), {"kind": kind, "__doc__": TwoStageEstimator.__doc__})


def load_generator(folder: Path | str, *, device: str = "auto", progress: bool = True) -> TwoStageEstimator:
    """Read a saved generator of whatever kind.

    Parameters
    ----------
    folder : path
        What `save` wrote.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    progress : bool
        Show progress.

    Raises
    ------
    UserError
        If a file is missing, damaged, or of a kind that this installation does not have.
    """
    kind = read_description(Path(folder)).kind
    return generator_class(kind).load(folder, device=device, progress=progress)
