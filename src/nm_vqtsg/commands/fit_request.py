"""What is to be fitted, and what decides every byte of the result."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nm_vqtsg import __version__
from nm_vqtsg.artifacts import digest, digest_tensors
from nm_vqtsg.commands.evaluate_files import CsvLayout, read_file
from nm_vqtsg.datasets.archive import SIZES, check_name
from nm_vqtsg.datasets.mending import NO_MENDING, Mending
from nm_vqtsg.datasets.raw import RawData, Rows, combine
from nm_vqtsg.errors import DataError
from nm_vqtsg.params import Params
from nm_vqtsg.params.presets import flat


@dataclass(frozen=True)
class Request:
    """What is to be fitted.

    Attributes
    ----------
    data : Path
        A file or folder that `read_own` reads.
    test : Path, optional
        Series to measure on; without it, a part of `data` (``data.test_size``, chosen by ``data.split_seed``).
    labels : str, optional
        The column or array with the labels.
    csv : CsvLayout
        Of all .csv files.
    mending : Mending
        What may be done to series with gaps or of unequal length.
    params : Params
        All parameters; the seed of everything is the only one in ``seeds``.
    minutes : float, optional
        The time that all may take; it chooses the steps then.
    """

    data: Path
    test: Path | None = None
    labels: str | None = None
    csv: CsvLayout = field(default_factory=CsvLayout)
    mending: Mending = NO_MENDING
    params: Params = field(default_factory=Params)
    minutes: float | None = None

    @property
    def name(self) -> str:
        """Of the data's file or folder."""
        return self.data.name or self.data.resolve().name or "data"

    @property
    def seed(self) -> int:
        """Of training, search and samples."""
        return self.params.seeds[0]

    def read(self) -> RawData:
        """The series, those of `test` behind the others.

        Raises
        ------
        DataError
            If they cannot be read, or files do not belong together.
        """
        self.csv.check([path for path in (self.data, self.test) if path is not None])
        raw = self._read(self.data)
        if self.test is None:
            return raw
        parts = [
            Rows(part.X, None if part.labels is None else part.labels.tolist(), part.channels, part.notes)
            for part in (raw, self._read(self.test))
        ]
        return combine(parts[0], parts[1], where=f"{self.data} and {self.test}", already_split=True)

    def _read(self, path: Path) -> RawData:
        return read_file(path, self.labels, self.csv, self.mending)

    def as_study(self, params: Params) -> Params:
        """`params` as those of a study of this data set alone, whose file lies in the study's folder."""
        name = re.sub(r"[^A-Za-z0-9_-]", "_", Path(self.name).stem)[:60]
        try:
            check_name(name)
        except DataError:
            name = f"own_{name}"
        if name.lower() in {other.lower() for other in SIZES}:
            name = f"own_{name}"
        layout, series, time = self.csv.of(self.data)
        own = {
            "path": self.name,
            "label_column": self.labels,
            "layout": layout,
            "series_column": series,
            "time_column": time,
            "channels": self.csv.channels,
            **vars(self.mending),
        }
        plain = {key: value for key, value in own.items() if not isinstance(value, str) or value.isprintable()}
        content = params.model_dump() | {"datasets": (name,), "own_data": {name: plain}}
        return Params.model_validate(content)

    def key(self, raw: RawData) -> dict[str, Any]:
        """What decides every byte of the model, by name: whoever goes on with it must ask for the same."""
        parameters = {key: value for key, value in flat(self.params) if not key.startswith(("plot.", "own_data"))}
        data = [digest_tensors(raw.X), None if raw.labels is None else raw.labels.tolist(), raw.n_train]
        return {
            "nm-vqtsg": __version__,
            "data": digest([*data, raw.already_split, raw.channels])[:16],
            "budget": self.minutes,
            **{key: list(value) if isinstance(value, tuple) else value for key, value in parameters.items()},
        }
