"""What the published protocol leaves out before it scores, which the paper does not mention."""

import math

import numpy as np

BATCH = 32  # of the published evaluation


def inliers(features: np.ndarray, seed: int = 0) -> np.ndarray:
    """The nine tenths of the rows (n, d) that an isolation forest finds least odd, in their order.

    Published settings: max_samples 0.9, contamination 0.1, seed 0, fitted on the very set that is trimmed. Two
    rows are left as they are, since a covariance needs them.
    """
    if len(features) < 3:
        return features
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(max_samples=0.9, contamination=0.1, random_state=seed)
    return features[forest.fit_predict(features) == 1]


def counted(n_generated: int, n_test: int) -> int:
    """Of how many samples the published protocol takes IS: as many batches as TEST fills, if there are."""
    return min(n_generated, BATCH * math.ceil(n_test / BATCH))
