"""Sets that share series: a file that was given twice, TRAIN that leaked into the real series, copies."""

from collections.abc import Iterator, Sequence

import numpy as np

Named = tuple[str, np.ndarray]


def repeats(real: Named, synthetic: Sequence[Named], train: Named | None = None) -> Iterator[str]:
    """What to say of sets that share series, value by value in float32.

    Parameters
    ----------
    real, train : (str, (n, C, L) array)
        What messages call a set, and its series.
    synthetic : sequence of the same
        Versions of the samples.
    """
    others = [real] if train is None else [real, train]
    if train is not None and (shared := _shared(real[0], _rows(real[1]), *train)):
        yield (
            f"{shared}; scores against series that a generator was trained on do not show what it memorised: give "
            "series that it has not seen as real"
        )
    for name, X in synthetic:
        synthetic_rows = _rows(X)
        for other in others:
            if shared := _shared(name, synthetic_rows, *other):
                yield f"{shared}; copies of real series score well and are worth nothing"


def _rows(X: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in X.astype(np.float32) + np.float32(0)]  # -0 is 0


def _shared(name: str, rows: list[bytes], other: str, X: np.ndarray) -> str:
    """How many of `rows` are series of the set `other`, in words; nothing if none is."""
    others = set(_rows(X))
    count = sum(row in others for row in rows)
    if not count:
        return ""
    if name == other or count == len(rows) == len(X):
        return f"{name} and {other} hold the same series"
    return f"{count} of the {len(rows)} series of {name} stand in {other}, too"
