"""Room on the interpreter's stack of frames, in one piece.

CPython 3.11 and later keep frames in pieces of 16 KB, and give a piece back as soon as its last frame returns
(Python/pystate.c, push_chunk and _PyThreadState_PopFrame). A loop that happens to stand at the end of a piece asks the
system for memory at each of its calls. pytest stands so deep that pages tested in its thread met several such ends,
and a quarter of their time went there. A frame that is larger than a piece gets one twice its size, and what it calls
has the rest of it.
"""

from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")
SLOTS = 140_000  # of 8 bytes: a piece of 2 MB, half of which is left to the frames above


def roomy(call: Callable[[], Result]) -> Result:
    """Call, with room for the frames of everything that it calls."""
    return call()


roomy.__code__ = roomy.__code__.replace(co_stacksize=SLOTS)
