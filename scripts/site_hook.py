"""What mkdocs does besides (a hook of mkdocs.yml): pages that lie at the root, and links that lead out of docs/.

README.md is the first page, CHANGELOG.md and CONTRIBUTING.md are pages, too. A link to another file of the
repository, such as a test, becomes the name of that file, since the site holds none of them.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\])\((?!\w+://|#)([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the root."""
    for source, place in PAGES.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links as they must be from docs/."""
    place = page.file.src_uri
    source = next((name for name, other in PAGES.items() if other == place), f"docs/{place}")
    return inside_docs(markdown, source)


def on_page_content(html: str, **_: Any) -> str:
    """The types of docstrings as they are written: mkdocstrings takes them for Python."""
    html = html.replace("<code>array - like</code>", "<code>array-like</code>")
    return re.sub(r"\(<code>\((.*, .*)\)</code>(?=[,)])", r"(<code>\1</code>", html)


def inside_docs(text: str, source: str) -> str:
    """The text of the file `source`, a path from the root, with links that hold on the site."""

    def changed(match: re.Match[str]) -> str:
        words, target, part = match.group(1), match.group(2), match.group(3) or ""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        path = PAGES.get(path, path.removeprefix("docs/") if path.startswith("docs/") else "")
        if path:
            return f"{words}({path}{part})"
        return words[1:-1]

    return LINK.sub(changed, text)
