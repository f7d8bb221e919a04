"""So many seconds for a whole conversation: a server that says one byte now and then is not waited for longer."""

from marketplace.dates import clock


class Deadline:
    """Begins when it is made."""

    def __init__(self, seconds: float) -> None:
        self._end = clock.elapsed() + seconds

    def left(self, most: float | None = None) -> float:
        """How long the next thing may take, `most` at the most; TimeoutError when nothing is left."""
        left = self._end - clock.elapsed()
        if left <= 0:
            raise TimeoutError("The time for this conversation is over.")
        return left if most is None else min(left, most)
