"""ROCKET features: random convolutional kernels that need no training.

Kernels by sktime's `Rocket` (Dempster, Petitjean and Webb, 2020, "ROCKET: exceptionally fast and accurate time
series classification using random convolutional kernels"); each gives the proportion of positive responses and
their maximum. Series are **not** normalised one by one, as sktime does by default: that would hide amplitude
errors, which are what the mapper is there to mend.
"""

import numpy as np
from numba import njit

from nm_vqtsg.errors import DataError

_ROWS = 64  # series in one compiled call, between two of which a wish to stop is heard


class RocketFeatures:
    """Features of `n_kernels` random kernels, the same for every set that is compared.

    Parameters
    ----------
    in_channels, length : int
        C and L of the series.
    n_kernels : int
        Each gives two features.
    seed : int
        Of the kernels.
    """

    def __init__(self, in_channels: int, length: int, n_kernels: int = 1000, seed: int = 0) -> None:
        from sktime.transformations.rocket import Rocket

        self.in_channels, self.length = in_channels, length
        # sktime takes any seed that is not a Python int, a NumPy integer too, for "no seed"
        rocket = Rocket(n_kernels, normalise=False, random_state=int(seed))
        rocket.fit(np.zeros((1, in_channels, length), dtype=np.float32))
        self.kernels: tuple[np.ndarray, ...] = rocket.kernels

    def raw(self, X: np.ndarray) -> np.ndarray:
        """X (n, C, L) -> (n, 2 * n_kernels) float32: positive share and maximum of each kernel in turn.

        The values of sktime's `Rocket.transform`, six to nine times faster (0.33 ms a series of length 140 on one
        core): the innermost loop runs over time, in vector instructions.

        Raises
        ------
        DataError
            If the shape of the series is not the kernels'.
        """
        if X.ndim != 3 or X.shape[1:] != (self.in_channels, self.length):
            raise DataError(
                f"these ROCKET kernels take series of shape (n, {self.in_channels}, {self.length}); got {X.shape}"
            )
        series = np.ascontiguousarray(X, dtype=np.float32)
        pieces = [series[start : start + _ROWS] for start in range(0, len(series), _ROWS)] or [series]
        return np.concatenate([_apply(piece, *self.kernels) for piece in pieces])

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """X (n, C, L) -> (n, 2 * n_kernels) float64 with rows of L2 norm one."""
        features = self.raw(X).astype(np.float64)
        norms = np.linalg.norm(features, axis=1, keepdims=True)
        return features / np.where(norms > 0, norms, 1)


@njit(fastmath=True, cache=True, nogil=True)
def _apply(  # type: ignore[no-untyped-def]  # compiled; the types are those of sktime's kernels
    X, weights, lengths, biases, dilations, paddings, channel_counts, channels
):
    # loops run over slices from 0 to their length: with indices that might be negative, Numba makes scalar code
    n, _, time = X.shape
    features = np.empty((n, 2 * len(lengths)), dtype=np.float32)
    buffer = np.empty(2 * time + 32, dtype=np.float32)
    for row in range(n):
        weight, channel = 0, 0
        for kernel in range(len(lengths)):
            length, dilation, padding = lengths[kernel], dilations[kernel], paddings[kernel]
            out = time + 2 * padding - (length - 1) * dilation
            response = buffer[:out]
            response[:] = biases[kernel]
            for c in range(channel_counts[kernel]):
                x = X[row, channels[channel + c]]
                for tap in range(length):
                    w = weights[weight + c * length + tap]
                    shift = tap * dilation - padding
                    start, stop = max(0, -shift), min(out, time - shift)
                    to, values = buffer[start:stop], x[start + shift : stop + shift]
                    for i in range(len(to)):
                        to[i] += w * values[i]
            weight += channel_counts[kernel] * length
            channel += channel_counts[kernel]
            largest, positive = np.float32(-np.inf), np.int32(0)
            for i in range(len(response)):
                value = response[i]
                largest = value if value > largest else largest
                positive += np.int32(1) if value > 0 else np.int32(0)
            features[row, 2 * kernel] = positive / out
            features[row, 2 * kernel + 1] = largest
    return features
