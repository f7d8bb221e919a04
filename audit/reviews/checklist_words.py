"""The checklist in words: what each line checks, what it found, where to look. In the active language."""

from datetime import datetime
from typing import NamedTuple

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.flags.catalogue import CATALOGUE
from audit.reviews.checklist import GROUPS
from marketplace.money import format_cents
from proposals.enums import Lobbying
from proposals.evaluation import effect

TITLES = {
    "notice": gettext_lazy("Avis"),
    "opening": gettext_lazy("Ouverture"),
    "evaluation": gettext_lazy("Évaluation"),
    "award": gettext_lazy("Attribution"),
    "contract": gettext_lazy("Contrat"),
    "ledger": gettext_lazy("Registre"),
}
LACKS = {
    "integrity": gettext_lazy("déclaration d’intégrité"),
    "attestation": gettext_lazy("attestation de Revenu Québec valide ce jour-là"),
    "ineligible": gettext_lazy("une inadmissibilité était en vigueur"),
}
_NO_CONTRACT = gettext_lazy("Aucun contrat n’est conclu.")


class Words(NamedTuple):
    """What is checked; then what to say when it holds, when it does not, when it does not apply. %(names)s: details."""

    title: object
    yes: object
    no: object
    none: object = ""


WORDS = {
    "reviewed": Words(
        gettext_lazy("Avis relu par une seconde personne"),
        gettext_lazy("Publié par une personne qui ne l’a ni écrit ni envoyé en révision."),
        gettext_lazy("Publié par une personne qui l’a écrit ou envoyé en révision."),
    ),
    "ceiling": Words(
        gettext_lazy("Montant de l’avis sous le plafond"),
        gettext_lazy("%(budget_cents)s; le plafond, exclu, était de %(ceiling_cents)s."),
        gettext_lazy("%(budget_cents)s : le plafond, exclu, était de %(ceiling_cents)s."),
    ),
    "period": Words(
        gettext_lazy("Délai de publication"),
        gettext_lazy("Jours pour déposer : %(days)s (minimum : %(least)s, ou un motif public)."),
        gettext_lazy("Jours pour déposer : %(days)s, sous le minimum de %(least)s, sans motif inscrit."),
    ),
    "grid": Words(
        gettext_lazy("Poids des critères"),
        gettext_lazy("Total de 100 %% pour la grille (critères : %(criteria)s)."),
        gettext_lazy("Le total des poids est de %(total)s %%."),
        gettext_lazy("« Prix uniquement » : sans grille."),
    ),
    "addenda": Words(
        gettext_lazy("Addendas annoncés à ceux qui préparaient une réponse"),
        gettext_lazy("Addendas envoyés : %(addenda)s."),
        gettext_lazy("Non envoyés (addenda, prestataire) : %(missing)s."),
        gettext_lazy("Aucun addenda."),
    ),
    "opening": Words(
        gettext_lazy("Ouverture à la date limite, avec procès-verbal"),
        gettext_lazy("Après la date limite; propositions ouvertes et au procès-verbal : %(received)s."),
        gettext_lazy("Propositions ouvertes : %(received)s; au procès-verbal : %(minutes)s; ou ouverture trop tôt."),
    ),
    "envelopes": Words(
        gettext_lazy("Intégrité des enveloppes"),
        gettext_lazy("Empreintes recalculées, les mêmes que celles des accusés : %(count)s."),
        gettext_lazy("Altérées : %(altered)s. Illisibles : %(unreadable)s."),
    ),
    "ties": Words(
        gettext_lazy("Aucun lien avec un prestataire qui a répondu"),
        gettext_lazy("Personne, parmi celles qui ont décidé, n’appartient à un prestataire qui a répondu."),
        gettext_lazy("Liées à un prestataire qui a répondu : %(tied)s."),
    ),
    "overlap": Words(
        gettext_lazy("Une même personne derrière deux réponses : déclarée au dépôt"),
        gettext_lazy("Déclarée par qui a déposé : %(declared)s."),
        gettext_lazy("Une personne commune, non déclarée : %(missing)s."),
        gettext_lazy("Aucune personne commune connue."),
    ),
    "examined": Words(
        gettext_lazy("Chaque proposition admise, ou rejetée avec un motif"),
        gettext_lazy(
            "Propositions examinées : %(count)s, dont rejetées avec motif : %(rejected)s. Réexamens : %(reexamined)s"
        ),
        gettext_lazy("Sans décision, ou rejetées sans explication : %(missing)s."),
    ),
    "scored": Words(
        gettext_lazy("Chaque proposition admissible notée à chaque critère"),
        gettext_lazy("Propositions notées : %(count)s; critères : %(criteria)s."),
        gettext_lazy("Notes manquantes : %(missing)s."),
        gettext_lazy("« Prix uniquement » : sans notes."),
    ),
    "notes": Words(
        gettext_lazy("Notes gelées avant de lire les prix"),
        gettext_lazy(
            "Empreintes recalculées, les mêmes que celles du registre : %(count)s. Réexamens : %(reexamined)s"
        ),
        gettext_lazy("Notes sans empreinte, ou qui n’y correspondent pas : %(missing)s. Réexamens : %(reexamined)s"),
        gettext_lazy("« Prix uniquement » : sans notes."),
    ),
    "ranking": Words(
        gettext_lazy("Classement recalculé"),
        gettext_lazy("Le même que celui de la recommandation; rang de la proposition retenue : %(rank)s."),
        gettext_lazy("Le calcul ne donne pas le même classement, ou le rang %(rank)s n’est pas justifié."),
    ),
    "draw": Words(
        gettext_lazy("Tirage au sort vérifié"),
        gettext_lazy("Le secret est celui promis dans l’avis; l’ordre recalculé est le même."),
        gettext_lazy("Le tirage publié n’est pas celui que donne le calcul, ou il manque."),
        gettext_lazy("Aucune égalité à départager."),
    ),
    "two_people": Words(
        gettext_lazy("Recommandée et confirmée par deux personnes"),
        gettext_lazy("Deux personnes différentes."),
        gettext_lazy("La même personne a recommandé et confirmé."),
    ),
    "amount": Words(
        gettext_lazy("Montant attribué égal au prix proposé"),
        gettext_lazy("%(award_cents)s avant taxes, le prix de la proposition retenue."),
        gettext_lazy("%(award_cents)s attribués; la proposition retenue demandait %(price_cents)s."),
    ),
    "eligible": Words(
        gettext_lazy("Attributaire admissible le jour de l’attribution"),
        gettext_lazy("Déclaration d’intégrité, attestation si elle était exigée, aucune inadmissibilité connue."),
        gettext_lazy("Manquait : %(lacks)s."),
    ),
    "declared": Words(
        gettext_lazy("Probité et lobbyisme déclarés au dépôt"),
        gettext_lazy("Probité attestée. %(lobbying)s"),
        gettext_lazy("L’attestation relative à la probité ou la déclaration concernant le lobbyisme manque."),
        gettext_lazy("La proposition a été déposée avant que ce soit demandé."),
    ),
    "attestation": Words(
        gettext_lazy("Attestation vérifiée auprès de Revenu Québec"),
        gettext_lazy("N° %(number)s, notée comme vérifiée. Motifs de continuer avant : %(unverified_reasons)s"),
        gettext_lazy("Personne n’a noté l’avoir vérifiée. Motifs de continuer quand même : %(unverified_reasons)s"),
        gettext_lazy("Le montant n’en exige pas."),
    ),
    "told": Words(
        gettext_lazy("Prestataires informés du résultat, avec les motifs"),
        gettext_lazy("Prestataires informés : %(count)s; courriels encore en attente : %(waiting)s."),
        gettext_lazy("Non informés : %(missing)s."),
    ),
    "signals": Words(
        gettext_lazy("Signaux expliqués"),
        gettext_lazy("Expliqués ou en vérification : %(codes)s."),
        gettext_lazy("Sans explication : %(silent)s."),
        gettext_lazy("Aucun signal."),
    ),
    "value": Words(
        gettext_lazy("Valeur du contrat égale à l’attribution"),
        gettext_lazy("%(contract)s : %(contract_cents)s avant taxes."),
        gettext_lazy("%(contract)s vaut %(contract_cents)s : ce n’est pas le montant attribué."),
        _NO_CONTRACT,
    ),
    "signatures": Words(
        gettext_lazy("Signatures dans les limites"),
        gettext_lazy("Le prestataire, puis l’organisme, dont la limite de signature couvrait %(contract_cents)s."),
        gettext_lazy("Une signature manque, vient dans le désordre, ou dépasse la limite de signature."),
        _NO_CONTRACT,
    ),
    "duties": Words(
        gettext_lazy("Publications au SEAO faites à temps"),
        gettext_lazy("Faites à temps : %(done)s; à venir : %(to_come)s."),
        gettext_lazy("Faites : %(done)s; en retard : %(late)s."),
        gettext_lazy("Rien n’est encore échu."),
    ),
    "amendments": Words(
        gettext_lazy("Avenants sous le plafond, approuvés par une seconde personne"),
        gettext_lazy("Avenants en vigueur : %(count)s; le contrat vaut %(value_cents)s."),
        gettext_lazy(
            "Le contrat vaut %(value_cents)s, pour un plafond de %(ceiling_cents)s; approuvés seul : %(alone)s."
        ),
        gettext_lazy("Aucun avenant en vigueur."),
    ),
    "invoices": Words(
        gettext_lazy("Factures payées dans le délai"),
        gettext_lazy("Payées à temps, en %(days)s jours au plus : %(paid)s."),
        gettext_lazy("En retard : %(late)s."),
        gettext_lazy("Aucune facture n’est payée ni échue."),
    ),
    "payers": Words(
        gettext_lazy("Travail accepté et facture payée par deux personnes"),
        gettext_lazy("Paiements : %(count)s, chacun par une autre personne que celle qui a accepté."),
        gettext_lazy("Acceptées et payées par la même personne : %(alone)s."),
        gettext_lazy("Aucun paiement."),
    ),
    "entries": Words(
        gettext_lazy("Chaque geste est au registre"),
        gettext_lazy("Inscriptions : %(count)s."),
        gettext_lazy("Absents du registre : %(missing)s."),
    ),
    "hashes": Words(
        gettext_lazy("Empreintes du registre intactes"),
        gettext_lazy("Recalculées, toutes justes : %(count)s."),
        gettext_lazy("Ne correspondent pas : %(bad)s sur %(count)s."),
    ),
    "checkpoint": Words(
        gettext_lazy("Inscriptions couvertes par un relevé signé"),
        gettext_lazy(
            "Le dernier relevé couvre les %(size)s premières inscriptions du registre; gestes plus récents, que le "
            "prochain couvrira : %(left)s."
        ),
        gettext_lazy("Le relevé de la nuit manque. Inscriptions qui l’attendent : %(left)s."),
        gettext_lazy("Aucune n’est d’avant le dernier relevé; le prochain les couvrira : %(left)s."),
    ),
}


class Step(NamedTuple):
    """Where a line that does not hold is acted upon: what to do, and a page of `_links`."""

    text: object
    page: str


_REVERSE = gettext_lazy("Dites dans la conclusion ce qui l’explique; si rien ne l’explique, demandez l’annulation.")
_TELL_US = gettext_lazy("Prévenez l’équipe de la plateforme, et gardez une copie du dossier.")
STEPS = {
    "reviewed": Step(
        gettext_lazy("Ne se refait pas : dites-le dans la conclusion; la prochaine fois, une autre personne publie."),
        "notice",
    ),
    "ceiling": Step(_REVERSE, "notice"),
    "period": Step(
        gettext_lazy("Ne se refait pas : dites dans la conclusion pourquoi le délai était court."), "notice"
    ),
    "grid": Step(_REVERSE, "notice"),
    "addenda": Step(
        gettext_lazy("Voyez si ces prestataires ont répondu sans avoir lu l’addenda, et dites-le dans la conclusion."),
        "notice",
    ),
    "opening": Step(_TELL_US, "contact"),
    "envelopes": Step(
        gettext_lazy("Demandez leur accusé de réception à ces prestataires, et prévenez l’équipe de la plateforme."),
        "contact",
    ),
    "ties": Step(
        gettext_lazy("Demandez à ces personnes quel est ce lien; s’il a pu compter, demandez l’annulation."), "award"
    ),
    "overlap": Step(
        gettext_lazy(
            "Demandez à ces prestataires qui est cette personne, et depuis quand elle agit pour les deux; citez-les."
        ),
        "evaluation",
    ),
    "examined": Step(gettext_lazy("Demandez la décision ou le motif à qui a évalué, et citez-le."), "evaluation"),
    "scored": Step(gettext_lazy("Demandez les notes qui manquent à qui a évalué, et citez-les."), "evaluation"),
    "notes": Step(
        gettext_lazy("Comparez les notes à leur historique; si l’une a changé sans réexamen, écrivez-nous."),
        "evaluation",
    ),
    "ranking": Step(
        gettext_lazy("Refaites le calcul; si une autre proposition devait être retenue, demandez l’annulation."),
        "evaluation",
    ),
    "draw": Step(_TELL_US, "contact"),
    "two_people": Step(_REVERSE, "award"),
    "amount": Step(_REVERSE, "award"),
    "eligible": Step(
        gettext_lazy("Demandez ce qui manque au prestataire; s’il ne l’avait pas ce jour-là, demandez l’annulation."),
        "award",
    ),
    "declared": Step(
        gettext_lazy("Demandez ces déclarations au prestataire, et dites-le dans la conclusion."), "evaluation"
    ),
    "attestation": Step(
        gettext_lazy("Vérifiez son numéro auprès de Revenu Québec, et dites-le dans la conclusion."), "award"
    ),
    "signals": Step(gettext_lazy("Expliquez chaque signal à sa page."), "signals"),
    "told": Step(gettext_lazy("Écrivez-leur le résultat et les motifs, et gardez-en la preuve."), "evaluation"),
    "value": Step(_REVERSE, "contract"),
    "signatures": Step(
        gettext_lazy("Faites confirmer le contrat par une personne dont la limite de signature le couvre."), "contract"
    ),
    "duties": Step(gettext_lazy("Faites les publications en retard, puis notez-les."), "duties"),
    "amendments": Step(
        gettext_lazy("Faites relire ces avenants par une autre personne; au-delà du plafond, publiez un nouvel avis."),
        "contract",
    ),
    "invoices": Step(
        gettext_lazy("Payez ce qui reste dû, et dites dans la conclusion ce qui l’a retardé."), "invoices"
    ),
    "payers": Step(gettext_lazy("Faites relire ces paiements par une autre personne."), "invoices"),
    "entries": Step(_TELL_US, "contact"),
    "hashes": Step(_TELL_US, "contact"),
    "checkpoint": Step(_TELL_US, "contact"),
}
PAGES = {
    "notice": gettext_lazy("L’avis"),
    "evaluation": gettext_lazy("L’évaluation"),
    "award": gettext_lazy("L’attribution"),
    "signals": gettext_lazy("Les signaux"),
    "contract": gettext_lazy("Le contrat"),
    "duties": gettext_lazy("Les publications au SEAO"),
    "invoices": gettext_lazy("Les factures"),
    "contact": gettext_lazy("Nous joindre"),
}


def title(code: str) -> str:
    return str(WORDS[code].title)


def sentence(code: str, done: bool | None, details: dict) -> str:
    """What was found, for people."""
    words = WORDS[code]
    # A list that was signed before says nothing of these.
    details = {"reexamined": [], "unverified_reasons": [], **details}
    template = {True: words.yes, False: words.no, None: words.none}[done]
    return str(template) % {key: _shown(key, value) for key, value in details.items()}


def _shown(key: str, value) -> str:
    if key.endswith("_cents"):
        return format_cents(value) if value is not None else "–"
    if key == "lacks":
        return ", ".join(str(LACKS[one]) for one in value)
    if key in ("codes", "silent"):
        return "; ".join(str(CATALOGUE[code].title) for code in value if code in CATALOGUE)
    if key == "reexamined":
        told = [effect.sentence(one) if isinstance(one, dict) else f"{one}." for one in value]
        return " ".join(told) or _("aucun.")
    if key == "unverified_reasons":
        return " ".join(f"« {one} »" for one in value) or _("aucun.")
    if key == "lobbying":
        return str(Lobbying(value).label) if value in Lobbying else ""
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or _("aucune")
    return "–" if value is None else str(value)


def shown(checklist: list[dict], award) -> list[dict]:
    """[{title, lines}] for a page: the kept checklist in words, with where to look."""
    rows = {row["code"]: row for row in checklist}
    links = _links(award)
    groups = []
    for group, checks in GROUPS.items():
        codes = [check.__name__ for check in checks]
        lines = [
            {
                "code": code,
                "title": title(code),
                "done": rows[code]["done"],
                "text": sentence(code, rows[code]["done"], rows[code]["details"]),
                "by": ", ".join(rows[code]["by"]),
                "at": datetime.fromisoformat(rows[code]["at"]) if rows[code]["at"] else None,
                "url": links.get(code, links[group]),
                "step": _step(code, links) if rows[code]["done"] is False else None,
            }
            for code in codes
            if code in rows  # a line added since is not in what was signed before
        ]
        groups.append({"code": group, "title": str(TITLES[group]), "lines": lines})
    return groups


def _step(code: str, links: dict[str, str]) -> dict:
    """{text, url, page} of what to do about a line that does not hold."""
    step = STEPS[code]
    return {"text": str(step.text), "url": links[step.page], "page": str(PAGES[step.page])}


def _links(award) -> dict[str, str]:
    opportunity = award.opportunity
    number = opportunity.number
    evaluation = reverse("proposals:evaluation", args=[number])
    contract = getattr(award, "contract", None)
    return {
        "notice": opportunity.get_absolute_url(),
        "opening": reverse("proposals:minutes", args=[number]),
        "evaluation": evaluation,
        "award": reverse("proposals:award", args=[number]),
        "signals": "#signaux",
        "told": "",
        "contract": contract.get_absolute_url() if contract else "",
        "duties": reverse("contracts:duties"),
        "invoices": reverse("contracts:invoices"),
        "ledger": "",
        "contact": reverse("pages:contact"),
    }


def counts(checklist: list[dict]) -> dict[str, int]:
    """{"yes", "no", "none"}: how many lines hold, do not, do not apply."""
    done = [row["done"] for row in checklist]
    return {"yes": done.count(True), "no": done.count(False), "none": done.count(None)}
