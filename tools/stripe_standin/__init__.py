"""A stand-in for Stripe (test mode, Connect): a separate process that the official ``stripe`` package can talk to.

No money, no network: accounts, onboarding, Checkout, charges, transfers, refunds, disputes, signed webhooks and true
idempotency keys, in one SQLite file. ``python -m tools.stripe_standin --help`` starts it; ``client.Standin`` starts it
from a test. The control door (``/_control/…``, see control.py) does what a payer, a bank or a network would do.
"""
