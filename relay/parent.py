"""A worker process does not outlive the process of ``dramatiq`` that started it.

Without it, nobody reads the pipe of its log, which the worker itself keeps open: its threads would wait
in a write without end, with deliveries claimed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time

CHECK_S = 1.0  # between two looks at the parent's id; the end of its pipe is noticed at once
GRACE_S = 10.0  # for the calls under way; the leases of the others end by themselves


def stop_without_parent(stopping: threading.Event) -> threading.Thread | None:
    """Watch the process that forked this one.  When it has ended, stop as on SIGTERM, but within GRACE_S.

    ``stopping`` tells the drains to claim nothing more.  -> None in a process that was not forked
    """
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None:
        return None

    def watch() -> None:
        # Another worker may hold the pipe too, so the parent's id decides as well.
        while parent.is_alive() and os.getppid() == parent.pid:
            parent.join(CHECK_S)
        if not stopping.is_set():  # a second SIGTERM would interrupt the calls
            stopping.set()
            os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_S)
        os._exit(1)  # nothing is logged: that could wait too

    thread = threading.Thread(target=watch, name="parent", daemon=True)
    thread.start()
    return thread
