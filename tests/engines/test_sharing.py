"""A clone that pulls, from a folder and over ssh, has nothing left to do."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Workspace, jobs

pytestmark = pytest.mark.engines


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


def test_clone_and_pull(done: Workspace, tmp_path: Path) -> None:
    publish(done, str(tmp_path / "storage"))
    other = clone(done, tmp_path / "clone")
    other.dvc("pull", "--quiet")
    other.assert_idle()
    other.set(evaluate__bootstrap=3)
    other.snakemake()
    assert other.ran() == jobs("evaluate plot tables")
    other.assert_idle()


def test_a_partial_pull_restores_what_it_needs_and_computes_only_what_changed(
    done: Workspace, tmp_path: Path
) -> None:
    publish(done, str(tmp_path / "storage"))
    other = clone(done, tmp_path / "clone")
    wanted = [f"results/{name}/seed0/figures" for name in ("ItalyPowerDemand", "GunPoint")]
    other.dvc("pull", "--quiet", *[f"plot@{name}-0" for name in ("ItalyPowerDemand", "GunPoint")])
    assert all((other.path / folder).is_dir() for folder in wanted)
    assert not list(other.path.rglob("samples.npz"))
    other.set(evaluate__bootstrap=3)
    other.snakemake()
    assert other.ran() == jobs("evaluate plot tables")


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
