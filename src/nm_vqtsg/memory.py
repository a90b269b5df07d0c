"""How much memory a process may take, so that what is too large is refused before the kernel ends the process."""

import resource
import sys
from pathlib import Path

import psutil

SHARE = 0.95  # of what is free; the rest is for what the machine does besides
_GROUPS = (  # limit and use of a control group as a container sees its own, versions 2 and 1
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
_GPUS = ("/dev/nvidiactl", "/dev/kfd")  # NVIDIA's and AMD's


def free_memory() -> int:
    """Bytes that can be had without swapping: the machine's, or what a container has left if that is less."""
    free = int(psutil.virtual_memory().available)
    for limit, used in _GROUPS:
        try:
            left = int(Path(limit).read_text()) - int(Path(used).read_text())
        except (OSError, ValueError):  # there is no such group, or its limit is "max"
            continue
        free = min(free, max(left, 0))
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
    """What this process holds and what is free beside it, in words."""
    held = psutil.Process().memory_info().rss
    return f"this process holds {held / 1e9:.1f} GB and {free_memory() / 1e9:.1f} GB are free"
