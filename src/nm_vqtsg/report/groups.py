"""The sections of the page that go class by class and channel by channel."""

import numpy as np

from nm_vqtsg.figures import class_bars, panels, png_bytes
from nm_vqtsg.report import html
from nm_vqtsg.report.pictures import channel_words, label_of
from nm_vqtsg.report.subject import Subject, called

MOST_CLASSES = 12


def classes(subject: Subject) -> str:
    """Class by class; nothing where there are no classes on both sides."""
    labels, real = subject.real.labels, subject.real
    by_class = {name: samples for name, samples in subject.versions.items() if samples.y_class is not None}
    if labels is None or real.y is None or not by_class:
        return ""
    per_class = {name: (subject.scores.get(name) or {}).get("cfid_per_class") or {} for name in subject.versions}
    body = []
    if all(per_class.values()):
        intervals = subject.scores.get("intervals", {})
        figure = class_bars(
            per_class,
            intervals={name: intervals.get(name, {}).get("cfid_per_class", {}) for name in per_class},
            reference=(subject.scores.get("reference") or {}).get("cfid_per_class", {}),
            left_out=[label for label in labels.tolist() if label not in per_class[subject.last]],
        )
        body.append(
            html.picture(
                png_bytes(figure),
                "Bars: FID of each class",
                "FID of each class with 95 % intervals; dashed: the mean, which is cFID. Few series give high "
                "bars, so compare with what real series score",
                wide=True,
            )
        )
    worst = per_class[subject.last]
    places = [place for place in range(len(labels)) if (real.y == place).any()]
    places.sort(key=lambda place: -worst.get(str(labels[place]), 0.0))
    channel, pictures = subject.channels(1)[0], []
    for place in places[:MOST_CLASSES]:
        sets = {"real": real.X[real.y == place, channel]}
        for name, samples in by_class.items():
            of_class = np.flatnonzero(samples.y_class == place)
            if samples.X_class is not None and len(of_class):
                sets[name] = samples.X_class[of_class, channel]
        sizes = ", ".join(f"{len(X)} {called(name)}" for name, X in sets.items())
        pictures.append(
            html.picture(
                png_bytes(panels.bands(sets, label=label_of(subject, channel), title=f"class {labels[place]}")),
                f"Median and middle 80 % of class {labels[place]}, real series and samples",
                f"class {labels[place]}{channel_words(subject, channel)}: median and middle 80 % at each time "
                f"({sizes})",
            )
        )
    if len(places) > MOST_CLASSES:
        body.append(html.paragraph(f"The {MOST_CLASSES} classes with the highest FID, of {len(places)}:"))
    return html.section("classes", "Class by class", *body, html.grid(*pictures))


def channels(subject: Subject) -> str:
    """A table of the channels; nothing for one channel."""
    if subject.n_channels == 1:
        return ""
    header = [
        "channel",
        "samples",
        "amplitude",
        "level, sd",
        "quantiles, sd",
        "ACF",
        "spectrum, dB",
        "fine part, dB",
    ]
    rows = [
        [
            subject.real.channels[channel] if subject.real.channels else f"channel {channel + 1}",
            called(name),
            f"{100 * own.amplitude:.0f} %",
            f"{own.level:+.2f}",
            f"{own.quantiles:.3f}",
            f"{own.acf:.3f}",
            f"{own.spectrum:.2f}",
            f"{own.fine_db:+.1f}",
        ]
        for channel in range(subject.n_channels)
        for name, contrasts in subject.contrasts.items()
        for own in [contrasts[channel]]
    ]
    caption = (
        "Amplitude: standard deviation over time, as a part of that of real series. Level: of the mean of all "
        "values. Quantiles, ACF, spectrum: distances, lower is better. Fine part: power in the upper half of "
        "the frequencies, over that of real series."
    )
    return html.section("channels", "Channel by channel", html.table(caption, header, rows))
