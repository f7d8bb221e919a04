"""One flag in one sentence, in the active language, from the details that compute.py keeps."""

from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from marketplace.money import format_cents
from proposals.evaluation import effect

CLUES = {
    "people": gettext_lazy("une même personne"),
    "declared": gettext_lazy("une même personne, déclarée au dépôt"),
    "account": gettext_lazy("le même compte de versement"),
    "address": gettext_lazy("la même adresse"),
    "phone": gettext_lazy("le même téléphone"),
    "text": gettext_lazy("un texte presque identique"),
    "documents": gettext_lazy("des documents de même origine"),
    "domain": gettext_lazy("le même domaine de courriel"),
    "postal_code": gettext_lazy("le même code postal"),
}


def number(value) -> str:
    """At most two decimals, none that says nothing, with the language's comma."""
    text = f"{Decimal(value):.2f}"
    whole, _point, part = text.partition(".")
    return number_format(Decimal(whole if not part.strip("0") else text.rstrip("0")))


def sentence(code: str, details: dict) -> str:
    """One flag in one sentence, in the active language. `details`: as compute.py keeps them."""
    return _SENTENCES[code](details)


def _listed(names) -> str:
    names = [str(name) for name in names]
    return names[0] if len(names) == 1 else _("%(first)s et %(last)s") % {
        "first": ", ".join(names[:-1]), "last": names[-1]
    } if names else ""  # fmt: skip


def _pairs(d: dict) -> str:
    return " ".join(
        _("%(vendors)s ont en commun : %(clues)s.")
        % {"vendors": _listed(pair["vendors"]), "clues": ", ".join(str(CLUES[clue]) for clue in pair["clues"])}
        for pair in d["pairs"]
    )


def _window(d: dict) -> str:
    if d["why"] == "reason":
        message = ngettext(
            "%d jour pour répondre, sans motif inscrit.", "%d jours pour répondre, sans motif inscrit.", d["days"]
        )
        return message % d["days"]
    message = ngettext(
        "%(business)d jour ouvrable pour répondre, sur %(days)d jours.",
        "%(business)d jours ouvrables pour répondre, sur %(days)d jours.",
        d["business"],
    )
    return message % d


def _rejections(d: dict) -> str:
    if d["of"] == "body":
        return _("L’organisme a rejeté %(rejected)d des %(received)d propositions qu’il a reçues.") % d
    return _("%(rejected)d des %(received)d propositions de %(vendor)s ont été rejetées.") % d


def _discount(d: dict) -> str:
    return _("Le deuxième prix dépasse le prix retenu de %(percent)s %%; %(compared)d occasions sont comparées.") % {
        "percent": number(d["percent"]), "compared": d["compared"]
    }  # fmt: skip


def _late_bid(d: dict) -> str:
    minutes = {"minutes": number(d["minutes"]), "vendor": d["vendor"]}
    return _("La proposition de %(vendor)s est arrivée %(minutes)s minutes après la date limite.") % minutes


def _split(d: dict) -> str:
    values = {"others": _listed(d["others"]), "total": format_cents(d["total_cents"])}
    return _("Avec %(others)s, le total est de %(total)s avant taxes.") % values


def _addendum(d: dict) -> str:
    return _("Le dernier addenda précède la date limite de %s heures.") % number(d["hours"])


def _amended(d: dict) -> str:
    message = ngettext(
        "%(count)d avenant change le montant initial de %(initial)s par %(added)s.",
        "%(count)d avenants changent le montant initial de %(initial)s par %(added)s.",
        d["count"],
    )
    return message % {
        "count": d["count"],
        "initial": format_cents(d["initial_cents"]),
        "added": format_cents(d["added_cents"]),
    }


def _reexamined(d: dict) -> str:
    message = ngettext(
        "%(count)d réexamen a changé ce qui était gelé de %(vendors)s.",
        "%(count)d réexamens ont changé ce qui était gelé de %(vendors)s.",
        d["count"],
    )
    return message % {"count": d["count"], "vendors": _listed(d["vendors"])}


def _paid(d: dict) -> str:
    message = ngettext(
        "Délai médian de %(median)s jours sur %(invoices)d facture.",
        "Délai médian de %(median)s jours sur %(invoices)d factures.",
        d["invoices"],
    )
    return message % {"median": number(d["median"]), "invoices": d["invoices"]}


_SENTENCES = {
    "R003": lambda d: ngettext(
        "%d jour entier pour déposer une proposition.", "%d jours entiers pour déposer une proposition.", d["days"]
    ) % d["days"],
    "R018": lambda d: _("Une seule proposition a été reçue."),
    "R024": _discount,
    "R025": lambda d: _("%(vendor)s a gagné %(won)d de ses %(sent)d propositions admissibles.") % d,
    "R028": lambda d: _("%(vendors)s ont proposé le même prix, %(price)s.")
    % {"vendors": _listed(d["vendors"]), "price": format_cents(d["cents"])},
    "R030": _late_bid,
    "R035": lambda d: ngettext(
        "La proposition de %(vendor)s est retenue; la seule autre a été rejetée.",
        "La proposition de %(vendor)s est retenue; les %(rejected)d autres ont été rejetées.",
        d["rejected"],
    ) % d,
    "R036": lambda d: _("La proposition de %(vendor)s, la moins chère (%(price)s), a été rejetée.")
    % {"vendor": d["vendor"], "price": format_cents(d["cents"])},
    "R038": _rejections,
    "R048": lambda d: _("%(vendor)s a obtenu des occasions qui demandent %(skills)d compétences différentes.") % d,
    "R058": _discount,
    "SPLIT": _split,
    "CLUSTER": lambda d: _("%(near)d des %(awards)d attributions de l’organisme en 12 mois sont juste sous le plafond.")
    % {"near": len(d["near"]), "awards": d["awards"]},
    "AFFIL": _pairs,
    "WINDOW": _window,
    "SINGLE": lambda d: _("%(vendor)s était seul à répondre à %(count)d occasions de l’organisme : %(numbers)s.")
    % {"vendor": d["vendor"], "count": len(d["numbers"]), "numbers": _listed(d["numbers"])},
    "ROTATE": lambda d: _("%(vendors)s gagnent à tour de rôle sur %(count)d occasions.")
    % {"vendors": _listed(d["vendors"]), "count": len(d["numbers"])},
    "LATE_ADD": _addendum,
    "REVERSED": lambda d: _("L’attribution à %s a été annulée.") % _listed(d["vendors"]),
    "RENOTED": lambda d: " ".join([_reexamined(d), *(effect.sentence(one) for one in d.get("changes", []) if one)]),
    "AMEND": _amended,
    "SLOWPAY": _paid,
}  # fmt: skip
