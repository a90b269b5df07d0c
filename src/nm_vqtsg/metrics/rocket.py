"""ROCKET features: random convolutional kernels that need no training.

Kernels by sktime's `Rocket` (Dempster, Petitjean and Webb, 2020, "ROCKET: exceptionally fast and accurate time
series classification using random convolutional kernels"); each gives the proportion of positive responses and
their maximum. Series are **not** normalised one by one, as sktime does by default: that would hide errors
of amplitude.
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

        The values of sktime's `Rocket.transform`, many times faster (``benchmarks/profiles.py``): the innermost
        loop runs over time, in vector instructions.

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


# Kernels have 7, 9 or 11 taps. All in one pass, with the count, spare the loads and stores of the response. The
# first channel starts at the bias, the others add to the response; the compiler takes the choice out of the loop.
@njit(fastmath=True, cache=True, nogil=True)
def _add_seven(response, x, w, dilation, bias, first):  # type: ignore[no-untyped-def]
    """Respond to one channel more; returns how many values of the response are positive then."""
    n, positive = len(response), np.int32(0)
    x0, x1, x2, x3 = x[:n], x[dilation:], x[2 * dilation :], x[3 * dilation :]
    x4, x5, x6 = x[4 * dilation :], x[5 * dilation :], x[6 * dilation :]
    w0, w1, w2, w3, w4, w5, w6 = w[0], w[1], w[2], w[3], w[4], w[5], w[6]
    for i in range(n):
        early = (bias if first else response[i]) + w0 * x0[i] + w1 * x1[i] + w2 * x2[i] + w3 * x3[i]
        response[i] = early + w4 * x4[i] + w5 * x5[i] + w6 * x6[i]
        positive += np.int32(response[i] > 0)
    return positive


@njit(fastmath=True, cache=True, nogil=True)
def _add_nine(response, x, w, dilation, bias, first):  # type: ignore[no-untyped-def]
    n, positive = len(response), np.int32(0)
    x0, x1, x2, x3 = x[:n], x[dilation:], x[2 * dilation :], x[3 * dilation :]
    x4, x5, x6, x7, x8 = (
        x[4 * dilation :],
        x[5 * dilation :],
        x[6 * dilation :],
        x[7 * dilation :],
        x[8 * dilation :],
    )
    w0, w1, w2, w3, w4, w5, w6, w7, w8 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8]
    for i in range(n):
        early = (bias if first else response[i]) + w0 * x0[i] + w1 * x1[i] + w2 * x2[i] + w3 * x3[i]
        response[i] = early + w4 * x4[i] + w5 * x5[i] + w6 * x6[i] + w7 * x7[i] + w8 * x8[i]
        positive += np.int32(response[i] > 0)
    return positive


@njit(fastmath=True, cache=True, nogil=True)
def _add_eleven(response, x, w, dilation, bias, first):  # type: ignore[no-untyped-def]
    n, positive = len(response), np.int32(0)
    x0, x1, x2, x3 = x[:n], x[dilation:], x[2 * dilation :], x[3 * dilation :]
    x4, x5, x6, x7 = x[4 * dilation :], x[5 * dilation :], x[6 * dilation :], x[7 * dilation :]
    x8, x9, x10 = x[8 * dilation :], x[9 * dilation :], x[10 * dilation :]
    w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10]
    for i in range(n):
        early = (bias if first else response[i]) + w0 * x0[i] + w1 * x1[i] + w2 * x2[i] + w3 * x3[i]
        middle = early + w4 * x4[i] + w5 * x5[i] + w6 * x6[i] + w7 * x7[i]
        response[i] = middle + w8 * x8[i] + w9 * x9[i] + w10 * x10[i]
        positive += np.int32(response[i] > 0)
    return positive


# Floats of one sign are ordered like their bits. Of the maximum of integers Numba makes vector code, of that of
# floats scalar code.
@njit(cache=True, nogil=True)
def _largest(bits):  # type: ignore[no-untyped-def]
    largest = bits[0]
    for i in range(len(bits)):
        largest = max(largest, bits[i])
    return largest


@njit(cache=True, nogil=True)
def _smallest_magnitude(bits):  # type: ignore[no-untyped-def]
    smallest, magnitude = np.int32(0x7FFFFFFF), np.int32(0x7FFFFFFF)
    for i in range(len(bits)):
        smallest = min(smallest, bits[i] & magnitude)
    return smallest


@njit(fastmath=True, cache=True, nogil=True)
def _apply(  # type: ignore[no-untyped-def]  # compiled; the types are those of sktime's kernels
    X, weights, lengths, biases, dilations, paddings, channel_counts, channels
):
    # loops run over slices from 0 to their length: with indices that might be negative, Numba makes scalar code
    n, n_channels, time = X.shape
    features = np.empty((n, 2 * len(lengths)), dtype=np.float32)
    edge = paddings.max()
    padded = np.zeros((n_channels, time + 2 * edge), dtype=np.float32)
    buffer = np.empty(time + 2 * edge, dtype=np.float32)
    buffer_bits, feature_bits = buffer.view(np.int32), features.view(np.int32)
    for row in range(n):
        padded[:, edge : edge + time] = X[row]
        weight, channel = 0, 0
        for kernel in range(len(lengths)):
            length, dilation, padding = lengths[kernel], dilations[kernel], paddings[kernel]
            out = time + 2 * padding - (length - 1) * dilation
            response, bias, positive = buffer[:out], biases[kernel], np.int32(0)
            for c in range(channel_counts[kernel]):
                x = padded[channels[channel + c], edge - padding :]
                w = weights[weight + c * length : weight + (c + 1) * length]
                if length == 7:
                    positive = _add_seven(response, x, w, dilation, bias, c == 0)
                elif length == 9:
                    positive = _add_nine(response, x, w, dilation, bias, c == 0)
                else:
                    positive = _add_eleven(response, x, w, dilation, bias, c == 0)
            weight += channel_counts[kernel] * length
            channel += channel_counts[kernel]
            features[row, 2 * kernel] = positive / out
            if positive:
                feature_bits[row, 2 * kernel + 1] = _largest(buffer_bits[:out])
            else:
                feature_bits[row, 2 * kernel + 1] = _smallest_magnitude(buffer_bits[:out])
                features[row, 2 * kernel + 1] *= -1
    return features
