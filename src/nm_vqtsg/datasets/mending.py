"""Series of unequal length and with gaps, made complete and of one length: only as somebody asked for.

What is missing at the end of a series, in all its channels, is a gap where no length is asked for, and else the
series ends before it. What is missing elsewhere is a gap.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nm_vqtsg.errors import DataError, ParameterError, shown

FITS = ("crop", "pad", "resample")
GAPS_REMEDY = "fill or drop it first (fit, evaluate: --gaps interpolate; own_data: gaps: interpolate)"
UNEQUAL = "series must be of one length: cut, pad or resample them first"


@dataclass(frozen=True)
class Mending:
    """What may be done to series that are not complete or not of one length. By default nothing.

    Attributes
    ----------
    length : int, optional
        Of all series afterwards.
    fit_length : {"crop", "pad", "resample"}, optional
        How they get it. ``crop`` cuts the end of longer series and refuses shorter ones; ``pad`` repeats the last
        value of shorter series and refuses longer ones; ``resample`` draws straight lines between the values of a
        series and takes as many points on them, evenly spaced, from its first value to its last.
    gaps : {"interpolate"}, optional
        Fill missing values, in each channel, by a straight line between the values on both sides; before the first
        and after the last value, by that value.

    Raises
    ------
    ParameterError
        If they are anything else, or a length is given without a way to it.
    """

    length: int | None = None
    fit_length: Literal["crop", "pad", "resample"] | None = None
    gaps: Literal["interpolate"] | None = None

    def __post_init__(self) -> None:
        if (self.length is None) != (self.fit_length is None):
            given, absent = (
                ("--length", "--fit-length") if self.fit_length is None else ("--fit-length", "--length")
            )
            raise ParameterError(f"{given} goes with {absent}; say --length N --fit-length {'|'.join(FITS)}")
        if self.fit_length not in (None, *FITS):
            raise ParameterError(f"--fit-length: {shown(self.fit_length)} is not one of {', '.join(FITS)}")
        if self.length is not None and not 1 <= self.length < 2**31:
            raise ParameterError(f"--length: {self.length} is no length; give a whole number above 0")
        if self.gaps not in (None, "interpolate"):
            raise ParameterError(f"--gaps: {shown(self.gaps)} is not known; there is interpolate")

    @property
    def reads_gaps(self) -> bool:
        """Whether a missing value may stand in a file: as a gap, or after the end of a series."""
        return self != Mending()

    def apply(
        self, series: Iterable[np.ndarray], where: Callable[[int], str]
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """Complete series of one length, and what was done to them.

        Parameters
        ----------
        series : iterable of (C, L_i) float64 arrays
            NaN where a value is missing.
        where : callable
            What messages call series number i.

        Returns
        -------
        X : (n, C, L) float64, finite
        notes : tuple of str
            A sentence for each thing that was done, with the numbers of series and values.

        Raises
        ------
        DataError
            Naming the first series that still has a gap or another length, and the remedy.
        """
        series = list(series)
        if self.length is not None:
            series = [_without_end(each, where(i)) for i, each in enumerate(series)]
        notes = []
        gaps = [int(np.isnan(each).sum()) for each in series]
        if any(gaps):
            first = next(i for i, n in enumerate(gaps) if n)
            if self.gaps is None:
                raise DataError(f"{where(first)} lacks {gaps[first]} value(s); {GAPS_REMEDY}")
            filled = [
                _filled(each, where(i)) if n else each
                for i, (each, n) in enumerate(zip(series, gaps, strict=True))
            ]
            many = sum(n > 0 for n in gaps)
            notes.append(
                f"{sum(gaps)} missing values in {many} of {len(series)} series were filled by interpolation"
            )
            series = filled
        lengths = [each.shape[1] for each in series]
        if self.length is None:
            other = next((i for i, length in enumerate(lengths) if length != lengths[0]), None)
            if other is not None:
                raise DataError(
                    f"{where(other)} has length {lengths[other]}, the first series {lengths[0]}; {UNEQUAL} "
                    f"(fit, evaluate: --length {min(lengths)} --fit-length crop, --length {max(lengths)} "
                    "--fit-length pad, or --fit-length resample; own_data: length, fit_length)"
                )
        else:
            changed = [length - self.length for length in lengths if length != self.length]
            series = [self._fitted(each, where(i), lengths) for i, each in enumerate(series)]
            if changed:
                notes.append(_told(str(self.fit_length), self.length, changed, len(series)))
        return np.stack(series), tuple(notes)

    def _fitted(self, series: np.ndarray, where: str, lengths: list[int]) -> np.ndarray:
        length, wanted = series.shape[1], self.length or 0
        if length == wanted:
            return series
        if self.fit_length == "resample":
            places = np.linspace(0, length - 1, wanted)
            return np.stack([np.interp(places, np.arange(length), channel) for channel in series])
        if self.fit_length == "crop" and length > wanted:
            return series[:, :wanted]
        if self.fit_length == "pad" and length < wanted:
            return np.concatenate([series, np.repeat(series[:, -1:], wanted - length, axis=1)], axis=1)
        most = f"--length {min(lengths) if self.fit_length == 'crop' else max(lengths)}"
        does = "cuts and does not extend" if self.fit_length == "crop" else "extends and does not cut"
        raise DataError(
            f"{where} has length {length}, and --length {wanted} --fit-length {self.fit_length} {does}; "
            f"say {most}, or --fit-length resample"
        )


NO_MENDING = Mending()


def _without_end(series: np.ndarray, where: str) -> np.ndarray:
    there = np.flatnonzero(~np.isnan(series).all(axis=0))
    if not len(there):
        raise DataError(f"{where} holds no values; drop it")
    return series[:, : there[-1] + 1]


def _filled(series: np.ndarray, where: str) -> np.ndarray:
    filled, times = series.copy(), np.arange(series.shape[1])
    for channel, values in enumerate(filled):
        missing = np.isnan(values)
        if missing.all():
            raise DataError(f"{where} has no value in channel {channel + 1}; drop the series, or the channel")
        values[missing] = np.interp(times[missing], times[~missing], values[~missing])
    return filled


def _told(how: str, length: int, changed: list[int], n: int) -> str:
    words = {
        "crop": f"cut to length {length}, which dropped {sum(changed)} time steps",
        "pad": f"padded to length {length}, which repeated last values for {-sum(changed)} time steps",
        "resample": f"resampled to length {length} (they had {length + min(changed)} to {length + max(changed)})",
    }
    return f"{len(changed)} of {n} series were {words[how]}"
