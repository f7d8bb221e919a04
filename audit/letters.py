"""The letters of a monitoring: a demand for explanations, a conclusion. In French, made once with their message."""

import hashlib

from django.utils.translation import override

from audit.enums import Note
from audit.models import MonitoringNote
from contracts.papers import FRENCH
from marketplace import pdf
from marketplace.localtime import day, local, moment

KINDS = {Note.QUESTION: "demande", Note.CONCLUSION: "conclusion"}


def letter(note: MonitoringNote, *, finding: bool | None = None) -> bytes:
    """The PDF of a demand or of a conclusion, from what the message says; the same bytes each time.

    `finding`: for a conclusion, whether it holds one.
    """
    monitoring, opportunity = note.monitoring, note.monitoring.opportunity
    with override(FRENCH):
        joined = [file.name for file in note.files.filter(is_letter=False)]
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
            "paragraphs": [
                f"Objet de la vérification : l’occasion {opportunity.number}, « {opportunity.title} ».",
                note.text,
                *([_asked(note)] if note.due_on else []),
                *(["Documents joints :\n" + "\n".join(f"- {name}" for name in joined)] if joined else []),
            ],
            "signature": {
                "name": note.by.name,
                "title": "Vérification des acquisitions publiques",
                "at": f"Signée sur la plateforme le {moment(note.at)}",
            },
        }
        return pdf.render("letter", data, at=note.at)


def _subject(note: MonitoringNote, finding: bool | None) -> str:
    if note.kind == Note.QUESTION:
        return "Demande d’explications"
    found = "manquement relevé" if finding else "aucun manquement relevé"
    return f"Conclusion de la vérification : {found}"


def _asked(note: MonitoringNote) -> str:
    what = "Votre réponse est attendue" if note.kind == Note.QUESTION else "Un correctif est attendu"
    return (
        f"{what} sur la plateforme au plus tard le {day(note.due_on)}, à la fin de la journée (heure de l’Est). "
        "Une réponse tardive est reçue, et son retard noté."
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
