"""One story for each form of the product: what is there, who sends it, when, what is typed (tests/test_twice.py)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from allauth.account.models import EmailAddress
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from audit.samples import actions as sample_actions
from contracts.agreement import clause_actions
from contracts.end import actions as end_actions
from contracts.models import Clause, Contract, Payment
from contracts.reuse import actions as reuse_actions
from marketplace.dates import clock
from marketplace.mail import outbox
from marketplace.models import OutgoingEmail
from opportunities.models import Attachment
from proposals.award import actions as award_actions
from proposals.drafts import actions as draft_actions
from tests import audit_moves, contract_cast, contract_moves
from tests.cast import CLOSES_AT, PASSWORD, PUBLISHED_AT
from tests.test_ending import MARKS
from tests.test_lifecycle import MODELS, PREPARE
from tests.test_reuse_catalogue import issued
from tests.test_wrong_moves import DOORS, url
from vendors.members import actions as member_actions
from vendors.models import Invitation, TaxAttestation

THEN = contract_moves.LATER  # 18 December 2026: a contract is under way
AWARDED = CLOSES_AT + timedelta(days=2)


@dataclass(frozen=True)
class Story:
    """`build` makes the world and answers the address; `page`: where the form stands, when it is not there."""

    build: Callable
    who: str
    at: datetime = THEN
    typed: dict | Callable = field(default_factory=dict)
    page: Callable | None = None


STORIES: dict[str, Story] = {}


def tell(name: str, who: str, at: datetime = THEN, *, typed=None, page=None):
    """Decorates the function that makes the world and answers the arguments of the route."""

    def keep(build):
        def whole(cast):
            return reverse(name, args=build(cast))

        STORIES[name] = Story(whole, who, at, typed or {}, page)
        return build

    return keep


def examined(path: str) -> str:
    """The page of a proposal, where the forms of its acts stand."""
    return path[: path.rstrip("/").rindex("/") + 1]


def moved(model: str, action: str, state: str, who: str, at: datetime, page=None, **typed) -> None:
    """The story of a move: its object is built in `state`."""

    def build(cast):
        made = MODELS[model][2](cast, state)
        PREPARE.get(model, lambda *_: None)(cast, made, action)
        return url(model, action, made)

    STORIES[DOORS[model][action]] = Story(build, who, at, typed, page)


# --- Occasions -------------------------------------------------------------------------------------------------------
BEFORE, AT_CLOSING = PUBLISHED_AT, CLOSES_AT
moved("opportunity", "submit_for_review", "draft", "buyer", BEFORE)
moved("opportunity", "take_back", "in_review", "buyer", BEFORE)
moved("opportunity", "return_to_author", "in_review", "officer", BEFORE)
moved("opportunity", "publish", "in_review", "officer", BEFORE)
moved("opportunity", "suspend", "published", "officer", BEFORE)
moved("opportunity", "resume", "suspended", "officer", BEFORE, closes_at_0="2026-12-08", closes_at_1="14:00")
moved("opportunity", "cancel", "published", "officer", BEFORE)
moved("opportunity", "confirm_award", "recommended", "officer", AWARDED)
moved("opportunity", "reject_recommendation", "recommended", "officer", AWARDED)
moved("opportunity", "conclude_without_award", "evaluation", "officer", AT_CLOSING, code="other")
moved("proposal", "submit", "draft", "vendor_owner", BEFORE)
moved("proposal", "withdraw", "submitted", "vendor_owner", BEFORE)
moved("proposal", "reject", "opened", "buyer", AT_CLOSING, page=examined, code="CONF-4")
moved("proposal", "reexamine", "rejected", "buyer", AT_CLOSING, page=examined)
moved("notereexamination", "accept", "pending", "officer", AT_CLOSING + timedelta(days=1))
moved("notereexamination", "refuse", "pending", "officer", AT_CLOSING + timedelta(days=1))
moved("notereexamination", "withdraw", "pending", "buyer", AT_CLOSING + timedelta(days=1))


def written(title: str):
    """The long form, its empty rows left empty."""

    def typed(data: dict) -> dict:
        rows = [name.removesuffix("label") for name in data if name.endswith("-label") and not data[name]]
        empty = dict.fromkeys((name for name in data if name.startswith(tuple(rows))), "")
        return empty | {"title": title, "k_percent": ""}

    return typed


@tell("opportunities:create", "buyer", BEFORE, typed=written("Une nouvelle occasion"))
def _(cast):
    return []


@tell("opportunities:edit", "buyer", BEFORE, typed=written("Un autre titre"))
def _(cast):
    return [cast.draft().number]


@tell("opportunities:delete", "buyer", BEFORE)
def _(cast):
    return [cast.draft().number]


@tell("opportunities:remove_attachment", "buyer", BEFORE)
def _(cast):
    draft = cast.draft()
    row = Attachment.objects.create(
        opportunity=draft,
        name="annexe.txt",
        content_type="text/plain",
        size=1,
        sha256="0" * 64,
        file="a/b",
        added_by=cast.buyer,
        at=BEFORE,
    )
    return [draft.number, row.public_id]


@tell("opportunities:add_addendum", "buyer", CLOSES_AT - timedelta(hours=20))
def _(cast):
    occasion = cast.published()
    cast.submitted(occasion)
    return [occasion.number]


@tell("proposals:unveil_prices", "buyer", AT_CLOSING)
def _(cast):
    return [cast.scored(mode="adjusted_price")[0].number]


@tell("proposals:recommend", "buyer", AWARDED)
def _(cast):
    return [cast.unveiled()[0].number]


@tell("proposals:reverse", "officer", AWARDED)
def _(cast):
    return [cast.awarded()[0].number]


@tell("proposals:withdraw_reversal", "officer", AWARDED)
def _(cast):
    occasion, _pair = cast.awarded()
    with clock.set_to(AWARDED):
        award_actions.request_reversal(occasion, by=cast.officer, reason="Motif")
    return [occasion.number]


# --- Proposals -------------------------------------------------------------------------------------------------------
@tell("proposals:start", "vendor_owner", BEFORE)
def _(cast):
    return [cast.published().number]


@tell("proposals:edit", "vendor_owner", BEFORE, typed={"price": "59 000"})
def _(cast):
    return [cast.proposal(cast.published()).public_id]


@tell("proposals:delete", "vendor_owner", BEFORE)
def _(cast):
    return [cast.proposal(cast.published()).public_id]


@tell("proposals:admit", "buyer", AT_CLOSING)
def _(cast):
    occasion, pair = cast.opened()
    return [occasion.number, pair[0].public_id]


def noted(data: dict) -> dict:
    return {name: "80" for name in data if name.startswith("score_")}


@tell("proposals:score", "buyer", AT_CLOSING, page=examined, typed=noted)
def _(cast):
    occasion, pair = cast.opened()
    cast.admit(pair[0])
    return [occasion.number, pair[0].public_id]


@tell("proposals:ask_note_reexamination", "buyer", AT_CLOSING + timedelta(days=1))
def _(cast):
    occasion, pair = cast.unveiled(mode="adjusted_price")
    return [occasion.number, pair[0].public_id]


@tell("proposals:ask_admission_reexamination", "buyer", AT_CLOSING + timedelta(days=1), typed={
    "outcome": "rejected", "code": "CONF-9", "text": "Signez la déclaration.", "reason": "Elle manque.",
})  # fmt: skip
def _(cast):
    occasion, pair = cast.unveiled(mode="adjusted_price")
    return [occasion.number, pair[0].public_id]


# --- Vendors ---------------------------------------------------------------------------------------------------------
FIRM = {
    "kind": "company", "legal_name": "Nouvelle firme inc.", "neq": "1165234567", "email": "firme@exemple.invalid",
    "street": "2, rue Neuve", "city": "Rimouski", "region": "01", "province": "QC", "postal_code": "G5L 1A1",
    "country": "CA", "phone": "",
}  # fmt: skip


@tell("vendors:create", "outsider", BEFORE, typed=FIRM)
def _(cast):
    return []


@tell("vendors:edit", "vendor_owner", BEFORE, typed={"street": "3, rue d’Ici"})
def _(cast):
    return [cast.vendor.public_id]


@tell("vendors:invite", "vendor_owner", BEFORE, page=examined)
def _(cast):
    return [cast.vendor.public_id]


def invited(cast, email="ulysse.passant@exemple.invalid") -> Invitation:
    with clock.set_to(PUBLISHED_AT):
        return member_actions.invite(cast.vendor, by=cast.vendor_owner, email=email, role="member")


@tell("vendors:withdraw_invitation", "vendor_owner", BEFORE)
def _(cast):
    return [cast.vendor.public_id, invited(cast, "personne@exemple.invalid").public_id]


@tell("vendors:invitation", "outsider", BEFORE, typed={"answer": "accept"})
def _(cast):
    EmailAddress.objects.get_or_create(user=cast.outsider, email=cast.outsider.email, verified=True, primary=True)
    return [invited(cast).public_id]


@tell("vendors:member", "vendor_owner", BEFORE, typed={"role": "admin", "act": "role"})
def _(cast):
    return [cast.vendor.public_id, cast.vendor_member.public_id]


@tell("vendors:papers", "vendor_owner", BEFORE, typed={"number": "RQ-2026-000777", "issued_on": "2026-10-20"})
def _(cast):
    return [cast.vendor.public_id]


@tell("proposals:remove_file", "vendor_owner", BEFORE)
def _(cast):
    made = cast.proposal(cast.published())
    with clock.set_to(PUBLISHED_AT):
        draft_actions.add_file(made, SimpleUploadedFile("annexe.txt", b"Texte."), at=PUBLISHED_AT)
    return [made.public_id, draft_actions.read(made)["files"][0]["id"]]


@tell("vendors:withdraw_paper", "vendor_owner", BEFORE)
def _(cast):
    row = TaxAttestation.objects.create(
        vendor=cast.vendor, number="RQ-2026-000888", issued_on=date(2026, 10, 16), added_by=cast.vendor_owner, at=BEFORE
    )
    return [cast.vendor.public_id, row.public_id]


@tell("vendors:archive", "vendor_owner", BEFORE)
def _(cast):
    return [cast.vendor.public_id]


@tell("pilot_archive", "administrator", BEFORE)
def _(cast):
    return [cast.vendor.public_id]


@tell("pilot_new_owner", "administrator", BEFORE, typed={"email": "nouvelle@exemple.invalid"})
def _(cast):
    return [cast.vendor.public_id]


# --- Contracts -------------------------------------------------------------------------------------------------------
moved("contract", "offer", "draft", "officer", THEN)
moved("contract", "refuse_terms", "offered", "vendor_owner", THEN)
moved("contract", "withdraw_offer", "offered", "officer", THEN)
moved("contract", "sign", "vendor_signed", "officer", THEN, unverified_reason=contract_cast.UNVERIFIED)
moved("contract", "terminate", "active", "officer", THEN)
moved("contract", "complete", "active", "officer", THEN)
moved("milestone", "deliver", "planned", "vendor_owner", THEN)
moved("milestone", "accept", "delivered", "buyer", THEN, answer="accept")
moved("milestone", "invoice", "accepted", "vendor_owner", THEN)
moved("payment", "confirm", "declared", "vendor_owner", THEN, answer="confirm")
moved("payment", "retract", "declared", "officer", THEN)
moved("payment", "reverse", "paid", "second_officer", THEN)
moved("amendment", "approve", "proposed", "officer", THEN, page=examined)
moved("amendment", "accept", "approved", "vendor_owner", THEN, page=examined)
moved("amendment", "refuse", "proposed", "officer", THEN, page=examined)
moved("amendment", "withdraw", "proposed", "buyer", THEN, page=examined)


@tell("contracts:start", "buyer", THEN)
def _(cast):
    contract_cast.signatories(cast)
    return [cast.awarded()[0].number]


@tell("contracts:prepare", "buyer", THEN, typed={"repository": "https://git.exemple.invalid/atelier/autre"})
def _(cast):
    return [contract_cast.draft(cast).number]


@tell("contracts:add_clause", "officer", THEN, typed={"title": "Une clause"})
def _(cast):
    return [cast.body.pk]


def clause(cast):
    with clock.set_to(THEN):
        clause_actions.keep(
            cast.body, by=cast.officer, instead=None, title="Clause", text="Texte.", personal_information=False
        )
    return Clause.objects.filter(body=cast.body).latest("pk")


@tell("contracts:clause", "officer", THEN, typed={"title": "Une clause refaite"})
def _(cast):
    return [cast.body.pk, clause(cast).pk]


@tell("contracts:retire_clause", "officer", THEN)
def _(cast):
    return [cast.body.pk, clause(cast).pk]


@tell(
    "contracts:amend",
    "buyer",
    THEN,
    typed={"reason": "Un module de plus", "direction": "same", "amount": "", "end_date": "2027-05-31"},
)
def _(cast):
    return [contract_cast.active(cast).number]


@tell("contracts:holdback", "vendor_owner", THEN)
def _(cast):
    contract = contract_cast.active(cast, holdback=10, amounts=(64_000_00,))
    contract_cast.invoiced(cast, contract)
    return [contract.number]


@tell("contracts:claim_interest", "vendor_owner", THEN + timedelta(days=90))
def _(cast):
    invoice = contract_cast.invoiced(cast, contract_cast.active(cast))
    invoice.milestone.invoices.update(paid_at=THEN + timedelta(days=80))
    return [invoice.number]


@tell("contracts:taxes", "vendor_owner", THEN, typed={"situation": "small"})
def _(cast):
    return [cast.vendor.public_id]


@tell("contracts:evaluate", "officer", THEN, typed={"satisfactory": "yes"})
def _(cast):
    return [MODELS["contract"][2](cast, "terminated").number]


@tell("contracts:reply", "vendor_owner", THEN)
def _(cast):
    contract = MODELS["contract"][2](cast, "terminated")
    with clock.set_to(THEN):
        end_actions.evaluate(contract, by=cast.officer, **MARKS, satisfactory=False, comment="Des retards.")
    return [contract.number]


@tell("contracts:duty", "officer", THEN, typed={"done_on": "2026-12-07", "proof": "AVIS-4"})
def _(cast):
    return [contract_cast.active(cast).duties.get().pk]


@tell("contracts:reuse", "outside_buyer", THEN, typed={"note": "Chez nous."})
def _(cast):
    return [issued(cast).public_id]


@tell("contracts:end_reuse", "outside_buyer", THEN)
def _(cast):
    passport = issued(cast)
    with clock.set_to(THEN):
        reuse_actions.declare_reuse(passport.contract, body=cast.other_body, by=cast.outside_buyer)
    return [passport.public_id, cast.other_body.pk]


def to_verify(path: str) -> str:
    """The page where an attestation is noted as verified."""
    return path.replace("attestation/verifier/", "signer/")


def unverified(data: dict) -> dict:
    """What the button holds: the attestation that the page shows."""
    return {"verify": str(Contract.objects.get().vendor.attestations.get().public_id)}


@tell("contracts:verify_attestation", "officer", THEN, page=to_verify, typed=unverified)
def _(cast):
    return [contract_cast.vendor_signed(cast).number]


@tell("contracts:pay", "officer", THEN, typed={"way": "outside", "reference": "VIR-1", "paid_on": "2026-12-18"})
def _(cast):
    return [contract_cast.invoiced(cast, contract_cast.active(cast)).number]


@tell("contracts:request_payment_reversal", "officer", THEN)
def _(cast):
    made = MODELS["payment"][2](cast, "received")
    Payment.objects.filter(pk=made.pk).update(reversal_requested_by=None, reversal_reason="")
    return [made.public_id]


@tell("contracts:withdraw_payment_reversal", "officer", THEN)
def _(cast):
    return [asked_back(cast).public_id]


@tell("contracts:decline_payment_reversal", "second_officer", THEN)
def _(cast):
    return [asked_back(cast).public_id]


def asked_back(cast) -> Payment:
    """Its reversal is asked for by the officer."""
    return MODELS["payment"][2](cast, "received")


# --- The auditors' floor ---------------------------------------------------------------------------------------------
AUDITED = audit_moves.LATER
moved("monitoring", "ask", "open", "auditor", AUDITED, due_on="2027-01-29")
moved("monitoring", "conclude", "explanation_requested", "auditor", AUDITED, finding="no", due_on="")
moved("monitoring", "accept_remedy", "concluded", "auditor", AUDITED)
moved("monitoring", "close", "remedied", "auditor", AUDITED)


@tell("audit:answer", "officer", audit_moves.OPENED_AT)
def _(cast):
    return [audit_moves.asked(cast).number]


@tell("audit:announce_remedy", "officer", AUDITED)
def _(cast):
    return [audit_moves.concluded(cast).number]


@tell("audit:open_monitoring", "auditor", AUDITED, typed={"title": "Objet"})
def _(cast):
    return [cast.awarded()[0].number]


@tell("audit:flag_explain", "officer", AUDITED)
def _(cast):
    return [audit_moves.build_flag(cast, "new").pk]


@tell("audit:flag_dismiss", "auditor", AUDITED)
def _(cast):
    return [audit_moves.build_flag(cast, "new").pk]


@tell("audit:flag_take_up", "auditor", AUDITED)
def _(cast):
    return [audit_moves.build_flag(cast, "dismissed").pk]


@tell("audit:flag_join", "auditor", AUDITED)
def _(cast):
    made = audit_moves.build_flag(cast, "new")
    audit_moves.prepare_flag(cast, made, "monitor")
    return [made.pk]


@tell("audit:flags_refresh", "auditor", AUDITED)
def _(cast):
    return []


@tell("audit:sign", "auditor", AUDITED)
def _(cast):
    cast.draft()
    return []


SAMPLE = {"title": "Automne", "method": "random", "since": "2026-11-01", "until": "2026-11-28", "size": "2"}


@tell("audit:new_plan", "auditor", AUDITED, typed=SAMPLE | {"body": "", "minimum_cents": ""})
def _(cast):
    cast.awarded()
    return []


@tell("audit:plan_check", "auditor", AUDITED, typed={"result": "nothing_noted", "note": "Pièces relues."})
def _(cast):
    occasion, _pair = cast.awarded()
    with clock.set_to(AUDITED):
        plan = sample_actions.draw(
            by=cast.auditor, title="T", method="random", since=date(2026, 11, 1), until=date(2026, 11, 28), size=9
        )
    return [plan.number, occasion.number]


@tell("audit:review_conclude", "second_officer", AUDITED, typed={"opinion": "not_compliant", "comment": "Trop vite."})
def _(cast):
    return [cast.awarded()[0].number]


# --- The platform ----------------------------------------------------------------------------------------------------
def given_up(cast) -> OutgoingEmail:
    with clock.set_to(PUBLISHED_AT), outbox.held():
        cast.in_review()
    made = OutgoingEmail.objects.latest("pk")
    OutgoingEmail.objects.filter(pk=made.pk).update(held=False, state="given_up", reason="refused", attempts=1)
    return made


@tell("resend", "administrator", BEFORE)
def _(cast):
    return [given_up(cast).public_id]


@tell("resend_all", "administrator", BEFORE)
def _(cast):
    given_up(cast)
    return []


NEW_PERSON = {
    "name": "Nadia Nouvelle", "email": "nadia@exemple.invalid", "password1": PASSWORD, "password2": PASSWORD,
    "language": "fr-ca", "terms": "on",
}  # fmt: skip


@tell("account_signup", "", BEFORE, typed=NEW_PERSON)
def _(cast):
    return []


@tell("account_reset_password", "", BEFORE, typed={"email": "victor.proposant@exemple.invalid"})
def _(cast):
    return []


@tell("admin:marketplace_terms_add", "administrator", BEFORE, typed={
    "kind": "use", "in_force_at_0": "2027-01-01", "in_force_at_1": "00:00:00", "text_fr": "Texte", "text_en": "Text",
})  # fmt: skip
def _(cast):
    return []


@tell("admin:opportunities_publicbody_add", "administrator", BEFORE, typed={
    "name": "Ville nouvelle", "acronym": "VN", "regime": "municipal", "region": "01",
})  # fmt: skip
def _(cast):
    return []
