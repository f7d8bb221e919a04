"""Each signal in words: what it is, how it is computed, why it may be normal, where it comes from.

A signal is a question, never a proof. The texts are shown beside each signal, to the body first.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from django.utils.translation import get_language, gettext_lazy, ngettext_lazy
from django.utils.translation import gettext as _

from audit.flags.texts import number, sentence
from marketplace.money import format_cents
from marketplace.texts import Words

__all__ = ["CATALOGUE", "Entry", "amount", "sentence", "with_unit"]


@dataclass(frozen=True)
class Entry:
    """`unit`: of the value and of the threshold, in words, after a percent; with the number (%(n)s) where it counts.

    `kind`: how a page formats both.
    """

    code: str
    title: Words
    formula: Words
    unit: Words
    normal: Words
    source: Words
    kind: str = "number"  # number, percent (a share of 1), dollars


def _ocp(code: str) -> str:
    return f"Open Contracting Partnership, Cardinal, {code}"


_ENTRIES = [
    Entry(
        "R003",
        gettext_lazy("Délai de dépôt court"),
        gettext_lazy("Jours entiers de la publication à la date limite, sous le seuil."),
        ngettext_lazy("%(n)s jour", "%(n)s jours", "count"),
        gettext_lazy("Le besoin était urgent, ou le travail très petit; le motif du délai abrégé le dit."),
        _ocp("R003"),
    ),
    Entry(
        "R018",
        gettext_lazy("Une seule proposition"),
        gettext_lazy("Nombre de propositions reçues, égal au seuil."),
        ngettext_lazy("%(n)s proposition", "%(n)s propositions", "count"),
        gettext_lazy("Peu de prestataires font ce travail, ou la période était chargée pour tous."),
        _ocp("R018"),
    ),
    Entry(
        "R024",
        gettext_lazy("Prix très proche du prix retenu"),
        gettext_lazy(
            "Écart entre le deuxième prix admissible et le prix retenu, divisé par celui-ci; au plus Q1 − "
            "1,5 × (Q3 − Q1)."
        ),
        gettext_lazy("du prix retenu"),
        gettext_lazy("Le marché est connu et les prestataires calculent de la même façon."),
        _ocp("R024"),
        "percent",
    ),
    Entry(
        "R025",
        gettext_lazy("Prestataire qui perd presque toujours"),
        gettext_lazy(
            "Propositions retenues divisées par propositions admissibles, pour un prestataire qui dépose "
            "autant que le quart "
            "le plus actif; au plus Q1 − 1,5 × (Q3 − Q1)."
        ),
        gettext_lazy("des propositions"),
        gettext_lazy("Le prestataire commence, ou répond à des besoins loin de son métier."),
        _ocp("R025"),
        "percent",
    ),
    Entry(
        "R028",
        gettext_lazy("Prix identiques"),
        gettext_lazy("Nombre de prestataires différents qui ont proposé le même prix, égal ou supérieur au seuil."),
        ngettext_lazy("%(n)s prestataire", "%(n)s prestataires", "count"),
        gettext_lazy("Le montant maximal est annoncé : plusieurs peuvent proposer ce montant exact."),
        _ocp("R028"),
    ),
    Entry(
        "R030",
        gettext_lazy("Proposition tardive retenue"),
        gettext_lazy("Minutes entre la date limite et le dépôt de la proposition retenue, au-dessus du seuil."),
        ngettext_lazy("%(n)s minute", "%(n)s minutes", "count"),
        gettext_lazy(
            "Rien de connu : la plateforme refuse tout dépôt tardif. À vérifier d’abord comme une "
            "altération des données."
        ),
        _ocp("R030"),
    ),
    Entry(
        "R035",
        gettext_lazy("Tous rejetés, sauf la proposition retenue"),
        gettext_lazy("Nombre d’autres prestataires, tous rejetés, égal ou supérieur au seuil."),
        ngettext_lazy("%(n)s prestataire rejeté", "%(n)s prestataires rejetés", "count"),
        gettext_lazy("Une condition d’admissibilité a été mal comprise par plusieurs; les motifs de rejet le disent."),
        _ocp("R035"),
    ),
    Entry(
        "R036",
        gettext_lazy("Prix le plus bas rejeté"),
        gettext_lazy(
            "Rang, par le prix, de la proposition rejetée la moins chère, en mode « prix uniquement »; au "
            "plus le seuil."
        ),
        gettext_lazy("rang %(n)s"),
        gettext_lazy("La proposition ne répondait pas à une condition annoncée, ou son prix était anormalement bas."),
        _ocp("R036"),
    ),
    Entry(
        "R038",
        gettext_lazy("Rejets inhabituellement nombreux"),
        gettext_lazy(
            "Propositions rejetées divisées par propositions reçues, par organisme et par prestataire; au moins "
            "Q3 + 1,5 × (Q3 − Q1)."
        ),
        gettext_lazy("des propositions"),
        gettext_lazy("Les avis demandent des documents peu connus, ou le prestataire apprend à répondre."),
        _ocp("R038"),
        "percent",
    ),
    Entry(
        "R048",
        gettext_lazy("Prestataire aux métiers très variés"),
        gettext_lazy(
            "Nombre de compétences différentes demandées par les occasions que le prestataire a obtenues; au moins "
            "Q3 + 1,5 × (Q3 − Q1), arrondi vers le haut."
        ),
        ngettext_lazy("%(n)s compétence", "%(n)s compétences", "count"),
        gettext_lazy("Une grande équipe, ou une coopérative, réunit plusieurs métiers."),
        _ocp("R048"),
    ),
    Entry(
        "R058",
        gettext_lazy("Prix très inférieur aux autres"),
        gettext_lazy(
            "Écart entre le deuxième prix admissible et le prix retenu, divisé par celui-ci; au moins Q3 + "
            "1,5 × (Q3 − Q1)."
        ),
        gettext_lazy("du prix retenu"),
        gettext_lazy("Le prestataire réutilise un travail déjà fait, ou veut se faire connaître."),
        _ocp("R058"),
        "percent",
    ),
    Entry(
        "SPLIT",
        gettext_lazy("Besoins semblables qui dépassent ensemble le plafond"),
        gettext_lazy(
            "Somme des montants, avant taxes, de l’occasion et de celles du même organisme publiées dans les 12 mois "
            "précédents pour un besoin semblable (titre et résumé), ou assez semblable quand le même prestataire les a "
            "obtenues; chacune est sous le plafond et la somme l’atteint."
        ),
        gettext_lazy("$"),
        gettext_lazy("Un besoin revient chaque année, ou deux services ont un besoin voisin sans se connaître."),
        gettext_lazy("Loi sur les contrats des organismes publics, a. 12"),
        "dollars",
    ),
    Entry(
        "CLUSTER",
        gettext_lazy("Montants groupés juste sous le plafond"),
        gettext_lazy(
            "Part des attributions de l’organisme, sur 12 mois, dont le montant est dans le dernier dixième "
            "sous le plafond; "
            "il en faut au moins quatre."
        ),
        gettext_lazy("des attributions"),
        gettext_lazy("Les besoins de l’organisme sont gros; le plafond est le budget que chacun retient par habitude."),
        gettext_lazy("Loi sur les contrats des organismes publics, a. 12"),
        "percent",
    ),
    Entry(
        "AFFIL",
        gettext_lazy("Prestataires apparentés"),
        gettext_lazy(
            "Indices communs à deux prestataires qui répondent à la même occasion. Comptent 1 : personne (membre, "
            "ou qui a écrit ou déposé la proposition; déclarée ou non), compte de versement, adresse, téléphone, "
            "texte presque identique, origine des documents. Comptent 0,5 : domaine de courriel, code postal."
        ),
        ngettext_lazy("%(n)s indice", "%(n)s indices", "count"),
        gettext_lazy(
            "Deux petites entreprises partagent un immeuble ou un modèle de document; un village a un seul code postal."
        ),
        gettext_lazy("Loi sur la concurrence, a. 47 (truquage des offres)"),
    ),
    Entry(
        "WINDOW",
        gettext_lazy("Délai de dépôt réduit par des congés, ou sans motif"),
        gettext_lazy("Jours ouvrables pour répondre, sous le seuil; ou jours sous le minimum, sans motif inscrit."),
        ngettext_lazy("%(n)s jour", "%(n)s jours", "count"),
        gettext_lazy(
            "La période des congés n’avait pas été remarquée; des questions reçues montrent que chacun a pu "
            "lire l’avis."
        ),
        gettext_lazy("Règles de la plateforme : dix jours, ou un motif public"),
    ),
    Entry(
        "SINGLE",
        gettext_lazy("Le même prestataire, seul à répondre, plusieurs fois"),
        gettext_lazy(
            "Nombre d’occasions de l’organisme, sur 24 mois, où ce prestataire seul a répondu; au moins le seuil."
        ),
        ngettext_lazy("%(n)s occasion", "%(n)s occasions", "count"),
        gettext_lazy("Le prestataire est le seul de la région, ou maintient ce qu’il a fait."),
        gettext_lazy("Pratique des vérificateurs; prolonge R018"),
    ),
    Entry(
        "ROTATE",
        gettext_lazy("Prestataires qui gagnent à tour de rôle"),
        gettext_lazy(
            "Dans un groupe de prestataires qui répondent ensemble à au moins huit occasions : part des rondes (autant "
            "d’occasions que de membres) où chacun gagne une fois; au moins le seuil."
        ),
        gettext_lazy("des rondes"),
        gettext_lazy(
            "Des prestataires de force égale, dont chacun se retire quand il est occupé, alternent sans se parler."
        ),
        gettext_lazy("Bureau de la concurrence du Canada, truquage des offres par rotation"),
        "percent",
    ),
    Entry(
        "LATE_ADD",
        gettext_lazy("Addenda juste avant la date limite"),
        gettext_lazy(
            "Heures du dernier addenda à la date limite, telle qu’elle fut en fin de compte; au plus le seuil."
        ),
        ngettext_lazy("%(n)s heure", "%(n)s heures", "count"),
        gettext_lazy("L’addenda corrigeait une coquille qui ne changeait rien aux propositions."),
        gettext_lazy("Règlement sur les contrats des organismes publics en technologies de l’information, a. 9"),
    ),
    Entry(
        "REVERSED",
        gettext_lazy("Attribution annulée"),
        gettext_lazy("Nombre d’attributions annulées, égal ou supérieur au seuil."),
        ngettext_lazy("%(n)s attribution", "%(n)s attributions", "count"),
        gettext_lazy("Une erreur a été vue et corrigée au grand jour, comme la plateforme le permet."),
        gettext_lazy("Règles de la plateforme : deux personnes et un motif public"),
    ),
    Entry(
        "RENOTED",
        gettext_lazy("Notes ou admissibilité changées après avoir été gelées"),
        gettext_lazy(
            "Nombre de réexamens, des notes ou de l’admissibilité, acceptés après le dévoilement des prix, ou après la "
            "première recommandation où aucun prix ne se dévoile; égal ou supérieur au seuil."
        ),
        ngettext_lazy("%(n)s réexamen", "%(n)s réexamens", "count"),
        gettext_lazy("Une erreur de calcul ou de lecture a été vue par une personne et reconnue par une autre."),
        gettext_lazy("Règles de la plateforme : les notes se gèlent avant de lire les prix"),
    ),
    Entry(
        "AMEND",
        gettext_lazy("Contrat beaucoup modifié"),
        gettext_lazy(
            "Somme des avenants en vigueur divisée par le montant initial, au-dessus du seuil; ou au moins "
            "trois avenants."
        ),
        gettext_lazy("du montant initial"),
        gettext_lazy("Le besoin s’est précisé avec les utilisateurs, ce que la méthode de travail permet."),
        gettext_lazy("Loi sur les contrats des organismes publics, a. 17"),
        "percent",
    ),
    Entry(
        "SLOWPAY",
        gettext_lazy("Factures payées tard"),
        gettext_lazy(
            "Médiane des jours de la réception de la facture, ou de l’acceptation du travail si elle est "
            "plus tardive, au "
            "paiement; au-dessus du seuil. Une facture impayée compte dès qu’elle le dépasse."
        ),
        ngettext_lazy("%(n)s jour", "%(n)s jours", "count"),
        gettext_lazy("Un désaccord sur le travail, ou un changement de compte, a retenu le paiement."),
        gettext_lazy("RLRQ, c. C-65.1, r. 8, a. 2"),
    ),
]
CATALOGUE: dict[str, Entry] = {entry.code: entry for entry in _ENTRIES}


def amount(code: str, value: Decimal) -> str:
    """A value or a threshold as a page shows it, without its unit: « 12,5 % », « 95 000 $ », « 3 »."""
    kind = CATALOGUE[code].kind
    if kind == "dollars":
        return format_cents(int((value * 100).to_integral_value()))
    if kind == "percent":
        return _("%s %%") % number(value * 100)
    return number(value)


def with_unit(code: str, value: Decimal) -> str:
    """The same with its unit: « 12,5 % du prix retenu », « 95 000 $ », « 1,08 prestataire »."""
    entry, shown = CATALOGUE[code], amount(code, value)
    if entry.kind == "dollars":
        return shown
    if entry.kind == "percent":
        return f"{shown} {entry.unit}"
    # Not str() first: a plural is chosen while it is formatted.
    return cast(str, entry.unit) % {"n": shown, "count": 1 if _is_one(value) else 2}


def _is_one(value: Decimal) -> bool:
    """Whether its noun is singular: under two in French, exactly one in English."""
    return abs(value) < 2 if (get_language() or "fr").startswith("fr") else abs(value) == 1
