"""A clone that pulls, from a folder and over ssh, has nothing left to do."""

from __future__ import annotations

import getpass
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import DATASETS, ENGINES, Workspace, jobs, run

pytestmark = pytest.mark.engines
MISSING = ("--pull", "--allow-missing")


def clone(workspace: Workspace, target: Path) -> Workspace:
    workspace.git("clone", "--quiet", str(workspace.path), str(target))
    return Workspace(target)


def publish(workspace: Workspace, url: str, **options: str) -> None:
    """Push the data to a new default remote and commit its address."""
    workspace.dvc("remote", "add", "--default", "storage", url)
    for name, value in options.items():
        workspace.dvc("remote", "modify", "storage", name, value)
    workspace.dvc("push", "--quiet")
    workspace.git("commit", "--quiet", "--message=Remote", ".dvc/config")


@ENGINES
def test_clone_and_pull(done: Workspace, tmp_path: Path, engine: str) -> None:
    publish(done, str(tmp_path / "storage"))
    other = clone(done, tmp_path / "clone")
    other.dvc("pull", "--quiet")
    other.assert_idle()
    other.set(evaluate__bootstrap=3)
    run(other, engine)
    assert other.ran() == jobs("evaluate plot tables")
    other.assert_idle()


@ENGINES
def test_a_partial_pull_restores_what_it_needs_and_computes_only_what_changed(
    done: Workspace, tmp_path: Path, engine: str
) -> None:
    """A clone with the final metrics alone, which are in git, then with some figures."""
    publish(done, str(tmp_path / "storage"))
    other = clone(done, tmp_path / "clone")
    other.dvc("pull", "--quiet", "tables")
    assert not list(other.path.rglob("*.npz"))
    assert "GunPoint" in other.dvc("metrics", "show")
    other.dvc("pull", "--quiet", "plot@GunPoint-0")
    assert list(other.path.rglob("*.png")) and not list(other.path.rglob("*.npz"))
    if engine == "dvc":
        other.dvc("repro", *MISSING)
        assert not list(other.path.rglob("samples.npz"))
        assert other.ran() == set()

    other.set(evaluate__bootstrap=3)
    other.snakemake() if engine == "snakemake" else other.dvc("repro", *MISSING)
    assert other.ran() == jobs("evaluate plot tables")
    for name in DATASETS:
        mine, theirs = (
            json.loads((place.path / f"results/metrics/{name}/seed0.json").read_text()) for place in (other, done)
        )
        assert mine != theirs
    if engine == "snakemake":  # it has restored whatever was missing
        other.assert_idle()
    other.dvc("repro", *MISSING)
    assert other.ran() == set()


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A server on this machine, with a key of its own; its port and the key."""
    server = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").is_file() else None)
    if server is None or shutil.which("ssh-keygen") is None:
        pytest.skip("no sshd on this machine (Debian: openssh-server)")
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized_keys")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\n"
        f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized_keys\n"
        f"PidFile {folder}/pid\nUsePAM no\nStrictModes no\nPermitRootLogin prohibit-password\n"
        "Subsystem sftp internal-sftp\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen(
        [server, "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield port, folder / "user"
    process.terminate()
    process.wait()


def test_clone_and_pull_over_ssh(done: Workspace, tmp_path: Path, sshd: tuple[int, Path]) -> None:
    port, key = sshd
    url = f"ssh://{getpass.getuser()}@127.0.0.1:{port}{tmp_path}/storage"
    publish(done, url, keyfile=str(key), allow_agent="false")
    assert any((tmp_path / "storage").rglob("*"))
    other = clone(done, tmp_path / "clone")
    other.dvc("pull", "--quiet")
    other.assert_idle()
    other.set(stage3__steps=4)
    other.snakemake()
    assert other.ran() == jobs("stage3 evaluate plot tables")
    other.assert_idle()
