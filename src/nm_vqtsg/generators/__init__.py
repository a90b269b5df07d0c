"""What a generator of series is to the rest of the project, and the one that joins a tokeniser and a prior."""

from nm_vqtsg.generators.base import Codebook, VQGenerator
from nm_vqtsg.generators.two_stage import TwoStageGenerator

__all__ = ["Codebook", "TwoStageGenerator", "VQGenerator"]
