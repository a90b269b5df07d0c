"""Series are taken a few at a time, all of them and in order."""

import pytest
import torch

from nm_vqtsg.nn.batches import BATCH, SAMPLES, in_batches


@pytest.mark.parametrize("length", [4, 140, 1024, 10 * SAMPLES])
@pytest.mark.parametrize("n", [1, 300])
def test_all_rows_of_all_inputs_come_in_order(n: int, length: int) -> None:
    first, second = torch.arange(n), torch.arange(2 * n).view(n, 2)
    batches = list(in_batches(length, first, second))
    assert torch.equal(torch.cat([a for a, _ in batches]), first)
    assert torch.equal(torch.cat([b for _, b in batches]), second)
    sizes = [len(a) for a, _ in batches]
    assert max(sizes) <= BATCH and (max(sizes) == 1 or max(sizes) * length <= SAMPLES)
    assert len(set(sizes[:-1])) <= 1  # as many as possible in all but the last
