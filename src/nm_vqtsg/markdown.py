"""Texts of users in Markdown."""

import html
import re

from nm_vqtsg.errors import one_line

# marks that begin emphasis, code, mathematics or the next cell of a table, and what makes a link of brackets;
# brackets alone stay, so that `tau_grid=[0.1,0.5]` can be copied; `_` counts only at a word's edge
_MARKS = re.compile(r"[\\`*|~$]|\](?=[(\[:])|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def escape_markdown(text: str) -> str:
    """`text` so that Markdown, and HTML inside it, shows it as it is, in one line and in one cell of a table."""
    return _MARKS.sub(lambda mark: f"\\{mark[0]}", html.escape(one_line(text), quote=False))
