"""The case file of one procurement: everything this person may read of it, in one ZIP that can be verified elsewhere.

The same facts give the same bytes, whatever language asks: entries in a fixed order, each dated by the instant of its
fact; reads, which change with each download, stay out. Names of files are French, as documents are. What was not
opened is not there, and nothing says whether it exists.
"""

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from django.db.models.fields.files import FieldFile
from django.utils.translation import override

import marketplace.converters  # noqa: F401 - registers `code`
from audit import rules
from audit.casefile import guide, texts
from audit.cases.status import lateness
from audit.ledger import acts
from audit.ledger.story import Story, entries_of, story_of
from audit.reviews import actions as review_actions
from audit.reviews import facts as review_facts
from audit.reviews.checklist_words import shown
from contracts.agreement import signature_actions
from marketplace import pdf
from marketplace.files import quarantine, store
from marketplace.ledger import checkpoints, verifier
from marketplace.ledger.entries import canonical, instant
from marketplace.lifecycle import known
from opportunities.models import Opportunity
from proposals.evaluation.board import Board, board
from proposals.models import Draw
from proposals.opening import actions as opening_actions
from proposals.opening import minutes

FRENCH = "fr-ca"
DOCUMENTS = {"offered": "offert", "signed": "signe", "amendment": "avenant"}
NOTES = {
    "opening": "ouverture", "question": "demande", "answer": "reponse", "conclusion": "conclusion",
    "remedy": "correctif", "acceptance": "constat", "closing": "fermeture",
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One file of the ZIP: its path, the instant of its fact, its bytes or a stored file."""

    path: str
    at: datetime
    content: bytes = b""
    file: FieldFile | None = None

    def read(self) -> bytes:
        """store.Unreadable where the stored file is not what it was: a case file is whole, or is not given."""
        return self.content if self.file is None else store.read_same(self.file)


HELD = "Un virus a été trouvé dans ce fichier : il n’est donné à personne.\n"


def _given(part: Part, check: Callable[[], None]) -> Part:
    """The part; a sentence in its place where a virus was found. quarantine.Held until the antivirus has seen it."""
    try:
        check()
    except quarantine.Held as held:
        if not held.infected:
            raise
        return Part(f"{part.path}.retenu.txt", part.at, HELD.encode())
    return part


def _stored(path: str, at: datetime, file: FieldFile) -> Part:
    return _given(Part(path, at, file=file), lambda: quarantine.check_file(file))


class CaseFile:
    """What goes in, read once, in the active language. `told`: the acts of the ledger, reads left out."""

    def __init__(self, opportunity: Opportunity, user, *, at):
        self.opportunity, self.user = opportunity, user
        self.auditor = rules.is_auditor(opportunity, user)
        self.story: Story = story_of(opportunity, user)
        self.board: Board | None = board(opportunity, user, at=at) if self.story.proposals else None
        rows = entries_of(self.story).exclude(action__startswith="read.")
        if not self.auditor:
            # Signals' entries name cases that the body is not told of; what it may read of them is in signaux.csv.
            rows = rows.exclude(subject__startswith="flag:")
        self.told = acts.told(rows.select_related("payload"), user)
        self.at, self.now = self.told[-1].entry.at, at
        audited = review_facts.awards().filter(opportunity=opportunity).order_by("pk")
        self.awards = {award.pk: award for award in audited}  # with what their checklists name
        self.checkpoint = checkpoints.covering(self.told[0].entry.seq)

    # --- The parts, in their order -----------------------------------------------------------------------------------
    def parts(self) -> Iterator[Part]:
        yield Part("sommaire.pdf", self.at, pdf.render("casefile", texts.summary(self), at=self.at))
        yield Part("occasion.json", known(self.opportunity.published_at), _json(texts.occasion(self.opportunity)))
        for version in self.opportunity.versions.all():
            yield Part(f"avis/version-{version.number:02d}.json", version.at, version.document.encode())
        if hasattr(self.opportunity, "opening"):
            signed = minutes.signed(self.opportunity)
            yield Part("proces-verbal.json", self.opportunity.opening.opened_at, _json(signed))
        yield from self._proposals()
        if self.board:
            yield Part("evaluation.csv", self.at, _csv(*texts.evaluation(self.board)))
        yield from self._awards()
        yield from self._contracts()
        yield from self._monitorings()
        yield Part("signaux.csv", self.at, _csv(*texts.flags(self.story.flags)))
        yield from self._ledger()
        yield Part("verify.py", self.at, verifier.content())

    def _proposals(self) -> Iterator[Part]:
        rows = {row.proposal.pk: row for row in self.board.rows} if self.board else {}
        for rank, proposal in enumerate(self.story.proposals, start=1):
            opened, folder = proposal.opened, f"propositions/{rank:02d}-{safe(str(proposal.vendor))}"
            at = opened.submission.received_at
            about = texts.proposal(proposal, rows.get(proposal.pk))
            yield Part(f"{folder}/proposition.json", at, _json(about))
            for field, name in (("text", "texte"), ("comments", "commentaires")):
                if text := opened.content.get(field):
                    yield Part(f"{folder}/{name}.txt", at, text.encode("utf-8", "replace"))
            yield Part(f"{folder}/accuse.json", at, _json(opened.submission.receipt))
            for place, item in enumerate(opened.content.get("files", []), start=1):
                if file := opening_actions.read_file(opened, item["id"]):
                    about, content = file
                    path = f"{folder}/fichiers/{place:02d}-{safe(about['name'])}"
                    yield _given(Part(path, at, content), partial(quarantine.check_item, item))

    def _awards(self) -> Iterator[Part]:
        """Each award, reversed ones too; the draw that told ties; the checklist as it stands; what was signed of it."""
        for award in self.story.awards:
            name = "attribution.json" if award.reversed_at is None else f"attribution-annulee-{award.pk}.json"
            yield Part(name, award.at, _json(texts.award(award)))
        drawn = Draw.objects.filter(opportunity=self.opportunity).order_by("at", "pk").last()
        if self.story.awards and drawn:  # as public as the award is
            row = {name: getattr(drawn, name) for name in ("commitment", "secret", "digests", "order")}
            yield Part("tirage.json", drawn.at, _json(row))
        for award in self.awards.values():
            if award.reversed_at is None:
                groups = shown(review_actions.computed(award, at=self.now), award)
                yield Part("liste-de-controle.csv", self.at, _csv(*texts.checklist(groups)))
        for rank, review in enumerate(self.story.reviews, start=1):
            review.award = self.awards[review.award_id]
            yield Part(f"conclusions/{rank:02d}.json", review.at, canonical(review.signed))
            yield Part(f"conclusions/{rank:02d}.pdf", review.at, review_actions.document(review))

    def _contracts(self) -> Iterator[Part]:
        numbers = {contract.pk: contract.number for contract in self.story.contracts}
        for contract in self.story.contracts:
            if contract.is_public():
                attestation = _json(signature_actions.attestation(contract))
                yield Part(f"contrats/{contract.number}/attestation.json", known(contract.signed_at), attestation)
        for rank, paper in enumerate(self.story.documents, start=1):
            name = f"contrats/{numbers[paper.contract_id]}/{rank:02d}-{DOCUMENTS[paper.kind]}-{paper.sha256[:12]}.pdf"
            yield Part(name, paper.at, file=paper.file)
        for delivery in self.story.deliveries:
            milestone = delivery.milestone
            folder = f"contrats/{numbers[milestone.contract_id]}/livraisons/{milestone.position:02d}-{delivery.number}"
            yield Part(f"{folder}/livraison.json", delivery.at, _json(texts.delivery(delivery)))
            for rank, delivered in enumerate(delivery.files.all(), start=1):
                yield _stored(f"{folder}/{rank:02d}-{safe(delivered.name)}", delivery.at, delivered.file)
        for invoice in self.story.invoices:
            yield Part(f"factures/{safe(invoice.number)}.pdf", invoice.issued_at, file=invoice.file)
        if self.story.contracts:
            yield Part("paiements.csv", self.at, _csv(*texts.payments(self.story)))
            yield Part("avenants.csv", self.at, _csv(*texts.amendments(self.story)))

    def _monitorings(self) -> Iterator[Part]:
        for case in self.story.monitorings:
            folder = f"verifications/{case.number}"
            notes = list(case.notes.select_related("by").prefetch_related("files"))
            late = lateness(notes)
            for rank, note in enumerate(notes, start=1):
                text = texts.note(case, note, late.get(note.pk, 0))
                yield Part(f"{folder}/{rank:02d}-{NOTES[note.kind]}.txt", note.at, text.encode())
                for place, document in enumerate(note.files.all(), start=1):
                    yield _stored(f"{folder}/{rank:02d}-{place:02d}-{safe(document.name)}", note.at, document.file)

    def _ledger(self) -> Iterator[Part]:
        lines, proofs, roots = [], [], checkpoints.Roots()
        for act in self.told:
            entry, payload = act.entry, act.body is not None
            detail = {"salt": entry.payload.salt, "body": entry.payload.body} if payload else {}
            lines.append(canonical(entry.chained() | {"hash": entry.hash} | detail) + b"\n")
            if self.checkpoint and entry.seq <= self.checkpoint.size:
                proof = checkpoints.proof_of(entry, self.checkpoint, payload=payload, roots=roots)
                proofs.append(Part(f"preuves/{entry.seq:08d}.json", entry.at, _json(proof)))
        yield Part("inscriptions.jsonl", self.at, b"".join(lines))
        yield from proofs
        if self.checkpoint:
            yield Part("releve.txt", self.checkpoint.at, self.checkpoint.note.encode())


def write(target, opportunity: Opportunity, user, *, at: datetime) -> str:
    """The ZIP, into an open binary file, and its SHA-256; the guides, which name every file, then SHA256SUMS (in the
    format of `sha256sum --check`) come last."""
    sums: dict[str, str] = {}
    with override(FRENCH), zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        casefile = CaseFile(opportunity, user, at=at)

        def add(part: Part) -> None:
            content = part.read()
            with archive.open(_about(part.path, part.at), "w", force_zip64=True) as inside:
                inside.write(content)
            sums[part.path] = hashlib.sha256(content).hexdigest()

        for part in casefile.parts():
            add(part)
        for name, text in guide.guides(casefile, list(sums)):
            add(Part(name, casefile.at, text.encode()))
        listed = "".join(f"{digest}  {path}\n" for path, digest in sums.items())
        archive.writestr(_about("SHA256SUMS", casefile.at), listed)
    target.seek(0)
    return hashlib.file_digest(target, "sha256").hexdigest()


def _about(name: str, at: datetime) -> zipfile.ZipInfo:
    moment = at.astimezone(UTC)
    info = zipfile.ZipInfo(name, (max(moment.year, 1980), *moment.timetuple()[1:6]))
    info.compress_type, info.external_attr, info.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
    return info


def safe(name: str) -> str:
    """A name that any system can hold, and that names no other folder."""
    name = re.sub(r"[^\w.()-]+", "-", name.rpartition("/")[2].rpartition("\\")[2]).strip(".-")
    stem, dot, kind = name.rpartition(".")
    return f"{stem[:70]}{dot}{kind[:10]}" if dot and stem else name[:80] or "fichier"


def _json(value) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode("utf-8", "replace")


def _csv(header, rows) -> bytes:
    """With a byte-order mark, so that spreadsheets read accents; what would be a formula is a text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([[_cell(value) for value in row] for row in rows])
    return out.getvalue().encode("utf-8-sig", "replace")


def _cell(value) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return instant(value)
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
