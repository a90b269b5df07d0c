"""The sections of the page that show series, each as HTML."""

from collections.abc import Mapping

import numpy as np

from nm_vqtsg.figures import panels, png_bytes
from nm_vqtsg.figures.plane import Plane
from nm_vqtsg.figures.style import channel_label, common_limits
from nm_vqtsg.metrics.neighbours import nearest
from nm_vqtsg.metrics.statistics import mean_acf, mean_power
from nm_vqtsg.report import html
from nm_vqtsg.report.subject import PROBABILITIES, Subject, called

MOST_CHANNELS = 4
DRAWN = 150
POINTS = 250
SHOWN = 4
EACH_WAY = 2


def series(subject: Subject) -> str:
    """Many series of each set over one another."""
    rng, pictures = np.random.default_rng(subject.evaluate.seed), []
    sets = {name: X[_some(rng, len(X), DRAWN)] for name, X in subject.sets.items()}
    for channel in subject.channels(MOST_CHANNELS):
        limits = common_limits(*(X[:, channel] for X in sets.values()))
        for name, X in sets.items():
            figure = panels.overlay(X[:, channel], name, limits=limits, label=label_of(subject, channel))
            of = channel_words(subject, channel)
            amplitude = float(subject.sets[name][:, channel].std(-1).mean())
            pictures.append(
                html.picture(
                    png_bytes(figure),
                    f"{len(X)} {called(name)} series over one another{of}",
                    f"{called(name)}{of}: {len(X)} of {len(subject.sets[name])} series; a series has a standard "
                    f"deviation of {amplitude:.3g}",
                )
            )
    return html.section("series", "Series over one another", _channels_said(subject), html.grid(*pictures))


def values(subject: Subject) -> str:
    """Quantiles of all values, and at each time."""
    pictures = []
    for channel in subject.channels(MOST_CHANNELS):
        of, sets = channel_words(subject, channel), {name: X[:, channel] for name, X in subject.sets.items()}
        real = np.quantile(sets["real"], PROBABILITIES)
        lines = {
            name: (real, np.quantile(values, PROBABILITIES)) for name, values in sets.items() if name != "real"
        }
        figure = panels.curves(
            lines, labels=("quantile of the real values", "quantile of the samples"), diagonal=True
        )
        gaps = "; ".join(
            f"{called(name)}: on average {contrasts[channel].quantiles:.3f} sd apart"
            for name, contrasts in subject.contrasts.items()
        )
        pictures.append(
            html.picture(
                png_bytes(figure),
                f"Quantiles of the values of the samples against those of the real series{of}",
                f"All values{of}: on the dotted line, samples have the distribution of real values ({gaps})",
            )
        )
        pictures.append(
            html.picture(
                png_bytes(panels.bands(sets, label=label_of(subject, channel))),
                f"Median and middle 80 % of the values at each time{of}, real series and samples",
                f"Values at each time{of}: median and middle 80 %, of the real series as a band",
            )
        )
    return html.section("values", "Values", html.grid(*pictures))


def spectrum(subject: Subject) -> str:
    """Autocorrelation and spectrum."""
    acf = {name: mean_acf(X) for name, X in subject.sets.items()}
    power = {name: mean_power(X) for name, X in subject.sets.items()}
    length, pictures = subject.real.X.shape[-1], []
    for channel in subject.channels(MOST_CHANNELS):
        of = channel_words(subject, channel)
        lags = np.arange(max(length // 2, 1) + 1)
        lines = {name: (lags, values[channel, : len(lags)]) for name, values in acf.items()}
        pictures.append(
            html.picture(
                png_bytes(panels.curves(lines, labels=("lag, time steps", "autocorrelation"))),
                f"Mean autocorrelation{of} of real series and samples",
                f"Autocorrelation{of}: how alike a series is to itself some steps later, mean over the series",
            )
        )
        loudest = float(power["real"][channel].max()) or 1.0
        cycles = np.arange(1, power["real"].shape[-1] + 1)
        lines = {
            name: (cycles, 10 * np.log10(np.maximum(values[channel] / loudest, 1e-8)))
            for name, values in power.items()
        }
        pictures.append(
            html.picture(
                png_bytes(panels.curves(lines, labels=("cycles in a series", "power, dB"))),
                f"Mean power spectrum{of} of real series and samples",
                f"Spectrum{of}: slow waves left, fine structure right; 0 dB is the strongest of the real series",
            )
        )
    return html.section("spectrum", "Autocorrelation and spectrum", html.grid(*pictures))


def features(subject: Subject) -> str:
    """PCA and t-SNE of the features."""
    kind = "the FCN's features" if subject.judge is not None else "ROCKET features"
    rng = np.random.default_rng(subject.evaluate.seed)
    rows = {name: _some(rng, len(X), POINTS) for name, X in subject.sets.items()}
    if subject.judge is not None:
        points = {name: subject.judge.features(X[rows[name]]) for name, X in subject.sets.items()}
    else:
        points = {name: subject.rocket_features[name][rows[name]] for name in subject.sets}
    plane = Plane.fit(points["real"])
    pictures = _maps(
        {name: plane.project(of_set) for name, of_set in points.items()},
        (plane.label(0), plane.label(1)),
        "PCA",
        "the two principal axes of the real series",
    )
    embedded = _tsne(points, subject.evaluate.seed)
    if embedded is not None:
        pictures += _maps(
            embedded, ("t-SNE 1", "t-SNE 2"), "t-SNE", "neighbours stay neighbours, distances mean nothing"
        )
    return html.section(
        "features",
        "Features",
        html.paragraph(
            f"Each point is a series, as {kind} see it. Samples that are like real series cover the same "
            "places, in the same density. Where only real points lie, variety is missing; where only samples "
            "lie, they are odd."
        ),
        html.grid(*pictures),
    )


def told_apart(subject: Subject) -> str:
    """The samples that the classifier of the AUC is surest of, either way."""
    title = "What gives the samples away"
    if not subject.verdicts:
        return html.section("told-apart", title, html.paragraph("A classifier needs five series of each set."))
    channel, pictures = subject.channels(1)[0], []
    for name, verdicts in subject.verdicts.items():
        order, X = np.argsort(-verdicts.generated, kind="stable"), subject.versions[name].X
        for chosen, words in ((order[:SHOWN], "told apart most surely"), (order[::-1][:SHOWN], "taken for real")):
            rows = verdicts.rows[chosen]
            near = nearest(X[rows], subject.real.X)[1]
            plots = [
                {"real": subject.real.X[other, channel], name: X[row, channel]}
                for row, other in zip(rows, near, strict=True)
            ]
            titles = [f"sample {row}: {verdicts.generated[at]:+.2f}" for row, at in zip(rows, chosen, strict=True)]
            listed = ", ".join(map(str, rows))
            pictures.append(
                html.picture(
                    png_bytes(panels.gallery(plots, titles, label=label_of(subject, channel))),
                    f"Four {called(name)} series that are {words}, each over the nearest real series",
                    f"{called(name)}, {words}{channel_words(subject, channel)}: samples {listed}, each with the "
                    f"nearest real series (AUC {verdicts.auc:.3f})",
                )
            )
    return html.section(
        "told-apart",
        title,
        html.paragraph(
            "A plain classifier (a ridge on ROCKET features, that of the AUC) has learnt to tell samples from "
            "real series, and answers for those that it has not seen. Above each sample stands how sure it is: "
            "positive for synthetic, negative for real. Samples are counted from 0, in the order of their file."
        ),
        html.grid(*pictures),
    )


def neighbours(subject: Subject) -> str:
    """The samples that lie closest to real series, and whether those were seen in training."""
    channel, body = subject.channels(1)[0], []
    rng = np.random.default_rng(subject.evaluate.seed)
    against = "real" if subject.train is None else "train"
    others = subject.real.X if subject.train is None else subject.train.X
    pictures = []
    for name, samples in subject.versions.items():
        distances, near = nearest(samples.X, others)
        order = np.argsort(distances, kind="stable")
        middle = len(order) // 2
        chosen = np.unique([*order[:EACH_WAY], *order[middle : middle + EACH_WAY]], return_index=True)
        rows = chosen[0][np.argsort(chosen[1])]
        plots = [{against: others[near[row], channel], name: samples.X[row, channel]} for row in rows]
        titles = [f"sample {row}: {distances[row]:.2f}" for row in rows]
        words = "TRAIN" if against == "train" else "the real series"
        pictures.append(
            html.picture(
                png_bytes(panels.gallery(plots, titles, label=label_of(subject, channel))),
                f"{called(name)} series over their nearest neighbours in {words}",
                f"{called(name)}{channel_words(subject, channel)}: the {EACH_WAY} samples that lie closest to "
                f"{words}, then {EACH_WAY} from the middle, each with its neighbour and the distance",
            )
        )
        if subject.train is not None:
            n = min(len(others), len(subject.real.X))  # more series lie closer by number alone
            seen = nearest(samples.X, others[_some(rng, len(others), n)])[0]
            unseen = nearest(samples.X, subject.real.X[_some(rng, len(subject.real.X), n)])[0]
            shares = np.linspace(0, 1, 200)
            lines = {"train": (np.quantile(seen, shares), shares), "real": (np.quantile(unseen, shares), shares)}
            pictures.append(
                html.picture(
                    png_bytes(
                        panels.curves(lines, labels=("distance to the nearest series", "share of the samples"))
                    ),
                    f"Distances of {called(name)} series to TRAIN and to the unseen real series",
                    f"{called(name)}: memorised samples would lie far closer to TRAIN than to real series that "
                    f"the generator has not seen ({n} of each)",
                )
            )
    if subject.train is None:
        body.append(
            html.paragraph(
                "Whether the generator has memorised what it learnt from cannot be said without TRAIN "
                "(--train). The neighbours below are among the real series that the samples were measured "
                "against."
            )
        )
    else:
        body.append(html.listing(_memory(subject)))
    return html.section("neighbours", "Nearest neighbours and memory", *body, html.grid(*pictures))


def _memory(subject: Subject) -> list[str]:
    told = []
    for name in subject.versions:
        own = (subject.scores.get(name) or {}).get("second_opinion", {})
        if "copies" in own and "closer_to_train" in own:
            told.append(
                f"{called(name)}: {100 * own['copies']:.1f} % copies of TRAIN; "
                f"{100 * own['closer_to_train']:.0f} % of the "
                "samples lie closer to TRAIN than to as many unseen series (50 % where nothing was memorised)"
            )
    return told


def _maps(points: Mapping[str, np.ndarray], labels: tuple[str, str], method: str, meaning: str) -> list[str]:
    """A map of the real points with those of each version."""
    limits = tuple(common_limits(*(places[:, axis] for places in points.values())) for axis in (0, 1))
    pictures = []
    for name in points:
        if name == "real":
            continue
        shown = {"real": points["real"], name: points[name]}
        figure = panels.scatter(shown, limits=(limits[0], limits[1]), labels=labels)
        pictures.append(
            html.picture(
                png_bytes(figure),
                f"{method} of real and {called(name)} series",
                f"{method}, real and {called(name)}: {meaning}",
            )
        )
    return pictures


def _tsne(points: Mapping[str, np.ndarray], seed: int) -> dict[str, np.ndarray] | None:
    """All sets on one map; None for a handful of points, or points that are all the same."""
    from sklearn.manifold import TSNE

    stacked = np.concatenate(list(points.values())).astype(np.float64)
    if len(stacked) < 12 or not np.ptp(stacked, axis=0).any():
        return None
    method = TSNE(perplexity=min(30.0, (len(stacked) - 1) / 3), init="pca", random_state=seed, n_jobs=1)
    places = np.split(method.fit_transform(stacked), np.cumsum([len(of_set) for of_set in points.values()])[:-1])
    return dict(zip(points, places, strict=True))


def _some(rng: np.random.Generator, n: int, most: int) -> np.ndarray:
    return np.sort(rng.permutation(n)[:most])


def label_of(subject: Subject, channel: int) -> str:
    """Of a value axis."""
    return channel_label(channel, subject.n_channels, subject.unit, subject.real.channels)


def channel_words(subject: Subject, channel: int) -> str:
    """``, channel 2``, where there are several."""
    return "" if subject.n_channels == 1 else f", {subject.channel_name(channel)}"


def _channels_said(subject: Subject) -> str:
    shown = subject.channels(MOST_CHANNELS)
    if len(shown) == subject.n_channels:
        return ""
    names = subject.real.channels
    listed = ", ".join(names[channel] if names else str(channel + 1) for channel in shown)
    return html.paragraph(
        f"Of {subject.n_channels} channels, the pictures show {listed}: those whose values differ most."
    )
