"""The generators of other projects that there are, by name."""

from nm_vqtsg.generators.baseline import Baseline
from nm_vqtsg.generators.ddpm import DDPM
from nm_vqtsg.generators.par import PAR

BASELINES: dict[str, type[Baseline]] = {cls.name: cls for cls in (DDPM, PAR)}
"""A new one is a file beside this one, and a place in this line."""
