"""Where a process may be killed: around a statement, a commit, a system call on a file, or at any function call."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

INPUT_OUTPUT, ANYWHERE = "input-output", "anywhere"


class Points:
    """Counts the points that a process passes, and kills it at the `last`-th; None: only counts."""

    def __init__(self, last: int | None = None) -> None:
        self.passed, self.last = 0, last

    def tick(self, *_arguments: Any) -> None:
        self.passed += 1
        if self.passed == self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def watched(self, kind: str) -> Iterator[None]:
        """Until the block ends. For a process that dies with it: nothing is put back."""
        if kind == ANYWHERE:
            sys.setprofile(self.tick)  # each call and return, of Python's functions and of C's
        else:
            self._around_input_output()
        yield
        sys.setprofile(None)

    def _around_input_output(self) -> None:
        from django.db import connection

        def statement(execute: Callable, *arguments: Any) -> Any:
            self.tick()
            result = execute(*arguments)
            self.tick()
            return result

        connection.ensure_connection()
        connection.execute_wrappers.append(statement)
        connection._commit = self._around(connection._commit)
        for owner, names in ((os, ("open", "fsync", "unlink", "mkdir")), (Path, ("read_bytes", "unlink"))):
            for name in names:
                setattr(owner, name, self._around(getattr(owner, name)))
        opened = os.fdopen
        os.fdopen = lambda *arguments, **named: _Halves(opened(*arguments, **named), self.tick)

    def _around(self, real: Callable) -> Callable:
        def call(*arguments: Any, **named: Any) -> Any:
            self.tick()
            result = real(*arguments, **named)
            self.tick()
            return result

        return call


class _Halves:
    """A file that is written by halves: a point stands between them, and what was written so far is on the disk."""

    def __init__(self, file: Any, tick: Callable[[], None]) -> None:
        self.file, self.tick = file, tick

    def __enter__(self) -> "_Halves":
        return self

    def __exit__(self, *_error: object) -> None:
        self.file.close()

    def write(self, content: bytes) -> int:
        half = len(content) // 2
        written = self.file.write(content[:half])
        self.file.flush()
        self.tick()
        return written + self.file.write(content[half:])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)
