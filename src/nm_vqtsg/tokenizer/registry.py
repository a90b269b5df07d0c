"""From the name of a kind of generator to its tokeniser.

`find` is the one place of the project that imports a module by a name that is not in the source.
"""

import importlib
import pkgutil
from pathlib import Path

import torch

from nm_vqtsg.errors import UserError, shown
from nm_vqtsg.params import Stage1
from nm_vqtsg.tokenizer import kinds
from nm_vqtsg.tokenizer.kind import Kind
from nm_vqtsg.tokenizer.model import Tokenizer


def known() -> list[str]:
    """Names of the modules in `nm_vqtsg.tokenizer.kinds`."""
    return sorted(module.name for module in pkgutil.iter_modules(kinds.__path__))


def find(name: str) -> Kind:
    """The `KIND` in the module `name` of `nm_vqtsg.tokenizer.kinds`. A new kind is a new file in that folder.

    Raises
    ------
    UserError
        If there is no such module, or it holds no kind of that name.
    """
    if name not in known():
        raise UserError(f"generator {shown(name)} is unknown; there are {', '.join(known())}")
    module = importlib.import_module(f"{kinds.__name__}.{name}")
    kind = getattr(module, "KIND", None)
    if not isinstance(kind, Kind) or kind.name != name:
        raise UserError(f"{module.__file__}: holds no KIND = Kind('{name}', ...); add it")
    return kind


def build(name: str, config: Stage1, in_channels: int, length: int) -> Tokenizer:
    """A new tokeniser of the kind `name`, for series (in_channels, length)."""
    return find(name).build(config, in_channels, length)


def load(name: str, path: Path | str, device: torch.device | str = "cpu") -> Tokenizer:
    """The tokeniser of the kind `name` that `save` wrote into a file; raises as `Kind.load` does."""
    return find(name).load(path, device)
