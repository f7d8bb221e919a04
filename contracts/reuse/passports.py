"""The deliverable passport: what was accepted, recognised from its bytes, signed by the platform; and who reuses it.

A passport says what the delivered archive holds, never what the vendor says that it holds: the commit that the archive
declares and the licence file that is in it are compared with what was promised, and a difference is written down.
"""

import hashlib
import re
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, override

from contracts import documents, rules
from contracts.code import archive, contents, licences, publiccode, sbom, swhid
from contracts.code.sentences import Sentence, kept_problems, plain
from contracts.enums import CONCLUDED
from contracts.models import Contract, Delivery, DeliveryFile, Passport, Reuse
from marketplace import keys, pdf
from marketplace.dates import clock
from marketplace.dates.localtime import day, local
from marketplace.ledger import entries as ledger
from marketplace.ledger.entries import canonical, instant
from marketplace.lifecycle import IllegalMove, complain, locked
from marketplace.search import index_text
from opportunities.models import PublicBody

DOCUMENT_TYPE = "dan-passport/1"
UNSTATED = "NOASSERTION"  # SPDX's word: the contract assigns the rights, and states no licence for anybody else
_NO_FILE = gettext_noop("L’archive n’a pas de fichier publiccode.yml à sa racine.")
_OTHER_LICENCE = gettext_noop("Le fichier annonce la licence %(declared)s; le contrat demande %(licence)s.")
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,40}")


@dataclass(frozen=True)
class Found:
    """What an archive holds. Empty texts where there is nothing; problems: [[key, kept sentence]].

    agrees: the licence file against the contract's licence, None when the contract demands none. publiccode: the
    file's own text, None unless it is valid. described: its name and French summary, empty when it has none.
    """

    file_id: int
    swhid: str
    commit: str
    agrees: bool | None
    publiccode: str | None
    problems: list
    described: tuple[str, str]
    bill: sbom.Sbom | None


# --- Reading ---------------------------------------------------------------------------------------------------------
def examine(delivery: Delivery) -> Found | None:
    """Read the delivered archive, whole; None when the delivery has none. Takes seconds: call it without a lock.

    Raises ValidationError when the file kept is not the one that was received.
    """
    row = delivery.files.filter(is_archive=True).first()
    if row is None:
        return None
    blob = _bytes(row)
    source = archive.read(row.name, blob, field="archive", commit=contents.commit_of(delivery.reference))
    licence = delivery.contract.licence
    text, problems, described = _publiccode(source.tree, licence)
    return Found(
        file_id=row.pk,
        swhid=swhid.directory(source.tree),
        commit=source.declared_commit or "",
        agrees=licences.check(source.tree, licence).agrees,
        publiccode=text,
        problems=kept_problems(problems),
        described=described,
        bill=_bill(source.tree),
    )


def _bytes(row: DeliveryFile) -> bytes:
    with row.file.open("rb") as file:
        blob = file.read()
    if hashlib.sha256(blob).hexdigest() != row.sha256:
        complain(None, _("L’archive conservée n’est plus celle qui a été livrée : prévenez la plateforme."))
    return blob


def _publiccode(tree: archive.Tree, licence: str) -> tuple[str | None, list, tuple[str, str]]:
    """(text when valid, problems, (name, summary))."""
    path = next((name for name in publiccode.FILE_NAMES if name in tree and tree[name][0] != archive.SYMLINK), None)
    if path is None:
        return None, [("", Sentence(_NO_FILE))], ("", "")
    result = publiccode.validate(tree[path][1], files=tree)
    problems = result.errors[: contents.MOST_PROBLEMS]
    if not problems:
        declared = result.data["legal"]["license"]
        if not licences.agrees(declared, licence):
            problems.append(("legal.license", Sentence(_OTHER_LICENCE) % {"declared": declared, "licence": licence}))
    if result.errors:
        return None, problems, ("", "")
    return tree[path][1].decode(), problems, (plain(result.data["name"]), _summary(result.data["description"]))


def _summary(description: dict) -> str:
    """The short description in French, of here first; empty when the file speaks other languages only."""
    for language in sorted(description, key=lambda tag: (tag.lower() != "fr-ca", tag.lower() != "fr", tag)):
        if language.lower().partition("-")[0] == "fr":
            return plain(description[language].get("shortDescription") or "")
    return ""


def _bill(tree: archive.Tree) -> sbom.Sbom | None:
    """The nearest to the root that can be read."""
    for path in sbom.find(tree)[: contents.MOST_PROBLEMS]:
        try:
            return sbom.read(tree[path][1])
        except sbom.SbomError:
            continue
    return None


# --- Issuing ---------------------------------------------------------------------------------------------------------
def issue(delivery: Delivery, *, by, at, found: Found | None = None) -> Passport:
    """Make and sign the passport of an accepted delivery; it takes the place of the contract's former one.

    Part of the acceptance (contracts/deliveries/actions.py), under the contract's lock. `found`: what `examine` read
    before the lock; it is read again when it was another delivery's.
    """
    file = delivery.files.get(is_archive=True)
    if found is None or found.file_id != file.pk:
        found = examine(delivery)
    contract = delivery.contract
    occasion = contract.opportunity
    demanded = contract.licence not in licences.UNDEMANDING
    passport = Passport(
        contract=contract,
        delivery=delivery,
        at=at,
        swhid=found.swhid,
        commit=found.commit or contents.commit_of(delivery.reference) or "",
        repository=delivery.repository or contract.repository,
        licence=contract.licence if demanded else UNSTATED,
        open_licence=demanded and found.agrees is True and licences.is_open(contract.licence),
        archive_sha256=file.sha256,
        publiccode=found.publiccode,
        publiccode_problems=found.problems,
        sbom_format=f"{found.bill.format} {found.bill.version}"[:20] if found.bill else "",
        sbom_sha256=found.bill.sha256 if found.bill else "",
        sbom_components=found.bill.components if found.bill else 0,
        name=(found.described[0] or occasion.title)[:200],
        summary=(found.described[1] or occasion.teaser)[:1_000],
    )
    passport.search_text = _words(passport)
    former = contract.passports.filter(superseded_at=None).first()
    if former and former.open_licence and not passport.open_licence:
        passport.superseded_at, former = at, None  # what anybody may take up stays in the catalogue
    passport.document = _signed(passport, found, former)
    if former:
        former.superseded_at = at
        former.save(update_fields=["superseded_at"])
    passport.save(force_insert=True)
    told = ("swhid", "archive_sha256", "commit", "licence", "open_licence", "sbom_sha256", "supersedes")
    ledger.record(
        "passport.issue", contract.ledger_subject(), by=by, at=at, passport=str(passport.public_id),
        document_sha256=hashlib.sha256(canonical(passport.document)).hexdigest(),
        **{name: passport.document[name] for name in told},
    )  # fmt: skip
    return passport


def commit_agrees(reference: str, declared: str) -> bool | None:
    """Whether the archive's commit is the one that the vendor named; None when either says nothing of it."""
    named = reference.strip().lower()
    if not declared or not _SHORT_COMMIT.fullmatch(named):
        return None
    return declared.startswith(named)


def _words(passport: Passport) -> str:
    occasion, body = passport.contract.opportunity, passport.contract.body
    skills = " ".join(skill.name for skill in occasion.skills.all())
    return index_text(
        passport.name, passport.summary, occasion.title, occasion.teaser, skills, body.name, body.acronym,
        passport.licence, passport.contract.number,
    )  # fmt: skip


def _signed(passport: Passport, found: Found, former: Passport | None) -> dict:
    """The document that tools/verify.py checks: no name of a person, every digest that others can recompute."""
    delivery, contract = passport.delivery, passport.contract
    described = (found.publiccode or "").encode()
    document = {
        "type": DOCUMENT_TYPE,
        "id": str(passport.public_id),
        "contract": contract.number,
        "occasion": contract.opportunity.number,
        "milestone": delivery.milestone.position,
        "delivery": delivery.number,
        "body": contract.body.name,
        "vendor": contract.vendor.legal_name,
        "name": passport.name,
        "summary": passport.summary,
        "repository": passport.repository,
        "reference": delivery.reference,
        "commit": passport.commit,
        "commit_agrees": commit_agrees(delivery.reference, found.commit),
        "swhid": passport.swhid,
        "archive_sha256": passport.archive_sha256,
        "licence": passport.licence,
        "licence_agrees": found.agrees,
        "open_licence": passport.open_licence,
        "publiccode_sha256": hashlib.sha256(described).hexdigest() if found.publiccode is not None else "",
        "sbom_format": passport.sbom_format,
        "sbom_sha256": passport.sbom_sha256,
        "accepted_at": instant(delivery.decided_at),
        "supersedes": str(former.public_id) if former else "",
        "key": keys.key_id(),
    }
    return document | {"signature": keys.sign(canonical(document))}


def as_pdf(passport: Passport) -> bytes:
    """The passport for people, from the signed document: templates/pdf/passport.typ."""
    said = passport.document
    with override(documents.FRENCH):
        if passport.publiccode is None:
            written = _("absent ou non valable")
        else:
            written = _("valable, avec des réserves") if passport.publiccode_problems else _("valable")
        data = {
            "number": "",
            "title": said["name"],
            "contract": said["contract"],
            "milestone": str(said["milestone"]),
            "body": said["body"],
            "vendor": said["vendor"],
            "repository": said["repository"],
            "commit": said["commit"],
            "swhid": said["swhid"],
            "licence": passport.licence if passport.licence != UNSTATED else passport.contract.get_licence_display(),
            "publiccode": written,
            "sbom_format": said["sbom_format"],
            "sbom_digest": said["sbom_sha256"],
            "archive_digest": said["archive_sha256"],
            "accepted": day(local(passport.delivery.decided_at).date()),
            "signature": said["signature"],
            "key": said["key"],
            "verify": f"{settings.BASE_URL}{passport.get_absolute_url()}",
        }
        return pdf.render("passport", data, at=passport.at)


# --- « Nous réutilisons » --------------------------------------------------------------------------------------------
def bodies_for(contract: Contract, user) -> list[PublicBody]:
    """The person's bodies that may say that they reuse it: not the one that paid, not one that said so already."""
    if not user.is_authenticated or not user.is_active:
        return []
    rows = PublicBody.objects.filter(memberships__user=user, active=True).exclude(pk=contract.body.pk)
    return list(rows.exclude(reuses__in=contract.reuses.filter(ended_at=None)).distinct().order_by("name"))


def declare_reuse(contract: Contract, *, body: PublicBody, by, note: str = "") -> Reuse:
    """A person of `body` says publicly that it took this code up.

    PermissionDenied for somebody else or for the body that paid; IllegalMove when nothing is catalogued, or twice.
    """
    with transaction.atomic():
        row = locked(contract)
        if not rules.can_reuse(body, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        if body.pk == row.body.pk:
            raise PermissionDenied(_("L’organisme qui a payé ce code ne le déclare pas comme une réutilisation."))
        if row.state not in CONCLUDED or not row.passports.catalogued().exists():
            raise IllegalMove(_("Ce code n’est pas au catalogue."))
        if row.reuses.filter(body=body, ended_at=None).exists():
            raise IllegalMove(_("Votre organisme a déjà déclaré cette réutilisation."))
        at = clock.now()
        reuse = Reuse(contract=row, body=body, by=by, at=at, note=plain(note))
        reuse.clean_fields(exclude={"contract", "body", "by"})
        reuse.save(force_insert=True)
        ledger.record(
            "reuse.declare", row.ledger_subject(), by=by, at=at, body=body.pk, name=body.name, note=reuse.note
        )
    return reuse


def end_reuse(reuse: Reuse, *, by) -> None:
    """A person of the body says that it does not reuse it any more; the former declaration stays in the ledger."""
    with transaction.atomic():
        contract = locked(reuse.contract)
        if not rules.can_reuse(reuse.body, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        row = Reuse.objects.select_for_update(of=("self",)).get(pk=reuse.pk)
        if row.ended_at is not None:
            raise IllegalMove(_("Cette réutilisation est déjà retirée."))
        row.ended_at = clock.now()
        row.save(update_fields=["ended_at"])
        ledger.record(
            "reuse.end", contract.ledger_subject(), by=by, at=row.ended_at, body=reuse.body.pk, name=reuse.body.name
        )
    reuse.__dict__.update(row.__dict__)
