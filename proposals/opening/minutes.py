"""The signed minutes of an opening (dan-minutes/1): what `tools/verify.py draw --minutes` compares a draw with."""

from typing import Any

from marketplace import keys
from marketplace.ledger.entries import canonical, instant
from opportunities.models import Opportunity


def signed(opportunity: Opportunity) -> dict[str, Any]:
    """Of an occasion that was opened; instants in UTC, `intact` as the opening found each envelope."""
    rows = opportunity.opening.proposals.select_related("submission").order_by("submission__received_at", "pk")
    minutes = {
        "type": "dan-minutes/1",
        "occasion": opportunity.number,
        "closes_at": instant(opportunity.opening.closes_at),
        "opened_at": instant(opportunity.opening.opened_at),
        "commitment": opportunity.draw_commitment,
        "envelopes": [
            {
                "receipt": row.submission.receipt_number,
                "proponent": row.submission.receipt["proponent"],
                "received_at": instant(row.submission.received_at),
                "sha256": row.submission.envelope_sha256,
                "intact": row.readable,
            }
            for row in rows.defer("content")
        ],
        "key": keys.key_id(),
    }
    return minutes | {"signature": keys.sign(canonical(minutes))}
