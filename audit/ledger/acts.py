"""Acts of the ledger as auditors read them, in words: who, in which role, about what, with which details.

One rule: every entry is listed, with its number, instant, act and hash. Of a notice that is not published, neither
which one nor the detail is told; of a proposal before it is opened, or of a rival's for whoever answers the same
occasion, nothing but that something is sealed; of what a vendor or a person does for itself, and of what auditors say
of an occasion that this one may not audit, not the detail. Exports with details leave out the same ones (`withheld`).
"""

from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Substr
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.ledger.act_details import PEOPLE, described
from audit.models import Monitoring, RedFlag
from marketplace import lifecycle
from marketplace.ledger import labels as ledger_labels
from marketplace.models import LedgerEntry, LedgerPayload, User
from opportunities.models import Opportunity
from proposals.models import Proposal

OCCASION = "occasion:"
AUDITED = ("monitoring.", "redflag.", "award.review", "sample.check")
OWN = ("vendor:", "person:", "attestation:")
ROLES = {
    "buyer": gettext_lazy("achat"),
    "officer": gettext_lazy("responsable des règles contractuelles"),
    "vendor": gettext_lazy("prestataire"),
    "auditor": gettext_lazy("vérification"),
    "system": gettext_lazy("plateforme"),
}


@dataclass
class Act:
    """One entry, told. `action` and `subject` are "sealed" when nothing may be told; `details`: [(label, text)].

    `what`: words for the object, where it has better ones than `subject`, and its address; `own`: nothing else is shown
    of that object; `document`: (words, address) of the one that the act made.
    """

    entry: LedgerEntry
    action: str
    subject: str
    label: str
    actor: str = ""
    role: str = ""
    details: list = field(default_factory=list)
    body: dict | None = None
    kind: str = ""
    what: str = ""
    url: str = ""
    own: bool = False
    document: tuple[str, str] | None = None


def listed():
    """Every entry: an auditor sees that each one exists. What may be told of it: `told`."""
    return LedgerEntry.objects.all()


def visible():
    """Entries that a search by their object finds: not those about a notice that is not published."""
    published = Opportunity.objects.public().filter(number=Substr(OuterRef("subject"), len(OCCASION) + 1))
    return LedgerEntry.objects.filter(~Q(subject__startswith=OCCASION) | Exists(published))


def unpublished(entries) -> set[int]:
    """Numbers of the entries about a notice that is not published: its drafts and reviews are its body's."""
    about = {row.seq: row.subject.removeprefix(OCCASION) for row in entries if row.subject.startswith(OCCASION)}
    if not about:
        return set()
    rows = Opportunity.objects.public().filter(number__in=set(about.values()))
    public = set(rows.values_list("number", flat=True))
    return {seq for seq, number in about.items() if number not in public}


def _not_for(user):
    """Occasions that this auditor may not audit (rules.can_monitor), as a query."""
    tied = Proposal.objects.tying(user).values("opportunity")
    return Opportunity.objects.filter(Q(body__in=user.body_memberships.values("body")) | Q(pk__in=tied))


def of_others(entries, user) -> set[int]:
    """Numbers of the entries about what auditors say of occasions that this one may not audit.

    They work for the body, which may not be told of it yet, or belong to a vendor that answered.
    """
    parts = {row.seq: row.subject.partition(":") for row in entries if row.action.startswith(AUDITED)}
    if not parts or not _not_for(user).exists():
        return set()
    flags = {seq: int(name) for seq, (kind, _colon, name) in parts.items() if kind == "flag"}
    numbers = {seq: name for seq, (kind, _colon, name) in parts.items() if kind == "award"}
    cases = {seq: name for seq, (kind, _colon, name) in parts.items() if kind == "monitoring"}
    checks = {seq for seq, (kind, _colon, _name) in parts.items() if kind == "sample"}
    occasion_of = dict(RedFlag.objects.filter(pk__in=flags.values()).values_list("pk", "opportunity__number"))
    case_of = dict(Monitoring.objects.filter(number__in=cases.values()).values_list("number", "opportunity__number"))
    numbers |= {seq: occasion_of.get(flag) for seq, flag in flags.items()}
    numbers |= {seq: case_of.get(name) for seq, name in cases.items()}
    bodies = LedgerPayload.objects.filter(entry__in=checks).values_list("entry_id", "body")
    numbers |= {seq: body.get("occasion") for seq, body in bodies}
    closed = _not_for(user).filter(number__in=set(numbers.values()) - {None})
    hidden = set(closed.values_list("number", flat=True))
    return {seq for seq, number in numbers.items() if number in hidden}


def withheld(entries, user) -> set[int]:
    """Numbers of the entries, not sealed, whose detail this auditor does not read, on a page or in an export."""
    own = {row.seq for row in entries if row.subject.startswith(OWN)}
    return unpublished(entries) | of_others(entries, user) | own


def proposals_told(subjects, user) -> set[str]:
    """Those of these subjects that are opened proposals which this person may read."""
    asked = set()
    for subject in subjects:
        kind, _colon, name = subject.partition(":")
        if kind == "proposal":
            try:
                asked.add(UUID(name))
            except ValueError:
                continue
    if not asked:
        return set()
    opened = Proposal.objects.visible_to(user).opened().filter(public_id__in=asked)
    return {f"proposal:{public_id}" for public_id in opened.values_list("public_id", flat=True)}


def told(entries, user, *, own: bool = False) -> list[Act]:
    """Each entry with its detail when it may be told; ten queries at most, whatever their number.

    own: they are acts of an occasion of this person's body, its drafts included, and none of an auditor.
    """
    entries = list(entries)
    hidden = {} if own else dict.fromkeys(unpublished(entries), _("avis non publié"))
    hidden |= {} if own else dict.fromkeys(of_others(entries, user), _("ce dossier ne vous est pas montré"))
    rows = LedgerPayload.objects.filter(entry__in=[entry.pk for entry in entries]).select_related("actor")
    payloads = {payload.entry_id: payload for payload in rows}
    proposals = proposals_told({p.subject for p in payloads.values()}, user)
    for entry in entries:
        payload = payloads.get(entry.pk)
        if payload is None:
            continue
        sealed = entry.action == "sealed" or payload.subject.startswith("proposal:")
        personal = payload.subject.startswith(OWN) or entry.seq in hidden
        if personal or (sealed and payload.subject not in proposals):
            del payloads[entry.pk]
    people, criteria = _people(entries, payloads.values()), _criteria(payloads.values())
    return [_act(entry, payloads.get(entry.pk), people, criteria, what=hidden.get(entry.seq, "")) for entry in entries]


def _criteria(payloads) -> dict[str, dict[str, str]]:
    """{subject of a proposal that was scored: {position: label} of its criteria}."""
    scored = [payload.subject.partition(":")[2] for payload in payloads if "scores" in payload.body]
    if not scored:
        return {}
    rows = Proposal.objects.filter(public_id__in=scored).values_list(
        "public_id", "opportunity__criteria__position", "opportunity__criteria__label"
    )
    labels: dict[str, dict[str, str]] = {}
    for public_id, position, label in rows:
        labels.setdefault(f"proposal:{public_id}", {})[str(position)] = label
    return labels


def _people(entries, payloads) -> dict[str, str]:
    """{person's public id: name} of everybody that these entries name."""
    ids = {m[1] for entry in entries for m in [PEOPLE.fullmatch(entry.actor)] if m}
    for payload in payloads:
        ids |= set(PEOPLE.findall(str(payload.body)))
    if not ids:
        return {}
    return {str(public_id): name for public_id, name in User.objects.filter(public_id__in=ids).values_list(
        "public_id", "name"
    )}  # fmt: skip


def _act(entry: LedgerEntry, payload: LedgerPayload | None, people: dict, criteria: dict, *, what: str) -> Act:
    sealed = entry.action == "sealed" and payload is None
    action = payload.action if payload else entry.action
    subject = payload.subject if payload else entry.subject
    if sealed:
        return Act(entry, "sealed", "sealed", _("Geste scellé"))
    actor = payload.body.get("actor", entry.actor) if payload else entry.actor
    return Act(
        entry, action, subject, words(action), actor=_name(actor, people), role=role(action, actor),
        details=described(action, payload.body, people, criteria.get(subject, {})) if payload else [],
        body=payload.body if payload else None, kind=kind_of(action),
        what=what, own=bool(what) or subject.startswith(OWN),
    )  # fmt: skip


def words(action: str) -> str:
    """The act in words; what was refused says so."""
    if action.endswith(".refused"):
        return _("Refusé : %s") % (words(action.removesuffix(".refused")) or action)
    return ledger_labels.label(action) or action


def _name(actor: str, people: dict) -> str:
    if actor == "system":
        return _("La plateforme")
    match = PEOPLE.fullmatch(actor)
    return people.get(match[1], _("Personne inconnue")) if match else actor


def role(action: str, actor: str) -> str:
    """In which role the act is done, as the lifecycle says; empty where it does not."""
    model, _dot, name = action.partition(".")
    move = next((move for move in lifecycle.WORKFLOW.get(model, []) if move.name == name), None)
    if move is None or actor == "system":
        return ""
    return _(" ou ").join(str(ROLES.get(one, one)) for one in move.roles)


KINDS = {
    "avis": (gettext_lazy("Avis"), ("opportunity.",)),
    "propositions": (gettext_lazy("Propositions"), ("proposal.", "opening.", "draw", "notereexamination.")),
    "attribution": (gettext_lazy("Attribution"), ("award.",)),
    "contrat": (gettext_lazy("Contrat"), ("contract.", "passport.", "reuse.", "duty.", "performance.")),
    "jalons": (gettext_lazy("Jalons"), ("milestone.",)),
    "avenants": (gettext_lazy("Avenants"), ("amendment.",)),
    "argent": (gettext_lazy("Factures et paiements"), ("invoice.", "payment.")),
    "verification": (gettext_lazy("Vérification"), ("monitoring.", "redflag.", "sample.")),
    "lectures": (gettext_lazy("Lectures"), ("read.",)),
}
_AWARDING = (
    "unveil_prices", "recommend", "confirm_award", "reject_recommendation", "reverse_award", "conclude_without_award",
    "request_reversal", "withdraw_reversal",
)  # fmt: skip


def kind_of(action: str) -> str:
    if action.startswith("opportunity.") and action.removesuffix(".refused").partition(".")[2] in _AWARDING:
        return "attribution"
    return next((kind for kind, (_label, starts) in KINDS.items() if action.startswith(starts)), "")
