"""Z-scores by channel, and the way back: the one place where series are scaled."""

from dataclasses import dataclass

import numpy as np

from nm_vqtsg.errors import DataError

CONSTANT = 1e-12  # standard deviation over the largest magnitude, below which a spread is rounding alone


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of each channel.

    Attributes
    ----------
    mean, std : (C,) numbers, finite, in the units of the data; std > 0

    Raises
    ------
    DataError
        If they are anything else.
    """

    mean: np.ndarray
    std: np.ndarray

    def __post_init__(self) -> None:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if (
                values.dtype.kind not in "fiu"
                or values.shape != self.mean.shape[:1]
                or not np.isfinite(values).all()
            ):
                raise DataError(f"{name} is not one finite number for each channel")
        if not (self.std > 0).all():
            raise DataError("std is not positive")

    @classmethod
    def of(cls, X: np.ndarray, name: str = "X") -> "Scaling":
        """That of series X (n, C, L), over all series and times; std is that of a population.

        Raises
        ------
        DataError
            If a channel is constant, or its values are too large to be squared; `name` says where.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            mean, std = X.mean((0, 2), dtype=np.float64), X.std((0, 2), dtype=np.float64)
        for channel, (centre, spread) in enumerate(zip(mean, std, strict=True)):
            if not (np.isfinite(centre) and np.isfinite(spread)):
                raise DataError(
                    f"{name}: the values of channel {channel + 1} are too large to scale; use other units"
                )
            if spread <= CONSTANT * np.abs(X[:, channel]).max():
                raise DataError(f"{name}: channel {channel + 1} is constant; remove the channel")
        return cls(mean, std)

    @classmethod
    def none(cls, channels: int) -> "Scaling":
        """That of series which are scaled already: it leaves them as they are."""
        return cls(np.zeros(channels), np.ones(channels))

    def apply(self, X: np.ndarray) -> np.ndarray:
        """Series (n, C, L) in the units of the data -> float32, z-scored."""
        scaled: np.ndarray = (X - self.mean[:, None]) / self.std[:, None]
        return scaled.astype(np.float32)

    def undo(self, X: np.ndarray) -> np.ndarray:
        """Z-scored series (n, C, L) -> float64, in the units of the data."""
        restored: np.ndarray = np.asarray(X, dtype=np.float64) * self.std[:, None] + self.mean[:, None]
        return restored
