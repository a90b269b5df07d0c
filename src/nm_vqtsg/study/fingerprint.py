"""What the engines cannot see for themselves, as digests in one small file, ``fingerprint.json``.

DVC compares files and values of parameters. The code of a step is no file but what its functions do (`code`), and
the files behind ``own_data`` or in a folder named as ``data.source`` differ from one data set to the next, which
``dvc.yaml`` has no words for. So their digests are values of a parameter file, on which the steps depend. The
stage that writes it runs at every ``dvc repro``; Snakemake looks for itself.
"""

import hashlib
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from nm_vqtsg.artifacts import digest
from nm_vqtsg.datasets.fetch import BUNDLED, SITES
from nm_vqtsg.datasets.readers import find_pair
from nm_vqtsg.datasets.split_folder import SERIES, files_of, splits_of
from nm_vqtsg.errors import DataError
from nm_vqtsg.params import Params, load_params
from nm_vqtsg.study.code import Sources
from nm_vqtsg.study.graph import STEPS
from nm_vqtsg.study.paths import Paths

FileDigest = Callable[[Path], str]


class Fingerprint:
    """The digests of one study, each found when it is first asked for.

    Parameters
    ----------
    study : Path
        Its folder, to which paths in params.yaml are relative.
    params : Params, optional
        Its parameters; read from the folder when first needed by default.
    file_digest : callable, optional
        MD5 of a file's content, as DVC takes it; for a caller that remembers some.
    """

    def __init__(self, study: Path, params: Params | None = None, file_digest: FileDigest | None = None) -> None:
        self.study, self._params = study, params
        self._file_digest = file_digest or _md5
        self._sources = Sources()
        self._values: dict[str, str] = {}

    @cached_property
    def params(self) -> Params:
        """The study's parameters."""
        return self._params or load_params(Paths(self.study).params)

    def value(self, key: str) -> str:
        """The digest called ``code.<step>`` or ``data.<data set>``.

        Raises
        ------
        DataError
            If a file that the study names does not exist.
        """
        if key not in self._values:
            kind, _, name = key.partition(".")
            self._values[key] = self.code(name) if kind == "code" else self.data(name)
        return self._values[key]

    def as_dict(self) -> dict[str, dict[str, str]]:
        """The content of ``fingerprint.json``: ``{"code": {step: digest}, "data": {data set: digest}}``."""
        return {
            "code": {name: self.value(f"code.{name}") for name in STEPS},
            "data": {name: self.value(f"data.{name}") for name in self.params.datasets},
        }

    def code(self, step: str) -> str:
        """Digest of the code of a step, with the study's kind of generator; see `code`."""
        return self._sources.digest(step, self.params.generator, trains=STEPS[step].trains)

    def data(self, dataset: str) -> str:
        """Digest of the files that a data set is read from; the source's name where it is no folder.

        Where the files lie does not count, what they hold and how they are read does.
        """
        own, source = self.params.own_data.get(dataset), self.params.data.source
        if own is None and source in (*SITES, BUNDLED):
            return source
        how: Any = "archive" if own is None else own.model_dump(mode="json", exclude={"path"})
        path, key = (source, "data.source") if own is None else (own.path, f"own_data.{dataset}.path")
        files = _files(self.study / path, dataset, f"{Paths(self.study).params}: {key}")
        return digest([how, [[file.suffix, self._file_digest(file)] for file in files]])[:32]


def _files(path: Path, dataset: str, where: str) -> tuple[Path, ...]:
    if (path.name.endswith(SERIES) and path.is_file()) or splits_of(path):
        return files_of(path)
    if path.is_dir():
        pair = find_pair(path, dataset)
        if pair is None:
            raise DataError(f"{where}: the folder {path} holds no {dataset}; correct the path")
        return pair
    if not path.exists():
        raise DataError(f"{where}: there is no {path}; correct the path, or put the file there")
    if not path.is_file():
        raise DataError(f"{where}: {path} is neither a file nor a folder; correct the path")
    return (path,)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
