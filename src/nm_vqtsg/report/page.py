"""The page: what to look at first, the scores, and the pictures."""

from nm_vqtsg import __version__
from nm_vqtsg.evaluation.floor import at_floor
from nm_vqtsg.evaluation.legend import GAIN, LEGEND
from nm_vqtsg.evaluation.table import (
    ON_VALIDATION,
    better,
    change_text,
    gain_text,
    judge_words,
    missing_by_reason,
    real_text,
    score_text,
    shown_scores,
)
from nm_vqtsg.metrics.directions import BETTER
from nm_vqtsg.report import groups, html, pictures
from nm_vqtsg.report.findings import findings
from nm_vqtsg.report.subject import Subject, called
from nm_vqtsg.session import Session
from nm_vqtsg.tables.controls import controls_table

SECTIONS = (
    pictures.series,
    pictures.told_apart,
    pictures.features,
    pictures.neighbours,
    pictures.values,
    pictures.spectrum,
    groups.classes,
    groups.channels,
)


def report_page(subject: Subject, session: Session | None = None) -> str:
    """One page of HTML with everything in it. It asks for nothing from elsewhere; equal series give equal text.

    Parameters
    ----------
    subject : Subject
        Series and their scores.
    session : Session, optional
        Shows progress.
    """
    sections = []
    with (session or Session()).track("report", len(SECTIONS)) as task:
        for draw in SECTIONS:
            sections.append(draw(subject))
            task.advance()
    body = [_first(subject), _scores(subject), *sections, _controls(subject)]
    body = [part for part in body if part]
    return html.document(
        f"{subject.title}: real and synthetic series",
        f"<header><h1>{html.text(subject.title)}</h1>",
        html.paragraph(_sizes(subject)),
        *([html.paragraph(f"Before anything else: {'; '.join(subject.notes)}.")] if subject.notes else []),
        html.paragraph(ON_VALIDATION) if subject.scores.get("evaluated_on") == "validation" else "",
        _contents(body),
        "</header><main>",
        *body,
        "</main>",
        f"<footer>nm-vqtsg {html.text(__version__)}. More about each score: docs/evaluation.md.</footer>",
    )


PARTS = {"fcn_accuracy": "the judge's accuracy", "reference": "what real series score"}
"""What else may not have been measured, in words."""
_TITLES = {
    "scores": "Scores",
    "series": "Series",
    "told-apart": "What gives them away",
    "features": "Features",
    "neighbours": "Neighbours",
    "values": "Values",
    "spectrum": "Autocorrelation and spectrum",
    "classes": "Classes",
    "channels": "Channels",
    "controls": "Controls",
}


def _contents(body: list[str]) -> str:
    there = [name for name in _TITLES if any(f'<section id="{name}"' in part for part in body)]
    links = "".join(f"<li>{html.link(name, _TITLES[name])}</li>" for name in there)
    return f'<nav aria-label="Sections of this page"><ul>{links}</ul></nav>'


def _sizes(subject: Subject) -> str:
    def told(name: str, n: int) -> str:
        source = subject.sources.get(name)
        return f"{n} {called(name) if name != 'train' else 'TRAIN'} series" + (f" ({source})" if source else "")

    parts = [told("real", len(subject.real.X))]
    parts += [told(name, len(samples.X)) for name, samples in subject.versions.items()]
    parts += [] if subject.train is None else [told("train", len(subject.train.X))]
    _, channels, length = subject.real.X.shape
    shape = f"{length} time steps" + ("" if channels == 1 else f", {channels} channels")
    words = f"{'; '.join(parts)}. Series of {shape}."
    if set(subject.versions) == {"baseline", "mapped"}:
        words += " Generated: what the generator gives; mapped: the same samples after the neural mapper."
    return words


def _first(subject: Subject) -> str:
    items = "".join(
        f"<li>{html.text(finding.says)} {html.link(finding.section, 'Show')}</li>" for finding in findings(subject)
    )
    return (
        '<section id="first" class="first" aria-labelledby="first-title">'
        f'<h2 id="first-title">What to look at first</h2><ol>{items}</ol></section>'
    )


def _scores(subject: Subject) -> str:
    scores, with_change = subject.scores, "change_percent" in subject.scores
    with_real = bool(scores.get("reference"))
    header = ["score", *map(called, subject.versions)]
    header += (["gain", "change %"] if with_change else []) + (["real series"] if with_real else [])
    rows: list[list[str | tuple[str, str]]] = []
    for score in shown_scores(scores):
        entry = LEGEND[score]
        row: list[str | tuple[str, str]] = [(entry.name, f"{entry.says}{_stop(entry.says)} {_direction(score)}")]
        for name in subject.versions:
            text = score_text(scores, name, score)
            row.append((text, "at the floor") if at_floor(scores, name, score) and text else text)
        row += [gain_text(scores, score), change_text(scores, score)] if with_change else []
        row += [real_text(scores, score)] if with_real else []
        rows.append(row)
    notes = ["[a, b] is a 95 % interval, ± a standard deviation over fits, networks or draws."]
    if with_real:
        notes.append(
            "real series: what parts of TRAIN score in the place of the samples. At the floor: within two of "
            "these standard deviations, or better, so nothing is left to win."
        )
    notes += list(GAIN) if with_change else []
    notes += judge_words(scores)
    for (reason, remedy), names in missing_by_reason(scores).items():
        listed = ", ".join(LEGEND[name].name if name in LEGEND else PARTS.get(name, name) for name in names)
        notes.append(f"Not measured: {listed} ({reason})." + (f" To measure that: {remedy}." if remedy else ""))
    caption = "Every score of the samples" + (", beside what real series score" if with_real else "")
    return html.section("scores", "Scores", html.table(caption, header, rows), html.listing(notes))


def _stop(sentence: str) -> str:
    return "" if sentence.endswith("?") else "."


def _direction(score: str) -> str:
    direction = BETTER[score]
    return f"Best {better(score)}." if isinstance(direction, float) else f"Better: {better(score)}."


def _controls(subject: Subject) -> str:
    if not subject.scores.get("controls") or "dataset" not in subject.scores:
        return ""
    table = controls_table([subject.scores])
    shown = [place for place, name in enumerate(table.header) if name not in ("Dataset", "Seeds")]
    rows = [[row[place] for place in shown] for row in table.cells]
    caption = "The mapper beside changes that learn nothing of what it learns"
    return html.section(
        "controls",
        "Is the mapper more than jitter?",
        html.table(caption, [table.header[place] for place in shown], [tuple(row) for row in rows]),
        html.listing(table.notes),
    )
