from django.db import migrations

# (title, text, only where personal information is involved). Each text stands alone: a contract prints them in order.
CLAUSES = [
    (
        "Objet et documents du contrat",
        "Le prestataire livre le travail décrit dans ce contrat : le besoin, les jalons et leurs critères d’acceptation. "
        "L’avis publié et la proposition retenue le complètent. S’ils se contredisent, ce contrat l’emporte, puis "
        "l’avis, puis la proposition.",
        False,
    ),
    (
        "Prix et paiement",
        "Le prix est ferme. Chaque jalon accepté donne droit à une facture; la TPS et la TVQ s’y ajoutent si le "
        "prestataire y est inscrit. L’organisme paie dans les 30 jours qui suivent la plus tardive de la réception de "
        "la facture et de l’acceptation du travail. Au-delà, le prestataire peut réclamer les intérêts que prévoit le "
        "règlement sur les paiements. Une retenue inscrite au contrat est versée quand tout le travail est accepté.",
        False,
    ),
    (
        "Livraison et acceptation",
        "Le prestataire livre chaque jalon sur la plateforme au plus tard à sa date. L’organisme vérifie la livraison "
        "critère par critère, puis l’accepte ou la retourne en disant ce qui manque et avant quelle date le corriger. "
        "Une livraison n’est acceptée que si tous les critères sont respectés. L’acceptation n’efface pas les défauts "
        "qui ne pouvaient pas se voir.",
        False,
    ),
    (
        "Propriété intellectuelle et licence",
        "Le code livré est offert sous la licence inscrite à ce contrat; si elle prévoit une cession, les droits "
        "patrimoniaux passent à l’organisme à mesure des paiements. Le prestataire garantit qu’il peut accorder ces "
        "droits, nomme la licence de chaque composant d’autrui, et prend fait et cause pour l’organisme si un tiers "
        "conteste. L’organisme peut publier le code et permettre à d’autres organismes publics de le réutiliser.",
        False,
    ),
    (
        "Intégrité",
        "Le prestataire respecte pendant tout le contrat les exigences d’intégrité de la Loi sur les contrats des "
        "organismes publics (a. 21.2 et suivants). Il avise l’organisme sans délai s’il n’y satisfait plus, s’il est "
        "inscrit au registre des entreprises non admissibles, ou si un conflit d’intérêts apparaît. Il n’offre aucun "
        "avantage à quiconque prend part au contrat.",
        False,
    ),
    (
        "Renseignements personnels",
        "Le prestataire ne recueille, n’utilise et ne communique que les renseignements personnels nécessaires au "
        "travail, selon la Loi sur l’accès aux documents des organismes publics et sur la protection des renseignements "
        "personnels, modifiée par la Loi 25. Il nomme qui y a accès, les protège selon leur sensibilité, les garde au "
        "Québec sauf évaluation et accord écrit, avise l’organisme sans délai de tout incident de confidentialité, et "
        "les remet puis les détruit à la fin du contrat. L’organisme peut vérifier ces mesures.",
        True,
    ),
    (
        "Confidentialité",
        "Ce que le prestataire apprend de l’organisme pour faire le travail, et qui n’est pas public, reste "
        "confidentiel pendant et après le contrat. Cela ne limite ni la Loi sur l’accès, ni la publication du contrat "
        "et du code livré.",
        False,
    ),
    (
        "Modifications",
        "Le contrat ne change que par un avenant motivé, approuvé par une seconde personne de l’organisme et accepté "
        "par le prestataire sur la plateforme. Un avenant est accessoire et ne change pas la nature du contrat (Loi sur "
        "les contrats des organismes publics, a. 17). Avenants compris, la valeur du contrat n’atteint jamais le "
        "plafond qui y est inscrit.",
        False,
    ),
    (
        "Résiliation",
        "L’organisme peut résilier le contrat par un avis motivé, en tout temps. Il paie alors le travail accepté, et "
        "rien pour un gain espéré. En cas de défaut, il donne d’abord au prestataire un délai raisonnable pour le "
        "corriger, sauf si le défaut touche l’intégrité ou la sécurité des renseignements.",
        False,
    ),
    (
        "Évaluation du rendement",
        "À la fin du contrat, l’organisme peut évaluer le rendement du prestataire selon la qualité du travail, les "
        "délais et la collaboration. Le prestataire en reçoit copie et peut la commenter dans les 30 jours.",
        False,
    ),
    (
        "Langue",
        "Le contrat, les communications et la documentation livrée sont en français. Les interfaces destinées au public "
        "ou au personnel sont offertes en français, selon la Charte de la langue française.",
        False,
    ),
    (
        "Droit applicable",
        "Le contrat est régi par le droit du Québec. Les parties cherchent d’abord à régler leurs différends entre "
        "elles; à défaut, les tribunaux du Québec sont seuls compétents.",
        False,
    ),
]


def add(apps, editor):
    clause = apps.get_model("contracts", "Clause")
    for position, (title, text, personal) in enumerate(CLAUSES, 1):
        clause.objects.create(body=None, position=position, title=title, text=text, personal_information=personal)


class Migration(migrations.Migration):
    dependencies = [("contracts", "0002_triggers")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
