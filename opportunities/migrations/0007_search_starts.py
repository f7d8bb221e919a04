from django.db import migrations

import marketplace.search
from marketplace.regions import Region
from marketplace.search import fill_sort_keys, index_text, start_index, without_word_index


def index_again(apps, _editor):
    """What was published before: its words as they are written, beside their stems."""
    rows = apps.get_model("opportunities", "Opportunity").objects
    regions = dict(Region.choices)
    for row in rows.exclude(search_text="").select_related("body").prefetch_related("skills").iterator(chunk_size=200):
        skills = " ".join(skill.name for skill in row.skills.all())
        text = index_text(
            row.number, row.title, row.teaser, row.description, skills, row.location, row.body.name,
            row.body.acronym, str(regions.get(row.region, "")),
        )  # fmt: skip
        rows.filter(pk=row.pk).update(search_text=text)


class Migration(migrations.Migration):
    dependencies = [("opportunities", "0006_scores_guard")]
    operations = [
        migrations.AddField("publicbody", "sort_key", marketplace.search.SortKey(of="name")),
        fill_sort_keys("opportunities", "publicbody", "name"),
        migrations.AlterModelOptions(
            "publicbody",
            {
                "ordering": ["sort_key", "pk"],
                "verbose_name": "organisme public",
                "verbose_name_plural": "organismes publics",
            },
        ),
        without_word_index("opportunity_words", "opportunities_opportunity"),
        migrations.RunPython(index_again, migrations.RunPython.noop),
        start_index("opportunity_starts", "opportunities_opportunity"),
    ]
