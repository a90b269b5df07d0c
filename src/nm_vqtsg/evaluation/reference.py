"""What real series score: parts of TRAIN in the place of the samples, drawn several times."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nm_vqtsg.datasets.series import Series
from nm_vqtsg.evaluation.draws import Parts, judged
from nm_vqtsg.evaluation.scores import Features, Scorer
from nm_vqtsg.metrics.fid import fid
from nm_vqtsg.session import Task

JUDGED_DRAWS = 100  # of what the judge's features tell; over five, an sd may be off by a factor of three


def reference(
    scorer: Scorer, train: Series, versions: Mapping[str, Features], sizes: Mapping[str, int], task: Task
) -> dict[str, Any]:
    """Scores of real series, and of the samples at the same size.

    Not a lower bound: the judge was fitted to TRAIN, and with few series FID is mostly bias.

    Parameters
    ----------
    scorer : Scorer
        With TEST.
    train : Series
        TRAIN.
    versions : mapping of name to Features
        Of the samples.
    sizes : mapping
        ``generated``, and ``per_class`` where there are classes.
    task : Task
        Advanced with each of `Evaluate.reference_draws`.

    Returns
    -------
    dict
        ``n`` series in each of ``draws`` draws, scores as of `Scorer.score`, and their ``sd`` over draws, flat.
        Where TRAIN has twice as many series as a draw, scores are means over the draws. Where it has fewer, draws
        would be nearly equal: scores are of one draw, and the sd is of draws with replacement, whose own scores
        are no estimate, since repeated series raise FID. What trains classifiers or networks is scored once.
        FID, IS and cFID, which cost nothing once the judge has seen TRAIN, are of `JUDGED_DRAWS`.
    """
    n, draws = min(sizes["generated"], len(train.X)), scorer.config.reference_draws
    parts = Parts(train, n, sizes.get("per_class"))
    rng = scorer.rng(1)
    stand_in = parts.draw(rng)
    scores = [
        scorer.score(stand_in, scorer.describe(stand_in))[0]
    ]  # reasons: a small class is no fault of samples
    task.advance()
    subset = np.sort(rng.permutation(sizes["generated"])[:n])
    rng = scorer.rng(7)
    for _ in range(draws - 1):
        stand_in = parts.draw(rng, again=True)
        scores.append(scorer.score(stand_in, scorer.describe(stand_in), trained=False)[0])
        task.advance()
    result = {"n": n, "draws": draws, **parts.mean(scores), "sd": parts.sd(scores)}
    if scorer.judge is not None and draws > 1:
        cheap = []
        for values in judged(scorer, parts, scorer.rng(9), JUDGED_DRAWS):
            cheap.append(values)
            task.advance(0)
        result |= {key: value for key, value in parts.mean(cheap).items() if parts.counts(key)}
        result["sd"] |= parts.sd(cheap)
    for name, features in versions.items():
        key, real, generated = "fid", scorer.features.fcn, features.fcn
        if real is None or generated is None:
            key, real, generated = "rocket_fid", scorer.features.rocket, features.rocket
        result[f"{name}_{key}_at_n"] = fid(real, generated[subset])
    return result
