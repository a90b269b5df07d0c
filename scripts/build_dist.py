"""Build and check what goes to the package index: python scripts/build_dist.py FOLDER PYTHON (make dist).

PYTHON is one that has the packages `build` and `twine`, and need have no other. The files of the last commit are
built in isolated environments. Then the command line must answer from the wheel, unpacked, in an empty folder.

The index shows README.md away from the repository, where its relative links lead nowhere. They become absolute
where pyproject.toml names a ``Repository`` under ``[project.urls]``; without one a link becomes its text, and a
picture goes.
"""

import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!\w+://|#)([^)\s]+)\)")
DATA = ("nm_vqtsg/py.typed", "nm_vqtsg/tables/paper.json")


def readme(text: str, base: str | None) -> str:
    """`text` with its relative links made absolute, below the address `base`, or taken out."""

    def changed(match: re.Match[str]) -> str:
        bang, words, target = match.groups()
        if base:
            return f"{bang}[{words}]({base.rstrip('/')}/{target})"
        return "" if bang else words

    return LINK.sub(changed, text)


def stage(folder: Path) -> None:
    """The files of the last commit, with the README that the index shows."""
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    repository = project.get("urls", {}).get("Repository")
    base = repository and f"{repository.rstrip('/')}/blob/v{project['version']}"
    page = folder / "README.md"
    page.write_text(readme(page.read_text(encoding="utf-8"), base), encoding="utf-8")


def try_wheel(wheel: Path, folder: Path) -> None:
    """The wheel holds its data files and nothing foreign, and answers with the packages of this Python."""
    with zipfile.ZipFile(wheel) as files:
        names = files.namelist()
        absent = [name for name in DATA if name not in names]
        foreign = [name for name in names if not name.startswith(("nm_vqtsg/", "nm_vqtsg-"))]
        if absent or foreign:
            sys.exit(f"{wheel.name}: lacks {absent}, holds {foreign}")
        files.extractall(folder / "site")
    (folder / "empty").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(folder / "site")}

    def answer(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=folder / "empty", env=environment, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    version, place = answer("-c", "import nm_vqtsg; print(nm_vqtsg.__version__, nm_vqtsg.__file__)").split()
    if f"-{version}-" not in wheel.name or not Path(place).is_relative_to(folder):
        sys.exit(f"{wheel.name}: gives version {version}, from {place}")
    if "datasets:" not in answer("-m", "nm_vqtsg", "params"):
        sys.exit(f"{wheel.name}: the command params does not show the parameters")


def main(out: Path, python: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stage(folder / "source")
        subprocess.run(
            [python, "-m", "build", "--outdir", str(folder / "dist"), str(folder / "source")],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        built = sorted((folder / "dist").iterdir())
        subprocess.run([python, "-m", "twine", "check", "--strict", *map(str, built)], check=True)
        try_wheel(next(path for path in built if path.suffix == ".whl"), folder)
        out.mkdir(exist_ok=True)
        for path in built:
            (out / path.name).write_bytes(path.read_bytes())
            print(f"{out / path.name}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]).absolute())
