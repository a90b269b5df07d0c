"""How much memory a process may take, so that what is too large is refused before the kernel ends the process."""

import resource
import sys
from pathlib import Path

import psutil

SHARE = 0.95  # of what is free; the rest is for what the machine does besides
_GROUPS = (  # limit, use and statistics of a control group as a container sees its own, versions 2 and 1
    tuple(f"/sys/fs/cgroup/{name}" for name in ("memory.max", "memory.current", "memory.stat")),
    tuple(f"/sys/fs/cgroup/memory/memory.{name}" for name in ("limit_in_bytes", "usage_in_bytes", "stat")),
)
_GPUS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # NVIDIA's, AMD's, and either's under WSL


def free_memory() -> int:
    """Bytes that can be had without swapping: the machine's, or what a container has left if that is less.

    Of groups within groups (Slurm's, systemd's) the inner limits are not read.
    """
    free = int(psutil.virtual_memory().available)
    for limit, used, statistics in _GROUPS:
        try:
            left = int(Path(limit).read_text()) - int(Path(used).read_text())
            facts = dict(line.split() for line in Path(statistics).read_text().splitlines())
            # files that were read, which are let go when memory is needed
            kept = int(facts.get("total_inactive_file", facts.get("inactive_file", 0)))
        except (OSError, ValueError):  # there is no such group, or its limit is "max"
            continue
        free = min(free, max(left + kept, 0))
    return free


def limit_memory() -> None:
    """From now on, let this process allocate what is free now and no more.

    An allocation beyond that fails, which becomes an error with numbers (`nm_vqtsg.errors.machine_error`), where
    the kernel would have ended the process without a word. A limit that is there already and lower stays. Does
    nothing but on Linux, and nothing where there is a GPU, whose driver reserves more than is used.
    """
    if sys.platform != "linux" or any(Path(device).exists() for device in _GPUS):
        return
    limit = psutil.Process().memory_info().data + int(SHARE * free_memory())
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    lower = [bound for bound in (soft, hard) if bound != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([limit, *lower]), hard))


def in_use() -> str:
    """What this process holds and what it may have beside that, in words."""
    process = psutil.Process().memory_info()
    free, bounds = free_memory(), ((resource.RLIMIT_DATA, process.data), (resource.RLIMIT_AS, process.vms))
    for kind, taken in bounds if sys.platform == "linux" else ():
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY:
            free = min(free, max(soft - taken, 0))
    return f"this process holds {process.rss / 1e9:.1f} GB and {free / 1e9:.1f} GB are free for it"
