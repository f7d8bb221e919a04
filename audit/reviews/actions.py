"""An officer's conclusion on an award: the checklist as it stands, kept and signed by the platform; never changed.

tools/verify.py checks the signed object; the PDF says the same. The public sees neither: it is the body's own audit.
"""

import hashlib

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from audit import rules
from audit.enums import Opinion
from audit.models import AwardReview
from audit.reviews import checklist, facts
from audit.reviews.checklist_words import sentence, shown, title
from contracts.documents import FRENCH, METHODS
from marketplace import keys, pdf
from marketplace.dates import clock
from marketplace.dates.localtime import day, moment_exact
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, complain, known, locked
from marketplace.money import format_cents
from opportunities.models import Opportunity
from proposals.models import Award

TYPE = "dan-review/1"
COMMENT_MAX = known(AwardReview._meta.get_field("comment").max_length)
STATES = {True: "oui", False: "non", None: "sans objet"}


def computed(award: Award, *, at) -> list[dict]:
    """The checklist as it stands, as a review keeps it. `award`: a row of facts.awards()."""
    return [line.kept() for line in checklist.lines(facts.facts(award, at=at))]


def fingerprint(lines: list[dict]) -> str:
    """What was answered to each line: the same while nothing that one reads has changed."""
    return hashlib.sha256(ledger.canonical([[row["code"], row["done"]] for row in lines])).hexdigest()


def conclude(award: Award, *, by, opinion: str, comment: str, method: str, seen: str) -> AwardReview:
    """An officer who neither recommended nor confirmed says what the checklist shows.

    `method`: how they proved who they are (marketplace/accounts/reauthentication.py); `seen`: the fingerprint of the
    checklist that was on the screen. Raises PermissionDenied, IllegalMove, ValidationError.
    """
    with transaction.atomic():
        locked(Opportunity.objects.get(pk=award.opportunity_id))  # an award is not reversed meanwhile
        row = facts.awards().standing().filter(pk=award.pk).first()
        if row is None:
            raise IllegalMove(_("Cette attribution a été annulée."))
        gate(row, by)
        comment = comment.strip()
        if opinion not in Opinion.values:
            complain("opinion", _("Choisissez une conclusion."))
        if opinion != Opinion.COMPLIANT and not comment:
            complain("comment", _("Dites pourquoi : ce texte accompagne la conclusion."))
        if len(comment) > COMMENT_MAX:
            complain("comment", _("Ce texte dépasse %d caractères.") % COMMENT_MAX)
        at = clock.now()
        last = row.reviews.filter(by=by).order_by("-pk").first()
        if last and (last.opinion, last.comment, fingerprint(last.checklist)) == (opinion, comment, seen):
            return last  # the same form, sent twice
        lines = computed(row, at=at)
        if fingerprint(lines) != seen:
            complain(None, _("La liste a changé depuis que cette page est ouverte : relisez-la avant de conclure."))
        signed = _signed(row, lines, by=by, at=at, opinion=opinion, comment=comment, method=method)
        review = AwardReview.objects.create(
            award=row, opinion=opinion, comment=comment, checklist=lines, signed=signed, by=by, at=at
        )
        digest = hashlib.sha256(ledger.canonical(signed)).hexdigest()
        ledger.record(
            "award.review", f"award:{row.opportunity.number}", by=by, at=at, opinion=str(opinion), sha256=digest,
            method=method,
        )  # fmt: skip
    return review


def gate(award: Award, by) -> None:
    """PermissionDenied, with the reason, for whoever may not conclude."""
    if by.pk in {award.confirmed_by_id, award.recommendation.by_id}:
        raise PermissionDenied(_("Vous avez recommandé ou confirmé cette attribution : une autre personne la vérifie."))
    if not rules.can_review_award(award, by):
        raise PermissionDenied(_("Une personne responsable des règles contractuelles de l’organisme conclut."))


def _signed(award: Award, lines: list[dict], *, by, at, opinion: str, comment: str, method: str) -> dict:
    with override(FRENCH):
        checked = [
            {
                "code": row["code"],
                "title": title(row["code"]),
                "done": row["done"],
                "by": row["by"],
                "at": row["at"] or "",
                "found": sentence(row["code"], row["done"], row["details"]),
            }
            for row in lines
        ]
    bare = {
        "type": TYPE,
        "occasion": award.opportunity.number,
        "body": award.opportunity.body.name,
        "vendor": award.proposal.vendor.legal_name,
        "amount_cents": award.amount_cents,
        "awarded_at": ledger.instant(award.at),
        "opinion": str(opinion),
        "comment": comment,
        "checklist": checked,
        "by": by.name,
        "method": method,
        "at": ledger.instant(at),
        "key": keys.key_id(),
    }
    return bare | {"signature": keys.sign(ledger.canonical(bare))}


def document(review: AwardReview) -> bytes:
    """The PDF of a conclusion, in French: the same bytes each time. `review.award`: a row of facts.awards()."""
    award, opportunity = review.award, review.award.opportunity
    with override(FRENCH):
        groups = shown(review.checklist, award)
        data = {
            "number": opportunity.number,
            "title": opportunity.title,
            "body": opportunity.body.name,
            "vendor": award.proposal.vendor.legal_name,
            "amount": format_cents(award.amount_cents, exact=True),
            "awarded": day(award.at),
            "opinion": review.get_opinion_display(),
            "comment": review.comment,
            "groups": [
                {
                    "title": group["title"],
                    "lines": [
                        {"title": line["title"], "state": STATES[line["done"]], "text": _full(line)}
                        for line in group["lines"]
                    ],
                }
                for group in groups
            ],
            "by": review.by.name,
            "at": moment_exact(review.at),
            "method": METHODS[review.signed["method"]],
            "signature": review.signed["signature"],
            "key": review.signed["key"],
            "digest": hashlib.sha256(ledger.canonical(review.signed)).hexdigest(),
        }
        return pdf.render("review", data, at=review.at)


def _full(line: dict) -> str:
    """What was found, by whom, when."""
    when = day(line["at"]) if line["at"] else ""
    acted = ", ".join(part for part in (line["by"], when) if part)
    return f"{line['text']} ({acted})" if acted else line["text"]
