"""What DVC cannot see of a study, as both engines write it down."""

from pathlib import Path

from dvc.repo import Repo

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
