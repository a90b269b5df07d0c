"""Checkpoints inside a stage: everything that training changes, in one file, exact to the byte.

A checkpoint is a .safetensors file (weights, buffers, optimiser moments, the unfinished row of the curve) whose
header holds the step, the curve and a checksum. The last two are kept; a damaged one is named and the one
before it is used.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from nm_vqtsg.artifacts import PARTIAL_SUFFIX, digest_tensors, load_model, save_model
from nm_vqtsg.errors import ArtifactError

logger = logging.getLogger(__name__)

KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """State of a training run after `step` optimiser steps."""

    step: int
    tensors: dict[str, Tensor]
    facts: dict[str, Any]


class CheckpointFolder:
    """The checkpoints of one training run.

    Parameters
    ----------
    folder : Path
        Holds the files; its name should identify configuration and inputs, since nothing else does.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("step-*.safetensors"))

    def save(self, checkpoint: Checkpoint, fingerprint: str) -> Path:
        """Write a checkpoint atomically and drop all but the last two."""
        path = self.folder / f"step-{checkpoint.step:09d}.safetensors"
        config = {
            "step": checkpoint.step,
            "facts": checkpoint.facts,
            "fingerprint": fingerprint,
            "checksum": _checksum(checkpoint.tensors),
        }
        save_model(path, checkpoint.tensors, config)
        for old in self._files()[:-KEPT]:
            old.unlink(missing_ok=True)
        return path

    def load(self, fingerprint: str) -> Checkpoint | None:
        """The newest sound checkpoint of this very run, or None.

        Damaged files and those of another run (another `fingerprint`) are named in the log and passed over.
        """
        for leftover in self.folder.glob(f".*{PARTIAL_SUFFIX}"):
            leftover.unlink(missing_ok=True)  # of a process that was killed while it saved
        for path in reversed(self._files()):
            try:
                tensors, config = load_model(path)
                if config["fingerprint"] != fingerprint:
                    raise ArtifactError(f"{path}: a checkpoint of another configuration or other data")
                if config["checksum"] != _checksum(tensors):
                    raise ArtifactError(f"{path}: its content does not match its checksum")
            except (ArtifactError, KeyError, ValueError) as error:
                logger.warning("checkpoint passed over: %s", error)
                path.unlink(missing_ok=True)
                continue
            logger.info("going on from step %d (%s)", config["step"], path.name)
            return Checkpoint(config["step"], tensors, config["facts"])
        return None

    def latest(self) -> Path | None:
        """The newest file, or None."""
        files = self._files()
        return files[-1] if files else None


def _checksum(tensors: dict[str, Tensor]) -> str:
    return digest_tensors(*(tensors[name] for name in sorted(tensors)))
