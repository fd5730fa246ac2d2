"""Run a command that ends with whoever started it: its standard input closes when that process dies.

    python watched.py COMMAND...

A script of the standard library alone, run by its path, so that it starts at once. The command's process group is
ended first kindly, then for good.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

PATIENCE = 10.0  # seconds between asking a process to end and ending it


def end(group: int, child: subprocess.Popen[bytes]) -> None:
    """End every process of the group."""
    for which in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(group, which)
        except ProcessLookupError:
            return
        began = time.monotonic()
        while child.poll() is None and time.monotonic() - began < PATIENCE:
            time.sleep(0.05)


def main(command: list[str]) -> int:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    group = child.pid

    def watch() -> None:
        while sys.stdin.buffer.read(1):
            pass
        end(group, child)

    threading.Thread(target=watch, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: end(group, child))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal; whoever started this ends it
    code = child.wait()
    end(group, child)  # what the command left behind
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
