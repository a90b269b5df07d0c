"""What DVC cannot see of a study, as both engines write it down."""

import shutil
from pathlib import Path

import numpy as np
from dvc.repo import Repo
from sktime.datasets import load_italy_power_demand

from nm_vqtsg.datasets.split_folder import write_folder
from nm_vqtsg.engines.pipeline import Pipeline
from nm_vqtsg.engines.records import Digests, fingerprint_of
from nm_vqtsg.params import OwnData, Params, as_yaml
from nm_vqtsg.study.fingerprint import Fingerprint

ROOT = Path(__file__).resolve().parents[2]


def test_both_engines_know_a_users_file_by_the_same_digest(tmp_path: Path) -> None:
    """Snakemake remembers digests, what DVC runs reads the file; else each would do again what the other did."""
    Repo.init(str(tmp_path), no_scm=True)
    params = Params(datasets=("mine",), own_data={"mine": OwnData(path="own.csv")})
    (tmp_path / "params.yaml").write_text(as_yaml(params))
    (tmp_path / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    (tmp_path / "own.csv").write_text("t0,t1\n1,2\n")
    by_dvc = Fingerprint(tmp_path).as_dict()
    by_snakemake = fingerprint_of(Pipeline(tmp_path), Digests()).as_dict()
    assert by_dvc == by_snakemake and len(by_dvc["data"]["mine"]) == 32


def test_every_file_of_a_folder_of_arrays_counts(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(
        as_yaml(Params(datasets=("mine",), own_data={"mine": OwnData(path="own")}))
    )
    X = load_italy_power_demand(split="train", return_type="numpy3D")[0]
    sets = {"train": (X[:40], ["a", "b"] * 20), "test": (X[40:60], ["a", "b"] * 10)}
    write_folder(tmp_path / "own", sets, "mine")
    digests = {Fingerprint(tmp_path).value("data.mine")}
    labels, meta = tmp_path / "own/test_labels.npy", tmp_path / "own/meta.json"
    np.save(labels, 1 - np.load(labels))
    digests.add(Fingerprint(tmp_path).value("data.mine"))
    meta.write_text(meta.read_text().replace('"a": 0', '"c": 0'))
    digests.add(Fingerprint(tmp_path).value("data.mine"))
    shutil.copy(tmp_path / "own/test_ts.npy", tmp_path / "own/valid_ts.npy")
    digests.add(Fingerprint(tmp_path).value("data.mine"))
    assert len(digests) == 4
    (tmp_path / "own/notes.txt").write_text("not read")
    assert Fingerprint(tmp_path).value("data.mine") in digests
