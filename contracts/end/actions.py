"""The end of a contract: completion, termination, and the evaluation of the vendor's performance."""

from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from contracts import documents, rules
from contracts import emails as contract_emails
from contracts.enums import State
from contracts.models import Contract, Performance
from contracts.publication import actions as publication_actions
from marketplace import pdf
from marketplace.accounts.person import User, Visitor
from marketplace.dates import clock
from marketplace.dates.localtime import day, local, moment_exact
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, complain, known, locked
from marketplace.texts import longest

ENDED = [State.COMPLETED, State.TERMINATED]
NO_CODE_MAX = longest(Contract, "no_code_reason")
COMMENT_MAX = longest(Performance, "comment")


# --- Ending ----------------------------------------------------------------------------------------------------------
def complete(contract: Contract, *, by: User, no_code_reason: str = "") -> None:
    """Everything is delivered and paid. `no_code_reason`: why no code is catalogued, where there is no passport."""
    with transaction.atomic():
        reason = no_code_reason.strip()
        if len(reason) > NO_CODE_MAX:
            complain("no_code_reason", _("Ce texte dépasse %d caractères.") % NO_CODE_MAX)
        if reason:
            locked(contract)  # the move locks it again, and reads what was written here
            Contract.objects.filter(pk=contract.pk).update(no_code_reason=reason)
        contract.complete(by=by)
        publication_actions.ended(contract, at=contract.updated_at)
        contract_emails.ended(contract, at=contract.updated_at)


def terminate(contract: Contract, *, by: User, reason: str) -> None:
    """The body ends it before its term; the reason is public, and what was accepted is still owed."""
    with transaction.atomic():
        contract.terminate(by=by, reason=reason)
        publication_actions.ended(contract, at=contract.updated_at)
        contract_emails.terminated(contract, at=contract.updated_at)


# --- Performance -----------------------------------------------------------------------------------------------------
def can_evaluate(contract: Contract, user: Visitor) -> bool:
    """An ended contract, not evaluated yet; a buyer or an officer of the body."""
    return contract.state in ENDED and rules.can_prepare(contract, user) and not hasattr(contract, "performance")


def evaluate(
    contract: Contract, *, by: User, quality: int, deadlines: int, communication: int, satisfactory: bool, comment: str
) -> Performance:
    """Once, after the end; the vendor may reply for settings.REPLY_DAYS days, the last one included."""
    with transaction.atomic():
        row = locked(contract)
        if not rules.can_prepare(row, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        if row.state not in ENDED:
            raise IllegalMove(_("Le rendement s’évalue quand le contrat est terminé ou résilié."))
        if Performance.objects.filter(contract=row).exists():
            raise IllegalMove(_("Le rendement est déjà évalué."))
        at = clock.now()
        performance = Performance(
            contract=row, quality=quality, deadlines=deadlines, communication=communication, satisfactory=satisfactory,
            comment=_text(comment, "comment"), by=by, at=at,
            reply_until=local(at).date() + timedelta(days=settings.REPLY_DAYS),
        )  # fmt: skip
        performance.clean_fields(exclude={"contract", "by"})
        performance.save(force_insert=True)
        # What it says is between the parties: the ledger only tells that it was made.
        until = performance.reply_until.isoformat()
        ledger.record("performance.evaluate", row.ledger_subject(), by=by, at=at, reply_until=until)
        contract_emails.performance_evaluated(performance, at=at)
    return performance


def can_reply(performance: Performance, user: Visitor, *, at: datetime) -> bool:
    """The vendor, once, until the last day."""
    open_still = performance.reply_at is None and local(at).date() <= performance.reply_until
    return open_still and rules.binds_vendor(performance, user)


def reply(performance: Performance, *, by: User, text: str) -> None:
    """The vendor's answer, once, kept beside the evaluation."""
    with transaction.atomic():
        contract = locked(performance.contract)
        row = Performance.objects.select_for_update(of=("self",)).get(pk=performance.pk)
        if not rules.binds_vendor(contract, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        at = clock.now()
        if row.reply_at is not None:
            raise IllegalMove(_("La réplique est déjà donnée."))
        if local(at).date() > row.reply_until:
            raise IllegalMove(_("Le délai pour répliquer est passé depuis le %s.") % day(row.reply_until))
        row.reply, row.reply_by, row.reply_at = _text(text, "text"), by, at
        row.save(update_fields=["reply", "reply_by", "reply_at"])
        ledger.record("performance.reply", contract.ledger_subject(), by=by, at=at)
        contract_emails.performance_replied(row, at=at)
    performance.__dict__.update(row.__dict__)


def _text(text: str, field: str) -> str:
    text = (text or "").strip()
    if not text:
        complain(field, _("Ce champ est obligatoire."))
    if len(text) > COMMENT_MAX:
        complain(field, _("Ce texte dépasse %d caractères.") % COMMENT_MAX)
    return text


# Documents are in French, whatever the reader's language.
_MARKS = {"quality": "Qualité du travail", "deadlines": "Respect des échéances", "communication": "Communication"}


def performance_pdf(performance: Performance) -> bytes:
    """The evaluation as a letter to the vendor, with its reply once given; the same bytes at each download."""
    contract = performance.contract
    result = "satisfaisant" if performance.satisfactory else "insatisfaisant"
    marks = "\n".join(f"- {label} : {getattr(performance, name)} sur 5" for name, label in _MARKS.items())
    end = "s’est terminé" if contract.state == State.COMPLETED else "a été résilié"
    paragraphs = [
        f"Le contrat {contract.number}, « {contract.title} », {end} le {day(known(contract.ended_at), 'fr')}.",
        f"Nous évaluons le rendement comme {result}.",
        marks,
        performance.comment,
    ]
    vendor, reply = documents.vendor_data(contract.vendor), None
    if not performance.reply_at:
        until = day(performance.reply_until, "fr")
        paragraphs.append(f"Vous pouvez répliquer sur la plateforme jusqu’au {until} inclusivement.")
    else:
        reply = {
            "heading": "Réplique du prestataire",
            "text": performance.reply,
            "name": known(performance.reply_by).name,
            "title": vendor["legal_name"],
            "at": moment_exact(performance.reply_at, "fr"),
        }
    data = {
        "from": {"name": contract.body.name},
        "to": {"name": vendor["legal_name"], "address": vendor["address"]},
        "date": day(performance.at, "fr"),
        "number": contract.number,
        "reference": f"{contract.opportunity.number} – {contract.title}",
        "subject": f"Évaluation du rendement, contrat {contract.number}",
        "paragraphs": paragraphs,
        "signature": {"name": performance.by.name, "title": contract.body.name},
        "reply": reply,
    }
    return pdf.render("letter", data, at=performance.reply_at or performance.at)
