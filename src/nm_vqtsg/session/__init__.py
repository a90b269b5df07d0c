"""What surrounds a computation: device, progress, loss curves as they grow, the wish to stop.

Nothing here changes a result, so nothing here makes a finished job stale.
"""

from nm_vqtsg.session.progress import Task
from nm_vqtsg.session.session import Session

__all__ = ["Session", "Task"]
