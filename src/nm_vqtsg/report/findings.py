"""What to look at first: sentences that follow from the scores, the gravest first."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from nm_vqtsg.evaluation.floor import at_floor, flat_scores, floor
from nm_vqtsg.evaluation.legend import LEGEND
from nm_vqtsg.evaluation.table import gain_text
from nm_vqtsg.judge.advice import WEAK
from nm_vqtsg.metrics.directions import gain
from nm_vqtsg.report.subject import Subject, called
from nm_vqtsg.tables.controls import NO_BETTER, controls_table

FEW = 100  # series; with fewer, every number here is rough
MEMORISED = 0.6  # share of the samples that lie closer to TRAIN than to unseen series; 0.5 is right
MOST = 8


class Finding(NamedTuple):
    """A sentence, and the section of the page that shows it."""

    says: str
    section: str


def findings(subject: Subject) -> list[Finding]:
    """At most `MOST` of them, the gravest first; at least one."""
    rules: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
        _warnings,
        _memory,
        _judge,
        _distance,
        _mapper,
        _told_apart,
        _shape,
        _variety,
        _classes,
        _sizes,
        _no_memory,
    )
    return [finding for rule in rules for finding in rule(subject)][:MOST]


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _value(subject: Subject, score: str, name: str | None = None) -> float | None:
    return flat_scores(subject.scores.get(name or subject.last) or {}).get(score)


def _warnings(subject: Subject) -> Iterator[Finding]:
    for step, warnings in subject.scores.get("warnings", {}).items():
        for words in warnings:
            yield Finding(f"Warning of {step}: {words}.", "scores")


def _memory(subject: Subject) -> Iterator[Finding]:
    copies, closer = _value(subject, "copies"), _value(subject, "closer_to_train")
    if copies is None or closer is None:
        return
    if copies > 0:
        yield Finding(f"{100 * copies:.1f} % of the samples are copies of series of TRAIN.", "neighbours")
    if closer > MEMORISED:
        yield Finding(
            f"{_share(closer)} of the samples lie closer to TRAIN than to real series that the generator has "
            "not seen (without memory: about 50 %). It may have memorised TRAIN.",
            "neighbours",
        )


def _no_memory(subject: Subject) -> Iterator[Finding]:
    copies, closer = _value(subject, "copies"), _value(subject, "closer_to_train")
    if copies == 0 and closer is not None and closer <= MEMORISED:
        yield Finding(
            f"No sign of memory: no copies, and {_share(closer)} of the samples lie closer to TRAIN than to "
            "unseen series (about 50 % is right).",
            "neighbours",
        )


def _judge(subject: Subject) -> Iterator[Finding]:
    accuracy = subject.scores.get("fcn_accuracy")
    if accuracy is not None and accuracy < WEAK and "fcn" not in subject.scores.get("warnings", {}):
        yield Finding(
            f"The judge behind FID, IS and cFID is right for only {_share(accuracy)} of the real series, so these "
            "mean little here. Rely on ROCKET-FID, AUC and the pictures.",
            "scores",
        )


def _distance(subject: Subject) -> Iterator[Finding]:
    score = "fid" if _value(subject, "fid") is not None else "rocket_fid"
    value, real = _value(subject, score), floor(subject.scores, score)
    if value is None:
        return
    name, at = LEGEND[score].name, at_floor(subject.scores, subject.last, score)
    if real is None:
        yield Finding(
            f"{name} is {value:.3g}. Alone, that says nothing: give TRAIN, and what real series score stands "
            "beside it.",
            "scores",
        )
    elif at:
        yield Finding(
            f"{name} is at the floor: {value:.3g}, where real series score {real[0]:.3g} ± {real[1]:.1g}. By this "
            "measure, nothing is left to win.",
            "scores",
        )
    elif at is False:
        yield Finding(
            f"{name} is {value:.3g}, and real series score {real[0]:.3g}: the samples are still another set.",
            "scores",
        )


def _mapper(subject: Subject) -> Iterator[Finding]:
    scores = subject.scores
    if "change_percent" not in scores:
        return
    score = "fid" if "fid" in scores["change_percent"] else "rocket_fid"
    name, text = LEGEND[score].name, gain_text(scores, score)
    if scores["unresolved"].get(score):
        yield Finding(f"Whether mapping helps is not resolved: its gain in {name} is {text}.", "scores")
    else:
        better = gain(score, scores["baseline"][score], scores["mapped"][score]) > 0
        yield Finding(f"Mapping makes {name} {'better' if better else 'WORSE'}: a gain of {text}.", "scores")
    losses = []
    for other in ("cfid", "cas", "recall", "auc"):
        before, after = (_value(subject, other, side) for side in ("baseline", "mapped"))
        spread = (floor(scores, other) or (0.0, 0.02))[1]
        if before is not None and after is not None and gain(other, before, after) < -max(2 * spread, 0.02):
            losses.append(f"{LEGEND[other].name} ({before:.3g} to {after:.3g})")
    if losses:
        yield Finding(f"Mapping makes other scores worse: {', '.join(losses)}.", "scores")
    if scores.get("controls") and "dataset" in scores:
        table = controls_table([scores])
        lost = [f"{row[1]}: {row[-2]}" for row in table.cells if row[-2].startswith(NO_BETTER)]
        if lost:
            yield Finding(f"The mapper does not beat simple controls. {'; '.join(lost)}.", "controls")


def _told_apart(subject: Subject) -> Iterator[Finding]:
    auc = _value(subject, "auc")
    if auc is None:
        return
    if auc > 0.9:
        yield Finding(
            f"A plain classifier tells nearly every sample from a real series (AUC {auc:.2f}). See what gives "
            "them away.",
            "told-apart",
        )
    elif auc < 0.6 or at_floor(subject.scores, subject.last, "auc"):
        yield Finding(
            f"A plain classifier can hardly tell samples from real series (AUC {auc:.2f}).", "told-apart"
        )


def _shape(subject: Subject) -> Iterator[Finding]:
    contrasts = subject.contrasts[subject.last]

    def where(values: list[float]) -> tuple[float, str]:
        worst = max(range(len(values)), key=lambda channel: abs(values[channel]))
        return values[worst], f" in {subject.channel_name(worst)}" if len(values) > 1 else ""

    logs = [math.log(max(c.amplitude, 1e-3)) if math.isfinite(c.amplitude) else 0.0 for c in contrasts]
    gap, place = where(logs)
    if abs(gap) > math.log(1.1):
        words = "too flat" if gap < 0 else "too lively"
        yield Finding(
            f"The samples are {words}: their standard deviation over time is {_share(math.exp(gap))} of that of "
            f"real series{place}.",
            "series",
        )
    gap, place = where([c.level for c in contrasts])
    if abs(gap) > 0.1:
        yield Finding(
            f"The samples lie too {'high' if gap > 0 else 'low'}{place}, by {abs(gap):.2f} sd.", "values"
        )
    gap, place = where([c.fine_db for c in contrasts])
    if abs(gap) > 2:
        words = "Fine structure is missing" if gap < 0 else "There is too much fine structure, such as noise"
        yield Finding(
            f"{words}{place}: the upper half of the frequencies is {abs(gap):.1f} dB too "
            f"{'weak' if gap < 0 else 'strong'}.",
            "spectrum",
        )


def _variety(subject: Subject) -> Iterator[Finding]:
    for score, words in (
        ("recall", "Variety is missing: {} of the real series have a sample nearby"),
        ("precision", "Not every sample is realistic: {} lie near a real series"),
        (
            "cas",
            "Samples are worse to learn from: a classifier trained on them is right for {} of the real series",
        ),
    ):
        value, real = _value(subject, score), floor(subject.scores, score)
        if value is not None and real is not None and value < real[0] - max(2 * real[1], 0.05):
            yield Finding(
                f"{words.format(_share(value))}, with real series in their place {_share(real[0])}.", "scores"
            )


def _classes(subject: Subject) -> Iterator[Finding]:
    per_class = (subject.scores.get(subject.last) or {}).get("cfid_per_class") or {}
    if len(per_class) < 2:
        return
    worst = max(per_class, key=lambda label: per_class[label])
    others = sorted(value for label, value in per_class.items() if label != worst)
    middle = others[len(others) // 2]
    if per_class[worst] > 2 * middle:
        yield Finding(
            f"Class {worst} is the worst: its FID is {per_class[worst]:.3g}, that of the others {middle:.3g} in "
            "the middle.",
            "classes",
        )


def _sizes(subject: Subject) -> Iterator[Finding]:
    real, samples = len(subject.real.X), len(subject.versions[subject.last].X)
    if min(real, samples) < FEW:
        yield Finding(
            f"There are few series ({real} real, {samples} {called(subject.last)}), so distances are biased "
            "upwards. Trust only comparisons of equal numbers.",
            "scores",
        )
    if subject.train is None:
        yield Finding("Whether TRAIN was memorised is not known, since it was not given.", "neighbours")
