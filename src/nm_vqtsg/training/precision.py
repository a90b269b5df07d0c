"""What makes training faster on some devices and is off by default: bfloat16 and compiled networks."""

import importlib.util
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import nn

from nm_vqtsg.errors import UserError
from nm_vqtsg.session import Session

PRECISIONS = ("float32", "bfloat16")


def fast_bfloat16(device: torch.device) -> bool:
    """Whether the device is known to multiply bfloat16 numbers in hardware, so that large networks gain by it.

    Of a CPU newer versions of PyTorch tell that; with an older one it is not known.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))  # x86-64, x86-64, ARM


def check_precision(session: Session) -> None:
    """Refuse a precision or a compiler that the session's device cannot do.

    Raises
    ------
    UserError
        Saying what is missing.
    """
    cuda = session.device.type == "cuda"
    if session.precision not in PRECISIONS:
        raise UserError(f"--precision: '{session.precision}' is not one of {', '.join(PRECISIONS)}")
    if session.precision == "bfloat16" and not (cuda and fast_bfloat16(session.device)):
        raise UserError(
            f"--precision bfloat16: device '{session.device}' has no fast bfloat16 arithmetic; use float32, "
            "or a GPU of NVIDIA's Ampere generation or later (on a CPU: fcn.precision, for the judge alone)"
        )
    if session.compiler != "inductor":
        return
    if cuda and importlib.util.find_spec("triton") is None:
        raise UserError("--compile: needs the package triton on a GPU; install it, or leave --compile out")
    if not cuda and shutil.which(os.environ.get("CXX") or "g++") is None:
        raise UserError("--compile: needs a C++ compiler (g++, or CXX) on a CPU; leave --compile out")


def autocast(session: Session) -> AbstractContextManager[object]:
    """Surroundings of a training step: with ``bfloat16``, automatic mixed precision.

    Products and convolutions have half the bits then; weights, losses, norms, codebooks and the draws of SVQ stay
    in float32.
    """
    return torch.autocast(session.device.type, torch.bfloat16, enabled=session.precision == "bfloat16")


@contextmanager
def compiled(session: Session, parts: Sequence[nn.Module]) -> Iterator[None]:
    """Inside the block calls of `parts` run compiled, if the session has a compiler; weights and names stay."""
    if session.compiler is None:
        yield
        return
    for part in parts:
        part.compile(backend=session.compiler, dynamic=False)  # all batches are of one size
    try:
        yield
    finally:
        for part in parts:
            part._compiled_call_impl = None
