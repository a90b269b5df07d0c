"""From the name of a kind of generator to its class."""

import importlib
import pkgutil
from pathlib import Path

from nm_vqtsg.errors import UserError
from nm_vqtsg.estimators import kinds
from nm_vqtsg.estimators.folder import read_facts
from nm_vqtsg.estimators.generator import TwoStageEstimator


def known_generators() -> list[str]:
    """Names of the modules in `nm_vqtsg.estimators.kinds`."""
    return sorted(module.name for module in pkgutil.iter_modules(kinds.__path__))


def generator_class(name: str) -> type[TwoStageEstimator]:
    """The estimator in the module `name` of `nm_vqtsg.estimators.kinds`: the class with the module's name.

    Capitals do not count: ``timevqvae`` holds `TimeVQVAE`. A new kind is a new file in that folder.

    Raises
    ------
    UserError
        If there is no such module, or it holds no such class.
    """
    if name not in known_generators():
        raise UserError(f"generator '{name}' is unknown; there are {', '.join(known_generators())}")
    module = importlib.import_module(f"{kinds.__name__}.{name}")
    for found in vars(module).values():
        if isinstance(found, type) and issubclass(found, TwoStageEstimator) and found.kind() == name:
            return found
    raise UserError(f"{module.__file__}: holds no subclass of TwoStageEstimator called '{name}', capitals apart")


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
    return generator_class(read_facts(Path(folder))["kind"]).load(folder, device=device, progress=progress)
