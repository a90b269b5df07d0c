"""The device that tensors live on."""

import re
from typing import TYPE_CHECKING

from nm_vqtsg.errors import UserError

if TYPE_CHECKING:
    import torch


def cpu() -> "torch.device":
    """The processor."""
    import torch

    return torch.device("cpu")


def chosen_device(name: str) -> "torch.device":
    """The device called `name`: ``cpu``, ``cuda``, or ``auto`` for a GPU where there is one.

    Raises
    ------
    UserError
        If ``cuda`` is asked for where there is none, or the name is another.
    """
    import torch

    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", str(name)):
        raise UserError(f"device {name!r}: is not known; choose auto, cpu or cuda")
    available = torch.cuda.is_available()
    if name == "auto":
        name = "cuda" if available else "cpu"
    if name.startswith("cuda") and not available:
        raise UserError(f"device '{name}': no CUDA device is at hand; choose cpu or auto")
    return torch.device(name)
