"""Texts in CSV files that a spreadsheet would take for formulas.

A cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line end may be computed by the program that opens
the file (CSV injection). As OWASP advises, such a text gets a leading apostrophe; numbers do not need it. So that
every text comes back as it was, one that begins with apostrophes before such a mark gets another one.

Source: https://owasp.org/www-community/attacks/CSV_Injection
"""

import re
import unicodedata
from typing import Any

_QUOTE = "'"
_FORMULA = "=+-@"
_ENDS = "\t\r\n"
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")


def escape_cell(value: Any) -> Any:
    """A value as it is written into CSV: texts that would be formulas with an apostrophe, all else as it is."""
    return _QUOTE + value if isinstance(value, str) and _is_formula(value) else value


def unescape_cell(text: str) -> str:
    """The text that `escape_cell` was given; texts that it would not have written are left alone."""
    return text[1:] if text.startswith(_QUOTE) and _is_formula(text) else text


def _is_formula(text: str) -> bool:
    """Whether a text is one to a spreadsheet; apostrophes and blanks before it do not change the answer."""
    bare = re.sub(rf"^[\s{_QUOTE}]*", "", text)
    if not bare:  # blanks do no harm, and mean no text at all to the readers
        return False
    if any(mark in text[: -len(bare)] for mark in _ENDS):
        return True
    # full-width forms count as their plain ones in some programs
    return unicodedata.normalize("NFKC", bare[:1]) in tuple(_FORMULA) and not _NUMBER.fullmatch(bare.strip())
