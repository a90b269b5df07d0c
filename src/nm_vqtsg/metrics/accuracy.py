"""How often a classifier is right, and how often in each class."""

import numpy as np

UNEQUAL = 2  # times as many series in the largest class as in the smallest


def accuracy(probabilities: np.ndarray, y: np.ndarray) -> float:
    """Share of the series whose likeliest class is theirs, in [0, 1]: (n, n_classes), (n,)."""
    return float((probabilities.argmax(1) == y).mean())


def balanced_accuracy(probabilities: np.ndarray, y: np.ndarray) -> float | None:
    """Mean over the classes of the share that is recognised, in [0, 1]; None where classes are about equal.

    A classifier that knows the largest class alone may have a high accuracy; here it has 1 / classes. Where no
    class has `UNEQUAL` times as many series as another, accuracy says the same.
    """
    counts = np.bincount(y)
    if counts.max() < UNEQUAL * counts[counts > 0].min():
        return None
    from sklearn.metrics import recall_score

    answers = probabilities.argmax(1)
    return float(recall_score(y, answers, labels=np.unique(y), average="macro", zero_division=0))
