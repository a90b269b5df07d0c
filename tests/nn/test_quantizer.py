"""The quantiser against slow, literal forms of what it does."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from nm_vqtsg.nn.quantizer import Quantizer, kmeans, nearest_code


def source(seed=0):
    return torch.Generator().manual_seed(seed)


def vectors(n, d=3, seed=0):
    return torch.randn(n, d, generator=source(seed))


def started(size=6, dim=3, n=50, per_step=20):
    quantizer = Quantizer(size, dim, decay=0.8)
    quantizer.start(vectors(n, dim), per_step, source())
    return quantizer


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 300, 2)])
def test_nearest_code_is_the_argmin_of_the_distance(shape):
    z, codes = torch.randn(*shape, 4, generator=source(1)), vectors(9, 4)
    distances = (z.unsqueeze(-2) - codes).norm(dim=-1)
    assert torch.equal(nearest_code(z, codes), distances.argmin(-1))
    live = torch.tensor([True, False, True, False, False, True, False, False, True])
    assert torch.equal(nearest_code(z, codes, live), distances.masked_fill(~live, torch.inf).argmin(-1))


def test_nearest_code_takes_the_first_of_equal_codes():
    codes = torch.ones(4, 2)
    assert nearest_code(torch.zeros(3, 2), codes).tolist() == [0, 0, 0]
    assert nearest_code(torch.zeros(3, 2), codes, torch.tensor([False, False, True, True])).tolist() == [2, 2, 2]


def test_kmeans_equals_scikit_learns_lloyd_from_the_same_start():
    z = vectors(400, 4)
    start = z[torch.randperm(400, generator=source(5))[:12]]
    reference = KMeans(12, init=start.numpy(), n_init=1, max_iter=10, tol=0, algorithm="lloyd").fit(z.numpy())
    centres, counts = kmeans(z, 12, source(5), iterations=10)
    np.testing.assert_allclose(centres.numpy(), reference.cluster_centers_, atol=1e-4)
    assert counts.tolist() == np.bincount(reference.labels_, minlength=12).tolist()


def test_kmeans_with_fewer_vectors_than_centres_finds_every_vector():
    z = vectors(5)
    centres, counts = kmeans(z, 8, source())
    assert counts.sum() == 5 and (counts > 0).sum() == 5
    torch.testing.assert_close(centres[nearest_code(z, centres)], z)


def test_start_has_sums_that_agree_with_the_counts():
    quantizer = started(n=50, per_step=20)
    used = quantizer.ema_count > 0
    assert quantizer.ema_count.sum().item() == pytest.approx(20)
    torch.testing.assert_close((quantizer.ema_sum / quantizer.ema_count[:, None])[used], quantizer.codes[used])


def test_codes_follow_their_vectors_as_a_literal_moving_average_says():
    quantizer = started(size=8)
    quantizer.codes[3] = 50.0  # far from all vectors: never picked
    codes, count, total = (t.clone().double() for t in (quantizer.codes, quantizer.ema_count, quantizer.ema_sum))
    last_used = [0] * 8
    for step in range(40):
        z = vectors(20, seed=100 + step).view(4, 5, 3)
        chosen = [int(torch.stack([(v - c).norm() for c in codes]).argmin()) for v in z.view(-1, 3).double()]
        quantised, commitment = quantizer(z, step, source())
        torch.testing.assert_close(quantised, codes[chosen].float().view(4, 5, 3))
        distance = (z.double() - codes[chosen].view(4, 5, 3)).square().mean()
        torch.testing.assert_close(commitment.double(), distance, atol=1e-6, rtol=1e-5)
        for k in range(8):
            own = z.view(-1, 3).double()[[i for i, c in enumerate(chosen) if c == k]]
            count[k] = 0.8 * count[k] + 0.2 * len(own)
            total[k] = 0.8 * total[k] + 0.2 * own.sum(0)
            if len(own):
                codes[k], last_used[k] = total[k] / count[k], step
        torch.testing.assert_close(quantizer.codes.double(), codes, atol=1e-5, rtol=1e-5)
    assert quantizer.last_used.tolist() == last_used
    assert quantizer.codes[3].tolist() == [50.0] * 3  # an unused code stays where it is


def test_the_gradient_passes_straight_through_and_commits():
    quantizer = started()
    z = vectors(10, seed=3).view(2, 5, 3).requires_grad_()
    codes = quantizer.codes[nearest_code(z, quantizer.codes)]
    quantised, commitment = quantizer(z, 0, source())
    weight = vectors(10, seed=4).view(2, 5, 3)
    ((quantised * weight).sum() + commitment).backward()
    torch.testing.assert_close(z.grad, weight + 2 * (z.detach() - codes) / z.numel())


def test_revival_moves_only_codes_unused_for_longer_than_the_patience():
    quantizer = started(size=6)
    quantizer.codes[4:] = 50.0
    before = quantizer.codes.clone()
    for step in range(3):
        quantizer(vectors(20, seed=step)[None], step, source(step), patience=3)
    assert torch.equal(quantizer.codes[4:], before[4:])
    z = vectors(20, seed=9)
    quantizer(z[None], 4, source(9), patience=3)
    assert all((z == code).all(1).any() for code in quantizer.codes[4:])
    assert not torch.equal(quantizer.codes[4], quantizer.codes[5])
    assert quantizer.last_used[4:].tolist() == [4, 4] and quantizer.ema_count[4:].tolist() == [1.0, 1.0]
    torch.testing.assert_close(quantizer.ema_sum[4:], quantizer.codes[4:])


def test_revival_gives_each_vector_to_one_code_at_most():
    quantizer = started(size=40, n=50)
    quantizer.codes.fill_(50.0)
    quantizer(vectors(7)[None], 100, source(), patience=10)
    moved = quantizer.codes[(quantizer.codes != 50).all(1)]
    # one code was picked and follows the mean, one each moves to a vector, the rest waits
    assert len(moved) == 8 and len(moved.unique(dim=0)) == 8


def test_tokens_are_live_codes_only():
    quantizer = started(size=10)
    counts = torch.zeros(10, dtype=torch.int64)
    counts[[2, 7]] = torch.tensor([1, 5])
    quantizer.set_live(counts)
    assert quantizer.codebook.live.nonzero().flatten().tolist() == [2, 7]
    assert set(quantizer.nearest(vectors(100)).tolist()) <= {2, 7}
    assert quantizer.nearest(quantizer.codes[[2, 7]]).tolist() == [2, 7]
