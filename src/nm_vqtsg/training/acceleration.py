"""What makes training on a GPU faster and is off by default: bfloat16 and compiled networks."""

import importlib.util
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from nm_vqtsg.errors import UserError

PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Acceleration:
    """How the networks of one computation are run.

    Attributes
    ----------
    precision : str
        ``float32``, or ``bfloat16``: products and convolutions of training in half the bits (automatic mixed
        precision). Weights, losses, norms, codebooks and the draws of SVQ stay in float32.
    backend : str or None
        Of `torch.compile`, such as ``inductor``; None compiles nothing.
    """

    precision: str = "float32"
    backend: str | None = None

    def check(self, device: torch.device) -> None:
        """Refuse what the device cannot do.

        Raises
        ------
        UserError
            Saying what is missing.
        """
        if self.precision not in PRECISIONS:
            raise UserError(f"--precision: '{self.precision}' is not one of {', '.join(PRECISIONS)}")
        cuda = device.type == "cuda"
        if self.precision == "bfloat16" and not (cuda and torch.cuda.is_bf16_supported()):
            raise UserError(
                f"--precision bfloat16: device '{device}' has no fast bfloat16 arithmetic; use float32, "
                "or a GPU of NVIDIA's Ampere generation or later"
            )
        if self.backend != "inductor":
            return
        if cuda and importlib.util.find_spec("triton") is None:
            raise UserError("--compile: needs the package triton on a GPU; install it, or leave --compile out")
        if not cuda and shutil.which(os.environ.get("CXX") or "g++") is None:
            raise UserError("--compile: needs a C++ compiler (g++, or CXX) on a CPU; leave --compile out")

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """Surroundings of a training step."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    @contextmanager
    def compiled(self, parts: Sequence[nn.Module]) -> Iterator[None]:
        """Inside the block calls of `parts` run compiled; their weights and names stay as they are."""
        if self.backend is None:
            yield
            return
        for part in parts:
            part.compile(backend=self.backend, dynamic=False)  # all batches are of one size
        try:
            yield
        finally:
            for part in parts:
                part._compiled_call_impl = None
