"""Several channels in a wide table: columns such as ``kW_0, kW_1, ..., degrees_0, degrees_1, ...``."""

import re
from collections.abc import Sequence

from nm_vqtsg.datasets.text import quote
from nm_vqtsg.errors import DataError

_NUMBERED = re.compile(r"(.*?)[ _.:-]*t?([0-9]+)", re.ASCII)


def channel_blocks(names: Sequence[str]) -> list[str]:
    """The channels that the columns seem to be of, in their order; empty unless there are two or more.

    Each has columns of one beginning, which holds a letter, and of the same numbers, two or more.
    """
    blocks: dict[str, list[int]] = {}
    for name in names:
        match = _NUMBERED.fullmatch(name)
        if match is None or not any(mark.isalpha() for mark in match[1]):
            return []
        blocks.setdefault(match[1], []).append(int(match[2]))
    numbers = [sorted(block) for block in blocks.values()]
    alike = len(numbers) > 1 and len(numbers[0]) > 1 and all(block == numbers[0] for block in numbers)
    return list(blocks) if alike and len(set(numbers[0])) == len(numbers[0]) else []


def columns_of(channels: Sequence[str], names: Sequence[str], path: object) -> list[list[int]]:
    """Of each channel the places of its columns, in the order of their numbers.

    Parameters
    ----------
    channels : sequence of str
        How the columns of each begin.
    names : sequence of str
        Of all columns of values.
    path : Path
        For messages.

    Raises
    ------
    DataError
        If a column belongs to no channel or to two, or the channels differ in their numbers.
    """
    places: dict[str, dict[int, int]] = {channel: {} for channel in channels}
    for place, name in enumerate(names):
        owners = []
        for channel in channels:
            rest = _NUMBERED.fullmatch(name.removeprefix(channel)) if name.startswith(channel) else None
            if rest is not None and not rest[1]:
                owners.append((channel, int(rest[2])))
        if len(owners) != 1:
            problem = "none" if not owners else "several"
            raise DataError(
                f"{path}: the column {quote(name)} belongs to {problem} of the channels "
                f"{', '.join(map(quote, channels))}; rename it, such as {quote(channels[0] + '_0')}, or drop it"
            )
        channel, number = owners[0]
        if number in places[channel]:
            raise DataError(f"{path}: the channel {quote(channel)} has two columns of number {number}; rename one")
        places[channel][number] = place
    first = sorted(places[channels[0]])
    for channel, own in places.items():
        if sorted(own) != first or not own:
            raise DataError(
                f"{path}: the channels {quote(channels[0])} and {quote(channel)} have {len(first)} and {len(own)} "
                "columns, or other numbers; give each channel the same ones"
            )
    return [[own[number] for number in first] for own in places.values()]
