"""How many series a network takes at once where no gradient is needed."""

from collections.abc import Iterator, Sequence

from torch import Tensor

BATCH = 256  # series
SAMPLES = 2**16  # of all series together, on a CPU


def in_batches(length: int, *inputs: Tensor) -> Iterator[Sequence[Tensor]]:
    """Rows of the inputs, as many at a time as networks on series of `length` samples are quick with.

    On a CPU that is fewer of long series: the memory of large activations goes back to the operating system after
    every layer, and to get it again takes longer than to fill it. A GPU keeps its memory.
    """
    size = BATCH
    if inputs[0].device.type == "cpu":
        size = max(1, min(size, SAMPLES // length))
    return zip(*(rows.split(size) for rows in inputs), strict=True)
