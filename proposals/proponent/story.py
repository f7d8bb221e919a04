"""What a vendor's people read about their own proposal: its moves, its next step, its result. No write, no view."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from marketplace.dates.localtime import day, deadline
from marketplace.ledger.entries import LedgerPayload
from marketplace.lifecycle import known
from opportunities.enums import State as OccasionState
from proposals.enums import State
from proposals.evaluation import effect, notes
from proposals.models import AFTER_OPENING, Award, NoteReexamination, Proposal, Submission
from proposals.proponent import explanation

_WAITING = {State.OPENED, State.ADMISSIBLE, State.SCORED}
_ENDED = {OccasionState.CANCELLED, OccasionState.UNSUCCESSFUL}


def badge(proposal: Proposal, *, at: datetime) -> dict[str, str]:
    """{label, tone} as the vendor may know it: « En évaluation » until the result."""
    occasion = proposal.opportunity
    if proposal.state in _WAITING and occasion.state not in _ENDED:
        return {"label": _("En évaluation"), "tone": "info"}
    if occasion.state in _ENDED and proposal.state not in {State.DRAFT, State.REJECTED}:
        return {"label": occasion.get_state_display(), "tone": "neutral"}
    if proposal.state == State.DRAFT and not can_prepare(proposal, at=at):
        return {"label": _("Non déposée"), "tone": "neutral"}
    tones = {State.DRAFT: "draft", State.SUBMITTED: "ok", State.REJECTED: "bad", State.AWARDED: "ok"}
    return {"label": proposal.get_state_display(), "tone": tones.get(proposal.state, "neutral")}


def can_prepare(proposal: Proposal, *, at: datetime) -> bool:
    """Whether a draft may still be written: until the closing instant, a suspension included."""
    occasion = proposal.opportunity
    return proposal.state not in AFTER_OPENING and (
        occasion.state == OccasionState.SUSPENDED or occasion.accepts_proposals(at=at)
    )


def group(proposal: Proposal, *, at: datetime) -> str:
    """todo | submitted | evaluation | over: where « Mes propositions » shows it."""
    if can_prepare(proposal, at=at):
        return "submitted" if proposal.state == State.SUBMITTED else "todo"
    waits = proposal.state in _WAITING | {State.SUBMITTED} and proposal.opportunity.state not in _ENDED
    return "evaluation" if waits else "over"


def has_changes(proposal: Proposal, last: Submission | None) -> bool:
    """Whether the draft was changed since its last dépôt: those changes are not deposited."""
    return proposal.state == State.SUBMITTED and last is not None and proposal.updated_at > last.received_at


def timeline(proposal: Proposal, submissions: Iterable[Submission]) -> list[dict[str, Any]]:
    """Past acts with their instants, then what is planned. Admission and scores are told with the result only."""
    labels = {
        "proposal.withdraw": _("Retirée; contenu scellé détruit"),
        "proposal.open": _("Proposition ouverte"),
        "proposal.reject": _("Rejetée"),
        "proposal.reexamine": _("Admissibilité à décider de nouveau"),
        "proposal.readmit": _("Admise, par réexamen"),
        "proposal.exclude": _("Rejetée, par réexamen"),
        "proposal.award": _("Retenue"),
        "proposal.decline": _("Non retenue"),
        "notereexamination.accept": _("Notes réexaminées"),
    }
    by_version = {row.version: row for row in submissions}
    events: list[dict[str, Any]] = [{"label": _("Brouillon commencé"), "at": proposal.created_at, "done": True}]
    for payload in LedgerPayload.objects.about(proposal.ledger_subject()):
        event = {"at": payload.entry.at, "done": True}
        if payload.action == "proposal.submit":
            row = by_version[payload.body["version"]]
            url = reverse("proposals:receipt", args=[row.receipt_number])
            events.append(event | {"label": _("Déposée (dépôt n° %d)") % row.version, "url": url})
        elif payload.action == "notereexamination.accept" and "notes" not in payload.body:
            continue  # of an admission: the proposal's own move, of the same instant, tells it
        elif payload.action in labels:
            events.append(event | {"label": labels[payload.action]})
    return events + _planned(proposal)


def _planned(proposal: Proposal) -> list[dict[str, Any]]:
    occasion = proposal.opportunity
    if occasion.state == OccasionState.PUBLISHED:
        return [{"label": _("Fermeture et ouverture publique"), "at": occasion.closes_at, "done": False}]
    if proposal.state in _WAITING and occasion.state in {OccasionState.EVALUATION, OccasionState.RECOMMENDED}:
        return [{"label": _("Attribution prévue"), "at": day(known(occasion.assignment_date)), "done": False}]
    return []


def next_step(proposal: Proposal, last: Submission | None, *, at: datetime) -> dict[str, str]:
    """{tone, title, body}: where it stands and what comes next, in one notice."""
    occasion = proposal.opportunity
    until = deadline(occasion.closing)

    def say(tone: str, title: str, body: str = "") -> dict[str, str]:
        return {"tone": tone, "title": title, "body": body}

    if occasion.state == OccasionState.CANCELLED:
        return say("info", _("L’occasion a été annulée"), occasion.state_reason)
    if proposal.state == State.REJECTED:
        return say("bad", _("Votre proposition a été rejetée"), _("Le motif est donné plus bas."))
    if occasion.state == OccasionState.UNSUCCESSFUL:
        reason = occasion.state_reason or occasion.get_unsuccessful_reason_display()
        return say("info", _("L’occasion s’est terminée sans attribution"), reason)
    if proposal.state == State.AWARDED:
        return say(
            "ok",
            _("Votre proposition est retenue"),
            _("Le contrat se prépare, se signe et se suit ici, dans « Contrats »."),
        )
    if proposal.state == State.NOT_AWARDED:
        return say("info", _("Votre proposition n’est pas retenue"), _("Votre résultat est donné plus bas."))
    if proposal.state in _WAITING:
        return say("info", _("Votre proposition est en évaluation"), _("Vous serez informé du résultat par courriel."))
    if occasion.state == OccasionState.SUSPENDED:
        body = _("Aucun dépôt ni retrait pendant la suspension. Une nouvelle date limite sera publiée.")
        return say("warn", _("L’occasion est suspendue"), body)
    if proposal.state == State.SUBMITTED and last is not None and occasion.is_due(at=at):
        body = _("Votre dépôt n° %d est scellé : il s’ouvrira avec les autres, et un courriel vous le dira.")
        return say("info", _("La date limite est passée : l’ouverture est attendue"), body % last.version)
    if not occasion.accepts_proposals(at=at):
        return say("info", _("La date limite est passée"), _("Cette proposition n’a pas été déposée."))
    if last is not None and has_changes(proposal, last):
        body = _("Votre dépôt n° %d reste valide. Ce que vous avez changé depuis ne compte qu’une fois déposé.")
        return say("warn", _("Vos derniers changements ne sont pas déposés"), body % last.version)
    if proposal.state == State.SUBMITTED:
        body = _("Personne ne peut la lire avant le %s. Vous pouvez la remplacer ou la retirer jusque-là.")
        return say("ok", _("Votre proposition est déposée et scellée"), body % until)
    if proposal.state == State.WITHDRAWN:
        body = _("Vous pouvez en déposer une autre jusqu’au %s.") % until
        return say("warn", _("Votre proposition est retirée"), body)
    return say("draft", _("Brouillon : rien n’est déposé"), _("Vous avez jusqu’au %s.") % until)


def debrief(proposal: Proposal) -> dict[str, Any] | None:
    """After the award: one's own rank and scores as they were confirmed, and the public part: winner and price."""
    standing = (
        Award.objects.standing()
        .filter(opportunity=proposal.opportunity)
        .select_related("proposal__vendor", "recommendation__proposal")
        .first()
    )
    if standing is None:
        return None
    recommendation = standing.recommendation
    row = recommendation.line(proposal)
    won = standing.proposal_id == proposal.pk
    result: dict[str, Any] = {"award": standing, "won": won, "row": row, "scores": []}
    result["reexaminations"] = reexaminations(proposal)
    if not won:
        result["justification"] = recommendation.why_not_first
    if row is not None:
        result["final"] = None if row["final"] is None else _decimal(Fraction(row["final"]))
        result["ranked"] = sum(line["rank"] is not None for line in recommendation.ranking)
        comments = {score.criterion_id: score.comment for score in proposal.scores.all()}  # frozen with the ranking
        result["scores"] = [
            {
                "criterion": criterion,
                "value": Decimal(row["scores"][str(criterion.pk)]),
                "comment": comments.get(criterion.pk, ""),
            }
            for criterion in proposal.opportunity.criteria.all()
            if str(criterion.pk) in row["scores"]
        ]
        result["why"] = explanation.sentences(recommendation, proposal)
        result["notes"] = [one.shown() for one in notes.all_sealed(proposal)] if result["scores"] else []
    return result


def reexaminations(proposal: Proposal) -> list[NoteReexamination]:
    """The accepted ones, oldest first, each with `told`: what it did to this proposal's rank. No other one is named."""
    rows = list(
        NoteReexamination.objects.accepted()
        .filter(proposal=proposal)
        .prefetch_related("lines__criterion")
        .order_by("pk")
    )
    for row in rows:
        row.told = effect.told(row.effect, proposal.vendor.legal_name, {})
    return rows


def own_notes(proposal: Proposal, rank: int | None = None) -> dict[str, Any] | None:
    """The file of a vendor's own notes with their comments, once an award stands; None before, or without a digest.

    rank: the number of the version; the last one without it.
    """
    if not Award.objects.standing().filter(opportunity=proposal.opportunity).exists():
        return None
    seals = notes.all_sealed(proposal)
    if rank is not None:
        seals = [one for one in seals if one.seal.version.number == rank]
    return seals[-1].file(comments=True) if seals else None


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
