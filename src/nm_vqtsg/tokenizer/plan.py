"""Which bands a tokeniser has."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from nm_vqtsg.nn.bands import Band


@dataclass(frozen=True)
class BandPlan:
    """One band of a tokeniser.

    Attributes
    ----------
    label : str
        Its name in figures and messages, such as ``LF``.
    band : Band
        What part of the series it is.
    width : str
        The parameter of stage 1 that says how many positions in time to aim at.
    error : callable
        The loss of the decoded part against the true one, a mean over all values.
    """

    label: str
    band: Band
    width: Literal["lf_width", "hf_width"]
    error: Callable[[Tensor, Tensor], Tensor]

    @property
    def name(self) -> str:
        """Its name in weights, curves and reports, such as ``lf``."""
        return self.label.lower()
