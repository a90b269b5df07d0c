"""A kind of generator: how its tokeniser is built and loaded. All kinds share the prior over the tokens."""

from dataclasses import dataclass
from pathlib import Path

import torch

from nm_vqtsg.params import Stage1
from nm_vqtsg.tokenizer.model import Tokenizer
from nm_vqtsg.tokenizer.plan import BandPlan


@dataclass(frozen=True)
class Kind:
    """How the tokeniser of a generator is built and loaded.

    Attributes
    ----------
    name : str
        What `generator` in params.yaml and the files of a saved model call it: the name of its file.
    plans : tuple of BandPlan
        The bands that series are split into.
    tokenizer : type
        The class, for networks of one's own.
    """

    name: str
    plans: tuple[BandPlan, ...]
    tokenizer: type[Tokenizer] = Tokenizer

    def build(self, config: Stage1, in_channels: int, length: int) -> Tokenizer:
        """A new tokeniser of series (in_channels, length)."""
        return self.tokenizer(config, in_channels, length, self.plans)

    def load(self, path: Path | str, device: torch.device | str = "cpu") -> Tokenizer:
        """What the tokeniser's `save` wrote.

        Raises
        ------
        ArtifactError
            If the file is missing, damaged or of another kind.
        """
        return self.tokenizer.load(path, self.plans, device)
