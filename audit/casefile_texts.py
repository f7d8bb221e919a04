"""What the files of a case file say: data as JSON holds it, rows of the tables, and the texts for people."""

from django.utils.translation import gettext as _

from marketplace.ledger import instant
from marketplace.localtime import day, moment
from marketplace.money import format_cents


def _instant(value) -> str | None:
    return instant(value) if value else None


def _day(value) -> str | None:
    return value.isoformat() if value else None


# --- Data ------------------------------------------------------------------------------------------------------------
def occasion(row) -> dict:
    """The notice as it stands, with its grid, addenda and attachments."""
    texts = (
        "number",
        "title",
        "teaser",
        "description",
        "location",
        "region",
        "award_mode",
        "k_percent",
        "code_licence",
    )
    texts += ("budget_cents", "submission_info", "acceptance_criteria", "evaluation_criteria", "state", "state_reason")
    texts += ("short_period_reason", "draw_commitment", "unsuccessful_reason")
    return {name: getattr(row, name) for name in texts} | {
        "body": row.body.name,
        "published_at": _instant(row.published_at),
        "questions_close_at": _instant(row.questions_close_at),
        "closes_at": _instant(row.closes_at),
        "assignment_date": _day(row.assignment_date),
        "start_date": _day(row.start_date),
        "completion_date": _day(row.completion_date),
        "skills": [skill.name for skill in row.skills.all()],
        "criteria": [
            {"label": one.label, "description": one.description, "weight": one.weight, "minimum": one.minimum}
            for one in row.criteria.all()
        ],
        "addenda": [{"number": one.number, "text": one.text, "at": instant(one.at)} for one in row.addenda.all()],
        "attachments": [
            {"name": one.name, "sha256": one.sha256, "size": one.size, "at": instant(one.at)}
            for one in row.attachments.all()
        ],
    }


def proposal(row, price_cents: int | None) -> dict:
    """An opened proposal. `price_cents`: None while the evaluation keeps prices apart (proposals/board.py)."""
    opened = row.opened
    return {
        "id": str(row.public_id),
        "vendor": row.vendor.legal_name,
        "neq": row.vendor.neq,
        "state": row.state,
        "readable": opened.readable,
        "price_cents": price_cents,
        "rejection_code": row.rejection_code,
        "rejection_text": row.rejection_text,
        "received_at": _instant(opened.submission.received_at),
        "envelope_sha256": opened.submission.envelope_sha256,
        "receipt": opened.submission.receipt_number,
        "files": [item["name"] for item in opened.content.get("files", [])],
    }


def award(row) -> dict:
    return {
        "occasion": row.opportunity.number,
        "vendor": row.proposal.vendor.legal_name,
        "proposal": str(row.proposal.public_id),
        "amount_cents": row.amount_cents,
        "confirmed_by": row.confirmed_by.name,
        "at": instant(row.at),
        "ranking": row.recommendation.ranking,
        "recommended_by": row.recommendation.by.name,
        "recommended_at": instant(row.recommendation.at),
        "justification": row.recommendation.justification,
        "reversed_at": _instant(row.reversed_at),
        "reversal_reason": row.reversal_reason,
    }


def delivery(row) -> dict:
    return {
        "milestone": row.milestone.position,
        "number": row.number,
        "reference": row.reference,
        "repository": row.repository,
        "notes": row.notes,
        "at": instant(row.at),
        "accepted": row.accepted,
        "decided_at": _instant(row.decided_at),
        "reason": row.reason,
        "files": [{"name": file.name, "sha256": file.sha256, "size": file.size} for file in row.files.all()],
    }


# --- Tables: (header, rows) ------------------------------------------------------------------------------------------
def evaluation(shown) -> tuple[list, list]:
    """The table of the evaluation: prices and ranks appear as they do on the screen."""
    header = ["vendor", "state", "rank", "final", "price_cents", "adjusted_cents", "drawn"]
    header += [name for one in shown.criteria for name in (f"{one.code} {one.label}", f"{one.code} comment")]
    rows = []
    for row in shown.rows:
        scores = [cell for _one, score in row.scores for cell in ((score.value, score.comment) if score else ("", ""))]
        about = [row.proposal.vendor.legal_name, row.proposal.state, row.rank, row.final, row.price_cents]
        rows.append([*about, row.adjusted_cents, "yes" if row.drawn else "no", *scores])
    return header, rows


def payments(story) -> tuple[list, list]:
    header = ["contract", "invoice", "kind", "issued_at", "due_on", "before_cents", "tps_cents", "tvq_cents"]
    header += ["total_cents", "paid_at", "payment", "method", "state", "amount_cents", "reference"]
    rows = []
    for invoice in story.invoices:
        made = [row for row in story.payments if row.invoice_id == invoice.pk] or [None]
        about = [invoice.contract.number, invoice.number, invoice.kind, invoice.issued_at, invoice.due_on]
        about += [invoice.before_cents, invoice.tps_cents, invoice.tvq_cents, invoice.total_cents, invoice.paid_at]
        for row in made:
            paid = [row.public_id, row.method, row.state, row.amount_cents, row.reference] if row else [""] * 5
            rows.append([*about, *paid])
    return header, rows


def amendments(story) -> tuple[list, list]:
    header = ["contract", "number", "state", "delta_cents", "end_date", "reason", "proposed_at", "in_force_at"]
    return header, [
        [
            row.contract.number, row.number, row.state, row.delta_cents, row.end_date, row.reason, row.proposed_at,
            row.in_force_at,
        ]
        for row in story.amendments
    ]  # fmt: skip


def flags(rows, auditor: bool) -> tuple[list, list]:
    """`auditor`: why a signal was put aside is the auditors' own."""
    header = ["code", "vendor", "state", "value", "threshold", "first_at", "last_at", "ceased_at", "reason"]
    return header, [
        [
            row.code, row.vendor.legal_name if row.vendor else "", row.shown, row.value, row.threshold, row.first_at,
            row.last_at, row.ceased_at, row.reason if auditor or row.shown == "explained" else "",
        ]
        for row in rows
    ]  # fmt: skip


# --- Texts for people ------------------------------------------------------------------------------------------------
def note(case, row) -> str:
    head = [f"{case.number} – {case.title}", f"{row.get_kind_display()}", f"{row.by.name}, {moment(row.at)}"]
    if row.due_on:
        head.append(_("Au plus tard le %s") % day(row.due_on))
    return "\n".join(head) + f"\n\n{row.text}\n"


def summary(found) -> dict:
    """templates/pdf/casefile.typ's data."""
    row, story = found.opportunity, found.story
    return {
        "number": row.number,
        "title": row.title,
        "at": moment(found.at),
        "facts": [
            {"label": _("Organisme"), "value": row.body.name},
            {"label": _("État"), "value": row.get_state_display()},
            {"label": _("Montant maximal"), "value": format_cents(row.budget_cents, exact=True)},
            {"label": _("Publiée le"), "value": moment(row.published_at)},
            {"label": _("Date limite"), "value": moment(row.closes_at)},
        ],
        "sections": [_proposals(found), _awards(story), _contracts(story), _cases(story), _acts(found)],
    }


def _section(title: str, none: str, header: list, widths: list, rows: list) -> dict:
    return {"title": title, "none": none, "header": header, "widths": widths, "rows": rows}


def _proposals(found) -> dict:
    rows = []
    for row in found.board.rows if found.board else ():
        price = format_cents(row.price_cents, exact=True) if row.price_cents is not None else "–"
        rows.append([str(row.proposal.vendor), row.label, str(row.rank or "–"), price])
    header = [_("Prestataire"), _("État"), _("Rang"), _("Prix, avant taxes")]
    return _section(_("Propositions ouvertes"), _("Aucune."), header, [4, 2, 1, 2], rows)


def _awards(story) -> dict:
    rows = [
        [
            str(row.proposal.vendor), format_cents(row.amount_cents, exact=True), moment(row.at),
            _("Annulée : %s") % row.reversal_reason if row.reversed_at else row.confirmed_by.name,
        ]
        for row in story.awards
    ]  # fmt: skip
    header = [_("Attributaire"), _("Montant, avant taxes"), _("Confirmée le"), _("Par")]
    return _section(_("Attribution"), _("Aucune."), header, [3, 2, 3, 3], rows)


def _contracts(story) -> dict:
    rows = [
        [
            row.number, row.get_state_display(), format_cents(row.value_cents, exact=True),
            moment(row.signed_at) if row.signed_at else "–",
            str(sum(invoice.contract_id == row.pk and invoice.paid_at is not None for invoice in story.invoices)),
        ]
        for row in story.contracts
    ]  # fmt: skip
    header = [_("Contrat"), _("État"), _("Valeur, avant taxes"), _("Conclu le"), _("Factures payées")]
    return _section(_("Contrats"), _("Aucun."), header, [2, 2, 2, 3, 1], rows)


def _cases(story) -> dict:
    rows = [[row.number, row.title, row.get_state_display(), moment(row.opened_at)] for row in story.monitorings]
    header = [_("Vérification"), _("Objet"), _("État"), _("Ouverte le")]
    return _section(_("Vérifications"), _("Aucune."), header, [2, 4, 2, 3], rows)


def _acts(found) -> dict:
    rows = [
        [str(act.entry.seq), moment(act.entry.at), act.label, act.actor or "–",
         found.story.objects.get(act.subject, (act.subject,))[0]]
        for act in found.told
    ]  # fmt: skip
    header = [_("Rang"), _("Instant"), _("Geste"), _("Par"), _("Objet")]
    return _section(_("Inscriptions au registre"), _("Aucune."), header, [1, 4, 4, 3, 3], rows)


def readme(found, key: str) -> str:
    """How to verify, in both languages: the file leaves the platform, and its reader's language is not known."""
    number, last = found.opportunity.number, found.told[-1].entry
    covered = sum(bool(found.checkpoint) and act.entry.seq <= found.checkpoint.size for act in found.told)
    values = {"number": number, "last": last.seq, "covered": covered, "count": len(found.told), "key": key}
    return _README % values


_README = """\
DOSSIER %(number)s
==================

Ce dossier contient tout ce que la personne qui l’a téléchargé peut lire de cette occasion, jusqu’à
l’inscription %(last)s du registre. Ce qui n’a pas été ouvert n’y est pas. Les lectures n’y sont pas non plus.

Vérifier que rien n’a changé depuis le téléchargement :
    sha256sum --check SHA256SUMS

Vérifier qu’un geste est bien au registre, sans se fier à la plateforme (Python 3.9 et cryptography) :
    python3 verify.py proof proofs/RANG.json --key %(key)s
%(covered)s des %(count)s inscriptions ont une preuve; les autres en auront une au prochain relevé signé.
La clé est publiée à l’adresse /.well-known/dan-cles.json; comparez-la à celle que vous avez gardée.

    sommaire.pdf        le dossier en quelques pages
    occasion.json       l’avis, sa grille, ses addendas
    propositions/       chaque proposition ouverte : texte, fichiers, accusé
    evaluation.csv      les notes et les rangs
    award.json          l’attribution
    contrats/ invoices/ payments.csv amendments.csv
    verifications/      demandes, réponses, conclusions et leurs documents
    flags.csv           les signaux
    ledger.jsonl        les inscriptions au registre, avec leur détail
    proofs/             leurs preuves; checkpoint.txt : le relevé signé qui les couvre


CASE FILE %(number)s
====================

This file holds everything that the person who downloaded it may read of this opportunity, up to entry %(last)s of
the ledger. What was not opened is not here. Neither are records of reading.

Check that nothing changed since the download:
    sha256sum --check SHA256SUMS

Check that an act is in the ledger, without trusting the platform (Python 3.9 and cryptography):
    python3 verify.py proof proofs/NUMBER.json --key %(key)s --lang en
%(covered)s of %(count)s entries have a proof; the others will have one at the next signed checkpoint.
The key is published at /.well-known/dan-cles.json; compare it with the one you kept.
"""
