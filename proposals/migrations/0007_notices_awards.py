from django.db import migrations

from marketplace.ledger.triggers import append_only
from opportunities.versions import document
from proposals.award import triggers

BEFORE = "before"


def write(apps, editor):
    """Version 1 of what was published before versions were kept: as its rows are now, its standing award included.

    The ledger does not know it: the next act on the notice makes version 2, which names the digest of this one.
    """
    Opportunity = apps.get_model("opportunities", "Opportunity")
    NoticeVersion = apps.get_model("opportunities", "NoticeVersion")
    published = Opportunity.objects.filter(published_at__isnull=False, notice_version=0).select_related("body")
    for notice in published.order_by("pk").iterator(chunk_size=500):
        stamped = document.stamp(1, BEFORE, notice.published_at, "")
        content = document.text(document.of(notice, stamped, award=_award(apps, notice)))
        NoticeVersion.objects.create(
            opportunity=notice, number=1, at=notice.published_at, kind=BEFORE, document=content,
            sha256=document.digest(content),
        )  # fmt: skip
        Opportunity.objects.filter(pk=notice.pk).update(notice_version=1)


def _award(apps, notice):
    """As proposals/award/facts.py says it, of the rows of this migration: nothing of those that are not ranked."""
    award = apps.get_model("proposals", "Award").objects.filter(opportunity=notice, reversed_at=None)
    award = award.select_related("recommendation").first()
    if award is None:
        return {}
    opened = apps.get_model("proposals", "OpenedProposal").objects.filter(opening__opportunity=notice).order_by("pk")
    rows = {
        str(public_id): (pk, receipt)
        for pk, public_id, receipt in opened.values_list("proposal_id", "proposal__public_id", "submission__receipt")
    }
    ranking = award.recommendation.ranking
    retained = next((receipt for pk, receipt in rows.values() if pk == award.proposal_id), {})
    mine = next((row for row in ranking if rows.get(row["proposal"], (None,))[0] == award.proposal_id), {})
    scores = mine.get("scores", {})
    return {
        "at": award.at, "vendor": retained.get("proponent", ""), "receipt": retained.get("number", ""),
        "amount_cents": award.amount_cents, "recommended_at": award.recommendation.at,
        "justification": award.recommendation.justification if mine.get("rank") != 1 else "", "received": len(rows),
        "ranking": [
            {
                "rank": row["rank"], "vendor": rows[row["proposal"]][1]["proponent"], "final": row["final"],
                "price_cents": row["price_cents"], "adjusted_cents": row["adjusted_cents"], "drawn": row["drawn"],
            }
            for row in ranking
            if row["rank"] is not None and row["proposal"] in rows
        ],
        "notes": [
            {"title": row.label, "value": scores[str(row.pk)]}
            for row in sorted(notice.criteria.all(), key=lambda row: (row.position, row.pk))
            if str(row.pk) in scores
        ],
    }  # fmt: skip


def nothing(apps, editor):
    """Versions stay: they are what was published."""


def install(apps, editor):
    triggers.install(editor.connection)


def remove(apps, editor):
    triggers.remove(editor.connection)


class Migration(migrations.Migration):
    dependencies = [("opportunities", "0005_notices_triggers"), ("proposals", "0006_scores_guards")]
    operations = [
        migrations.RunPython(write, nothing),
        append_only("proposals_openedproposal", "proposals_opening", "proposals_draw", "proposals_sealkey"),
        migrations.RunPython(install, remove),
    ]
