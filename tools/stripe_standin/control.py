"""The control door, ``/_control/…``: what a payer, a bank, Stripe's review, an operator or bad luck would do.

POST with a JSON object; the answer is JSON. Never under ``/v1``: the product cannot reach it by mistake.
"""

from collections.abc import Callable

from tools.stripe_standin import charges, checkout, connect, disputes, transfers, webhooks
from tools.stripe_standin.chaos import Chaos
from tools.stripe_standin.errors import Refused, no_such
from tools.stripe_standin.state import State
from tools.stripe_standin.webhooks import Deliverer


class Control:
    """One method per verb; its keyword arguments are the JSON object's keys."""

    def __init__(self, state: State, chaos: Chaos, deliverer: Deliverer, secret: str):
        self.state, self.chaos, self.deliverer, self.secret = state, chaos, deliverer, secret

    def answer(self, verb: str, given: dict):
        """Run a verb inside one transaction (``deliver`` makes its own). Raises `Refused`, 404 for an unknown verb."""
        method: Callable | None = getattr(self, f"do_{verb}", None)
        if method is None:
            raise Refused(f"Unknown control verb: {verb}", status=404)
        try:
            if verb == "deliver":
                return method(**given)
            with self.state.transaction():
                return method(**given)
        except (TypeError, KeyError) as wrong:
            raise Refused(f"{verb}: {wrong}") from wrong

    # --- Reading -----------------------------------------------------------------------------------------------------
    def do_state(self):
        """Every object by kind, oldest first, and the balance."""
        return self.state.everything() | {"balance": charges.balance(self.state)}

    def do_requests(self):
        return self.state.rows("requests")

    def do_violations(self):
        return self.state.rows("violations")

    def do_deliveries(self):
        return self.state.rows("deliveries")

    def do_events(self):
        """Every event made, oldest first, with ``delivery``: what became of its deliveries."""
        fates: dict[str, list[str]] = {}
        for row in self.state.rows("deliveries"):
            fates.setdefault(row["event"], []).append(row["status"])
        return [event | {"delivery": fates.get(event["id"], [])} for event in self.state.of_kind("event")]

    # --- People and banks --------------------------------------------------------------------------------------------
    def do_pay(self, session: str, how: str = "card"):
        return checkout.pay(self.state, session, how)

    def do_settle(self, session: str, ok: bool = True):
        return checkout.settle(self.state, session, ok)

    def do_expire_session(self, session: str):
        return checkout.expire(self.state, {}, session)

    def do_complete_account(self, account: str, incomplete: bool = False):
        return (connect.leave_incomplete if incomplete else connect.complete)(self.state, account)

    def do_restrict_account(self, account: str, reason: str = "requirements.past_due"):
        return connect.restrict(self.state, account, reason)

    def do_drain_account(self, account: str, drained: bool = True):
        """The account was paid out: reversals fail until it holds money again."""
        self.state.hide(account, drained=drained)
        return {"account": account, "drained": drained}

    def do_open_dispute(self, charge: str, amount: int | None = None, reason: str = "fraudulent"):
        return disputes.open_dispute(self.state, charge, amount, reason)

    def do_close_dispute(self, dispute: str, won: bool):
        return disputes.close_dispute(self.state, dispute, won)

    # --- Behind the product's back -----------------------------------------------------------------------------------
    def do_refund(self, charge: str, amount: int | None = None):
        return charges.refund(self.state, self.state.get(charge, "charge"), amount)

    def do_reverse(self, transfer: str, amount: int | None = None):
        return transfers.reverse(self.state, self.state.get(transfer, "transfer"), amount)

    def do_foreign_charge(self, amount: int, method: str = "card", transfer_group=None, metadata=None):
        """A payment that the product did not ask for."""
        given = {"metadata": metadata or {}, "transfer_group": transfer_group, "description": "Hors plateforme"}
        intent = charges.new_intent(self.state, amount, [method], given)
        charge = charges.new_charge(self.state, intent, method, "succeeded")
        charges.succeed(self.state, intent, charge)
        return charge

    def do_foreign_transfer(
        self, amount: int, destination: str, source_transaction=None, transfer_group=None, metadata=None
    ):
        """A transfer that the product did not ask for; without a source charge the balance must cover it."""
        return transfers.send(
            self.state, amount, destination, source_transaction, transfer_group, metadata=metadata or {}
        )

    def do_fund(self, amount: int):
        """Money on the platform's available balance."""
        return charges.book(self.state, "topup", amount, "topup")

    def do_alter(self, id: str, set: dict):
        """Change fields of an object without a word: ``{"amount": 5, "metadata.invoice": "x"}``."""
        body = self.state.find(id)
        if body is None:
            raise no_such("object", id)
        for path, value in set.items():
            *parents, last = path.split(".")
            node = body
            for name in parents:
                node = node[name]
            node[last] = value
        return self.state.save(body)

    def do_remove(self, id: str):
        self.state.remove(id)
        return {"id": id, "removed": True}

    # --- Webhooks ----------------------------------------------------------------------------------------------------
    def do_take_events(self, limit: int = 1000, at: int | None = None):
        """Hand over the pending deliveries, signed at the instant ``at`` (else now): `[{id, payload, signature}]`."""
        return webhooks.take(self.state, self.secret, limit, at)

    def do_deliver(self):
        """Post what waits to the product now, and say what it answered: `[{id, type, answer}]`."""
        return self.deliverer.deliver()

    def do_hold(self, types: list[str] | None = None):
        """Keep deliveries back: all of them, or these types of events."""
        self.state.set("held", types or True)
        return {"held": types or True}

    def do_release(self):
        self.state.set("held", [])
        return {"held": []}

    def do_shuffle(self):
        """Put the pending deliveries in another order."""
        for row in webhooks.pending(self.state):
            self.state.db.execute(
                "update deliveries set rank = ? where seq = ?", (self.state.random.random(), row["seq"])
            )
        return {"order": [row["event"] for row in webhooks.pending(self.state)]}

    def do_replay(self, event: str, times: int = 1):
        sent = self.state.get(event, "event")
        for _ in range(times):
            webhooks.queue(self.state, sent)
        return sent

    def do_forge(self, event: str):
        """One more delivery of an event, signed with a secret that is not ours."""
        sent = self.state.get(event, "event")
        webhooks.queue(self.state, sent, forged=True)
        return sent

    def do_unknown_event(self, type: str = "radar.something_new.created", object: dict | None = None):
        """An event of a type that nobody has heard of."""
        check, self.state.check = self.state.check, None
        try:
            return webhooks.emit(self.state, type, object or {"id": "new_1", "object": "something_new"})
        finally:
            self.state.check = check

    # --- Faults and time ---------------------------------------------------------------------------------------------
    def do_chaos(self, **plan):
        return self.chaos.configure(plan)

    def do_held_requests(self):
        """How many requests the fault ``hold`` keeps waiting."""
        return {"held": self.chaos.waiting}

    def do_release_requests(self):
        self.chaos.release()
        return {"released": True}

    def do_forget_keys(self):
        """A day has passed: idempotency keys are gone."""
        self.state.db.execute("delete from keys")
        return {"keys": 0}

    def do_clock(self, at: int | None = None, advance: int | None = None):
        """Stop the clock at an instant, let it run (no argument), or move it forward; sessions and debits follow."""
        if advance is None:
            self.state.set("clock", at)
        elif self.state.setting("clock") is None:
            self.state.set("clock_offset", self.state.setting("clock_offset", 0) + advance)
        else:
            self.state.set("clock", self.state.setting("clock") + advance)
        checkout.expire_due(self.state)
        checkout.settle_due(self.state)
        return {"now": self.state.now()}

    def do_reset(self):
        """Forget everything, faults and clock included."""
        self.state.reset()
        self.chaos.release()
        return {"reset": True}
