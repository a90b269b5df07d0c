"""Distance between mapped generated series and real ones: of sets, since there are no pairs."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pdist

from nm_vqtsg.mapper.loss import SpectralLoss

BATCH = 64  # series of either set at each step
LOG_SHARE = 0.3  # of logarithms of magnitudes beside magnitudes


def energy_distance(a: Tensor, b: Tensor) -> Tensor:
    """2 E‖a − b‖ − E‖a − a'‖ − E‖b − b'‖ of sets of points (n, d) and (m, d), n, m >= 2: a scalar.

    Zero for two draws from one distribution, on average: means go over pairs of different points, so that the
    estimate is unbiased and may be a little below zero (Székely and Rizzo 2013, "Energy statistics"). Gradients
    pull the points of either set towards the other and push those of one set apart, so that a set of few kinds of
    points is no solution.
    """
    across = torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").mean()
    return 2 * across - pdist(a).mean() - pdist(b).mean()


class EnergyDistance(nn.Module):
    """The mean energy distance of two sets of series in several views of them.

    Views are the series themselves and, for every window of `SpectralLoss`, the magnitudes of their short-time
    Fourier transforms and `LOG_SHARE` of their logarithms. Each is divided by the root of its number of values, so
    that distances of points are root mean squares, whatever the length. FID, IS, cFID, ROCKET-FID, Context-FID,
    AUC and CAS see other features; sliced Wasserstein and the distance of spectra come near these. `length` is L,
    and series that are too short are refused, as there.
    """

    def __init__(self, length: int) -> None:
        super().__init__()
        self.spectral = SpectralLoss(length, "energy_weight")

    def views(self, x: Tensor) -> list[Tensor]:
        """Of series (B, C, L): (B, values) each."""
        found = [x]
        for magnitudes in self.spectral.magnitudes(x):
            found += [magnitudes, LOG_SHARE * magnitudes.log()]
        rows = [view.reshape(len(x), -1) for view in found]
        return [view / view.shape[1] ** 0.5 for view in rows]

    def forward(self, mapped: Tensor, x: Tensor) -> Tensor:
        """A scalar, of series (n, C, L) and (m, C, L); gradients reach `mapped` alone."""
        with torch.no_grad():
            wanted = self.views(x)
        own = self.views(mapped.to(x.dtype))
        return torch.stack([energy_distance(a, b) for a, b in zip(own, wanted, strict=True)]).mean()
