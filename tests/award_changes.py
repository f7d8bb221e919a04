"""Ways to change by SQL, or on the disk, what surrounds a published notice: bytes of files, every award, who did what,
what became of each proposal, frozen notes, draws, and values that nobody can read."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from marketplace.dates import clock
from marketplace.files import store
from opportunities.models import Opportunity
from proposals.award import actions as award_actions
from proposals.evaluation import actions as evaluation_actions
from proposals.evaluation import reexamination_actions
from proposals.models import Award, Recommendation, Score, Submission
from tests.cast import CLOSES_AT

OTHER = "Un texte que personne n’a publié"
FIRST, SECOND = b"%PDF-1.7 devis 1", b"%PDF-1.7 devis 2"


@dataclass(frozen=True)
class Change:
    """One statement, the occasion that it touches, and what the verifier must say: a message, and a field's name.

    outside: what is done on the disk instead; answers how to undo it.
    """

    what: str
    sql: str
    parameters: tuple
    number: str
    field: str = ""
    message: str = "notice_live"
    outside: Callable[[], Callable[[], object]] | None = None


def ended(cast) -> list[Opportunity]:
    """Reversed once and awarded again, its notes re-examined; awarded after a draw; ended with rejections."""
    again, (first, _second) = cast.unveiled(mode="adjusted_price", title="Attribuée de nouveau")
    with clock.set_to(CLOSES_AT + timedelta(days=1)):
        asked = cast.ask_reexamination(first, "92")
        reexamination_actions.accept(asked, by=cast.other_buyer)
        award_actions.recommend(again, award_actions.lines(again)[0].proposal, by=cast.buyer)
        award_actions.send_back(again, by=cast.officer, reason="Une note est à relire.")
        award_actions.recommend(again, award_actions.lines(again)[0].proposal, by=cast.buyer)
        award_actions.confirm(again, by=cast.officer)
        award_actions.request_reversal(again, by=cast.officer, reason="Une erreur de calcul.")
        award_actions.reverse(again, by=cast.second_officer)
        award_actions.recommend(again, award_actions.lines(again)[0].proposal, by=cast.buyer)
        award_actions.confirm(again, by=cast.officer)
        award_actions.request_reversal(again, by=cast.officer, reason="Une autre erreur.")
        drawn, _proposals = cast.recommended(mode="price", prices=(60_000_00, 60_000_00), title="Tirée au sort")
        award_actions.confirm(drawn, by=cast.officer)
        unsuccessful, refused = cast.opened(title="Sans attribution")
        for proposal in refused:
            evaluation_actions.reject(proposal, by=cast.buyer, code="ADM-3", text="Attestation échue.")
        award_actions.conclude(unsuccessful, by=cast.officer, code="none_conforming")
    return [Opportunity.objects.get(pk=row.pk) for row in (again, drawn, unsuccessful)]


# --- Files -----------------------------------------------------------------------------------------------------------
def swapped(dice, row: Opportunity) -> Change:
    """The row holds the name of other bytes."""
    pk = dice.choice(list(row.attachments.values_list("pk", flat=True)))
    other = store.keep("occasions", b"%PDF-1.7 un autre", ".pdf")
    sql = "UPDATE opportunities_attachment SET file = %s WHERE id = %s"
    return Change("bytes:name", sql, (other, pk), row.number, message="notice_file")


def lost(dice, row: Opportunity) -> Change:
    pk = dice.choice(list(row.attachments.values_list("pk", flat=True)))
    sql = "UPDATE opportunities_attachment SET file = %s WHERE id = %s"
    return Change("bytes:none", sql, ("occasions/nowhere.pdf", pk), row.number, message="notice_file_gone")


def overwritten(dice, row: Opportunity) -> Change:
    """Nothing in the database moves."""
    file = dice.choice(list(row.attachments.all())).file.name
    gone = dice.random() < 0.3

    def outside():
        path = settings.MEDIA_ROOT / file
        content = path.read_bytes()
        path.unlink()
        if not gone:
            path.write_bytes(content[:-1] + b"#")
        return lambda: path.write_bytes(content)

    message = "notice_file_gone" if gone else "notice_file"
    return Change(f"disk:{message}", "", (), row.number, message=message, outside=outside)


# --- Awards ----------------------------------------------------------------------------------------------------------
def annulled(dice, row: Opportunity) -> Change:
    """What the page shows of an award that was reversed."""
    made = Award.objects.filter(opportunity=row).exclude(reversed_at=None).first()
    other = row.proposals.exclude(pk=made.proposal_id).first().pk
    column, value, word = dice.choice(
        [
            ("amount_cents", dice.randrange(1, 50_000_00), "attribution, montant"),
            ("proposal_id", other, "attribution, prestataire"),
            ("at", made.at - timedelta(minutes=dice.randrange(1, 99)), "attribution, date"),
            ("reversal_reason", OTHER, "annulation, motif"),
            ("reversed_at", made.reversed_at + timedelta(hours=1), "annulation, date"),
            ("reversed_by_id", row.author_id, "annulation, par"),
            ("confirmed_by_id", row.author_id, "par"),
        ]
    )
    sql = f"UPDATE proposals_award SET {column} = %s WHERE id = %s"
    return Change(f"annulled:{column}", sql, (value, made.pk), row.number, word, "award_differs")


def annulled_gone(dice, row: Opportunity) -> Change:
    made = Award.objects.filter(opportunity=row).exclude(reversed_at=None).first()
    sql = "DELETE FROM proposals_award WHERE id = %s"
    return Change("annulled:delete", sql, (made.pk,), row.number, message="award_gone")


def annulled_added(dice, row: Opportunity) -> Change:
    """An award that never was, already reversed: the page would show it, with its reason."""
    made = Award.objects.filter(opportunity=row).last()
    spare = Recommendation.objects.filter(award=None).values_list("pk", flat=True).first()
    sql = (
        "INSERT INTO proposals_award (opportunity_id, proposal_id, recommendation_id, amount_cents, confirmed_by_id, "
        "at, reversed_at, reversed_by_id, reversal_reason) SELECT opportunity_id, proposal_id, %s, %s, "
        "confirmed_by_id, %s, %s, confirmed_by_id, %s FROM proposals_award WHERE id = %s"
    )
    at = made.at + timedelta(hours=dice.randrange(1, 9))
    parameters = (spare, dice.randrange(1, 999), at, at, OTHER, made.pk)
    return Change("annulled:insert", sql, parameters, row.number, message="award_extra")


# --- Who did what ----------------------------------------------------------------------------------------------------
def person(dice, row: Opportunity) -> Change:
    columns = [
        ("author_id", "rédaction"),
        ("published_by_id", "publication par"),
        ("submitted_by_id", "envoi en révision"),
    ]
    if row.recommended_by_id:
        columns += [("recommended_by_id", "recommandation par"), ("notes_frozen_by_id", "notes gelées par")]
    if row.reversal_requested_by_id:
        columns += [("reversal_requested_by_id", "annulation demandée par")]
    column, word = dice.choice(columns)
    members = row.body.memberships.exclude(user=getattr(row, column)).order_by("pk")
    value = dice.choice(list(members.values_list("user_id", flat=True)))
    sql = f"UPDATE opportunities_opportunity SET {column} = %s WHERE id = %s"
    return Change(f"person:{column}", sql, (value, row.pk), row.number, word, "people_differ")


def frozen(dice, row: Opportunity) -> Change:
    column, value, word = dice.choice(
        [("notes_frozen_at", None, "notes gelées le"), ("notes_frozen_at", CLOSES_AT, "notes gelées le"),
         ("notes_frozen_by_id", None, "notes gelées par")]
    )  # fmt: skip
    sql = f"UPDATE opportunities_opportunity SET {column} = %s WHERE id = %s"
    return Change(f"frozen:{column}:{value is None}", sql, (value, row.pk), row.number, word, "people_differ")


def frozen_early(dice, row: Opportunity) -> Change:
    """An occasion that nobody evaluated yet."""
    sql = "UPDATE opportunities_opportunity SET notes_frozen_at = %s, notes_frozen_by_id = %s WHERE id = %s"
    parameters = (CLOSES_AT, dice.choice([row.author_id, row.published_by_id]), row.pk)
    return Change("frozen:early", sql, parameters, row.number, "notes gelées le", "people_differ")


def numbered(dice, row: Opportunity) -> Change:
    sql = "UPDATE opportunities_opportunity SET notice_version = notice_version + %s WHERE id = %s"
    return Change("numbered", sql, (dice.choice([1, -1, 3]), row.pk), row.number, message="notice_last")


def asked(dice, row: Opportunity) -> Change:
    sql = "UPDATE opportunities_opportunity SET reversal_reason = %s WHERE id = %s"
    return Change("asked:reason", sql, (OTHER, row.pk), row.number, "motif de l’annulation", "people_differ")


def confirmed(dice, row: Opportunity) -> Change:
    made = Award.objects.filter(opportunity=row).last()
    sql = "UPDATE proposals_award SET confirmed_by_id = %s WHERE id = %s"
    return Change("award:confirmed_by", sql, (row.author_id, made.pk), row.number, "par (", "award_differs")


# --- Proposals -------------------------------------------------------------------------------------------------------
def outcome(dice, row: Opportunity) -> Change:
    proposal = dice.choice(list(row.proposals.all()))
    choices = [
        ("state", dice.choice([one for one in ("scored", "not_awarded", "opened") if one != proposal.state]), "état"),
        ("examined_by_id", row.published_by_id, "examen par"),
    ]
    if proposal.state == "rejected":
        choices += [("rejection_code", "ADM-1", "rejet, motif"), ("rejection_text", OTHER, "rejet, texte")] * 2
    column, value, word = dice.choice(choices)
    sql = f"UPDATE proposals_proposal SET {column} = %s WHERE id = %s"
    return Change(f"proposal:{column}", sql, (value, proposal.pk), row.number, word, "proposal_differs")


def opened_gone(dice, row: Opportunity) -> Change:
    pk = dice.choice(list(row.proposals.values_list("pk", flat=True)))
    sql = "DELETE FROM proposals_openedproposal WHERE proposal_id = %s"
    return Change("proposal:opened", sql, (pk,), row.number, message="proposal_gone")


def note(dice, row: Opportunity) -> Change:
    column, value, word = dice.choice(
        [("value", dice.randrange(1, 60), "valeur"), ("comment", OTHER, "commentaires"),
         ("by_id", row.published_by_id, "par")]
    )  # fmt: skip
    pk = dice.choice(list(Score.objects.filter(proposal__opportunity=row).values_list("pk", flat=True)))
    sql = f"UPDATE proposals_score SET {column} = %s WHERE id = %s"
    return Change(f"note:{column}", sql, (value, pk), row.number, word, "notes_differ")


def kept_note(dice, row: Opportunity) -> Change:
    """The version that was kept, and the digest's salt, cannot be made again without the ledger's digest."""
    sql, value = dice.choice(
        [
            ("UPDATE proposals_notesseal SET salt = %s WHERE version_id = %s", "0" * 64),
            ("UPDATE proposals_notesversion SET number = %s WHERE id = %s", 9),
        ]
    )
    pk = row.proposals.order_by("pk").first().notes_versions.order_by("-number").values_list("pk", flat=True).first()
    return Change(f"notes kept:{value == 9}", sql, (value, pk), row.number, message="notes_unheld")


def draw(dice, row: Opportunity) -> Change:
    column, value = dice.choice([("secret", "0" * 64), ("order", "[]"), ("digests", "[]")])
    word = {"secret": "secret", "order": "ordre", "digests": "enveloppes"}[column]
    sql = f'UPDATE proposals_draw SET "{column}" = %s WHERE opportunity_id = %s'
    return Change(f"draw:{column}", sql, (value, row.pk), row.number, word, "draws_differ")


# --- What cannot be read ---------------------------------------------------------------------------------------------
def misshapen(dice, row: Opportunity) -> Change:
    value = dice.choice(["[1]", "{}", '"x"', "null", "7", '[{"proposal": 1}]'])
    made = Recommendation.objects.filter(opportunity=row).exclude(award=None).order_by("pk")
    retained = made.last().proposal_id
    sent = Submission.objects.filter(proposal=retained).values_list("pk", flat=True).first()
    table, pk, column = dice.choice(
        [("recommendation", made.last().pk, "Recommendation.ranking"), ("submission", sent, "Submission.receipt")]
    )
    sql = f"UPDATE proposals_{table} SET {column.rpartition('.')[2]} = %s WHERE id = %s"
    return Change(f"misshapen:{column}", sql, (value, pk), row.number, column, "notice_unread")


def _again(row: Opportunity) -> bool:
    return row.title == "Attribuée de nouveau"


def _evaluated(row: Opportunity) -> bool:
    return _again(row) or row.title == "Attribuée"


KINDS = [
    (swapped, lambda row: row.attachments.exists(), 6),
    (lost, lambda row: row.attachments.exists(), 2),
    (overwritten, lambda row: row.attachments.exists(), 10),
    (annulled, _again, 24),
    (annulled_gone, _again, 2),
    (annulled_added, lambda row: row.state == "awarded", 4),
    (person, lambda row: True, 20),
    (frozen, _evaluated, 6),
    (frozen_early, lambda row: row.state in {"suspended", "cancelled"}, 2),
    (asked, _again, 1),
    (numbered, lambda row: True, 4),
    (confirmed, lambda row: row.state == "awarded", 3),
    (outcome, lambda row: row.proposals.exists(), 20),
    (opened_gone, lambda row: row.proposals.exists(), 2),
    (note, _evaluated, 10),
    (kept_note, _evaluated, 4),
    (draw, lambda row: row.title == "Tirée au sort", 5),
    (misshapen, lambda row: row.state == "awarded", 12),
]


def told(message: dict) -> str:
    """All that a message says, for a word to be looked for in it."""
    return json.dumps(message, ensure_ascii=False)
