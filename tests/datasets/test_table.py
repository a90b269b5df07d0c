"""docs/bad-input.md is made from the tests' own cases; `python tests/datasets/test_table.py` makes it anew."""

import re
from pathlib import Path

import test_bad_input
import test_fetch
import test_files
import test_panels

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "bad-input.md"
HEAD = """# Bad input

What happens to data that are not as they should be; [own-data.md](own-data.md) says what is expected. The tables
are made from the cases of the tests (`test_bad_input.py`, `test_panels.py`, `test_files.py` and `test_fetch.py` in
`tests/datasets`), by the names that stand here; a test compares them. Each message is one line that names the
file, the row or series where there is one, and the remedy.
"""
DOWNLOADS = {
    "nothing": "an address that is not there",
    "forbidden": "an address that is forbidden",
    "broken": "a server that fails",
    "html": "an HTML page instead of a zip",
    "text": "text instead of a zip",
    "empty": "an empty answer",
    "cut": "a connection that breaks half-way, each time",
    "loop": "redirects without end",
    "away": "a server that cannot be reached",
    "slow": "a server that does not answer in time",
}


def cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def table(*head: str, rows: list[tuple[object, ...]]) -> str:
    lines = [head, ("---",) * len(head), *(tuple(map(cell, row)) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def plain(pattern: str) -> str:
    """A message from the regular expression that a test holds it against."""
    return re.sub(r"\\(.)", r"\1", re.sub(r" ?\.\* ?", " … ", pattern.partition("|")[0]))


def parameters(function: object) -> list[tuple[str, str]]:
    """The cases of a test that is parametrised by name and message."""
    (mark,) = [mark for mark in function.pytestmark if mark.name == "parametrize"]  # type: ignore[attr-defined]
    return list(mark.args[1])


def document() -> str:
    refused = [(name, " … ".join(words)) for name, (_, _, words) in test_bad_input.REFUSED.items()]
    panels = [(name, plain(words)) for name, (_, words) in test_panels.REFUSED.items()]
    paths = [(kind, f"is {kind}, not a file") for kind in test_files.KINDS]
    sizes = [(name, plain(words)) for name, (_, _, words) in test_files.HEADERS.items()]
    archives = [(name, message) for name, (_, message) in test_fetch.HOSTILE.items()]
    cases = parameters(test_fetch.test_a_failed_download_says_what_to_do_and_leaves_nothing)
    downloads = [(DOWNLOADS[page], message) for page, message in cases]
    accepted = [
        (name, "no labels" if labels is None else ", ".join(labels))
        for name, (_, _, labels) in test_bad_input.ACCEPTED.items()
    ]
    warned = [(name, message) for name, (_, message) in test_bad_input.WARNED.items()]
    return "\n".join(
        [
            HEAD,
            f"## Refused: series and tables ({len(refused)} kinds)\n\nExit status 1; nothing is written.\n",
            table("kind", "the message says", rows=refused),
            f"## Refused: what is handed in from Python ({len(panels)} kinds)\n\n"
            "Panels and tables as `X` of `fit`, `transform` and `evaluate`.\n",
            table("kind", "the message says", rows=panels),
            f"## Refused: paths ({len(paths)} kinds)\n\n"
            "Before anything is opened, so that nothing waits, is read without end, or is replaced.\n",
            table("the path leads to", "the message says", rows=paths),
            f"## Refused: headers of arrays ({len(sizes)} kinds)\n\nIn an .npz, before anything is unpacked.\n",
            table("the header declares", "the message says", rows=sizes),
            f"## Refused: archives ({len(archives)} kinds)\n\nNothing is unpacked outside a temporary folder.\n",
            table("kind", "the message says", rows=archives),
            f"## Refused: downloads ({len(downloads)} kinds)\n\n"
            "Failures that may pass are tried again, from the start: no range support is asked of a server. A\n"
            "file whose SHA-256 is not the recorded one is refused, too. Only a whole file gets its final name.\n",
            table("kind", "the message says", rows=downloads),
            f"## Accepted, and labels come back as they were ({len(accepted)} kinds)\n",
            table("kind", "classes", rows=accepted),
            f"## Accepted with a warning ({len(warned)} kinds)\n",
            table("kind", "the warning says", rows=warned),
        ]
    )


def test_the_document_lists_what_is_tested() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "run python tests/datasets/test_table.py"


ASKED_FOR = (
    *("missing file", "wrong separator", "ragged row", "not a number", "NaN", "infinite", "empty file", "UTF-16"),
    *(
        "one series",
        "one class",
        "class with one member",
        "two columns of one name",
        "too short",
        "truncated gzip",
    ),
    *(
        "member above",
        "absolute member",
        "symbolic link",
        "bomb",
        "wrong checksum",
        "pickle",
        "slow",
        "loop",
        "html",
    ),
    *("cut", "labels as words", "labels -1 and 1", "labels as floats", "labels with gaps"),
    *("constant series", "duplicates", "class with few members"),
)


def test_every_kind_that_was_asked_for_is_there() -> None:
    text = document()
    missing = [kind for kind in ASKED_FOR if f"| {DOWNLOADS.get(kind, kind)} |" not in text]
    assert not missing


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
