"""Write requirements.lock: what this environment holds for nm-vqtsg, with the hashes of each release's files.

Run it in an environment in which the project and its extras `study`, `dev` and `docs` are installed (``make
lock``). torch is left out: its release is pinned in the Makefile, and machines take different builds of it (CPU,
CUDA), whose hashes differ. wget is left out, which supervised-fcn-2 downloads with: a test takes the definition
of its network alone. The lock is made for Python 3.11 on Linux.
"""

import json
import re
import sys
import urllib.request
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pip._internal.models.index import PyPI

ROOT = "nm-vqtsg[study,dev,docs]"
LEFT_OUT = {"nm-vqtsg", "torch"}
UNUSED = {"wget"}
HEADER = """\
# Made by scripts/lock.py (make lock) for Python 3.11 on Linux; do not edit.
# torch is missing on purpose: install torch==2.13.0 first, since its builds (CPU, CUDA) have different hashes.
"""


def installed(requirement: str) -> dict[str, str]:
    """Name and version of everything that `requirement` needs in this environment."""
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    todo = [Requirement(requirement)]
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        if name in UNUSED:
            continue
        own = distribution(name)
        found[name] = own.version
        for extra in {"", *wanted.extras}:
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            for text in own.requires or []:
                need = Requirement(text)
                if need.marker is None or need.marker.evaluate({"extra": extra}):
                    todo.append(need)
    return {name: version for name, version in sorted(found.items()) if name not in LEFT_OUT}


def hashes(name: str, version: str) -> list[str]:
    """SHA-256 of every file of a release on the package index."""
    request = urllib.request.Request(
        f"{PyPI.simple_url}/{name}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        files = json.load(answer)["files"]
    loose_name = "[-_.]+".join(re.escape(part) for part in name.split("-"))
    stem = re.compile(rf"{loose_name}-{re.escape(version)}(-|\.tar|\.zip)", re.I)
    return sorted(file["hashes"]["sha256"] for file in files if stem.match(file["filename"]))


def main() -> None:
    """Write the file named on the command line."""
    lines = [HEADER]
    for name, version in installed(ROOT).items():
        found = hashes(name, version)
        if not found:
            sys.exit(f"{name} {version}: the index lists no file of this release")
        lines.append(" \\\n".join([f"{name}=={version}", *(f"    --hash=sha256:{item}" for item in found)]) + "\n")
    Path(sys.argv[1]).write_text("".join(lines))


if __name__ == "__main__":
    main()
