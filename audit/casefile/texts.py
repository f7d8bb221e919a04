"""What the files of a case file say: data as JSON holds it, rows of the tables, and the texts for people."""

from django.utils.translation import gettext as _

from audit.cases.status import late_words, note_title, outcome
from marketplace.dates.localtime import day, moment
from marketplace.ledger.entries import instant
from marketplace.money import format_cents
from proposals.deposit import declarations


def _instant(value) -> str | None:
    return instant(value) if value else None


def _day(value) -> str | None:
    return value.isoformat() if value else None


# --- Data ------------------------------------------------------------------------------------------------------------
def occasion(row) -> dict:
    """The notice as it stands, with its grid, addenda and attachments."""
    texts = (
        "number", "title", "teaser", "description", "location", "region", "award_mode", "k_percent", "code_licence",
        "budget_cents", "submission_info", "acceptance_criteria", "evaluation_criteria", "state", "state_reason",
        "short_period_reason", "draw_commitment", "unsuccessful_reason",
    )  # fmt: skip
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


def proposal(row, line) -> dict:
    """An opened proposal. `line`: its row in the evaluation, or None; it keeps prices apart."""
    opened = row.opened
    return {
        "id": str(row.public_id),
        "vendor": row.vendor.legal_name,
        "neq": row.vendor.neq,
        "state": row.state,
        "readable": opened.readable,
        "price_cents": line.price_cents if line else None,
        "rejection_code": row.rejection_code,
        "rejection": row.get_rejection_code_display() if row.rejection_code else "",
        "rejection_text": row.rejection_text,
        "scores": [
            {"criterion": one.label, "value": str(score.value), "comment": score.comment}
            for one, score in (line.scores if line else [])
            if score
        ],
        "received_at": _instant(opened.submission.received_at),
        "envelope_sha256": opened.submission.envelope_sha256,
        "receipt": opened.submission.receipt_number,
        "declarations": dict(declarations.told(opened.content)) if opened.readable else {},
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
        "ranking": row.recommendation.shown,
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
    header = ["vendor", "state", "rank", "final", "price_cents", "adjusted_cents", "drawn", "rejection"]
    header += ["rejection_text"]
    header += [name for one in shown.criteria for name in (f"{one.code} {one.label}", f"{one.code} comment")]
    rows = []
    for row in shown.rows:
        scores = [cell for _one, score in row.scores for cell in ((score.value, score.comment) if score else ("", ""))]
        about = [row.proposal.vendor.legal_name, row.proposal.state, row.rank, row.final, row.price_cents]
        about += [row.adjusted_cents, "yes" if row.drawn else "no"]
        rejected = row.proposal.get_rejection_code_display() if row.proposal.rejection_code else ""
        rows.append([*about, rejected, row.proposal.rejection_text, *scores])
    return header, rows


def checklist(groups: list[dict]) -> tuple[list, list]:
    """An award's checklist as its page shows it (audit/reviews/checklist_words.py, shown)."""
    header = ["group", "check", "done", "by", "at", "found"]
    states = {True: "oui", False: "non", None: "sans objet"}
    return header, [
        [group["title"], line["title"], states[line["done"]], line["by"], line["at"], line["text"]]
        for group in groups
        for line in group["lines"]
    ]


def payments(story) -> tuple[list, list]:
    header = ["contract", "invoice", "kind", "issued_at", "due_on", "before_cents", "tps_cents", "tvq_cents"]
    header += ["total_cents", "paid_at", "payment", "method", "state", "amount_cents", "reference"]
    rows = []
    for invoice in story.invoices:
        payments_of_it = [row for row in story.payments if row.invoice_id == invoice.pk] or [None]
        about = [invoice.contract.number, invoice.number, invoice.kind, invoice.issued_at, invoice.due_on]
        about += [invoice.before_cents, invoice.tps_cents, invoice.tvq_cents, invoice.total_cents, invoice.paid_at]
        for row in payments_of_it:
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


def flags(rows) -> tuple[list, list]:
    """Signals in the state that the reader may know, and what was said of them, to the body too."""
    header = ["code", "vendor", "state", "value", "threshold", "first_at", "last_at", "ceased_at", "reason"]
    return header, [
        [
            row.code, row.vendor.legal_name if row.vendor else "", row.shown, row.value, row.threshold, row.first_at,
            row.last_at, row.ceased_at, row.reason,
        ]
        for row in rows
    ]  # fmt: skip


# --- Texts for people ------------------------------------------------------------------------------------------------
def note(case, row, late: int) -> str:
    """`late`: how many days (audit/cases/status.py, lateness)."""
    head = [f"{case.number} – {case.title}", note_title(case, row), f"{row.by.name}, {moment(row.at)}"]
    if late:
        head.append(late_words(late))
    if row.due_on:
        head.append(_("Au plus tard le %s") % day(row.due_on))
    return "\n".join(head) + f"\n\n{row.text}\n"


def summary(casefile) -> dict:
    """templates/pdf/casefile.typ's data."""
    row, story = casefile.opportunity, casefile.story
    return {
        "number": row.number,
        "title": row.title,
        "at": moment(casefile.at),
        "facts": [
            {"label": _("Organisme"), "value": row.body.name},
            {"label": _("État"), "value": row.get_state_display()},
            {"label": row.amount_label, "value": format_cents(row.budget_cents, exact=True)},
            {"label": _("Publiée le"), "value": moment(row.published_at)},
            {"label": _("Date limite"), "value": moment(row.closes_at)},
        ],
        "sections": [
            _opening(casefile),
            _proposals(casefile),
            _awards(story),
            _reviews(story),
            _contracts(story),
            _cases(story),
            _acts(casefile),
        ],
    }


def _section(title: str, none: str, header: list, widths: list, rows: list) -> dict:
    return {"title": title, "none": none, "header": header, "widths": widths, "rows": rows}


def _opening(casefile) -> dict:
    rows = []
    for row in sorted(casefile.story.proposals, key=lambda one: (one.opened.submission.received_at, one.pk)):
        paper, intact = row.opened.submission, _("Constatée") if row.opened.readable else _("Non constatée")
        rows.append([paper.receipt["proponent"], moment(paper.received_at), paper.receipt_number, intact])
    header = [_("Proposant"), _("Déposée le"), _("Accusé"), _("Intégrité")]
    return _section(_("Procès-verbal d’ouverture"), _("Rien n’a été ouvert."), header, [3, 3, 2, 2], rows)


def _reviews(story) -> dict:
    rows = [[row.get_opinion_display(), row.comment or "–", row.by.name, moment(row.at)] for row in story.reviews]
    header = [_("Conclusion"), _("Commentaire"), _("Par"), _("Signée le")]
    return _section(_("Conclusions sur l’attribution"), _("Aucune."), header, [2, 4, 2, 3], rows)


def _proposals(casefile) -> dict:
    rows = []
    for row in casefile.board.rows if casefile.board else ():
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
    rows = []
    for row in story.monitorings:
        ended = outcome(row)
        rows.append(
            [row.number, row.title, row.get_state_display(), ended["label"] if ended else "–", moment(row.opened_at)]
        )
    header = [_("Vérification"), _("Objet"), _("État"), _("Constat"), _("Ouverte le")]
    return _section(_("Vérifications"), _("Aucune."), header, [2, 3, 2, 2, 3], rows)


def _acts(casefile) -> dict:
    rows = [
        [str(act.entry.seq), moment(act.entry.at), act.label, act.actor or "–",
         casefile.story.objects.get(act.subject, (act.subject,))[0]]
        for act in casefile.told
    ]  # fmt: skip
    header = [_("Rang"), _("Instant"), _("Geste"), _("Par"), _("Objet")]
    return _section(_("Inscriptions au registre"), _("Aucune."), header, [1, 4, 4, 3, 3], rows)
