"""The letters of a monitoring: a demand for explanations, a conclusion. In French, made once with their message."""

import hashlib

from django.utils.translation import override

from audit.cases.status import late_words, lateness
from audit.enums import ASKS, Note
from audit.models import MonitoringNote
from contracts.documents import FRENCH
from marketplace import pdf
from marketplace.dates.localtime import day, local, moment
from marketplace.lifecycle import known

KINDS: dict[str, str] = {Note.QUESTION: "demande", Note.CONCLUSION: "conclusion"}


def letter(note: MonitoringNote, *, finding: bool | None = None, digest: str = "") -> bytes:
    """The PDF of a demand or of a conclusion, from what the message says; the same bytes each time.

    `finding`: for a conclusion, whether it holds one. `digest`: of the message, as the ledger holds it; the entry
    itself is written after the letter, whose own digest it holds too.
    """
    monitoring, opportunity = note.monitoring, note.monitoring.opportunity
    with override(FRENCH):
        data = {
            "from": {"name": "Vérification des acquisitions publiques", "address": ["Développe avec nous"]},
            "to": {
                "name": opportunity.body.name,
                "address": ["À l’attention des responsables des règles contractuelles"],
            },
            "date": day(local(note.at).date()),
            "number": monitoring.number,
            "reference": f"{monitoring.number}, {monitoring.title}",
            "subject": _subject(note, finding),
            "paragraphs": [f"Objet de la vérification : l’occasion {opportunity.number}, « {opportunity.title} »."],
            "sections": [{"heading": name, "text": text} for name, text in _sections(note) if text],
            "signature": {
                "name": note.by.name,
                "title": "Vérification des acquisitions publiques",
                "at": f"Signée sur la plateforme le {moment(note.at)}, vérification {monitoring.number}",
            },
            "text_digest": digest,
            "digest_words": "Empreinte du message, inscrite au registre",
        }
        return pdf.render("letter", data, at=note.at)


def _subject(note: MonitoringNote, finding: bool | None) -> str:
    if note.kind == Note.QUESTION:
        return "Demande d’explications"
    outcome = "manquement relevé" if finding else "aucun manquement relevé"
    return f"Conclusion de la vérification : {outcome}"


def _sections(note: MonitoringNote) -> list[tuple[str, str]]:
    """[(heading, text)]: what was typed, each apart from what the platform says; empty texts are left out."""
    notes = list(note.monitoring.notes.filter(pk__lte=note.pk).order_by("pk"))
    first = not any(row.kind in ASKS for row in notes if row.pk != note.pk)  # the first that the body reads
    asked = note.kind == Note.QUESTION
    joined = [file.name for file in note.files.filter(is_letter=False)]
    return [
        ("Motif de l’ouverture de la vérification", notes[0].text if first else ""),
        ("Demandes et réponses", "" if asked else "\n".join(_exchanges(notes))),
        ("Ce qui vous est demandé" if asked else "Constats et motifs", note.text),
        ("Réponse attendue" if asked else "Correctif attendu", _last_day(note) if note.due_on else ""),
        ("Documents joints", "\n".join(f"- {name}" for name in joined)),
    ]


def _exchanges(notes: list[MonitoringNote]) -> list[str]:
    """One line for each demand: when, until when, and when the body answered, however late."""
    late, lines, kinds = lateness(notes), [], (Note.QUESTION, Note.ANSWER)
    rows = [row for row in notes if row.kind in kinds]
    for row, following in zip(rows, [*rows[1:], None], strict=False):
        if row.kind != Note.QUESTION:
            continue
        line = (
            f"- Demande du {day(local(row.at).date())}, à laquelle répondre au plus tard le {day(known(row.due_on))} : "
        )
        if following is None or following.kind != Note.ANSWER:
            lines.append(line + ("une autre demande l’a suivie." if following else "aucune réponse reçue."))
            continue
        words = late_words(late.get(following.pk, 0))
        received = f"réponse reçue le {day(local(following.at).date())}"
        lines.append(line + received + (f", avec {words}." if words else "."))
    return lines


def _last_day(note: MonitoringNote) -> str:
    asked = note.kind == Note.QUESTION
    what = "Votre réponse est attendue" if asked else "Un correctif est attendu"
    late = "Une réponse tardive est reçue" if asked else "Un correctif annoncé plus tard est reçu"
    return (
        f"{what} sur la plateforme au plus tard le {day(known(note.due_on))}, à la fin de la journée (heure de l’Est). "
        f"{late}, et son retard noté."
    )


def described(note: MonitoringNote, content: bytes) -> dict:
    """The row of the file: a name that says which letter it is, and its digest."""
    rank = note.monitoring.notes.filter(kind=note.kind, pk__lte=note.pk).count()
    return {
        "name": f"{note.monitoring.number}-{KINDS[note.kind]}-{rank}.pdf",
        "content_type": "application/pdf",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "scanned": True,  # ours: nothing of what was typed is read as code
    }
