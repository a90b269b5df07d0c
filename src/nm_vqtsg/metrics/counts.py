"""How many series to measure by."""

ENOUGH = 1024  # as many samples as the published code draws


def sample_count(n_samples: int, n_real: int) -> int:
    """Samples to draw for a comparison with `n_real` real series: `n_samples`, or as many as those if more."""
    return max(n_samples, n_real)
