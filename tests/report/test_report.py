"""The page about real and synthetic series: all of it, from nowhere else, and true."""

import base64
import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import run
from PIL import Image
from sktime.datasets import load_italy_power_demand

from nm_vqtsg.artifacts import load_json
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.datasets.writers import write_series
from nm_vqtsg.evaluation.any_series import NamedSeries, measure_any
from nm_vqtsg.params import Evaluate, Fcn, Params, Rocket
from nm_vqtsg.report import Subject, report_page
from nm_vqtsg.report import pictures as pictures_module
from nm_vqtsg.report.findings import findings

X, Y = load_italy_power_demand(return_type="numpy3D")
PARAMS = Params(
    fcn=Fcn(epochs=1),
    rocket=Rocket(n_kernels=60),
    evaluate=Evaluate(bootstrap=3, cas_fits=1, network_seeds=0, reference_draws=2),
)
HOSTILE = ("<script>alert('1')</script>", r"$x_{$")


class Page(HTMLParser):
    """Tags and texts of a page, and whether every tag is closed."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module", autouse=True)
def few_pictures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures_module, "POINTS", 25)
        patch.setattr(pictures_module, "MOST_CHANNELS", 2)
        yield


def subject(
    real: np.ndarray,
    versions: dict[str, np.ndarray],
    train: np.ndarray | None = None,
    y: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
    params: Params = PARAMS,
) -> Subject:
    """Measured as files are; `y` are labels of real series, samples and TRAIN."""
    of_real, of_samples, of_train = y or (None, None, None)
    measured = measure_any(
        NamedSeries("real", real, of_real),
        {name: NamedSeries(name, samples, of_samples) for name, samples in versions.items()},
        None if train is None else NamedSeries("train", train, of_train),
        params=params,
    )
    parts = (measured.scores, measured.real, measured.versions, measured.train, measured.judge)
    return Subject("a test", *parts, params.rocket, params.evaluate)


@pytest.fixture(scope="module")
def flat() -> Subject:
    """Samples that are too flat, and the same mended, of classes with names that mean harm."""
    y = np.array(HOSTILE, dtype=np.str_)[(Y == "2").astype(int)]
    versions = {"baseline": 0.6 * X[200:280], "mapped": 0.95 * X[200:280]}
    return subject(X[:90], versions, X[100:190], (y[:90], y[200:280], y[100:190]))


@pytest.fixture(scope="module")
def page(flat: Subject) -> str:
    return report_page(flat)


def test_it_needs_nothing_from_elsewhere_and_runs_nothing(page: str) -> None:
    read = Page(page)
    assert {tag for tag, _ in read.tags}.isdisjoint(
        {"script", "link", "iframe", "object", "form", "video", "base"}
    )
    for _, attributes in read.tags:
        assert {"srcset", "action", "data", "background"}.isdisjoint(attributes)
        assert not any(name.startswith("on") for name in attributes)
        assert str(attributes.get("src", "data:image/png;base64,")).startswith("data:image/png;base64,")
        assert str(attributes.get("href", "#")).startswith("#")
    assert not re.search(r"url\(|@import", "".join(read.words))
    policy = next(meta["content"] for meta in read.all("meta") if "http-equiv" in meta)
    assert policy is not None and policy.startswith("default-src 'none'; img-src data:")


def test_names_of_classes_are_shown_and_never_obeyed(page: str) -> None:
    assert "<script" not in page and "&lt;script&gt;" in page and "$x_{$" in page
    read = Page(page)
    assert any(HOSTILE[0] in words for words in read.words) and any(HOSTILE[1] in words for words in read.words)


def test_pictures_have_texts_tables_captions_and_links_aims(page: str) -> None:
    read = Page(page)
    images = read.all("img")
    assert len(images) >= 20 and all(image["alt"] for image in images)
    for image in images:
        drawn = Image.open(io.BytesIO(base64.b64decode(str(image["src"]).partition(",")[2])))
        assert drawn.format == "PNG" and drawn.size[0] <= 1050
    names = [tag for tag, _ in read.tags]
    assert names.count("h1") == 1 and names.count("table") == names.count("caption")
    assert {th.get("scope") for th in read.all("th")} == {"row", "col"}
    aims = {attributes["id"] for _, attributes in read.tags if "id" in attributes}
    assert {str(a["href"])[1:] for a in read.all("a")} <= aims
    sections = {
        "first",
        "scores",
        "series",
        "told-apart",
        "features",
        "neighbours",
        "values",
        "spectrum",
        "classes",
    }
    assert sections <= aims and "channels" not in aims
    assert all(section["aria-labelledby"] in aims for section in read.all("section"))


def test_it_is_small_and_the_same_each_time(flat: Subject, page: str) -> None:
    assert len(page) < 2_000_000
    assert report_page(flat) == page


def test_it_names_every_score_in_words_with_what_real_series_score(flat: Subject, page: str) -> None:
    words = " ".join(Page(page).words)
    for expected in ("FID", "distance of the samples from the real series", "real series", "gain", "unresolved"):
        assert expected in words
    assert f"{flat.scores['mapped']['fid']:.4g}" in words
    assert f"{flat.scores['reference']['rocket_fid']:.4g}" in words


def test_the_classifier_shown_is_that_of_the_score(flat: Subject) -> None:
    for name, verdicts in flat.verdicts.items():
        assert verdicts.auc == flat.scores[name]["second_opinion"]["auc"]
        assert len(verdicts.rows) == len(verdicts.real) == len(verdicts.generated) == 80


def test_samples_that_are_too_flat_are_called_so(flat: Subject) -> None:
    baseline = Subject("", flat.scores, flat.real, {"baseline": flat.versions["baseline"]}, flat.train)
    (said,) = [finding for finding in findings(baseline) if "too flat" in finding.says]
    assert said.section == "series" and re.search(r"is (5[5-9]|6[0-5]) % of that of real series", said.says)
    assert not [finding for finding in findings(flat) if "too flat" in finding.says]
    assert any(re.search(r"Mapping makes (FID|ROCKET-FID) better|not resolved", f.says) for f in findings(flat))


def said(about: Subject) -> str:
    return " ".join(finding.says for finding in findings(about))


def test_copies_and_memory_are_the_first_that_is_said() -> None:
    train = X[100:160]
    about = subject(X[:60], {"synthetic": train[:50].copy()}, train)
    first = [finding.says for finding in findings(about) if not finding.says.startswith("Warning")][:2]
    assert "100.0 % of the samples are copies" in first[0] and "may have memorised" in first[1]
    honest = said(subject(X[:60], {"synthetic": X[200:260]}, train))
    assert "copies of series" not in honest and "No sign of memory" in honest


def test_noise_is_told_from_smoothness() -> None:
    rng = np.random.default_rng(0)
    noisy = X[200:260] + 0.4 * rng.standard_normal((60, 1, 24))
    assert "too much fine structure" in said(subject(X[:60], {"synthetic": noisy}))
    smooth = np.apply_along_axis(np.convolve, 2, X[200:260], np.ones(3) / 3, mode="same")
    assert "Fine structure is missing" in said(subject(X[:60], {"synthetic": smooth}))


def test_real_series_in_the_place_of_samples_are_at_the_floor() -> None:
    text = said(subject(X[:150], {"synthetic": X[500:600]}, X[700:1000]))
    assert "at the floor" in text and "can hardly tell" in text
    assert not re.search("too flat|too lively|Fine structure|tells nearly every", text)


def test_without_train_and_labels_it_says_what_cannot_be_said() -> None:
    about = subject(X[:30], {"synthetic": X[40:70]})
    text = " ".join(Page(report_page(about)).words)
    assert "cannot be said without TRAIN" in text and "not known" in text and "few series" in text
    assert "To measure that: name the labels" in text and "Class by class" not in text


@pytest.mark.parametrize("n", [3, 7])
def test_a_handful_of_series_has_a_page(n: int) -> None:
    text = report_page(subject(X[:n], {"synthetic": X[10 : 10 + n]}))
    assert ("needs five series" in text) is (n < 5)


def test_series_that_are_all_the_same_have_a_page() -> None:
    about = subject(X[:20], {"synthetic": np.zeros((20, 1, 24))})
    assert "too flat" in said(about)
    Page(report_page(about))


def test_the_channels_that_differ_most_are_shown_and_all_are_in_the_table() -> None:
    real, samples = (np.concatenate([part, part[::-1], part + 3, part - 3], axis=1) for part in (X[:40], X[50:90]))
    samples[:, 2] *= 0.5
    about = subject(real, {"synthetic": samples})
    assert about.channels(1) == [2]
    page = report_page(about)
    assert "Of 4 channels, the pictures show" in page and page.count('<th scope="row">channel ') == 4
    assert "in channel 3" in said(about)


def test_evaluate_writes_it_beside_the_scores(tmp_path: Path) -> None:
    for name, rows in (("real", slice(0, 40)), ("fake", slice(50, 90)), ("train", slice(100, 140))):
        write_series(tmp_path / f"{name}.csv", X[rows])
    files = ["--real", "real.csv", "--synthetic", "fake.csv", "--train", "train.csv"]
    done = run(tmp_path, "evaluate", *files, "--out", "scores.json", "--report", "pages/page.html")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["written: scores.json", "written: pages/page.html"]
    page = (tmp_path / "pages" / "page.html").read_text(encoding="utf-8")
    words = " ".join(Page(page).words)
    assert "fake.csv against real.csv" in words and "40 synthetic series (fake.csv)" in words
    assert f"{load_json(tmp_path / 'scores.json')['synthetic']['rocket_fid']:.4g}" in words
    assert sorted(path.name for path in (tmp_path / "pages").iterdir()) == ["page.html"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--report", "real.csv"], "--report is one of the files to measure"),
        (["--report", "."], "is a folder, not a file"),
        (["--report", "x.html", "--out", "x.html"], "--out and --report name the same file; name two"),
    ],
)
def test_a_page_replaces_nothing_that_matters(tmp_path: Path, arguments: list[str], words: str) -> None:
    write_series(tmp_path / "real.csv", X[:10])
    before = (tmp_path / "real.csv").read_bytes()
    done = run(tmp_path, "evaluate", "--real", "real.csv", "--synthetic", "real.csv", *arguments)
    assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["real.csv"]
    assert (tmp_path / "real.csv").read_bytes() == before


def test_a_study_says_what_the_mapper_does_not_beat(flat: Subject) -> None:
    scores: dict[str, Any] = {name: dict(flat.scores[name]) for name in ("baseline", "mapped")}
    controls = {name: scores["mapped"] | {"fid": 0.0, "rocket_fid": 0.0} for name in ("noise", "quantile_map")}
    record = flat.scores | {"controls": controls, "dataset": "Toy", "seed": 0}
    about = Subject(
        "Toy, seed 0", record, flat.real, flat.versions, flat.train, flat.judge, flat.rocket, flat.evaluate
    )
    assert "does not beat simple controls" in said(about)
    text = report_page(about)
    assert 'id="controls"' in text and "no better than" in text


def test_series_of_a_study_keep_their_scale() -> None:
    real = Series(X[:5], None, None, Scaling.none(1))
    assert Subject("", {}, real, {}).sets["real"] is real.X
