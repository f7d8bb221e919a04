"""What was checked of an award, by whom and when, and what is missing: computed from the data, never typed.

One function per line: (facts) -> Line. The whole is kept, and signed, with a conclusion (audit/reviews/actions.py).
"""

import hashlib
from datetime import date, datetime, timedelta
from itertools import combinations

from django.conf import settings

from audit.enums import FlagState
from audit.reviews.checklist_contract import amendments, duties, invoices, payers, signatures, value
from audit.reviews.checklist_lines import Line, acts_of, names
from audit.reviews.facts import Facts
from marketplace.dates.localtime import local
from marketplace.ledger import entries as ledger
from opportunities.conditions import ceiling_cents
from opportunities.enums import AwardMode
from proposals.award import ranks
from proposals.deposit import declarations
from proposals.deposit import overlap as deposit_overlap
from proposals.enums import NoteReexaminationState, State
from proposals.evaluation import draw as drawing
from proposals.evaluation import effect
from proposals.evaluation import notes as notes_file
from proposals.models import NoteReexamination, Proposal
from vendors.eligibility import actions as eligibility

ACCEPTED = NoteReexaminationState.ACCEPTED
NIGHTLY = timedelta(hours=25)  # a checkpoint is signed each night


# --- The notice ------------------------------------------------------------------------------------------------------
def reviewed(facts: Facts) -> Line:
    row = facts.opportunity
    hands = {row.author_id, row.submitted_by_id, *row.editor_ids}
    done = row.published_by_id is not None and row.published_by_id not in hands
    return Line("reviewed", done, names([row.published_by]), row.published_at)


def ceiling(facts: Facts) -> Line:
    row = facts.opportunity
    limit = ceiling_cents(local(row.published_at).date())
    details = {"budget_cents": row.budget_cents, "ceiling_cents": limit}
    return Line("ceiling", row.budget_cents < limit, at=row.published_at, details=details)


def period(facts: Facts) -> Line:
    """The closing instant as it was published; a later one can only be later."""
    row, published = facts.opportunity, acts_of(facts, "opportunity.publish")
    closes_at = datetime.fromisoformat(published[0].body["closes_at"]) if published else row.closes_at
    days = (local(closes_at).date() - local(row.published_at).date()).days
    reason = bool(row.short_period_reason.strip())
    details = {"days": days, "least": settings.MINIMUM_PUBLICATION_DAYS, "reason": reason}
    return Line("period", days >= settings.MINIMUM_PUBLICATION_DAYS or reason, at=row.published_at, details=details)


def grid(facts: Facts) -> Line:
    if facts.opportunity.award_mode == AwardMode.PRICE:
        return Line("grid", None if not facts.criteria else False, details={"total": 0, "criteria": 0})
    total = sum(criterion.weight for criterion in facts.criteria)
    return Line("grid", total == 100, details={"total": total, "criteria": len(facts.criteria)})


def addenda(facts: Facts) -> Line:
    """Each was sent to every vendor that was preparing an answer then."""
    missing = []
    for row in facts.addenda:
        written_to, _waiting = facts.told.get(("emails/opportunity_addendum.txt", row.at), (set(), []))
        for proposal in facts.proposals:
            if proposal.created_at <= row.at and not written_to & facts.ties[proposal.vendor_id]:
                missing.append(f"{row.number}, {proposal.vendor}")
    details = {"addenda": len(facts.addenda), "missing": missing}
    if not facts.addenda:
        return Line("addenda", None, details=details)
    return Line("addenda", not missing, names(row.by for row in facts.addenda), facts.addenda[-1].at, details)


# --- The opening -----------------------------------------------------------------------------------------------------
def opening(facts: Facts) -> Line:
    """Not before the closing instant, and with the number of envelopes that the minutes say."""
    row = facts.opportunity.opening
    minutes = acts_of(facts, "opening.minutes")
    said = minutes[-1].body.get("received") if minutes else None
    details = {"received": len(facts.proposals), "minutes": said}
    done = row.opened_at >= row.closes_at and said == len(facts.proposals)
    return Line("opening", done, at=row.opened_at, details=details)


def envelopes(facts: Facts) -> Line:
    """Byte for byte those of the receipts, computed again; one that could not be read may only be rejected."""
    altered, unreadable = [], []
    for row in facts.proposals:
        submission = row.opened.submission
        envelope = getattr(submission, "envelope", None)
        content = bytes(envelope.content) if envelope else b""
        if not row.opened.readable:
            unreadable.append(str(row.vendor))
        if row.opened.readable and hashlib.sha256(content).hexdigest() != submission.envelope_sha256:
            altered.append(str(row.vendor))
    refused = all(row.opened.readable or row.state == State.REJECTED for row in facts.proposals)
    details = {"count": len(facts.proposals), "altered": altered, "unreadable": unreadable}
    return Line("envelopes", not altered and refused, at=facts.opportunity.opening.opened_at, details=details)


# --- The evaluation --------------------------------------------------------------------------------------------------
def ties(facts: Facts) -> Line:
    """Nobody who decided anything belongs to a vendor that answered, as far as the platform knows today."""
    acted = {}
    for row in facts.proposals:
        for person in [row.examined_by, *(score.by for score in row.scores.all())]:
            if person is not None:
                acted[person.pk] = person
    for person in (facts.award.recommendation.by, facts.award.confirmed_by, facts.opportunity.published_by):
        if person is not None:
            acted[person.pk] = person
    tied = set().union(*facts.ties.values()) & set(acted)
    return Line("ties", not tied, names(acted.values()), details={"tied": list(names(acted[pk] for pk in tied))})


def overlap(facts: Facts) -> Line:
    """A person behind two answers declared it at one of both dépôts: people as the platform knows them today."""
    people = {
        row.pk: facts.ties[row.vendor_id] | {row.created_by_id, row.opened.submission.submitted_by_id}
        for row in facts.proposals
    }
    declared, missing = [], []
    for one, other in combinations(facts.proposals, 2):
        pair = f"{one.vendor} – {other.vendor}"
        if _declares(one, other) or _declares(other, one):
            declared.append(pair)
        elif people[one.pk] & people[other.pk]:
            missing.append(pair)
    done = not missing if declared or missing else None
    return Line("overlap", done, details={"declared": declared, "missing": missing})


def _declares(one: Proposal, other: Proposal) -> bool:
    said = one.opened.content.get(deposit_overlap.KEY)
    return said is not None and str(other.public_id) in deposit_overlap.named_in(said)


def examined(facts: Facts) -> Line:
    """Every proposal was admitted, or rejected with a code and an explanation."""
    waiting = [row for row in facts.proposals if row.state == State.OPENED]
    bare = [row for row in facts.proposals if row.state == State.REJECTED and not row.rejection_text.strip()]
    rejected = sum(row.state == State.REJECTED for row in facts.proposals)
    missing = list(names(row.vendor for row in waiting + bare))
    changes = _reexamined(facts, notes=False)
    details = {"count": len(facts.proposals), "rejected": rejected, "missing": missing, "reexamined": changes}
    acts = acts_of(facts, "proposal.admit") + acts_of(facts, "proposal.reject")
    at = max((row.entry.at for row in acts), default=None)
    return Line("examined", not (waiting or bare), names(row.examined_by for row in facts.proposals), at, details)


def scored(facts: Facts) -> Line:
    if not facts.criteria:
        return Line("scored", None)
    good = [row for row in facts.proposals if row.state != State.REJECTED]
    wanted = {criterion.pk for criterion in facts.criteria}
    missing = [row.vendor for row in good if {score.criterion_id for score in row.scores.all()} != wanted]
    scores = [score for row in good for score in row.scores.all()]
    details = {"count": len(good), "criteria": len(wanted), "missing": list(names(missing))}
    at = max((score.at for score in scores), default=None)
    return Line("scored", not missing, names(score.by for score in scores), at, details)


def notes(facts: Facts) -> Line:
    """Those that count are those that were frozen, or accepted by a second person since: digests computed again."""
    if not facts.criteria:
        return Line("notes", None)
    in_ledger = {one["sha256"] for row in facts.payloads for one in row.body.get("notes", [])}
    sealing = {row.seq for row in facts.entries.values() if row.action in notes_file.SEALING}
    erased = sealing - {row.entry_id for row in facts.payloads}  # what they held can no longer be read
    ranked = [row for row in facts.proposals if row.state in ranks.RANKED_STATES]
    missing = [row.vendor for row in ranked if not _sealed(row, facts, in_ledger, erased)]
    changes = _reexamined(facts, notes=True)
    details = {"count": len(ranked) - len(missing), "missing": list(names(missing)), "reexamined": changes}
    people = [person for one in _accepted(facts, notes=True) for person in (one.asked_by, one.decided_by)]
    by = names([facts.opportunity.notes_frozen_by, *people])
    return Line("notes", not missing, by, facts.opportunity.notes_frozen_at, details)


def _accepted(facts: Facts, *, notes: bool) -> list[NoteReexamination]:
    """Of the notes, or of the admission, of its proposals; oldest first."""
    rows = [one for row in facts.proposals for one in row.note_reexaminations.all()]
    return sorted((one for one in rows if one.state == ACCEPTED and one.of_notes == notes), key=lambda one: one.pk)


def _reexamined(facts: Facts, *, notes: bool) -> list[dict]:
    """What each changed, as the words tell it (proposals/evaluation/effect.py)."""
    called = {str(row.public_id): str(row.vendor) for row in facts.proposals}
    return [effect.change(one, called) for one in _accepted(facts, notes=notes)]


def _sealed(proposal: Proposal, facts: Facts, in_ledger: set[str], erased: set[int]) -> bool:
    """Whether a proposal's notes are its last version's, and their digest the ledger's."""
    proposal.opportunity = facts.opportunity
    version = max(proposal.notes_versions.all(), key=lambda row: row.number, default=None)
    seal = getattr(version, "seal", None)
    if version is None or seal is None:
        return False
    version.proposal = proposal
    scores = {row.criterion_id: (f"{row.value:.2f}", row.comment) for row in proposal.scores.all()}
    same = scores == {line["id"]: (line["value"], line["comment"]) for line in version.criteria}
    again = notes_file.digest(seal.salt, notes_file.document(version, seal.comments_salt))
    return same and again == seal.sha256 and (bool(erased) or seal.sha256 in in_ledger)


def ranking(facts: Facts) -> Line:
    """Computed again from prices and scores: the same as what was recommended upon, and the first one recommended.

    Or another one, with a justification.
    """
    recommendation = facts.award.recommendation
    rank = (recommendation.line(facts.award.proposal) or {}).get("rank")
    again = [
        (str(line.proposal.public_id), line.ranked.rank, line.ranked.entry.price_cents, str(line.ranked.final))
        for line in ranks.lines(facts.opportunity)
    ]
    published = [
        (row["proposal"], row["rank"], row["price_cents"], str(row["final"])) for row in recommendation.ranking
    ]
    same = sorted(again, key=str) == sorted(published, key=str)
    done = same and (rank == 1 or bool(rank and recommendation.justification))
    details = {"rank": rank, "justified": bool(recommendation.justification), "same": same}
    return Line("ranking", done, names([recommendation.by]), recommendation.at, details)


def draw(facts: Facts) -> Line:
    """The secret is the one promised in the notice, and gives the published order."""
    row = facts.draw
    if not any(line["drawn"] for line in facts.award.recommendation.ranking):
        return Line("draw", None)
    if row is None:
        return Line("draw", False, details={"ties": 0})
    secret = bytes.fromhex(row.secret)
    groups = all(drawing.order(secret, row.digests, group) == group for group in row.order)
    done = drawing.commitment(secret) == facts.opportunity.draw_commitment and groups
    return Line("draw", done, at=row.at, details={"ties": len(row.order)})


# --- The award -------------------------------------------------------------------------------------------------------
def two_people(facts: Facts) -> Line:
    recommendation = facts.award.recommendation
    done = recommendation.by_id != facts.award.confirmed_by_id
    return Line("two_people", done, names([recommendation.by, facts.award.confirmed_by]), facts.award.at)


def amount(facts: Facts) -> Line:
    price = facts.winner.opened.price_cents
    details = {"award_cents": facts.award.amount_cents, "price_cents": price}
    return Line("amount", price == facts.award.amount_cents, at=facts.award.at, details=details)


def eligible(facts: Facts) -> Line:
    """On the day of the award, as was known then: declaration of integrity, attestation, no ineligibility."""
    award, on = facts.award, local(facts.award.at).date()
    least = eligibility.attestation_from_cents(on)
    lacks = [] if facts.winner.opened.content.get("integrity_declaration") else ["integrity"]
    if award.amount_cents >= least and not _attestations(facts):
        lacks.append("attestation")
    if any(_bars(row, award.at, on) for row in facts.ineligibilities):
        lacks.append("ineligible")
    return Line("eligible", not lacks, at=award.at, details={"lacks": lacks, "least_cents": least})


def declared(facts: Facts) -> Line:
    """With its proposal, the vendor declared no collusion, and its lobbying; nothing of one deposited before that."""
    content = facts.winner.opened.content
    made = [content[name] for name in (declarations.PROBITY, declarations.LOBBYING) if content.get(name)]
    details = {"lobbying": made[-1].get("choice", "")} if made else {}
    return Line("declared", len(made) == 2 if made else None, names(one["by"] for one in made), details=details)


def _bars(row, at: datetime, on: date) -> bool:
    """An ineligibility that was known, in force and not lifted."""
    known = row.at <= at and (row.lifted_at is None or row.lifted_at > at)
    return known and row.since <= on and (row.until is None or row.until >= on)


def _attestations(facts: Facts) -> list:
    """Those valid on the day of the award."""
    award, on = facts.award, local(facts.award.at).date()
    return [
        row
        for row in facts.attestations
        if row.at <= award.at
        and row.issued_on <= on <= row.valid_through
        and (row.withdrawn_at is None or row.withdrawn_at > award.at)
    ]


def attestation(facts: Facts) -> Line:
    """Somebody asked Revenu Québec whether the attestation is genuine; why the body went on before, if it did."""
    if facts.award.amount_cents < eligibility.attestation_from_cents(local(facts.award.at).date()):
        return Line("attestation", None)
    verified = [row for row in _attestations(facts) if row.verified_at]
    last = max(verified, key=lambda row: row.verified_at, default=None)
    reasons = [body["unverified_reason"] for row in facts.payloads if "unverified_reason" in (body := row.body)]
    details = {"unverified_reasons": reasons}
    if last is None:
        return Line("attestation", False, details=details)
    return Line("attestation", True, names([last.verified_by]), last.verified_at, details | {"number": last.number})


def told(facts: Facts) -> Line:
    """Every vendor was written to at the award, with its result and the reasons."""
    losers, winners = (
        facts.told.get((f"emails/{name}.txt", facts.award.at), (set(), []))
        for name in ("proposal_not_awarded", "proposal_awarded")
    )
    missing = [
        row.vendor
        for row in facts.proposals
        if not (winners if row.pk == facts.award.proposal_id else losers)[0] & facts.ties[row.vendor_id]
    ]
    details = {
        "count": len(facts.proposals), "missing": list(names(missing)), "waiting": len(losers[1]) + len(winners[1]),
    }  # fmt: skip
    return Line("told", not missing, at=facts.award.at, details=details)


def signals(facts: Facts) -> Line:
    """Whoever saw a signal said what explains it, or it is being looked into."""
    details = {
        "codes": sorted({row.code for row in facts.flags}),
        "silent": sorted({row.code for row in facts.flags if row.shown == FlagState.NEW}),
    }
    return Line("signals", not details["silent"] if facts.flags else None, details=details)


# --- The ledger ------------------------------------------------------------------------------------------------------
def _expected(facts: Facts) -> set[tuple[str, str]]:
    """(object, act) of what the tables say was done."""
    occasion, contract = facts.opportunity.ledger_subject(), facts.contract
    acts = ("publish", "open", "recommend", "confirm_award")
    expected = {(occasion, f"opportunity.{act}") for act in acts} | {(occasion, "opening.minutes")}
    expected |= {(occasion, "opportunity.addendum")} if facts.addenda else set()
    if AwardMode(facts.opportunity.award_mode).price_waits and facts.opportunity.notes_frozen_by_id:
        expected.add((occasion, "opportunity.unveil_prices"))
    expected |= {(row.ledger_subject(), "proposal.open") for row in facts.proposals}
    expected.add((facts.winner.ledger_subject(), "proposal.award"))
    if contract is not None:
        expected |= {(contract.ledger_subject(), f"contract.{act}") for act in ("offer", "sign_as_vendor", "sign")}
    expected |= {(row.ledger_subject(), "milestone.accept") for row in facts.milestones}
    expected |= {(row.ledger_subject(), "amendment.accept") for row in facts.amendments}
    return expected | {(row.ledger_subject(), f"payment.{_settles(row)}") for row in facts.payments}


def _settles(payment) -> str:
    return "confirm" if payment.method == "outside" else "transfer"


def entries(facts: Facts) -> Line:
    """Every act is in the ledger; an erased detail takes nothing from its entry."""
    present = {(row.subject, row.action) for row in facts.payloads}
    present |= {(row.subject, row.action) for row in facts.entries.values()}
    missing = sorted(f"{act} ({subject})" for subject, act in _expected(facts) - present)
    return Line("entries", not missing, details={"count": len(facts.entries), "missing": missing})


def hashes(facts: Facts) -> Line:
    """Entries and details computed again: the same digests."""
    bad = {
        row.seq
        for row in facts.entries.values()
        if hashlib.sha256(ledger.canonical(row.chained())).hexdigest() != row.hash
    }
    for row in facts.payloads:
        if hashlib.sha256(row.salt.encode() + ledger.canonical(row.body)).hexdigest() != row.entry.digest:
            bad.add(row.entry_id)
    return Line("hashes", not bad, details={"count": len(facts.entries), "bad": len(bad)})


def checkpoint(facts: Facts) -> Line:
    """Covered by a signed checkpoint; the last acts may wait for tonight's, and take nothing from what is covered."""
    size = facts.checkpoint.size if facts.checkpoint else 0
    left = [row for row in facts.entries.values() if row.seq > size]
    old = any(row.recorded_at < facts.at - NIGHTLY for row in left)
    done = False if old else True if len(left) < len(facts.entries) else None
    at = facts.checkpoint.at if facts.checkpoint else None
    return Line("checkpoint", done, at=at, details={"size": size, "left": len(left)})


GROUPS = {
    "notice": (reviewed, ceiling, period, grid, addenda),
    "opening": (opening, envelopes),
    "evaluation": (ties, overlap, examined, scored, notes, ranking, draw),
    "award": (two_people, amount, eligible, declared, attestation, told, signals),
    "contract": (value, signatures, duties, amendments, invoices, payers),
    "ledger": (entries, hashes, checkpoint),
}


def lines(facts: Facts) -> list[Line]:
    """Every line, in the order of a procurement."""
    return [check(facts) for group in GROUPS.values() for check in group]
