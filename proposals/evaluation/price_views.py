"""Unveiling the prices: the page says which notes will be frozen and who gave them, then one button.

It carries the version of each: notes that changed since are shown again, with what changed, and nothing is frozen.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from marketplace.acts import ConfirmForm, Page, act_page, attempt
from marketplace.dates import clock
from marketplace.keep import data_of
from marketplace.requests import PersonRequest
from opportunities.models import Opportunity
from proposals import occasion_acts
from proposals.access import occasion_for_staff, refuse_if_tied
from proposals.evaluation import price_actions
from proposals.evaluation.board import board
from proposals.occasion_acts import evaluation_of


@act_page
def unveil(request: PersonRequest, number: str) -> HttpResponse:
    now = clock.now()
    opportunity = occasion_for_staff(request, number, at=now)
    refuse_if_tied(opportunity, request.user)
    form, moved = UnveilForm(data_of(request)), None
    try:
        if attempt(request, form, lambda: price_actions.unveil(opportunity, by=request.user, seen=form.seen())):
            messages.success(request, _("Prix dévoilés. Les notes sont gelées, et leurs empreintes sont au registre."))
            return redirect(evaluation_of(opportunity))
    except price_actions.Moved as error:
        moved = error
    occasion_acts.gate(opportunity, "unveil_prices", request.user)
    shown = board(opportunity, request.user, at=now)
    page = Page(
        title=_("Dévoiler les prix"),
        lead=_(
            "Les notes ne changeront plus : ni vous, ni l’administration ne pourrez les corriger. Une erreur vue plus"
            " tard demandera un réexamen : un motif public, une autre personne qui l’accepte, et un signal."
        ),
        submit=_("Dévoiler les prix : les notes ne changeront plus"),
        tone="warn",
    )
    scores = [score for row in shown.rows for _criterion, score in row.scores if score]
    now_standing = moved.now if moved else price_actions.standing(opportunity)
    context = {
        "board": shown,
        "left": len(shown.to_examine + shown.to_score),
        "people": ", ".join(sorted({str(score.by) for score in scores})),
        "notes": len(scores),
        "seen": UnveilForm.written(now_standing),
        "changes": _changes(opportunity, form.seen(), now_standing) if moved else [],
        "commented": [row for row in shown.rows if any(score and score.comment for _criterion, score in row.scores)],
        "moved": moved,
    }
    response = occasion_acts.show(request, opportunity, page, form, template="proposals/unveil.html", **context)
    response.status_code = 409 if moved else response.status_code
    return response


class UnveilForm(ConfirmForm):
    """`seen`: the version of each proposal's notes that the page showed, « <public id>:<number> » and so on."""

    @staticmethod
    def written(numbers: Mapping[str, int]) -> str:
        return " ".join(f"{public_id}:{number}" for public_id, number in sorted(numbers.items()))

    def seen(self) -> dict[str, int]:
        """What is not readable was not shown."""
        pairs = (one.rpartition(":") for one in str(self.data.get("seen", "")).split())
        return {name: int(number) for name, _colon, number in pairs if number.isdecimal() and len(number) < 10}


def _changes(opportunity: Opportunity, seen: Mapping[str, int], now: Mapping[str, int]) -> list[dict[str, Any]]:
    """[{vendor, by, at, lines}] of the proposals whose notes are others than those that were shown.

    `lines`: {criterion, before, after}, of the criteria whose note or comment changed; `before` None: none was shown.
    """
    before, after = price_actions.versions(opportunity, seen), price_actions.versions(opportunity, now)
    changes = []
    for public_id, version in after.items():
        old = before.get(public_id)
        if old is not None and old.number == version.number:
            continue
        lines = [
            {"criterion": line["label"], "before": old.line(line["id"]) if old else None, "after": line}
            for line in version.criteria
        ]
        differ = [
            line
            for line in lines
            if line["before"] is None or any(line["before"][key] != line["after"][key] for key in ("value", "comment"))
        ]
        about = {"vendor": version.proposal.vendor, "by": version.by, "at": version.at}
        changes.append(about | {"lines": differ})
    return changes
