"""Every message, rendered for real by driving occasions through their stages, in both languages."""

import re
import uuid
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core import mail as sent
from django.test import Client
from django.urls import resolve
from django.utils import translation

from marketplace.accounts import actions as account_actions
from marketplace.accounts import undo
from marketplace.accounts.change import AccountChange
from marketplace.dates import clock
from marketplace.mail import outbox
from marketplace.models import OutgoingEmail, Terms, User
from opportunities import emails as notice_emails
from opportunities.models import BodyMembership, Opportunity, PublicBody
from opportunities.review import actions as notice_review_actions
from proposals.award import actions as award_actions
from proposals.deposit import actions as deposit_actions
from proposals.evaluation import actions as evaluation_actions
from proposals.evaluation import price_actions, reexamination_actions
from proposals.models import Proposal, SealedEnvelope
from proposals.notice import actions as notice_actions
from proposals.opening import actions as opening_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT
from vendors.archive import actions as archive_actions
from vendors.members import actions as member_actions

FOLDER = Path(settings.BASE_DIR) / "templates" / "emails"
# What follows the award is driven in tests/test_contract_emails.py.
AFTER_THE_AWARD = ("contract_", "milestone_", "invoice_", "amendment_", "payment_", "performance_")
FOUND = {path.name for path in FOLDER.glob("*.txt") if not path.name.startswith("_")} - {"base.txt"}
# … what auditors and bodies are told, in tests/test_case_pages.py; what is told of an account, below and in
# tests/test_account_doors.py and tests/test_people.py.
ELSEWHERE = (*AFTER_THE_AWARD, "monitoring_", "account_")
EVERY = {f"emails/{name}" for name in FOUND if not name.startswith(ELSEWHERE)}
TITLE = "Tableau de bord <ponts> & routes"
REASON = "Motif écrit à la main : « trop & tard » <b>"
SECRET, PRICE = "Formule confidentielle quarante-deux", 48_173_29


def mails(template: str | None = None) -> list[OutgoingEmail]:
    rows = OutgoingEmail.objects.order_by("pk")
    return list(rows.filter(template=f"emails/{template}.txt") if template else rows)


def last(template: str, person: User) -> OutgoingEmail:
    return [row for row in mails(template) if row.to_id == person.pk][-1]


def whole_story(cast) -> None:
    """Every message at least once: returned, published, suspended, resumed, opened, rejected, awarded, reversed…"""
    with clock.set_to(PUBLISHED_AT):
        opportunity = cast.in_review(title=TITLE, mode="adjusted_price")
        notice_review_actions.return_to_author(opportunity, by=cast.officer, reason=REASON)
        notice_review_actions.submit_for_review(opportunity, by=cast.other_buyer)
        notice_review_actions.take_back(opportunity, by=cast.buyer)
        notice_review_actions.submit_for_review(opportunity, by=cast.other_buyer)
        notice_review_actions.publish(opportunity, by=cast.officer)
        first = cast.submitted(opportunity, text=SECRET, comments=SECRET, price_cents=PRICE)
        cast.deposit(first)  # replaced
        deposit_actions.withdraw(first, by=cast.vendor_owner)
        cast.deposit(first)
        second = cast.submitted(opportunity, vendor=cast.rival, text=SECRET, price_cents=PRICE + 1)
        notice_actions.add_addendum(opportunity, by=cast.buyer, text=REASON)
        members_come_and_go(cast)
        award_actions.suspend(opportunity, by=cast.officer, reason=REASON)
        award_actions.resume(opportunity, by=cast.officer, closes_at=CLOSES_AT)
        cancelled = cast.published(title=TITLE)
        cast.submitted(cancelled, text=SECRET)
        award_actions.cancel(cancelled, by=cast.officer, reason=REASON)
        empty = cast.published(title=TITLE)
        assert not any(SECRET in row.body + row.subject or "48" + "\u00a0173" in row.body for row in mails())
    with clock.set_to(CLOSES_AT):
        opening_actions.open_due()
        opportunity, empty = (Opportunity.objects.get(pk=row.pk) for row in (opportunity, empty))
        first, second = (Proposal.objects.get(pk=row.pk) for row in (first, second))
        award_actions.conclude(empty, by=cast.officer, code="other", reason=REASON)
        evaluation_actions.reject(second, by=cast.buyer, code="CONF-9", text=REASON)
        evaluation_actions.reexamine(second, by=cast.buyer, reason="Erreur")
        for proposal, value in ((first, "91.25"), (second, "80.1")):
            evaluation_actions.admit(proposal, by=cast.buyer)
            grid = {criterion.pk: (Decimal(value), "") for criterion in opportunity.criteria.all()}
            evaluation_actions.score(proposal, by=cast.buyer, values=grid)
            read_again = {key: (value, "Relu.") for key, (value, _comment) in grid.items()}
            evaluation_actions.score(proposal, by=cast.other_buyer, values=read_again, seen=1)
        price_actions.unveil(opportunity, by=cast.buyer)
        for verb, more in ((reexamination_actions.refuse, {"reason": REASON}), (reexamination_actions.accept, {})):
            verb(cast.ask_reexamination(second, "81", reason=REASON), by=cast.officer, **more)
        award_actions.recommend(opportunity, first, by=cast.buyer)
        award_actions.send_back(opportunity, by=cast.officer, reason=REASON)
        award_actions.recommend(opportunity, first, by=cast.buyer)
        award_actions.confirm(opportunity, by=cast.officer)
        award_actions.request_reversal(opportunity, by=cast.officer, reason=REASON)
        award_actions.reverse(opportunity, by=cast.second_officer)


def members_come_and_go(cast) -> None:
    """A vendor's people: invited, taken back, declined, joined, another role, left, removed."""
    EmailAddress.objects.create(user=cast.outsider, email=cast.outsider.email, verified=True, primary=True)

    def offer():
        return member_actions.invite(cast.vendor, by=cast.vendor_owner, email=cast.outsider.email, role="member")

    member_actions.withdraw(offer(), by=cast.vendor_owner)
    member_actions.decline(offer(), by=cast.outsider)
    for leaves in (cast.outsider, cast.vendor_owner):
        member = member_actions.accept(offer(), by=cast.outsider)
        for role in ("admin", "owner", "member"):
            member_actions.change_role(member, by=cast.vendor_owner, role=role)
        member_actions.remove(member, by=leaves)
    for email in (cast.vendor_member.email, cast.outsider.email):
        member_actions.new_owner(cast.vendor, by=cast.administrator, email=email, reason=REASON)
    archive_actions.archive(cast.vendor, by=cast.vendor_owner, reason=REASON)
    archive_actions.restore(cast.vendor, by=cast.vendor_owner, reason=REASON)


def speaking(cast, language: str) -> None:
    """Everybody reads this language."""
    User.objects.update(language=language)
    for person in vars(cast).values():
        if isinstance(person, User):
            person.language = language


def check_whole(row: OutgoingEmail, language: str) -> None:
    """A short subject, no leak of the template's language, its reader greeted, links in the reader's language."""
    text = f"{row.subject}\n{row.body}"
    assert 10 < len(row.subject) <= 120 and "\n" not in row.subject, row.template
    assert len(row.body) > 200 and row.subject not in row.body, row.template
    for leak in ("{{", "{%", "&lt;", "&amp;", "&#x", "None", "<strong>", "\n\n\n", " ,", "datetime"):
        assert leak not in text, (row.template, leak)
    assert row.to.name in row.body.split("\n")[0]
    assert "Développe avec nous" in row.body
    links = re.findall(r"https?://\S+", row.body)
    ours = [link for link in links if link.startswith(settings.BASE_URL)]
    assert len(ours) >= 3 and set(links) - set(ours) <= {"https://amp.quebec"}, row.template
    assert all(link.startswith(f"{settings.BASE_URL}/en/") for link in ours) == (language == "en"), row.template
    assert row.language == language


def check_links(row: OutgoingEmail, language: str) -> None:
    """Each of its addresses is a page of the site."""
    for link in re.findall(re.escape(settings.BASE_URL) + r"(\S+)", row.body):
        with translation.override(language):
            assert resolve(link).url_name, (row.template, link)


@pytest.mark.parametrize("language", ["fr-ca", "en"])
def test_every_message_is_whole(cast, language, django_capture_on_commit_callbacks):
    speaking(cast, language)
    with django_capture_on_commit_callbacks(execute=True):
        whole_story(cast)
    assert {row.template for row in mails()} == EVERY and len(EVERY) == 30
    for row in mails():
        check_whole(row, language)
    assert len(sent.outbox) == len(mails())
    for message in sent.outbox:
        assert len(message.to) == 1 and not message.cc and not message.bcc
        assert message.extra_headers["Content-Language"] == language


@pytest.mark.parametrize("language", ["fr-ca", "en"])
def test_the_links_lead_somewhere(cast, language):
    """Each address of each message is a page of the site, for whoever received it."""
    speaking(cast, language)
    whole_story(cast)
    for row in mails():
        check_links(row, language)


def test_deadlines_are_written_with_their_zone(cast):
    whole_story(cast)
    for template in ("opportunity_to_review", "opportunity_published", "opportunity_resumed", "proposal_submitted"):
        assert "mardi 24 novembre 2026, 14\u00a0h\u00a000\u00a0(HNE)" in mails(template)[0].body
    User.objects.filter(pk=cast.vendor_owner.pk).update(language="en")
    with clock.set_to(PUBLISHED_AT):
        cast.submitted(cast.published(), by=User.objects.get(pk=cast.vendor_owner.pk))
    body = last("proposal_submitted", cast.vendor_owner).body
    assert "Tuesday, November 24, 2026, 2:00\u00a0p.m.\u00a0(EST)" in body


def test_the_receipt_message(cast, now):
    opportunity = cast.published()
    proposal = cast.submitted(opportunity, text=SECRET, price_cents=PRICE)
    submission = proposal.submissions.get()
    row = last("proposal_submitted", cast.vendor_owner)
    for part in (
        submission.receipt_number, submission.envelope_sha256, "Dépôt n° 1", "Atelier Boréal inc.",
        "3 novembre 2026, 9\u00a0h\u00a000\u00a0min\u00a000,000\u00a0s\u00a0(HNE)",
        f"/accuses/{submission.receipt_number}/",
        "remplacer ou retirer votre proposition jusqu’au mardi 24 novembre 2026, 14\u00a0h\u00a000\u00a0(HNE)",
    ):  # fmt: skip
        assert part in row.body, part
    assert row.confidential and [each.to for each in mails("proposal_submitted")] == [cast.vendor_owner]
    assert SECRET not in row.body
    cast.deposit(proposal, key=uuid.uuid4())
    assert "Dépôt n° 2 (remplace le précédent)" in last("proposal_submitted", cast.vendor_owner).body


def test_nothing_tells_of_a_proposal_before_the_opening(cast, now):
    """B1: to anybody but its own vendor; text and price to nobody."""
    opportunity = cast.published()
    cast.submitted(opportunity, text=SECRET, price_cents=PRICE)
    award_actions.suspend(opportunity, by=cast.officer, reason="Correction")
    award_actions.resume(opportunity, by=cast.officer, closes_at=CLOSES_AT)
    award_actions.cancel(opportunity, by=cast.officer, reason="Besoin disparu")
    for row in mails():
        assert SECRET not in row.body and "173,29" not in row.body
        if row.to not in {cast.vendor_owner, cast.vendor_member}:
            assert cast.vendor.legal_name not in row.body and "proposition déposée" not in row.body
        elif "opportunity" in row.template:
            assert row.confidential  # who deposited: hidden from administrators
    assert "n’a pas été ouverte et ne le sera pas" in last("opportunity_cancelled", cast.vendor_owner).body


def test_reasons_are_told_as_written(cast):
    whole_story(cast)
    for template, person in [
        ("opportunity_returned", cast.buyer),
        ("opportunity_suspended", cast.rival_owner),
        ("opportunity_cancelled", cast.vendor_owner),
        ("opportunity_unsuccessful", cast.officer),
        ("proposal_rejected", cast.rival_owner),
        ("award_sent_back", cast.buyer),
        ("note_reexamination_asked", cast.second_officer),
        ("reversal_requested", cast.second_officer),
        ("award_reversed", cast.rival_owner),
    ]:
        assert REASON in last(template, person).body, template
    rejected = last("proposal_rejected", cast.rival_owner).body
    assert "CONF-9, Déclaration d’intégrité manquante" in rejected
    assert "amp.quebec" in rejected and "beatrice@exemple.invalid" in rejected


def test_winner_and_losers_are_told_once_with_their_own_scores(cast):
    """E6: each person who commits a vendor gets its result; of the winner's, what is public: why."""
    cast.awarded(mode="adjusted_price", values=("91.25", "83.75"), prices=(60_000_00, 58_000_00))
    results = mails("proposal_awarded") + mails("proposal_not_awarded")
    assert sorted(row.to_id for row in results) == sorted([cast.vendor_owner.pk, cast.rival_owner.pk])
    won, lost = last("proposal_awarded", cast.vendor_owner).body, last("proposal_not_awarded", cast.rival_owner).body
    assert "Note finale\u00a0: 91,25 sur 100" in won and "Rang\u00a0: 1" in won and "60\u00a0000,00\u00a0$" in won
    assert "Ne commencez pas le travail avant la signature" in won
    assert "83,75" not in won and cast.rival.legal_name not in won and "58\u00a0000" not in won
    assert "Note finale\u00a0: 83,75 sur 100" in lost and "Rang\u00a0: 2" in lost and lost.count("91,25") == 1
    assert "Atelier Boréal inc." in lost and "60\u00a0000,00\u00a0$" in lost
    assert "rétroaction" in lost and "plainte" in lost


def test_a_rejected_bidder_gets_the_result_too(cast):
    opportunity, (first, second) = cast.opened()
    cast.admit(first)
    cast.score(first)
    with clock.set_to(CLOSES_AT):
        evaluation_actions.reject(second, by=cast.buyer, code="ADM-4", text="Inscrit au registre.")
        award_actions.recommend(opportunity, first, by=cast.buyer)
        award_actions.confirm(opportunity, by=cast.officer)
    body = last("proposal_not_awarded", cast.rival_owner).body
    assert "rejetée à l’examen" in body and "ADM-4" in body and "Inscrit au registre." in body


def test_fractional_scores_and_missed_minima(cast):
    """« 1801/20 » as the frozen ranking keeps it is written 90,05; below the minimum there is no rank."""
    opportunity, proposals = cast.opened(mode="quality_min_price")
    for proposal, values in zip(proposals, (("90.1", "89.975"), ("69.99", "100")), strict=True):
        cast.admit(proposal)
        grid = {
            criterion.pk: (Decimal(value).quantize(Decimal("0.01")), "")
            for criterion, value in zip(opportunity.criteria.all(), values, strict=True)
        }
        with clock.set_to(CLOSES_AT):
            evaluation_actions.score(proposal, by=cast.buyer, values=grid)
    cast.unveil(Opportunity.objects.get(pk=opportunity.pk), at=CLOSES_AT)
    with clock.set_to(CLOSES_AT + timedelta(hours=1)):
        award_actions.recommend(opportunity, proposals[0], by=cast.buyer)
        award_actions.confirm(opportunity, by=cast.officer)
    assert "Note finale\u00a0: 90,05 sur 100" in last("proposal_awarded", cast.vendor_owner).body
    assert (
        "Rang\u00a0: aucun, un minimum exigé n’est pas atteint" in last("proposal_not_awarded", cast.rival_owner).body
    )


@pytest.mark.parametrize(
    ("value", "shown"), [("90", "90,00"), ("1801/20", "90,05"), ("200/3", "66,67"), ("0", "0,00"), (None, "–")]
)
def test_final_scores_are_rounded_half_up(value, shown):
    from proposals.templatetags.scores import final_score

    assert final_score(value) == shown
    assert final_score("20001/200") == "100,01"  # 100,005


def test_an_altered_envelope_is_told_to_its_vendor(cast):
    with clock.set_to(PUBLISHED_AT):
        opportunity = cast.published()
        cast.submitted(opportunity)
        cast.submitted(opportunity, vendor=cast.rival)
    envelope = SealedEnvelope.objects.get(submission__proposal__vendor=cast.vendor)
    SealedEnvelope.objects.filter(pk=envelope.pk).update(content=bytes(envelope.content)[:-1] + b"\0")
    with clock.set_to(CLOSES_AT):
        opening_actions.open_due()
    assert "n’a pas pu être constatée" in last("opportunity_opened_vendor", cast.vendor_owner).body
    assert "a été constatée" in last("opportunity_opened_vendor", cast.rival_owner).body
    assert "2 propositions ont été reçues" in last("opportunity_opened", cast.buyer).body


def test_nothing_received_is_told(cast):
    cast.opened(proposals=0)
    assert "Aucune proposition n’a été reçue" in last("opportunity_opened", cast.officer).body


def test_a_long_title_keeps_the_subject_short(cast, now):
    cast.in_review(title="Très long titre " * 12)
    assert all(len(row.subject) <= 120 for row in mails())


# --- The account's own messages -------------------------------------------------------------------------------------
SIGN_UP = {
    "name": "Camille Essai", "email": "camille@exemple.invalid", "password1": "Érable-rouge-4821",
    "password2": "Érable-rouge-4821", "language": "fr-ca", "terms": "on",
}  # fmt: skip


def account_messages(django_capture_on_commit_callbacks, path: str, data: dict) -> list:
    with django_capture_on_commit_callbacks(execute=True):
        response = Client().post(path, data)
    assert response.status_code == 302, response.content.decode()[:3000]
    return sent.outbox


def test_sign_up_and_sign_up_again(db, django_capture_on_commit_callbacks):
    account_messages(django_capture_on_commit_callbacks, "/compte/signup/", SIGN_UP)
    account_messages(django_capture_on_commit_callbacks, "/compte/signup/", SIGN_UP)
    welcome, again = sent.outbox
    assert welcome.subject == "Bienvenue : confirmez votre adresse courriel"
    assert "Bonjour Camille Essai," in welcome.body and "/compte/confirm-email/" in welcome.body
    assert again.subject == "Vous avez déjà un compte" and "/compte/password/reset/" in again.body
    check_account(welcome, again)


def test_forgotten_password(cast, django_capture_on_commit_callbacks):
    for address in (cast.outsider.email, "inconnue@exemple.invalid"):
        account_messages(django_capture_on_commit_callbacks, "/compte/password/reset/", {"email": address})
    reset, unknown = sent.outbox
    assert reset.subject == "Choisissez un nouveau mot de passe" and "/compte/password/reset/key/" in reset.body
    assert unknown.subject == "Aucun compte à cette adresse" and "/compte/signup/" in unknown.body
    check_account(reset, unknown)


def test_changes_to_an_account(cast, settings, django_capture_on_commit_callbacks):
    settings.ACCOUNT_EMAIL_NOTIFICATIONS = True
    client = Client()
    client.force_login(cast.outsider)
    new = "Autre-érable-4821"
    with django_capture_on_commit_callbacks(execute=True):
        data = {"password": "Érable-rouge-4821", "password1": new, "password2": new}
        assert client.post("/compte/password/change/", data).status_code == 302
    assert sent.outbox[0].subject == "Votre mot de passe a changé" and "/compte/annuler/" in sent.outbox[0].body
    check_account(*sent.outbox)


def account_story(user) -> None:
    """Every message about an account that is ours, once."""
    for kind in AccountChange.Kind:
        undo.tell(user, kind, before=undo.as_it_is(user), to=[user.email], at=PUBLISHED_AT, address="a@exemple.ca")
    for active in (False, True):
        user.is_active = active
        account_actions.activity_changed(user, by=None, at=PUBLISHED_AT)
    for right in ("is_auditor", "is_staff"):
        for given in (True, False):
            setattr(user, right, given)
            account_actions.rights_changed(user, right=right, at=PUBLISHED_AT)
    body = PublicBody.objects.first()
    for role in ("buyer", "officer"):
        for given in (True, False):
            membership = BodyMembership(user=user, body=body, role=role)
            notice_emails.role_changed(membership, given=given, at=PUBLISHED_AT)
    for kind in Terms.Kind:
        terms = Terms(kind=kind, version=2, in_force_at=CLOSES_AT, changes_fr="Plus court.", changes_en="Shorter.")
        outbox.queue("emails/account_terms.txt", to=user, at=PUBLISHED_AT, terms=terms)
    for left in (9, 0):
        outbox.queue("emails/account_recovery_code.txt", to=user, at=PUBLISHED_AT, left=left)
    Authenticator.objects.create(user=user, type="totp", data={})
    account_actions.take_second_factor(user, at=PUBLISHED_AT)


@pytest.mark.parametrize("language", ["fr-ca", "en"])
def test_messages_about_an_account_are_whole(cast, language, django_capture_on_commit_callbacks):
    """Each change that can be undone, both turns of an account, a factor taken away: in their reader's language."""
    speaking(cast, language)
    account_story(cast.outsider)
    rows, seen = mails(), 0
    assert len(rows) == len(AccountChange.Kind) + 3 + 8 + 4
    assert len({row.subject for row in rows}) == len(rows) - 3, "one subject for both roles of a body"
    for row in rows:
        check_whole(row, language)
        seen += row.secret
        assert row.secret == (row.template == "emails/account_changed.txt")
    assert seen == 6


@pytest.mark.parametrize("name", ["email_confirm", "email_confirmation"])
def test_the_librarys_other_messages_are_ours(cast, name):
    from marketplace.accounts.adapters import AccountAdapter

    context = {"user": cast.outsider, "ip": "192.0.2.1", "user_agent": "Essai", "timestamp": PUBLISHED_AT,
               "from_email": "a@exemple.invalid", "to_email": "b@exemple.invalid", "deleted_email": "a@exemple.invalid",
               "activate_url": "http://localhost:8000/x"}  # fmt: skip
    from allauth.core import context as allauth_context
    from django.test import RequestFactory

    with allauth_context.request_context(RequestFactory().get("/")):
        message = AccountAdapter().render_mail(f"account/email/{name}", "a@exemple.invalid", context)
    check_account(message)


def check_account(*messages) -> None:
    for message in messages:
        assert message.subject and len(message.subject) <= 120
        assert "Développe avec nous" in message.body and message.body.startswith("Bonjour")
        for leak in ("{{", "{%", "&#x", "None", "example.com", "email", "Hello", "Thank you", "\n\n\n"):
            assert leak not in message.body.replace("/confirm-email/", ""), leak
        assert len(message.to) == 1
