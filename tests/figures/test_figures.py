"""Each figure shows what it was given, whatever the shape of the data, and its bytes repeat."""

import io
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import matplotlib.text
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.container import ErrorbarContainer
from PIL import Image

from nm_vqtsg import figures
from nm_vqtsg.errors import DataError
from nm_vqtsg.figures import style


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def series(n: int = 30, channels: int = 1, length: int = 24) -> np.ndarray:
    return rng().standard_normal((n, channels, length)).astype(np.float32)


def lines_in(axis: object) -> int:
    return sum(len(c.get_segments()) for c in axis.collections if isinstance(c, LineCollection))


def test_png_bytes_repeat_and_hold_no_date_or_version() -> None:
    def drawn() -> bytes:
        return figures.png_bytes(figures.overlays(series(), series(), series(), rng=rng(), n=5))

    with mpl.rc_context({"font.size": 30, "savefig.dpi": 30}):  # a caller's own settings
        first = drawn()
    assert first == drawn()
    image = Image.open(io.BytesIO(first))
    assert set(image.info) == {"dpi"} and image.size[0] == style.WIDTH * 150


@pytest.mark.parametrize(("channels", "rows"), [(1, 1), (2, 2), (7, style.MAX_CHANNELS)])
def test_overlays_draw_n_series_per_set_and_a_row_per_channel(channels: int, rows: int) -> None:
    X = series(50, channels)
    figure = figures.overlays(X, 0.5 * X, 2 * X, rng=rng(), n=8)
    assert len(figure.axes) == 3 * rows
    assert [lines_in(axis) for axis in figure.axes[:3]] == [8, 8, 8]
    titles = [axis.get_title() for axis in figure.axes[:3]]
    spread = X[:, 0].std(axis=1).mean()
    assert f"{spread:.2f}" in titles[0] and f"{spread / 2:.2f}" in titles[1]
    assert len({axis.get_ylim() for axis in figure.axes[:3]}) == 1


def test_series_of_one_channel_may_be_flat_and_an_int_serves_as_rng() -> None:
    X, taus = series(9), (0.1, 1.0)
    U = rng().random((9, 20))

    def drawn(X: np.ndarray, source: Callable[[], int | np.random.Generator]) -> list[bytes]:
        return [
            figures.png_bytes(figure)
            for figure in (
                figures.overlays(X, X, 2 * X, rng=source(), n=4),
                figures.pairs(X, 2 * X, rng=source()),
                figures.reconstructions(X[:2], X[:2]),
                figures.stochastic_variants(
                    X, dict.fromkeys(taus, X), U, dict.fromkeys(taus, U), fid={}, chosen=1.0
                ),
            )
        ]

    assert all(map(bytes.__eq__, drawn(X[:, 0], int), drawn(X, rng)))
    figure = figures.overlays(pd.DataFrame(X[:, 0]), X[:, 0].tolist(), X, n=4)  # others each time
    assert lines_in(figure.axes[0]) == 4 and figure.axes[0].get_ylabel() == "value"


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (
            lambda X: figures.overlays(X, X, X[:, :, 1:]),
            r"mapped has channels and length \(1, 23\) where generated",
        ),
        (lambda X: figures.overlays(X, X[:, :, 1:], X[:, :, 1:]), r"generated has .* where real has \(1, 24\)"),
        (lambda X: figures.overlays(X, X, X[1:]), "30 of generated and 29 of mapped cannot belong together"),
        (lambda X: figures.pairs(X, X[0, 0]), r"mapped has shape \(24,\); give an array \(n, channels, length\)"),
        (lambda X: figures.pairs(X[:0], X[:0]), r"generated has shape \(0, 1, 24\)"),
        (lambda X: figures.reconstructions(X[:2], X[:2], names=["one"]), "names has 1 for 2 series"),
    ],
)
def test_series_that_do_not_belong_together_are_refused_in_one_line(draw: Any, words: str) -> None:
    with pytest.raises(DataError, match=words) as error:
        draw(series())
    assert "\n" not in str(error.value)


def test_a_notebook_shows_a_figure_without_pyplot() -> None:
    from IPython.core.formatters import DisplayFormatter

    figure = figures.pairs(series(), series(), rng=0)
    shown, _ = DisplayFormatter().format(figure)
    assert shown["image/png"] == figures.png_bytes(figure)


def test_fewer_series_than_asked_for_are_all_drawn() -> None:
    figure = figures.overlays(series(3), series(3), series(3), rng=rng(), n=200)
    assert lines_in(figure.axes[0]) == 3


def test_pairs_show_each_sample_before_and_after_over_one_another() -> None:
    X = series(channels=2)
    figure = figures.pairs(X, -X, rng=rng(), n=4)
    assert len(figure.axes) == 8
    for channel in (0, 1):
        for axis, titled in zip(figure.axes[4 * channel :][:4], figure.axes[:4], strict=True):
            row = int(titled.get_title().split()[1])
            before, after = axis.lines
            np.testing.assert_array_equal(before.get_ydata(), X[row, channel])
            np.testing.assert_array_equal(after.get_ydata(), -X[row, channel])
    assert [text.get_text().split(",")[0] for text in figure.legends[0].get_texts()] == [
        "generated",
        "the same sample mapped",
    ]


def test_a_title_says_in_words_what_it_is_of_whatever_it_is_called() -> None:
    figure = figures.titled(figures.statement("Figure 4", "no labels"), r"Figure 4. $x_{$, seed 0")
    assert figure.get_suptitle() == r"Figure 4. \$x_{\$, seed 0"
    figures.png_bytes(figure)


def test_reconstructions_state_the_error() -> None:
    X = series()
    figure = figures.reconstructions(X[:2], X[:2] + 0.25, names=["TEST 3", "TEST 7"])
    assert [axis.get_title() for axis in figure.axes] == ["TEST 3, L1 0.250", "TEST 7, L1 0.250"]


def test_feature_planes_share_axes_and_show_every_point() -> None:
    U = rng().standard_normal((40, 128))
    figure = figures.feature_planes(U, U[:30] + 3, U[:20], fid={"generated": 12.345, "mapped": 0.6})
    left, right = figure.axes
    assert [len(c.get_offsets()) for c in (*left.collections, *right.collections)] == [40, 30, 40, 20]
    assert left.get_xlim() == right.get_xlim()
    assert "FID 12.3" in left.get_title() and "FID 0.6" in right.get_title()


def test_stochastic_variants_frame_the_chosen_temperature() -> None:
    taus = (0.1, 1.0)
    figure = figures.stochastic_variants(
        series(9),
        {tau: series(9) for tau in taus},
        rng().random((9, 20)),
        {tau: rng().random((9, 20)) for tau in taus},
        fid={0.1: 0.02, 1.0: 0.5},
        chosen=1.0,
    )
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[4:] == ["FID 0.02", "FID 0.5, chosen"]
    assert [axis.spines["top"].get_visible() for axis in figure.axes] == [False, False, True] * 2
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [word.split(" ")[0] for word in words] == ["generated,", "real", "the"]


def test_shown_taus_always_hold_the_chosen_one() -> None:
    assert figures.shown_taus([4, 0.1, 1], chosen=1) == [0.1, 1, 4]
    grid = [0.01 * 2**i for i in range(12)]
    for chosen in grid:
        shown = figures.shown_taus(grid, chosen)
        assert len(shown) == 6 and chosen in shown and shown == sorted(shown)


@pytest.mark.parametrize("at_edge", [True, False])
def test_tau_curve_marks_the_winner_and_warns_at_an_end(at_edge: bool) -> None:
    figure = figures.tau_curve([1, 0.1, 4], [0.2, 0.01, 0.9], chosen=0.1, at_edge=at_edge, sizes=(64, 80))
    curve, star = figure.axes[0].lines
    assert list(curve.get_xdata()) == [0.1, 1, 4] and list(curve.get_ydata()) == [0.01, 0.2, 0.9]
    assert (list(star.get_xdata()), list(star.get_ydata())) == ([0.1], [0.01])
    assert ("end of the grid" in star.get_label()) is at_edge


def test_tau_curve_marks_the_winner_by_outcome_on_the_curve_that_decided() -> None:
    figure = figures.tau_curve(
        [1, 0.1], [0.2, 0.01], chosen=1, at_edge=False, sizes=(64, 80), outcome=([0.3, 0.6], 0.5)
    )
    _, deciding, unmapped, star = figure.axes[0].lines
    assert list(deciding.get_ydata()) == [0.6, 0.3]
    assert set(unmapped.get_ydata()) == {0.5}
    assert (list(star.get_xdata()), list(star.get_ydata())) == ([1], [0.3])


def test_class_bars_have_two_bars_a_class_and_name_those_left_out() -> None:
    figure = figures.class_bars(
        {"baseline": {"-1": 1.0, "1": 3.0}, "mapped": {"-1": 0.5, "1": 1.0}},
        intervals={"baseline": {"-1": [0.5, 2.0], "1": [1.0, 4.0]}, "mapped": {"-1": [None, None]}},
        reference={"1": 0.25},
        left_out=["2"],
    )
    (axis,) = figure.axes
    assert [bar.get_height() for bar in axis.patches] == [1.0, 3.0, 0.5, 1.0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["-1", "1"]
    assert axis.get_xlabel().endswith("2)")
    assert sorted(axis.get_legend_handles_labels()[1]) == [
        "generated, mean 2",
        "mapped, mean 0.75",
        "real series, mean 0.25",
    ]
    (bars,) = [bars for bars in axis.containers if isinstance(bars, ErrorbarContainer)]  # of those that are known
    ends = [segment[:, 1].tolist() for segment in bars.lines[2][0].get_segments()]
    assert ends == [[0.5, 2.0], [1.0, 4.0]]
    assert axis.get_ylabel() == "FID of the class, 95 % interval"
    unknown = figures.class_bars({"mapped": {"1": 1.0}}, intervals={"mapped": {"1": [None, None]}})
    assert unknown.axes[0].get_ylabel() == "FID of the class"


def test_codebook_usage_counts_live_codes_and_perplexity() -> None:
    figure = figures.codebook_usage({"LF": np.array([5, 5, 0, 5, 5]), "HF": np.array([7, 0, 0])})
    lf, hf = figure.axes[0].lines
    assert (
        lf.get_label() == "LF: 4 of 5 codes live, perplexity 4"
        and hf.get_label() == "HF: 1 of 3 codes live, perplexity 1"
    )
    np.testing.assert_allclose(lf.get_ydata(), 25.0)


def test_loss_curves_draw_losses_of_every_stage_and_no_accuracy() -> None:
    steps = np.arange(10)
    curve = {
        "step": steps,
        "loss": 1.0 / (steps + 1),
        "accuracy": steps / 10,
        "lf": steps * 1.0,
        "lr": steps * 0.1,
    }
    figure = figures.loss_curves({"one": curve, "two": curve, "three": curve})
    drawn = [line.get_label() for line in figure.axes[0].lines]
    assert drawn == ["loss", "lf"]
    named = figures.loss_curves({"one": curve}, names={"one": {"lf": "LF: error", "loss": "loss: the sum"}})
    assert [line.get_label() for line in named.axes[0].lines] == ["loss: the sum", "LF: error"]
    figures.png_bytes(figure)  # a loss of zero has no place on a logarithmic axis, and does no harm


def test_smoothing_keeps_length_constants_and_passes_over_gaps() -> None:
    from nm_vqtsg.figures.curves import smooth

    values = np.ones(200)
    values[50] = np.nan
    np.testing.assert_allclose(smooth(values), 1.0)
    np.testing.assert_array_equal(smooth(np.arange(5.0)), np.arange(5.0))


def test_a_statement_says_why() -> None:
    text = " ".join(text.get_text() for text in figures.statement("Figure 4", "no labels").texts)
    assert "Figure 4" in text and "no labels" in text


@pytest.mark.parametrize("n", [1, 2, 5])
def test_plane_of_few_or_equal_points(n: int) -> None:
    from nm_vqtsg.figures.plane import Plane

    same = Plane.fit(np.ones((n, 7)))
    assert np.isfinite(same.project(np.ones((3, 7)))).all()


def test_plane_is_the_principal_one() -> None:
    from nm_vqtsg.figures.plane import Plane

    points = rng().standard_normal((500, 3)) * (0.1, 5.0, 1.0)
    plane = Plane.fit(points)
    np.testing.assert_allclose(np.abs(plane.axes), [[0, 1, 0], [0, 0, 1]], atol=0.05)
    np.testing.assert_allclose(plane.project(points).var(axis=0), [25, 1], rtol=0.15)
    assert plane.explained[0] > 0.9 and (plane.axes.max(axis=1) > 0.9).all()


def test_colours_stay_apart_for_colour_deficient_eyes() -> None:
    """Machado et al. (2009) matrices at full severity; distances in CIE L*a*b*."""
    simulate = {
        "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
        "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
        "tritan": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
    }

    def lab(rgb: np.ndarray) -> np.ndarray:
        xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb
        x, y, z = np.cbrt(np.clip(xyz / (0.9505, 1.0, 1.089), 1e-6, None))
        return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])

    colours = [mpl.colors.to_rgb(name) for name in (style.REAL, style.GENERATED, style.MAPPED)]
    linear = [
        np.where(np.array(c) <= 0.04045, np.array(c) / 12.92, ((np.array(c) + 0.055) / 1.055) ** 2.4)
        for c in colours
    ]
    for matrix in simulate.values():
        seen = [lab(np.clip(np.array(matrix) @ colour, 0, 1)) for colour in linear]
        apart = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[i + 1 :]]
        assert min(apart) > 15


HOSTILE = [
    r"$x_{$",
    "$x$",
    "100 $ or $ 200",
    r"\$1",
    "a" * 500,
    "line\nbreak\x1b[2J",
    "_hidden",
    "時系列",
    "%s {}",
]


OUR_SYMBOLS = ("$X$", r"$\hat", r"$\tilde", r"$\mathdefault")  # the last one stands in ticks


def as_drawn(text: str) -> tuple[str, bool]:
    """What matplotlib makes of a text, and whether it reads it as mathematics."""
    shown, is_math = mpl.text.Text(text=text)._preprocess_math(text)
    return shown, bool(is_math)


def texts(figure: mpl.figure.Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(mpl.text.Text)]


@pytest.mark.filterwarnings("ignore:Glyph")  # of scripts that the font lacks
@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_users_are_drawn_as_they_are_and_never_as_mathematics(name: str) -> None:
    X = series(2)
    curve = {"step": np.arange(4), "loss": np.ones(4), name: np.ones(4)}
    drawn = {
        "classes": figures.class_bars({name: {name: 1.0, "b": 2.0}}, left_out=[name, "$"]),
        "names": figures.reconstructions(X, X, names=[name, "b"], unit=name),
        "curves": figures.loss_curves({name: curve}),
        "bands": figures.codebook_usage({name: np.array([3, 1])}),
        "reason": figures.statement(name, name),
    }
    for figure in drawn.values():
        assert figures.png_bytes(figure).startswith(b"\x89PNG")
        for text in texts(figure):
            assert len(text) < 400 and "\x1b" not in text
            assert as_drawn(text)[1] is any(symbol in text for symbol in OUR_SYMBOLS)
    if len(name) < 20 and name.isprintable():
        assert name in [as_drawn(text)[0] for text in texts(drawn["classes"])]


def test_values_are_called_by_the_unit_that_is_given_and_by_none_of_its_own() -> None:
    X, taus = series(9), {0.1: series(9)}
    U = rng().random((9, 20))
    for unit, label in ((None, "value"), ("mV", "value (mV)"), (figures.Z_SCORE, "value (z-score)")):
        drawn = (
            figures.overlays(X, X, X, rng=rng(), unit=unit),
            figures.pairs(X, X, rng=rng(), unit=unit),
            figures.reconstructions(X[:2], X[:2], names=["a", "b"], unit=unit),
            figures.stochastic_variants(X, taus, U, {0.1: U}, fid={}, chosen=0.1, unit=unit),
        )
        for figure in drawn:
            labels = [axis.get_ylabel().split("\n")[-1] for axis in figure.axes if axis.get_ylabel()]
            assert label in labels and not any("z-score" in text for text in labels if unit != figures.Z_SCORE)


@pytest.mark.parametrize("channels", [("kW",), ("kW", "$x$ and more")])
def test_channels_are_called_by_their_names(channels: tuple[str, ...]) -> None:
    X, n = series(12, len(channels)), len(channels)
    given = {"unit": "z-score", "channels": channels}
    drawn = {
        3: figures.overlays(X, X, X, rng=rng(), n=5, **given),
        4: figures.pairs(X, X, rng=rng(), n=4, **given),
        2: figures.reconstructions(X[:2], X[:2], names=["a", "b"], **given),
    }
    expected = [f"{style.plain(name)}\nvalue (z-score)" for name in channels]
    for columns, figure in drawn.items():
        assert [axis.get_ylabel() for axis in figure.axes[::columns]][:n] == expected
    features = np.zeros((12, 4)) + np.arange(12)[:, None]
    shown = figures.stochastic_variants(
        X, {1.0: X}, features, {1.0: features}, fid={1.0: 0.1}, chosen=1.0, **given
    )
    assert shown.axes[0].get_ylabel() == expected[0]
    assert style.channel_label(1, 3) == "channel 2 of 3\nvalue" and style.channel_label(0, 1) == "value"
