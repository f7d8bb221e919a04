from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from marketplace.ledger.grants import APPEND, KEEP, ROWS


class ContractsConfig(AppConfig):
    name = "contracts"
    verbose_name = _("Contrats")
    rights = {
        "amendment": KEEP,
        "clause": KEEP,
        "contract": KEEP,
        "criterioncheck": APPEND,
        "delivery": KEEP,
        "deliveryfile": APPEND,
        "document": APPEND,
        "duty": KEEP,
        "invoice": KEEP,
        "milestone": ROWS,
        "milestonecriterion": ROWS,
        "mismatch": KEEP,
        "passport": KEEP,
        "payment": KEEP,
        "payoutaccount": KEEP,
        "performance": KEEP,
        "reconciliation": KEEP,
        "reminder": APPEND,
        "reuse": KEEP,
        "signatory": KEEP,
        "signature": KEEP,
        "stripeevent": KEEP,
    }
