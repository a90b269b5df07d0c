"""What real series score in the place of the paper's samples: the floor under each cell.

    python benchmarks/floors.py --out benchmarks/results/floors.json      # ROCKET-FID, which needs no judge
    python benchmarks/floors.py --study studies/mine --out FILE           # FID, IS and cFID, too
    python benchmarks/floors.py --show benchmarks/results/floors.json     # print what is there

``NM_VQTSG_UCR`` names a folder with the archive. Each set is re-split as in the pipeline. Parts of TRAIN, as large
as the paper's samples (1024 series, or as many as TEST has; 100 of each class for cFID), are scored against TEST
as the evaluation's reference is: `--draws` times with ROCKET, `JUDGED_DRAWS` times with the judges of a study
(``results/NAME/fcn.safetensors``). Numbers of several calls gather in one file.

A cell of the paper is marked at the floor when it lies within two sd of what real series score, or is better, and
only where the judge is the published one (`fcn.source: published`), by the protocol behind the paper's tables
(trimmed, `--draws` times): on another scale its figures say nothing.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from material import archive_folder, split_series
from rich.console import Console
from rich.table import Table

from nm_vqtsg.artifacts import load_json, save_json
from nm_vqtsg.evaluation.draws import Parts, judged
from nm_vqtsg.evaluation.reference import JUDGED_DRAWS
from nm_vqtsg.evaluation.scores import Scorer
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.metrics.cfid import class_fid
from nm_vqtsg.metrics.counts import sample_count
from nm_vqtsg.metrics.directions import within_reach
from nm_vqtsg.metrics.fid import Gaussian, frechet_distance
from nm_vqtsg.metrics.inception import inception_score
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.metrics.trimming import counted, inliers
from nm_vqtsg.params import Params
from nm_vqtsg.study.paths import Paths
from nm_vqtsg.tables.paper import load_paper

SCORES = {"fid": "FID", "is": "IS", "cfid": "cFID"}


def trimmed(scorer: Scorer, parts: Parts, rng: np.random.Generator, draws: int) -> list[dict[str, float]]:
    """FID, IS and cFID of each draw as the code behind the paper's tables takes them."""
    judge, real, y = scorer.judge, scorer.features.fcn, scorer.real.y
    assert judge is not None and real is not None and y is not None and parts.train.y is not None
    features, probabilities = judge.features_and_probabilities(parts.train.X)
    inner, scores = Gaussian(inliers(real)), []
    for draw in range(draws):
        rows, chosen = parts.rows(rng, again=draw > 0)
        few = probabilities[rows[: counted(len(rows), len(real))]]
        by_class = class_fid(real, y, features[chosen], parts.train.y[chosen], len(scorer.labels), inliers)
        scores.append(
            {
                "fid": frechet_distance(inner, Gaussian(inliers(features[rows]))),
                "is": inception_score(few, min(scorer.config.is_splits, len(few)), rng)[0],
                "cfid": by_class.mean,
            }
        )
    return scores


def measure(name: str, draws: int, study: Path | None) -> dict[str, Any]:
    """Floors of a data set: ROCKET-FID and, where the study has a judge, FID, IS and cFID."""
    started, params = time.monotonic(), Params()
    train, test, source = split_series(name)
    n = min(sample_count(params.sample.n_samples, len(test.X)), len(train.X))
    parts = Parts(train, n, params.sample.n_per_class)
    channels, length = test.X.shape[1:]
    kernels = RocketFeatures(channels, length, params.rocket.n_kernels, params.rocket.seed)
    features, real = kernels(train.X), Gaussian(kernels(test.X))
    rng = np.random.default_rng([params.evaluate.seed, 7])
    values = [
        {"rocket_fid": frechet_distance(real, Gaussian(features[parts.rows(rng, again=draw > 0)[0]]))}
        for draw in range(draws)
    ]
    sizes = {"train": len(train.X), "test": len(test.X), "n": n, "independent": parts.differ}
    result: dict[str, Any] = {"source": source, "sizes": sizes, "draws": draws}
    result |= {"rocket": {"mean": parts.mean(values), "sd": parts.sd(values), "values": values}}
    judge = None if study is None else Paths(study, name).fcn
    if judge is not None and judge.is_file():
        scorer = Scorer(test, Judge.load(judge), params.rocket, params.evaluate, train.X)
        several = list(judged(scorer, parts, scorer.rng(9), JUDGED_DRAWS))
        assert scorer.judge is not None and test.y is not None
        result["judged"] = {
            "judge": scorer.judge.source,
            "accuracy": scorer.judge.accuracy(test.X, test.y),
            "draws": JUDGED_DRAWS,
            "mean": parts.mean(several),
            "sd": parts.sd(several),
        }
        if scorer.judge.source == "published":
            few = trimmed(scorer, parts, scorer.rng(7), draws)
            result["trimmed"] = {"draws": draws, "mean": parts.mean(few), "sd": parts.sd(few)}
    return result | {"seconds": time.monotonic() - started}


def told(result: dict[str, Any], part: str, score: str) -> str:
    """Mean and sd of a floor; nothing where it is not known."""
    if score not in result.get(part, {}).get("mean", {}):
        return ""
    return f"{result[part]['mean'][score]:.3g} ± {result[part]['sd'][score]:.2g}"


def of_paper(name: str, result: dict[str, Any]) -> str:
    """The paper's cells, and which of them real series do not beat."""
    floor, cells = result.get("trimmed"), []
    for score, title in SCORES.items():
        row = load_paper().tables[score].rows.get(name)
        if row is None:
            return ""
        marks = []
        for column in ("baseline", "mapped"):
            at = floor is not None and within_reach(score, row[column], floor["mean"][score], floor["sd"][score])
            marks.append(f"{row[column]:g}{' at the floor' if at else ''}")
        real = "" if floor is None else f" (real {told(result, 'trimmed', score)})"
        cells.append(f"{title} {' → '.join(marks)}{real}")
    return "; ".join(cells) + ("" if floor is not None else " (not comparable)")


def table(results: dict[str, Any]) -> Table:
    """All floors of a file."""
    shown = Table(
        "data set", "TRAIN", "TEST", "n", "ROCKET-FID", *SCORES.values(), "judge", "paper", title="Floors"
    )
    for name, result in sorted(results.items()):
        sizes, judge = result["sizes"], result.get("judged")
        shown.add_row(
            name,
            *(str(sizes[key]) for key in ("train", "test", "n")),
            told(result, "rocket", "rocket_fid") + ("" if sizes["independent"] else " *"),
            *(told(result, "judged", score) for score in SCORES),
            f"{judge['judge']}, {judge['accuracy']:.3f}" if judge else "",
            of_paper(name, result),
        )
    shown.caption = "* TRAIN has fewer than twice n series: one draw, and the sd of draws with replacement."
    return shown


def main() -> None:
    """Measure, gather and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="*", help="by default, those of the paper and the archive's folder")
    parser.add_argument("--out", type=Path, help="gather the numbers in this file")
    parser.add_argument("--show", type=Path, help="print this file instead of measuring")
    parser.add_argument("--study", type=Path, help="with trained judges")
    parser.add_argument("--draws", type=int, default=5, help="with ROCKET, and by the published protocol")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    if options.show:
        results = load_json(options.show)
    else:
        folder = archive_folder()
        assert folder is not None, "set NM_VQTSG_UCR to a folder with the archive"
        if options.out and options.out.is_file():
            results = load_json(options.out)
        at_hand = [name for name in load_paper().tables["fid"].rows if (folder / name).is_dir()]
        for name in options.datasets or at_hand:
            results[name] = measure(name, options.draws, options.study)
            if options.out:
                save_json(options.out, results)
    Console(width=200).print(table(results))


if __name__ == "__main__":
    main()
