"""The answers: proposals, and what the platform keeps of their sealing, opening, scoring and award."""

from proposals.models.award import Award, Draw, Recommendation
from proposals.models.evaluation import NotesSeal, NotesVersion, Score
from proposals.models.file import DraftFile, SealedFile
from proposals.models.proposal import AFTER_OPENING, Proposal
from proposals.models.reexamination import NoteReexamination, NoteReexaminationLine
from proposals.models.submission import OpenedProposal, Opening, SealedEnvelope, SealKey, Submission

__all__ = [
    "AFTER_OPENING",
    "Award",
    "Draw",
    "DraftFile",
    "NoteReexamination",
    "NoteReexaminationLine",
    "NotesSeal",
    "NotesVersion",
    "OpenedProposal",
    "Opening",
    "Proposal",
    "Recommendation",
    "Score",
    "SealKey",
    "SealedEnvelope",
    "SealedFile",
    "Submission",
]
