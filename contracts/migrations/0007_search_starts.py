from django.db import migrations

from marketplace.search import index_text, start_index, without_word_index


def index_again(apps, _editor):
    """What was signed or catalogued before: its words as they are written, beside their stems."""
    contracts = apps.get_model("contracts", "Contract").objects
    related = ("award__opportunity__body", "award__proposal__vendor")
    for row in contracts.exclude(search_text="").select_related(*related).iterator(chunk_size=200):
        body, occasion = row.award.opportunity.body, row.award.opportunity
        text = index_text(row.number, occasion.title, row.award.proposal.vendor.legal_name, body.name, body.acronym)
        contracts.filter(pk=row.pk).update(search_text=text)
    passports = apps.get_model("contracts", "Passport").objects
    related = ("contract__award__opportunity__body",)
    for row in passports.exclude(search_text="").select_related(*related).iterator(chunk_size=200):
        occasion = row.contract.award.opportunity
        skills = " ".join(skill.name for skill in occasion.skills.all())
        text = index_text(
            row.name, row.summary, occasion.title, occasion.teaser, skills, occasion.body.name, occasion.body.acronym,
            row.licence, row.contract.number,
        )  # fmt: skip
        passports.filter(pk=row.pk).update(search_text=text)


class Migration(migrations.Migration):
    dependencies = [("contracts", "0006_tax_registration"), ("opportunities", "0007_search_starts")]
    operations = [
        without_word_index("passport_words", "contracts_passport"),
        migrations.RunPython(index_again, migrations.RunPython.noop),
        start_index("passport_starts", "contracts_passport"),
    ]
