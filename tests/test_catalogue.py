"""The English catalogue: whole, faithful to its French source, in step with the code; and the pages read in English."""

import ast
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from datetime import date, timedelta
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import polib
import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings as configured
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation

from audit.cases import actions as case_actions
from audit.cases.reminders import remind
from contracts import emails as contract_emails
from contracts.agreement import signature_actions
from contracts.amendments import actions as amendment_actions
from contracts.deliveries import actions as delivery_actions
from contracts.end import actions as end_actions
from contracts.invoices import actions as invoice_actions
from contracts.models import Contract, Milestone, Payment, Reconciliation, Signatory
from contracts.payments import actions as payment_actions
from contracts.payments import emails as payment_emails
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.models import OutgoingEmail, User
from marketplace.regions import Region
from opportunities.models import Criterion, PublicBody
from opportunities.review import actions as notice_review_actions
from proposals.award import actions as award_actions
from proposals.deposit import actions as deposit_actions
from proposals.evaluation import actions as evaluation_actions
from proposals.models import Proposal
from tests import contract_cast, test_emails
from tests.cast import CLOSES_AT, PUBLISHED_AT, Cast
from tests.test_every_page import PUBLIC, ROUTES, address
from tests.test_passports import FILES, PUBLICCODE, tar_gz
from vendors.models import Vendor

ROOT = Path(configured.BASE_DIR)
PO = ROOT / "locale" / "en" / "LC_MESSAGES" / "django.po"
APPS = ["marketplace", "vendors", "opportunities", "proposals", "contracts", "audit", "opendata"]
SOURCES = [name for name in APPS if (ROOT / name).is_dir()]
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sd%]|\{\w*\}")
TAG = re.compile(r"</?[a-z][^>]*>")
ENTRIES = polib.pofile(str(PO))


def key(entry) -> tuple:
    return entry.msgctxt, entry.msgid, entry.msgid_plural


def pairs(entry) -> list[tuple[str, str]]:
    """(French, English) of each form."""
    if not entry.msgid_plural:
        return [(entry.msgid, entry.msgstr)]
    return [(entry.msgid, entry.msgstr_plural[0]), (entry.msgid_plural, entry.msgstr_plural[1])]


EVERY_PAIR = [pair for entry in ENTRIES for pair in pairs(entry)]


MESSAGES = {f"emails/{path.name}" for path in test_emails.FOLDER.glob("[!_]*.txt") if path.name != "base.txt"}
CONTRACT_MESSAGES = {
    name for name in MESSAGES
    if name.split("/")[1].split("_")[0] in {"amendment", "contract", "invoice", "milestone", "payment", "performance"}
}  # fmt: skip
CASE_MESSAGES = {name for name in MESSAGES if name.startswith("emails/monitoring_")}


# --- The catalogue itself ---------------------------------------------------------------------------------------------
def test_everything_is_translated_and_nothing_is_doubtful():
    assert len(ENTRIES) > 1500
    assert ENTRIES.metadata["Plural-Forms"] == "nplurals=2; plural=(n != 1);"
    assert ENTRIES.metadata["Language"] == "en"
    assert not [entry.msgid for entry in ENTRIES.untranslated_entries()]
    assert not [french for french, english in EVERY_PAIR if not english.strip()]
    assert not [entry.msgid for entry in ENTRIES.fuzzy_entries()] and not ENTRIES.obsolete_entries()
    assert not [entry.msgid for entry in ENTRIES if entry.occurrences], "file locations change with every edit"


def test_placeholders_and_tags_are_those_of_the_source():
    for find in (PLACEHOLDER, TAG):
        wrong = [pair for pair in EVERY_PAIR if sorted(find.findall(pair[0])) != sorted(find.findall(pair[1]))]
        assert not wrong, find.pattern


def test_english_is_punctuated_as_english():
    """No French quotes, no space before a colon or a percent sign, curly apostrophes, dollars first."""
    french = re.compile(r"[«»']|[ \u00a0][:;?!%](?=\W|$)|\d[ \u00a0]\$|\bHNE\b|\bHAE\b|\bTPS\b|\bTVQ\b")
    shown = [re.sub(r"%\(\w+\)[sd]|%[sd]", "x", TAG.sub("", english)) for _french, english in EVERY_PAIR]
    assert not [text for text in shown if french.search(text)]


def test_nothing_is_left_in_french():
    same = {french for french, english in EVERY_PAIR if french == english}
    assert same - {
        "Administration", "Admissible", "Clauses", "Clauses, %(name)s", "Code %(code)s", "Commit", "Communication",
        "Conditions", "Date", "Description", "Développe avec nous", "Incident", "Instant", "Invitation",
        "Justification", "K = %(k)s", "Licence", "Menu", "Minimum", "Mode", "NEQ", "PDF", "Pagination", "Publication",
        "Sections", "Stripe", "Taxes", "Total", "Version %(version)s", "accent", "addenda", "clause", "communication",
        "invitation", "justification", "licence (SPDX)", "min. %(floor)s", "minimum %(floor)s", "minimum %(minimum)s",
        "publication", "signature", "source", "version", "%(n)s clause", "%(n)s clauses", "%(name)s, %(number)s", "$",
        "Code", "Concentration", "Conclusion", "Conclusion (PDF)", "Documents", "Points", "Population", "Source",
        "Version", "code", "conclusion", "minutes", "Clause", "%(n)s minute", "%(n)s minutes", "note",
        "Correction", "Questions", "Suspension", "Version %(number)s (JSON)", "date",
    } == set()  # fmt: skip


def test_msgids_are_not_those_of_a_library():
    """A French msgid that is also an English msgid of Django or allauth would be replaced in French by their word
    (« Note » became « Remarque »), and would replace theirs in English: change the French wording instead."""
    packages = [Path(find_spec(name).origin).parent for name in ("django", "allauth")]
    catalogues = [path for package in packages for path in package.rglob("locale/fr*/LC_MESSAGES/django.mo")]
    assert len(catalogues) > 10
    theirs = {}
    for path in catalogues:
        for entry in polib.mofile(str(path)):
            for french in [entry.msgstr, *entry.msgstr_plural.values()]:
                theirs.setdefault((entry.msgctxt, entry.msgid), set()).add(french)
    taken = {}
    for entry in ENTRIES:
        for french, english in pairs(entry):
            found = theirs.get((entry.msgctxt, french), set()) - {""}
            if found and not (found == {french} and english == french):
                taken[french] = found
    assert not taken


def test_french_pages_show_the_msgids():
    """Whatever the library, whatever the application that is added: French is what the code says."""
    with translation.override("fr-ca"):
        shown = {entry.msgid: translation.gettext(entry.msgid) for entry in ENTRIES if not entry.msgctxt}
    assert not {french: found for french, found in shown.items() if found != french}


def test_labels_made_at_import_are_lazy():
    """`gettext` called while a module loads would keep for ever the language of whoever loaded it."""
    eager = []
    for path in (path for name in SOURCES for path in (ROOT / name).rglob("*.py")):
        tree = ast.parse(path.read_text())
        names = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
            for alias in node.names
            if alias.name in {"gettext", "ngettext", "pgettext", "npgettext"}
        }
        calls = [call for call in calls_at_import(tree) if getattr(call.func, "id", "") in names]
        eager += [f"{path.relative_to(ROOT)}:{call.lineno}" for call in calls]
    assert not eager


def calls_at_import(node):
    """Calls outside the bodies of functions (their decorators and default values run at import, too)."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield child
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in [*child.decorator_list, *child.args.defaults, *filter(None, child.args.kw_defaults)]:
                yield from calls_at_import(ast.Expression(part))
        elif not isinstance(child, ast.Lambda):
            yield from calls_at_import(child)


def test_the_catalogue_has_every_message_of_the_code(tmp_path):
    if not shutil.which("xgettext"):
        pytest.skip("needs xgettext (`make services` installs gettext): the code's messages were not extracted")
    for name in [*SOURCES, "templates"]:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "locale" / "en" / "LC_MESSAGES").mkdir(parents=True)
    options = ["-l", "en", "-e", "html,txt,py", "--no-location", "--no-wrap", "--verbosity", "0"]
    made = subprocess.run(
        [sys.executable, "-m", "django", "makemessages", *options],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    extracted = {key(entry) for entry in polib.pofile(str(tmp_path / PO.relative_to(ROOT)))}
    missing = sorted(french for _context, french, _plural in extracted - {key(entry) for entry in ENTRIES})
    assert missing == [], "run `sh tools/messages.sh`, then translate"


# --- The pages and the messages in English ----------------------------------------------------------------------------
PROPER = [
    *sorted(Region.labels, key=len, reverse=True), "Développe avec nous", "Autorité des marchés publics",
    "Commission d’accès à l’information du Québec", "Commission d’accès à l’information", "Registraire des entreprises",
    "Québec", "Montréal", "Français",
    # Invented names in the style guide's examples.
    "Atelier Boréal", "Coop Code du Fleuve", "Ministère des Transports et de la Mobilité durable", "Ville de Rimouski",
]  # fmt: skip
NAMES = re.compile("|".join(map(re.escape, PROPER)), re.IGNORECASE)
FRENCH = re.compile(
    r"\w*[À-ÖØ-öø-ÿœŒ]\w*|[«»]|\u00a0[:;?!%$]| : |(?<![\w.@/-])(?:au|aux|avec|ce|cette|dans|de|des|du|elle|en|est|et"
    r"|il|la|le|les|ne|ou|par|pas|pour|que|qui|sont|sur|une|vos|votre|vous)(?![\w.@/-])",
    re.IGNORECASE,
)
READ = {"alt", "aria-label", "aria-description", "title", "placeholder", "content", "data-l", "label"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


def left_in_french(text: str) -> list[str]:
    plain = NAMES.sub("X", re.sub(r"https?://\S+|\S+@\S+|/[\w/-]+", " ", text))
    found = [match for match in FRENCH.finditer(plain) if match[0] != "EST"]
    return [plain[max(0, match.start() - 25) : match.end() + 25].strip() for match in found]


class Reading(HTMLParser):
    """What a page says, in text and in attributes; not what it marks as French."""

    def __init__(self, page: str):
        super().__init__()
        self.open, self.said = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        french = (names.get("lang") or "").startswith("fr")
        silent = french or tag in {"script", "style"} or any(silent for _tag, silent in self.open)
        if tag not in VOID:
            self.open.append((tag, silent))
        if not silent:
            self.said += [v for n, v in attributes if v and (n in READ or (n.startswith("data-") and " " in v))]
            if tag == "input" and names.get("type") in {"submit", "button"}:
                self.said.append(names.get("value") or "")

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if not any(silent for _tag, silent in self.open) and data.strip():
            self.said.append(data)


ENGLISH = {
    "title": "Bridge and road dashboard",
    "teaser": "Make load limits readable.",
    "description": "Every spring, limits change.",
    "remote_description": "Meetings are online.",
    "acceptance_criteria": "The tests succeed.",
    "contact_name": "Beatrice Buyer",
    "contact_email": "beatrice@example.invalid",
}


def ascii_only(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


class EnglishCast(Cast):
    """The same people and occasions, with nothing written in French by anybody."""

    def __init__(self):
        super().__init__()
        for number, row in enumerate(PublicBody.objects.order_by("pk")):
            PublicBody.objects.filter(pk=row.pk).update(name=f"Town of Trial {number}")
        for row in User.objects.all():
            plain = {"name": ascii_only(row.name), "email": ascii_only(row.email), "language": "en"}
            User.objects.filter(pk=row.pk).update(**plain)
        for number, row in enumerate(Vendor.objects.order_by("pk")):
            plain = {"legal_name": f"Trial Software {number}", "street": "1 Trial Street", "email": "v@example.invalid"}
            Vendor.objects.filter(pk=row.pk).update(**plain)
        for row in vars(self).values():
            row.refresh_from_db()

    def draft(self, **fields):
        made = super().draft(**(ENGLISH | fields))
        for criterion in made.criteria.all():
            Criterion.objects.filter(pk=criterion.pk).update(label=f"Criterion {criterion.position + 1}")
        return made

    def proposal(self, opportunity, **content):
        return super().proposal(opportunity, **({"text": "We will do the work.", "comments": "Thanks."} | content))


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """The catalogue as `make setup` compiles it, whatever the state of the tree's own .mo."""
    folder = tmp_path_factory.mktemp("locale")
    made = folder / "en" / "LC_MESSAGES" / "django.mo"
    made.parent.mkdir(parents=True)
    with PO.open("rb") as source, made.open("wb") as target:
        write_mo(target, read_po(source, locale="en"))
    return folder


@pytest.fixture
def english(compiled, settings):
    """English from the catalogue just compiled; the request's language does not outlive the test."""
    settings.LOCALE_PATHS = [compiled]
    with translation.override("en"):
        yield


def reviewing(cast):
    made = cast.in_review()
    notice_review_actions.return_to_author(made, by=cast.officer, reason="The scope must be clearer.")
    return made


def withdrawn(cast):
    made = cast.published(mode="price")
    deposit_actions.withdraw(cast.submitted(made), by=cast.vendor_owner)
    return made


def suspended(cast):
    made = cast.published(mode="adjusted_price")
    cast.submitted(made)
    award_actions.suspend(made, by=cast.officer, reason="A court asked us.")
    return made


def cancelled(cast):
    made = cast.published()
    cast.submitted(made)
    award_actions.cancel(made, by=cast.officer, reason="The need is gone.")
    return made


def rejected(cast):
    made, proposals = cast.opened(mode="adjusted_price")
    with clock.set_to(CLOSES_AT):
        evaluation_actions.reject(proposals[0], by=cast.buyer, code="CONF-9", text="A test failed.")
    return made


def unsuccessful(cast):
    made, _proposals = cast.opened(proposals=0)
    with clock.set_to(CLOSES_AT):
        award_actions.conclude(made, by=cast.officer, code="other", reason="Nothing came.")
    return made


def tied(cast):
    return cast.recommended(mode="adjusted_price", values=("80", "80"), prices=(60_000_00, 60_000_00))[0]


def reversed_award(cast):
    made, _proposals = cast.awarded(mode="adjusted_price")
    with clock.set_to(CLOSES_AT + timedelta(days=3)):
        award_actions.request_reversal(made, by=cast.officer, reason="A score was wrong.")
        award_actions.reverse(made, by=cast.second_officer)
    return made


STAGES = {
    "in_review": lambda cast: cast.in_review(mode="adjusted_price"),
    "returned": reviewing,
    "published": lambda cast: cast.submitted(cast.published()).opportunity,
    "withdrawn": withdrawn,
    "suspended": suspended,
    "cancelled": cancelled,
    "rejected": rejected,
    "unsuccessful": unsuccessful,
    "recommended": tied,
    "awarded": lambda cast: cast.awarded()[0],
    "reversed": reversed_award,
}
# Pages whose words follow the occasion's stage; the others are the same at every stage, and read once.
STAGED = ("opportunities:", "proposals:", "contracts:start")
CHANGING = {"home", "dashboard", "ledger", "opportunities:list", "proposals:awards", "proposals:mine"}
BEFORE = {"in_review", "returned", "published", "withdrawn", "suspended", "cancelled"}


def parameters(route: str) -> set[str]:
    return set(re.findall(r"<(?:\w+:)?(\w+)>", route))


@pytest.mark.any_database
@pytest.mark.parametrize("stage", STAGES)
def test_pages_are_read_in_english(db, english, stage):
    """Every page that answers, for a visitor and for each party: no word of French that nobody typed."""
    with clock.set_to(PUBLISHED_AT):
        cast = EnglishCast()
        occasion = STAGES[stage](cast)
    values = {"number": occasion.number}
    if proposal := Proposal.objects.filter(opportunity=occasion, vendor=cast.vendor).first():
        values["public_id"] = proposal.public_id
        if submission := proposal.submissions.last():
            values["receipt_number"] = submission.receipt_number
    found, seen = set(), 0
    with clock.set_to(PUBLISHED_AT if stage in BEFORE else CLOSES_AT + timedelta(days=4)):
        for person in (None, cast.buyer, cast.officer, cast.vendor_owner):
            client = Client()
            if person:
                client.force_login(person)
            for name, route, _pattern in ROUTES:
                if name.startswith("admin:") or "logout" in name or (person is None and name not in PUBLIC):
                    continue
                changes = name in CHANGING or ("<" in route and name.startswith(STAGED))
                if stage != "published" and not changes:
                    continue
                if not parameters(route) <= {*values, "key", "uidb36"}:
                    continue  # nothing has this address: the page that says so is read at others
                answer = client.get(f"/en{address(route, **values)}")
                kind = answer.get("Content-Type", "")
                if answer.status_code not in {200, 403, 404, 409} or not kind.startswith("text/html"):
                    if answer.streaming:
                        list(answer.streaming_content)  # read to its end, it closes its file
                    continue
                page = answer.content.decode()
                if '<html lang="en-CA">' in page:
                    seen += 1
                    found |= {f"{route} {word}" for said in Reading(page).said for word in left_in_french(said)}
    assert seen > 20
    assert sorted(found) == []


def test_messages_are_read_in_english(db, english, monkeypatch):
    """The messages of a procurement's whole story, then those about accounts."""
    monkeypatch.setattr(test_emails, "TITLE", ENGLISH["title"])
    monkeypatch.setattr(test_emails, "REASON", "Reason written by hand.")
    with clock.set_to(PUBLISHED_AT):
        cast = EnglishCast()
    test_emails.whole_story(cast)
    test_emails.account_story(cast.outsider)
    rows = OutgoingEmail.objects.all()
    assert {row.template for row in rows} == MESSAGES - CONTRACT_MESSAGES - CASE_MESSAGES and {
        row.language for row in rows
    } == {"en"}
    found = {row.template: words for row in rows if (words := left_in_french(f"{row.subject}\n{row.body}"))}
    about = {"user": cast.buyer, "email": "v@example.invalid", "confirmation_days": 3, "password_days": 3}
    for path in (ROOT / "templates" / "account" / "email").glob("*.txt"):
        if words := left_in_french(render_to_string(f"account/email/{path.name}", about)):
            found[path.name] = words
    assert found == {}


# --- What follows the award -------------------------------------------------------------------------------------------
def english_plan(*amounts: int) -> list[dict]:
    """tests.contract_cast.plan, with nothing written in French."""
    return [
        {
            "title": f"Step {rank}", "description": "Working code.", "criteria": ["The tests pass."],
            "amount_cents": amount, "due_date": date(2026, 12, 15) + timedelta(days=7 * rank),
        }
        for rank, amount in enumerate(amounts, 1)
    ]  # fmt: skip


def returned(cast, made) -> Milestone:
    """Delivered, and returned to be corrected."""
    row = contract_cast.milestone(made)
    with clock.set_to(contract_cast.DELIVERED_AT):
        delivery_actions.deliver(row, by=cast.vendor_owner, notes="First version.", reference="v1.0")
        week = local(clock.now()).date() + timedelta(days=7)
        delivery_actions.send_back(row, by=cast.buyer, checks={}, reason="A test fails.", cure_by=week)
    return row


def delivered(cast, made) -> Milestone:
    row = returned(cast, made)
    with clock.set_to(contract_cast.DELIVERED_AT + timedelta(hours=1)):
        described = PUBLICCODE.replace("Carte des ponts", "Bridge map").replace(
            "Carte des limites de charge des ponts, pour les camionneurs.", "Bridge load limits, mapped for truckers."
        )
        archive = tar_gz(FILES | {"publiccode.yml": described.encode()})
        delivery_actions.deliver(row, by=cast.vendor_owner, notes="Second version.", reference="v1.1", archive=archive)
    return row


def accepted(cast, made) -> Milestone:
    row = delivered(cast, made)
    with clock.set_to(contract_cast.ACCEPTED_AT):
        delivery_actions.accept(row, by=cast.buyer, checks=contract_cast.all_met(row))
    return row


def declared(cast, made) -> Payment:
    row = accepted(cast, made)
    with clock.set_to(contract_cast.INVOICED_AT):
        invoice = invoice_actions.issue(row, by=cast.vendor_owner)
        return payment_actions.declare_outside(
            invoice, by=cast.officer, reference="TR-1", paid_on=local(contract_cast.INVOICED_AT).date()
        )


def amended(cast, made):
    with clock.set_to(contract_cast.DELIVERED_AT):
        plan = amendment_actions.plan_of(made)
        plan[-1]["amount_cents"] += 5_000_00
        row = amendment_actions.propose(made, by=cast.buyer, reason="One more screen.", delta_cents=5_000_00, plan=plan)
        amendment_actions.approve(row, by=cast.officer)
    return row


def evaluated(cast, made):
    accepted(cast, made)
    with clock.set_to(contract_cast.INVOICED_AT):
        end_actions.terminate(made, by=cast.officer, reason="The need is gone.")
        grades = {"quality": 4, "deadlines": 3, "communication": 5, "satisfactory": True}
        return end_actions.evaluate(made, by=cast.buyer, comment="The code is clear.", **grades)


@pytest.fixture
def english_cast(db, english, monkeypatch):
    monkeypatch.setattr(contract_cast, "plan", english_plan)
    with clock.set_to(PUBLISHED_AT):
        cast = EnglishCast()
    for person in (cast.officer, cast.second_officer):
        about = {"title": "Contracts Lead", "limit_cents": 90_000_00, "named_at": CLOSES_AT}
        Signatory.objects.create(body=cast.body, user=person, **about)
    return cast


def concluded(cast) -> Contract:
    made = contract_cast.offered(cast)
    signature = {"text_sha256": made.text_sha256, "method": "password"}
    with clock.set_to(contract_cast.SIGNED_AT):
        signature_actions.sign_as_vendor(made, by=cast.vendor_owner, title="President", integrity=True, **signature)
        signature_actions.sign(made, by=cast.officer, unverified_reason="Revenu Québec does not answer", **signature)
    contract_cast.register(made)
    return made


DOWNLOAD = re.compile(r"\.\w+$|/pdf$|/documents/|/fichiers/")
AFTER_AWARD = {
    "draft": contract_cast.draft,
    "offered": contract_cast.offered,
    **{
        act.__name__: lambda cast, act=act: (made := concluded(cast), act(cast, made))[0]
        for act in (returned, delivered, declared, amended, evaluated)
    },
}


@pytest.mark.any_database
@pytest.mark.parametrize("stage", AFTER_AWARD)
def test_pages_of_contracts_are_read_in_english(english_cast, stage):
    """Every page of a contract that answers, for a visitor and for each party, at each stage."""
    cast = english_cast
    made = AFTER_AWARD[stage](cast)
    named = {
        "contrats": [{"number": made.number, "position": 1, **({"rank": 1} if made.amendments.exists() else {})}],
        "occasions": [{"number": made.opportunity.number}],
        "factures": [{"number": row.number} for row in made.invoices.all()],
        "paiements": [{"public_id": row.public_id} for row in Payment.objects.all()],
        "code": [{"public_id": row.public_id, "body_id": cast.body.pk} for row in made.passports.all()],
        "prestataires": [{"public_id": cast.vendor.public_id}],
        "organismes": [{"pk": cast.body.pk}],
        "publications-seao": [{"duty_id": row.pk} for row in made.duties.all()],
    }
    routes = {route: name in PUBLIC for name, route, _pattern in ROUTES if name.startswith("contracts:")}
    routes |= {"a-faire/": False}
    unknown = {route for route in routes if "<" in route and route.split("/")[0] not in named}
    assert not unknown, "say above what these addresses name"
    read = {
        address(route, **values): public
        for route, public in routes.items()
        if not DOWNLOAD.search(route)
        for values in (named[route.split("/")[0]] if "<" in route else [{}])
        if parameters(route) <= set(values)
    }
    found, seen = set(), set()
    with clock.set_to(contract_cast.INVOICED_AT + timedelta(days=1)):
        for person in (None, cast.buyer, cast.officer, cast.second_officer, cast.vendor_owner):
            client = Client()
            if person:
                client.force_login(person)
            for path, public in sorted(read.items()):
                if person is None and not public:
                    continue  # leads to the sign-in
                answer = client.get(f"/en{path}")
                if answer.status_code == 200 and answer.get("Content-Type", "").startswith("text/html"):
                    page = answer.content.decode()
                    assert '<html lang="en-CA">' in page, path
                    seen.add(path)
                    found |= {f"{path} {word}" for said in Reading(page).said for word in left_in_french(said)}
    assert len(seen) > 8
    assert sorted(found) == []


def test_messages_of_contracts_are_read_in_english(english_cast):
    """Each message's words; tests of each act say to whom and when it goes."""
    cast, made = english_cast, concluded(english_cast)
    payment = declared(cast, made)
    amendment = amended(cast, made)
    with clock.set_to(contract_cast.INVOICED_AT):
        payment_actions.contest(payment, by=cast.vendor_owner, reason="Nothing came.")
    at = contract_cast.INVOICED_AT + timedelta(days=1)
    payment.reversal_requested_by, payment.reversal_reason = cast.officer, "Paid twice."
    payment.failure, payment.dispute_status, payment.dispute_due_at = "Card refused", "needs_response", at
    run = Reconciliation.objects.create(started_at=at, since=at, compared=3)
    for method in ("outside", "stripe"):
        payment.method = method
        for tell in ("paid", "failed", "retracted", "reversal_requested", "reversed_payment", "disputed"):
            getattr(payment_emails, tell)(payment, at=at)
        payment_emails.reversal_declined(payment, cast.officer, cast.second_officer, "Paid once.", at=at)
        for step in ("transfer", "refund"):
            payment_emails.blocked(payment, step, at=at)
    payment_emails.mismatches(run, 2, at=at)
    made.offer_reason = made.reason = "Too late."
    for tell in (
        contract_emails.terms_refused,
        contract_emails.offer_withdrawn,
        contract_emails.ended,
        contract_emails.terminated,
    ):
        tell(made, at=at)
    contract_emails.amendment_proposed(amendment, at=at)
    contract_emails.amendment_in_force(amendment, at=at)
    contract_emails.amendment_refused(amendment, by=cast.buyer, at=at)
    about = {"delivery": payment.invoice.milestone.deliveries.last(), "milestone": contract_cast.milestone(made)}
    about["payment"] = payment
    about |= {"invoice": payment.invoice, "day": local(at).date()}
    reminders = {f"milestone_{kind}" for kind in ("waiting", "due", "late", "cure")} | {"invoice_due", "invoice_late"}
    reminders.add("payment_unconfirmed")
    for name in sorted(reminders):
        contract_emails.tell([cast.buyer], f"emails/{name}.txt", made, at=at, **about)
    with clock.set_to(at):
        amendment_actions.withdraw(amendment, by=cast.buyer)
        end_actions.terminate(made, by=cast.officer, reason="The need is gone.")
        grades = {"quality": 4, "deadlines": 3, "communication": 5, "satisfactory": True}
        performance = end_actions.evaluate(made, by=cast.buyer, comment="The code is clear.", **grades)
        end_actions.reply(performance, by=cast.vendor_owner, text="Thank you.")
    rows = OutgoingEmail.objects.filter(template__in=CONTRACT_MESSAGES)
    assert {row.template for row in rows} == CONTRACT_MESSAGES and {row.language for row in rows} == {"en"}
    found = {row.template: words for row in rows if (words := left_in_french(f"{row.subject}\n{row.body}"))}
    assert found == {}


def test_messages_of_monitorings_are_read_in_english(english_cast):
    """A case from its question to its end, with its reminders."""
    cast, at = english_cast, CLOSES_AT + timedelta(days=3)
    occasion, _proposals = cast.awarded()
    with clock.set_to(at):
        made = case_actions.open_(occasion, by=cast.auditor, title="Publication period", text="A notice of ten days.")
        case_actions.ask(made, by=cast.auditor, text="Why ten days?", due_on=date(2026, 12, 11))
    for days in (13, 17):  # soon, then late
        with clock.set_to(at + timedelta(days=days)):
            remind()
    with clock.set_to(at + timedelta(days=18)):
        case_actions.answer(made, by=cast.officer, text="The need was urgent.")
        case_actions.conclude(made, by=cast.auditor, finding=True, text="It was not.", due_on=date(2027, 1, 29))
        case_actions.announce_remedy(made, by=cast.officer, text="The directive is corrected.")
        case_actions.accept_remedy(made, by=cast.auditor, text="Read.")
        case_actions.close(made, by=cast.auditor, text="Thank you.")
    rows = OutgoingEmail.objects.filter(template__in=CASE_MESSAGES)
    assert {row.template for row in rows} == CASE_MESSAGES and {row.language for row in rows} == {"en"}
    found = {row.template: words for row in rows if (words := left_in_french(f"{row.subject}\n{row.body}"))}
    assert found == {}
