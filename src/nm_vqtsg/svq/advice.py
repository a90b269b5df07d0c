"""What the search for the temperature warns of, in words."""

from collections.abc import Mapping
from typing import Any


def warnings(report: Mapping[str, Any]) -> list[str]:
    """Sentences about ``tau_curve.json`` (its `grid`, `tau` and `at_edge`); none if all is well."""
    if not report["at_edge"]:
        return []
    grid, tau = report["grid"], report["tau"]
    lowest = tau == grid[0]
    wider = sorted({*grid, *(float(f"{tau * factor:.3g}") for factor in ((0.1, 0.3) if lowest else (2, 4)))})
    return [
        f"the best tau, {tau:g}, is the {'lowest' if lowest else 'highest'} of the grid, so a better one may lie "
        f"beyond; try tau_grid=[{','.join(f'{each:g}' for each in wider)}]"
    ]
