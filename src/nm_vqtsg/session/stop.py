"""The wish to stop: what SIGTERM and SIGINT do to a command.

Work that has nothing to save ends at once, wherever it is: no file is ever half-written (see `artifacts`), so
nothing needs to be tidied up. Training holds the wish back until its step is done and a checkpoint is saved.
Should neither come about in time, as in one long call of compiled code, the process ends all the same: the
checkpoint before is whole, and whoever sent the signal (Slurm, a person) is not kept waiting.
"""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)
GRACE_S = 8.0  # a promise of ten seconds, less two for what cannot be measured from inside


class Interrupted(BaseException):
    """The process was asked to end (SIGTERM, SIGINT); what could be saved is saved.

    Not an `Exception`, as `KeyboardInterrupt` is none: code that goes on after any error must not go on here.

    Parameters
    ----------
    signal_number : int
        The signal; the exit status is 128 plus this number.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name}; run the same command again to go on")
        self.exit_status = 128 + signal_number


class StopRequest:
    """A wish to stop: raised at once, or kept until `check` where work holds it back."""

    def __init__(self) -> None:
        self._signal = 0
        self._held = False

    def request(self, signal_number: int) -> None:
        """Ask for the end at the next `check`."""
        self._signal = signal_number

    def check(self) -> None:
        """Raise `Interrupted` if the end was asked for."""
        if self._signal:
            raise Interrupted(self._signal)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Inside the block a signal is only noted; the block calls `check` where it can end."""
        before, self._held = self._held, True
        try:
            yield
        finally:
            self._held = before

    @contextmanager
    def listening(self) -> Iterator["StopRequest"]:
        """Obey SIGTERM and SIGINT inside the block (in the main thread only; elsewhere nothing changes)."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return

        def handle(number: int, _frame: FrameType | None) -> None:
            self.request(number)
            if not self._held:
                self.check()

        previous = {number: signal.signal(number, handle) for number in SIGNALS}
        try:
            with _last_resort():
                yield self
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


@contextmanager
def _last_resort() -> Iterator[None]:
    """End the process `GRACE_S` after a signal if the block has not ended by itself.

    Python runs handlers between two instructions of its main thread, so one long call delays them. The interpreter
    also writes the signal's number into a socket, at once, and a thread that reads it keeps the time.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    ended = threading.Event()

    def watch() -> None:
        while number := reader.recv(1):
            if number[0] in SIGNALS and not ended.wait(GRACE_S):
                os.write(2, b"stopped in the middle of a long computation; run the same command again to go on\n")
                os._exit(128 + number[0])

    watcher = threading.Thread(target=watch, name="last resort", daemon=True)
    watcher.start()
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        writer.close()
        watcher.join()
        reader.close()
