"""What a contract's page says of its code: the passport in force, the former ones, who reuses it."""

from datetime import datetime

from django.utils.translation import gettext as _

from contracts import rules
from contracts.code.sentences import told
from contracts.models import Contract, Passport
from contracts.reuse import actions, passports
from marketplace.accounts.person import Visitor


def section(contract: Contract, user: Visitor, at: datetime) -> dict:
    """Context of contracts/_passports.html; five queries at most, whatever the number of deliveries."""
    rows = list(contract.passports.select_related("delivery__milestone").order_by("-at", "-pk"))
    current = next((row for row in rows if row.superseded_at is None), None)
    shared = current is not None and current.open_licence
    entitled = rules.reads_all(contract, user)
    return {
        "current": current,
        "shown": current if shared or entitled else None,
        "shared": shared,
        "why_not": why_not_shared(current) if current and not shared else "",
        "former": [row for row in rows if row is not current and (row.open_licence or entitled)],
        "findings": findings(current) if current and (shared or entitled) else [],
        "reuses": list(contract.reuses.filter(ended_at=None).select_related("body").order_by("at")) if shared else [],
        "can_declare": bool(shared and actions.bodies_for(contract, user)),
    }


def why_not_shared(passport: Passport) -> str:
    """Why the code is not in the catalogue, for everybody."""
    if passport.licence == passports.UNSTATED:
        return _(
            "Le contrat cède les droits à l’organisme : aucune licence libre ne permet à d’autres de le reprendre."
        )
    if passport.document["licence_agrees"] is not True:
        return _("L’archive livrée n’a pas le fichier de licence que demande le contrat (%s).") % passport.licence
    return _("La licence %s n’est pas libre.") % passport.licence


def findings(passport: Passport) -> list[str]:
    """What does not agree, or is missing, in the archive: one sentence each, in the active language."""
    said = passport.document
    sentences: list[str] = []
    if said["commit_agrees"] is False:
        text = _("L’archive déclare le commit %(commit)s; le prestataire avait nommé %(reference)s.")
        sentences.append(text % {"commit": passport.commit, "reference": said["reference"]})
    if said["licence_agrees"] is False:
        sentences.append(_("Le fichier de licence de l’archive n’est pas celui du contrat."))
    for key, kept in passport.publiccode_problems:
        text = told(kept)
        sentences.append(_("publiccode.yml, %(key)s : %(text)s") % {"key": key, "text": text} if key else text)
    if not passport.sbom_sha256:
        sentences.append(_("L’archive n’a pas de nomenclature logicielle (SBOM) lisible."))
    return sentences
