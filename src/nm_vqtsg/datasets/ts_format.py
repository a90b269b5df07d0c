"""The .ts format of timeseriesclassification.com: tagged header, `channel:channel:label` a line.

sktime's reader turns labels into lower case and takes seconds to import, hence this one; a test holds it against
sktime's on sktime's own files.
"""

from pathlib import Path

import numpy as np

from nm_vqtsg.datasets.mending import NO_MENDING, Mending
from nm_vqtsg.datasets.raw import Rows
from nm_vqtsg.datasets.text import RowStack, numbers, quote, read_lines
from nm_vqtsg.errors import DataError


def read_ts(path: Path, mending: Mending = NO_MENDING) -> Rows:
    """Read series of one length, or mended to it, with or without class labels.

    Raises
    ------
    DataError
        If the file has time stamps, regression targets, gaps, or its lines do not fit its header.
    """
    stack = RowStack(path, mending)
    tags: dict[str, list[str]] = {}
    in_data = False
    for row, line in read_lines(path):
        line = line.strip()
        if line.startswith("#"):
            continue
        if not in_data:
            if not line.startswith("@"):
                raise DataError(f"{path}: row {row} comes before '@data'; is this a .ts file?")
            tag, *values = line.split()
            in_data = tag.lower() == "@data"
            if not in_data:
                tags[tag.lower()] = values
            else:
                _check_header(tags, path)
            continue
        channels, label = _split(line, tags, path, row)
        series = [numbers(channel.split(","), path, row, gaps=mending.reads_gaps) for channel in channels]
        lengths = {len(channel) for channel in series}
        if len(lengths) > 1:
            raise DataError(
                f"{path}: row {row} has channels of different lengths {sorted(lengths)}; cut them to one"
            )
        stack.add(row, np.stack(series), label)
    return stack.rows()


def _flag(tags: dict[str, list[str]], tag: str) -> bool:
    return bool(tags.get(tag)) and tags[tag][0].lower() == "true"


def _check_header(tags: dict[str, list[str]], path: Path) -> None:
    if _flag(tags, "@timestamps"):
        raise DataError(f"{path}: has time stamps; write plain values at equal steps ('@timestamps false')")
    if _flag(tags, "@targetlabel"):
        raise DataError(f"{path}: has regression targets, not classes; remove them ('@targetlabel false')")
    if _flag(tags, "@classlabel") and len(tags["@classlabel"]) < 2:
        raise DataError(f"{path}: '@classLabel true' names no classes; list them behind it")


def _split(line: str, tags: dict[str, list[str]], path: Path, row: int) -> tuple[list[str], str | None]:
    channels, label = line.split(":"), None
    if _flag(tags, "@classlabel"):
        label = channels.pop().strip()
        if label not in tags["@classlabel"][1:]:
            raise DataError(
                f"{path}: row {row} has the label {quote(label)}, which '@classLabel' lacks; add it there"
            )
    expected = (tags.get("@dimensions") or [""])[0] or ("1" if _flag(tags, "@univariate") else "")
    if not channels or (expected.isdecimal() and len(channels) != int(expected)):
        raise DataError(
            f"{path}: row {row} has {len(channels)} channels where the header promises {expected or 1}; mend one"
        )
    return channels, label
