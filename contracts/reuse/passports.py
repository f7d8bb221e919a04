"""The deliverable passport: what was accepted, recognised from its bytes, signed by the platform.

A passport says what the delivered archive holds, never what the vendor says that it holds: the commit that the archive
declares and the licence file that is in it are compared with what was promised, and a difference is written down.
"""

import hashlib
import re
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, override

from contracts import documents
from contracts.code import archive, contents, licences, publiccode, sbom, swhid
from contracts.code.sentences import Sentence, kept_problems, plain
from contracts.models import Delivery, DeliveryFile, Passport
from marketplace import keys, pdf
from marketplace.dates.localtime import day, local
from marketplace.files import store
from marketplace.ledger.entries import canonical, instant
from marketplace.lifecycle import complain, known

DOCUMENT_TYPE = "dan-passport/1"
UNSTATED = "NOASSERTION"  # SPDX's word: the contract assigns the rights, and states no licence for anybody else
_NO_FILE = gettext_noop("L’archive n’a pas de fichier publiccode.yml à sa racine.")
_OTHER_LICENCE = gettext_noop("Le fichier annonce la licence %(declared)s; le contrat demande %(licence)s.")
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,40}")


@dataclass(frozen=True)
class ArchiveFacts:
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
def examine(delivery: Delivery) -> ArchiveFacts | None:
    """Read the delivered archive, whole; None when the delivery has none. Takes seconds: call it without a lock.

    Raises ValidationError when the file kept is not the one that was received, or is lost;
    store.Unavailable when nobody knows.
    """
    file = delivery.files.filter(is_archive=True).first()
    return read(file) if file else None


def read(file: DeliveryFile) -> ArchiveFacts:
    """The same, of an archive at hand."""
    delivery = file.delivery
    source = archive.read(file.name, _bytes(file), field="archive", commit=contents.commit_of(delivery.reference))
    licence = delivery.contract.licence
    text, problems, described = _publiccode(source.tree, licence)
    return ArchiveFacts(
        file_id=file.pk,
        swhid=swhid.directory(source.tree),
        commit=source.declared_commit or "",
        agrees=licences.check(source.tree, licence).agrees,
        publiccode=text,
        problems=kept_problems(problems),
        described=described,
        bill=_bill(source.tree),
    )


def _bytes(file: DeliveryFile) -> bytes:
    try:
        return store.read_same(file.file)
    except (store.Missing, store.Altered):
        complain(None, _("L’archive conservée n’est plus celle qui a été livrée : prévenez la plateforme."))


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


def commit_agrees(reference: str, declared: str) -> bool | None:
    """Whether the archive's commit is the one that the vendor named; None when either says nothing of it."""
    named = reference.strip().lower()
    if not declared or not _SHORT_COMMIT.fullmatch(named):
        return None
    return declared.startswith(named)


def signed(passport: Passport, facts: ArchiveFacts, former: Passport | None) -> dict:
    """The document that tools/verify.py checks: no name of a person, every digest that others can recompute."""
    delivery, contract = passport.delivery, passport.contract
    described = (facts.publiccode or "").encode()
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
        "commit_agrees": commit_agrees(delivery.reference, facts.commit),
        "swhid": passport.swhid,
        "archive_sha256": passport.archive_sha256,
        "licence": passport.licence,
        "licence_agrees": facts.agrees,
        "open_licence": passport.open_licence,
        "publiccode_sha256": hashlib.sha256(described).hexdigest() if facts.publiccode is not None else "",
        "sbom_format": passport.sbom_format,
        "sbom_sha256": passport.sbom_sha256,
        "accepted_at": instant(known(delivery.decided_at)),
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
            "accepted": day(local(known(passport.delivery.decided_at)).date()),
            "signature": said["signature"],
            "key": said["key"],
            "verify": f"{settings.BASE_URL}{passport.get_absolute_url()}",
        }
        return pdf.render("passport", data, at=passport.at)
