"""Faults of the network and of Stripe itself, chosen by a script (a list) or by chance (seeded).

========================  =============================================================================
``ok``                    nothing
``500_before``            answered 500; nothing ran, nothing is kept under the key
``429``                   the same, rate limit
``500_after``             ran, its answer is kept under the key, but the caller sees a 500 (a proxy's)
``500_kept``              failed while running: undone, and the 500 is kept under the key
``500_kept_done``         ran, its effects stay, and the 500 is kept under the key
``drop_before``           the connection closes; nothing ran
``drop_after``            ran and kept, then the connection closes without an answer
``slow``                  ran and kept, answered after ``seconds`` (default 1): the caller's timeout
``hold``                  waits before running, until ``/_control/release_requests``
========================  =============================================================================

A retry with the same key meets what Stripe would answer: https://docs.stripe.com/api/idempotent_requests.
"""

import threading

from tools.stripe_standin.errors import Refused
from tools.stripe_standin.state import State

FAULTS = {
    "ok",
    "500_before",
    "429",
    "500_after",
    "500_kept",
    "500_kept_done",
    "drop_before",
    "drop_after",
    "slow",
    "hold",
}
WEBHOOK_FAULTS = {"duplicate", "shuffle", "delay", "drop"}
PATIENCE = 60
NOTHING = {"fault": "ok"}


class Chaos:
    """The faults to come. Settings, so they survive a restart::

    {"script": ["ok", "500_after", {"fault": "slow", "seconds": 2}], "probability": {"drop_after": 0.1}, "seed": 7,
     "only": {"method": "POST", "path": "/v1/transfers"}, "webhooks": {"duplicate": 0.2, "shuffle": true, "delay": 3}}
    """

    def __init__(self, state: State):
        self.state = state
        self.gate = threading.Event()
        self.waiting = 0

    def configure(self, asked: dict) -> dict:
        """Replace the faults to come. Raises `Refused` on an unknown name. Inside a transaction."""
        script = [step if isinstance(step, dict) else {"fault": step} for step in asked.get("script", [])]
        names = [step.get("fault") for step in script] + list(asked.get("probability", {}))
        mischief = asked.get("webhooks", {})
        unknown = (set(names) - FAULTS) | (set(mischief) - WEBHOOK_FAULTS)
        unknown |= set(asked) - {"script", "probability", "seed", "only", "webhooks"}
        if unknown:
            raise Refused(f"Unknown faults or options: {', '.join(map(str, sorted(unknown, key=str)))}.")
        if "seed" in asked:
            self.state.random.seed(asked["seed"])
        plan = {"script": script, "probability": asked.get("probability", {}), "only": asked.get("only", {})}
        self.state.set("chaos", plan)
        self.state.set("webhook_chaos", mischief)
        self.gate.clear()
        return plan

    def next(self, method: str, path: str) -> dict:
        """The fault of this request: a script's steps are used up one by one, then chance decides."""
        with self.state.lock:
            plan = self.state.setting("chaos")
            if not plan or not self._concerns(plan["only"], method, path):
                return NOTHING
            if plan["script"]:
                with self.state.transaction():
                    step, *rest = plan["script"]
                    self.state.set("chaos", plan | {"script": rest})
                return step
            dice = self.state.random.random()
            for fault, chance in plan["probability"].items():
                if dice < chance:
                    return {"fault": fault}
                dice -= chance
            return NOTHING

    @staticmethod
    def _concerns(only: dict, method: str, path: str) -> bool:
        return method == only.get("method", method) and path.startswith(only.get("path", ""))

    def wait(self) -> None:
        """Hold a request until the gate opens."""
        with self.state.lock:
            self.waiting += 1
        self.gate.wait(PATIENCE)
        with self.state.lock:
            self.waiting -= 1

    def release(self) -> None:
        self.gate.set()
