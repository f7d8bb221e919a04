from datetime import UTC, datetime

from django.db import migrations

USE_FR = """\
## Ce que vous acceptez

- Vous créez un compte en votre nom et vous donnez des renseignements exacts.
- Vous gardez votre mot de passe pour vous. Ce que vous faites dans un marché avec votre compte est inscrit au registre.
- Ce que vous publiez (avis, addendas, attributions) est public et reste consultable.
- Vous n’essayez pas de connaître une proposition avant son ouverture, ni d’empêcher quelqu’un de déposer la sienne.

## Ce que nous faisons de vos renseignements

Votre nom et votre courriel servent à vous reconnaître, à vous écrire et à établir qui a fait quoi. Ils ne sont ni vendus
ni cédés. La page « Politique de confidentialité » dit combien de temps ils sont gardés et à qui vous adresser.

## Ce que nous garantissons

La date et l’heure limites sont celles de l’horloge de la base de données. Une proposition déposée est chiffrée
immédiatement et personne d’autre que votre équipe ne peut la lire avant l’ouverture. Vous recevez un accusé signé que vous
pouvez vérifier sans nous.
"""
USE_EN = """\
## What you agree to

- You create an account in your own name and give accurate information.
- You keep your password to yourself. What you do in a procurement with your account is written in the ledger.
- What you publish (notices, addenda, awards) is public and stays available.
- You do not try to learn about a proposal before its opening, or to keep anyone from submitting theirs.

## What we do with your information

Your name and e-mail address are used to recognize you, to write to you and to establish who did what. They are neither sold
nor handed over. The “Privacy policy” page says how long they are kept and whom to write to.

## What we guarantee

The closing date and time follow the database’s clock. A submitted proposal is encrypted at once and nobody but your
team can read it before the opening. You receive a signed receipt that you can verify without us.
"""
PROPOSAL_FR = """\
## En déposant une proposition

- Vous engagez le prestataire au nom duquel vous déposez, et vous en avez le pouvoir.
- Votre proposition peut être remplacée ou retirée jusqu’à la date et l’heure limites. Ensuite, elle est irrévocable.
- Votre prix comprend tout ce que demande l’avis, avant taxes.
- Vous n’avez convenu de rien avec un autre proposant au sujet de cette occasion.
- À l’ouverture, le nom du proposant devient public; le prix aussi lorsque le mode d’adjudication est « prix uniquement ».
- À l’attribution, le rang, la note finale et le prix de chaque proposition classée deviennent publics, avec le nom du proposant.
- Si vous êtes retenu, votre nom et le montant de l’attribution sont publiés comme données ouvertes.
- L’organisme public ne s’engage à accepter aucune des propositions reçues.
"""
PROPOSAL_EN = """\
## By submitting a proposal

- You commit the vendor in whose name you submit, and you have the power to do so.
- Your proposal can be replaced or withdrawn until the closing date and time. After that it is irrevocable.
- Your price covers everything the notice asks for, before taxes.
- You have not agreed on anything with another proponent about this opportunity.
- At the opening the proponent’s name becomes public; so does the price where the award mode is “price only”.
- At the award, the rank, the final score and the price of each ranked proposal become public, with the proponent’s name.
- If you are selected, your name and the amount of the award are published as open data.
- The public body does not undertake to accept any of the proposals received.
"""


def add(apps, editor):
    terms = apps.get_model("marketplace", "Terms")
    since = datetime(2000, 1, 1, 5, tzinfo=UTC)  # midnight in Montréal
    terms.objects.create(kind="use", version=1, in_force_at=since, text_fr=USE_FR, text_en=USE_EN)
    terms.objects.create(kind="proposal", version=1, in_force_at=since, text_fr=PROPOSAL_FR, text_en=PROPOSAL_EN)


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0002_append_only")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
