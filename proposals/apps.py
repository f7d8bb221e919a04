from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from marketplace.ledger.grants import APPEND, KEEP, ROWS, but


class ProposalsConfig(AppConfig):
    name = "proposals"
    verbose_name = _("Propositions")
    rights = {
        "award": but("reversed_at", "reversed_by_id", "reversal_reason"),
        "draftfile": ROWS,
        "draw": APPEND,
        "notereexamination": KEEP,  # its triggers let it be decided, once
        "notereexaminationline": APPEND,
        "notesseal": APPEND,
        "notesversion": APPEND,
        "openedproposal": APPEND,
        "opening": APPEND,
        "proposal": ROWS,  # a draft is deleted; one that was ever deposited is kept by its dépôts, which stay
        "recommendation": but("decided_by_id", "decided_at", "accepted", "decision_reason"),
        "score": KEEP,
        "sealedfile": f"{APPEND}, DELETE",  # with the envelope
        "sealedenvelope": f"{APPEND}, DELETE",  # a withdrawal destroys it
        "sealkey": APPEND,
        "submission": APPEND,
    }
