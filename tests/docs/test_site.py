"""The site of the documentation builds without warnings, has every public name, and loads nothing from outside."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import site_hook

import nm_vqtsg

ROOT = Path(__file__).resolve().parents[2]
LOADED = re.compile(
    r"<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=\"?(?:https?:)?//|<link\b[^>]*href=\"?https?://"
)
SHEET = re.compile(r"(?:url\(\s*|@import\s+)['\"]?(?:https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out


def test_every_public_name_is_on_the_page_with_its_signature(site: Path) -> None:
    page = (site / "api.html").read_text(encoding="utf-8")
    for name in nm_vqtsg.__all__:
        if name != "__version__":
            place = getattr(nm_vqtsg, name)
            assert f'id="{place.__module__}.{place.__qualname__}"' in page, f"{name} is not in docs/api.md"
    assert "array - like" not in page and ":::" not in page


def test_nothing_is_loaded_from_outside(site: Path) -> None:
    """The theme's script could load mermaid or the facts of a repository; no page asks it to."""
    pages = {
        path: path.read_text(encoding="utf-8") for path in site.rglob("*") if path.suffix in (".html", ".css")
    }
    assert len([path for path in pages if path.suffix == ".html"]) > 14
    for path, text in pages.items():
        assert not LOADED.search(text) and not SHEET.search(text), path
        if path.suffix == ".html":
            assert not re.search(r"class=\"?mermaid|data-md-component=\"?source\b", text), path
    assert LOADED.search('<script src="https://x.org/a.js">') and LOADED.search(
        '<link href="https://x.org" rel="s">'
    )
    assert SHEET.search("@import '//x.org/a.css'") and SHEET.search("src: url(https://x.org/font.woff)")


def test_links_that_leave_the_site_become_words() -> None:
    text = "[`a`](../tests/test_a.py), [b](method.md#part), [c](../README.md), [d](https://x.org), [e](#here)"
    assert site_hook.inside_docs(text, "docs/x.md") == (
        "`a`, [b](method.md#part), [c](index.md), [d](https://x.org), [e](#here)"
    )
    assert site_hook.inside_docs("![p](docs/images/a.png)", "README.md") == "![p](images/a.png)"
