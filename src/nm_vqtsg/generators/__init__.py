"""Generators of series: the interface, and TimeVQVAE."""

from nm_vqtsg.generators.base import Codebook, VQGenerator
from nm_vqtsg.generators.timevqvae import TimeVQVAE
from nm_vqtsg.generators.two_stage import TwoStageGenerator

__all__ = ["Codebook", "TimeVQVAE", "TwoStageGenerator", "VQGenerator"]
