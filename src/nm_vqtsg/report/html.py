"""Pieces of a page of HTML. Whatever text goes in is escaped here, so no caller has to."""

import base64
import html
from collections.abc import Sequence

from nm_vqtsg.errors import one_line

STYLE = """
:root{color-scheme:light}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;color:#1c1c1c;
background:#fff;margin:0 auto;max-width:88rem;padding:1rem}
h1{font-size:1.6rem;line-height:1.2;margin:.3rem 0;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2.2rem 0 .4rem;padding-top:.6rem;border-top:2px solid #1c1c1c}
h3{font-size:1rem;margin:1.2rem 0 .2rem}
p,ol,ul,dl{max-width:46rem;margin:.5rem 0;overflow-wrap:anywhere}
a{color:#005a9c}
nav ul{padding:0;list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;max-width:none}
.first{background:#f1f6fa;border-left:4px solid #0072b2;padding:.2rem 1rem .6rem;margin:1rem 0}
.first h2{border:0;margin:.4rem 0;padding:0}
.first li{margin:.35rem 0}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr));gap:1rem;align-items:start}
figure{margin:0;min-width:0}
figure img{width:100%;max-width:33rem;height:auto;display:block}
.wide,.scroll{overflow-x:auto}
.wide img{max-width:none}
figcaption{font-size:.85rem;color:#3d3d3d;overflow-wrap:anywhere}
table{border-collapse:collapse;font-size:.875rem;border-top:2px solid #1c1c1c;border-bottom:2px solid #1c1c1c}
caption{text-align:left;color:#3d3d3d;padding-bottom:.3rem}
caption span{display:inline-block;max-width:min(46rem,calc(100vw - 2rem))}
th,td{padding:.3rem .6rem .3rem 0;text-align:left;vertical-align:top;font-weight:400}
thead th{border-bottom:1px solid #1c1c1c;font-weight:600}
tbody th{min-width:9rem;max-width:26rem;position:sticky;left:0;background:#fff}
tbody tr:nth-child(even),tbody tr:nth-child(even) th{background:#f6f6f6}
td{font-variant-numeric:tabular-nums}
small{display:block;color:#4a4a4a;font-size:.78rem;line-height:1.35}
footer{margin-top:2.5rem;color:#4a4a4a;font-size:.85rem}
@media print{body{max-width:none;padding:0;font-size:10pt}nav{display:none}figure,tr{break-inside:avoid}
h2,h3{break-after:avoid}.grid{grid-template-columns:repeat(3,1fr)}.scroll,.wide{overflow:visible}}
"""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""The browser itself sees to it that the page asks for nothing and runs nothing."""


def text(value: object) -> str:
    """Any text as it is shown: in one line, without marks that HTML would read."""
    return html.escape(one_line(str(value)))


def paragraph(words: str) -> str:
    """A paragraph."""
    return f"<p>{text(words)}</p>"


def listing(items: Sequence[str]) -> str:
    """A list of sentences."""
    return "<ul>" + "".join(f"<li>{text(item)}</li>" for item in items) + "</ul>"


def section(name: str, title: str, *body: str) -> str:
    """A section; `name` is what links go to."""
    return f'<section id="{text(name)}" aria-labelledby="{text(name)}-title">\n' + (
        f'<h2 id="{text(name)}-title">{text(title)}</h2>\n' + "\n".join(body) + "\n</section>"
    )


def heading(title: str) -> str:
    """A heading inside a section."""
    return f"<h3>{text(title)}</h3>"


def picture(png: bytes, alt: str, caption: str, wide: bool = False) -> str:
    """A PNG inside the page, with `alt` for who cannot see it; `wide` ones scroll on a narrow page."""
    data = base64.b64encode(png).decode("ascii")
    image = f'<img src="data:image/png;base64,{data}" alt="{text(alt)}">'
    if wide:  # in the size in which its text can be read, that of the other pictures
        width = int.from_bytes(png[16:20], "big") * 2 // 3
        image = image.replace("<img ", f'<img style="width:{width}px" ', 1)
        image = f'<div class="wide" tabindex="0" role="group" aria-label="{text(alt)}">{image}</div>'
    return f"<figure>{image}<figcaption>{text(caption)}</figcaption></figure>"


def grid(*pictures: str) -> str:
    """Pictures beside one another, as many as there is room for."""
    return '<div class="grid">' + "\n".join(pictures) + "</div>"


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str | tuple[str, str]]]) -> str:
    """A table whose first cell in each row is a heading; a pair is a text with a smaller one below it."""

    def inside(cell: str | tuple[str, str]) -> str:
        return text(cell) if isinstance(cell, str) else f"{text(cell[0])}<small>{text(cell[1])}</small>"

    lines = [
        f'<div class="scroll" tabindex="0" role="group" aria-label="{text(caption)}"><table>',
        f"<caption><span>{text(caption)}</span></caption>",
        "<thead><tr>"
        + "".join(f'<th scope="col">{inside(cell)}</th>' for cell in header)
        + "</tr></thead><tbody>",
    ]
    for head, *cells in rows:
        values = "".join(f"<td>{inside(cell)}</td>" for cell in cells)
        lines.append(f'<tr><th scope="row">{inside(head)}</th>{values}</tr>')
    return "\n".join([*lines, "</tbody></table></div>"])


def link(section_name: str, words: str) -> str:
    """A link to a section of the page."""
    return f'<a href="#{text(section_name)}">{text(words)}</a>'


def document(title: str, *body: str) -> str:
    """The whole page."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{html.escape(POLICY)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{text(title)}</title>",
            f"<style>{STYLE}</style></head><body>",
            *body,
            "</body></html>",
            "",
        ]
    )
