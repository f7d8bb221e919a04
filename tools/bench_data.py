"""The rows behind the measurements: `load(n, at=…)` fills an empty, migrated database with n occasions.

The shape is the one that the peer was measured with: 2 000 people, 500 firms, 2 000 memberships; of n occasions 5 %
draft, 5 % in review, 20 % open (closing in 2 to 44 days), 15 % in evaluation, 5 % recommended, 5 % cancelled, 45 %
awarded; titles of about 45 characters, teasers of 180, descriptions of 3 000, acceptance criteria of 600, 4 skills,
5 000 $ to 69 000 $; an addendum for every fourth published one; 5 proposals for each published one (text of 2 000
characters, comments of 200; three self-employed people, two firms). Open or cancelled: a draft, a withdrawn one, three
submitted; in evaluation: five opened; recommended: four scored, one rejected; awarded: one awarded, three not, one
rejected. A self-employed person is a vendor here: 300 of them come on top of the 500 firms and 2 000 memberships.
Each published notice has one version, whatever happened to it afterwards. Followers have no model yet, and e-mails are
left out: the outbox stays empty.

Rows are written in bulk: states, the ledger's too, do not pass through the moves. Everything else is what the product
would have written: constraints hold, submissions are really sealed and their receipts signed, drafts are encrypted, and
the ledger is one chain in the order of time. The same n and `at` give the same texts, never the same keys or salts.
Never call it on a database that matters: nothing marks these rows as fictitious but their addresses (`.invalid`).
"""

import hashlib
import random
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from types import SimpleNamespace

from bench_answers import write_proposals
from bench_world import World, prose, write_ledger
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from marketplace.dates.calendar import is_business_day
from marketplace.dates.localtime import local, to_utc
from marketplace.models import NumberSeries, Terms, TermsAcceptance, User
from marketplace.regions import Region
from opportunities.enums import NoticeKind
from opportunities.models import Addendum, BodyMembership, Criterion, NoticeVersion, Opportunity, PublicBody, Skill
from opportunities.versions import document
from opportunities.versions import triggers as notice_triggers
from proposals import triggers as note_triggers
from proposals.award import triggers as award_triggers
from proposals.models import Proposal
from vendors.models import TaxAttestation, Vendor, VendorMembership

PEOPLE, FIRMS, MEMBERSHIPS, SELF_EMPLOYED, BODIES, SKILLS = 2_000, 500, 2_000, 300, 40, 60
CHUNK = 500  # occasions built at a time: memory stays flat whatever n is, the ledger's acts excepted
# Per cent of n; what rounding leaves is awarded.
STAGES = {"draft": 5, "in_review": 5, "published": 20, "evaluation": 15, "recommended": 5, "cancelled": 5}
SEARCHED_TYPED = "accessibilite"  # in the title of about one occasion in 24: what the measured search looks for

_KINDS = [
    "Tableau de bord", "Formulaire en ligne", "Carte interactive", "Prototype mobile", "Interface de données",
    "Outil de suivi", "Visualisation", "Refonte du portail",
]  # fmt: skip
_SUBJECTS = [
    "des limites de charge des ponts", "des avis de déneigement", "de l’accessibilité des édifices",
    "des prélèvements d’eau potable", "des places en garderie", "du transport adapté régional",
    "des permis de construction", "des collections des musées", "des feux de forêt déclarés",
    "des sentiers de motoneige", "des arrêts d’autobus scolaires", "des subventions culturelles",
    "de la qualité de l’air", "des inspections d’aliments", "des terrains contaminés", "du registre des bénévoles",
    "des chantiers routiers", "des prêts de bibliothèque", "des zones inondables", "des demandes d’accès",
    "des espèces menacées", "de la traduction des guides", "des files d’attente", "des bornes de recharge",
]  # fmt: skip


@dataclass
class Loaded:
    """What was written: rows by model name, and what the measurements start from."""

    rows: Counter
    states: Counter  # occasions by state
    proposals: Counter  # proposals by state


def load(n: int, *, at: datetime) -> Loaded:
    """Write n occasions and everything around them, as of the instant `at` (UTC), in one transaction.

    RuntimeError when the database already holds an occasion.
    """
    if Opportunity.objects.exists():
        raise RuntimeError("The database already holds occasions: the measurements start from an empty one.")
    world = World(random.Random(n), at)
    # Rows come in bulk, the parts of published notices after them: what the triggers refuse to everybody else.
    guards = (notice_triggers, award_triggers, note_triggers)
    for guard in guards:
        guard.remove(connection)
    try:
        return _load(n, world)
    finally:
        for guard in guards:
            guard.install(connection)


def _load(n: int, world: World) -> Loaded:
    with transaction.atomic():
        _people(world)
        world.terms = Terms.objects.filter(kind=Terms.Kind.PROPOSAL).latest("version")
        world.paragraphs = [prose(world.rng, 590) for _ in range(400)]
        world.answers = [prose(world.rng, 2_000) for _ in range(100)]
        plan = _plan(n, world)
        years: Counter = Counter()
        for start in range(0, n, CHUNK):
            _occasions(plan[start : start + CHUNK], years, world)
        world.save(NumberSeries, [NumberSeries(prefix="DAN", year=year, last=last) for year, last in years.items()])
        write_ledger(world)
    states = Counter(Opportunity.objects.values_list("state", flat=True))
    return Loaded(world.rows, states, Counter(Proposal.objects.values_list("state", flat=True)))


# --- People ----------------------------------------------------------------------------------------------------------
def _people(world: World) -> None:
    password = make_password(None)  # nobody signs in with a password here
    people = world.save(
        User,
        [
            User(email=f"personne{i}@banc.invalid", name=f"Personne {i}", password=password, date_joined=world.at)
            for i in range(PEOPLE)
        ],
    )
    since = world.at - timedelta(days=400)

    def vendor(kind, name, i):
        return Vendor(
            kind=kind, legal_name=name, neq=f"{1_140_000_000 + i}" if kind == "company" else "",
            street=f"{i}, rue du Banc", city="Rimouski", region="01", postal_code="G5L 1A1",
            email=f"prestataire{i}@banc.invalid", created_at=since,
        )  # fmt: skip

    world.firms = world.save(Vendor, [vendor("company", f"Atelier {i} inc.", i) for i in range(FIRMS)])
    world.individuals = world.save(
        Vendor, [vendor("individual", f"Personne {1500 + i}", FIRMS + i) for i in range(SELF_EMPLOYED)]
    )
    roles = []
    for i, firm in enumerate(world.firms):
        roles.append(VendorMembership(user=people[i], vendor=firm, role="owner"))
        # Three more each, among 1 000 people: some belong to two firms.
        roles += [
            VendorMembership(
                user=people[FIRMS + (3 * i + k) % 1_000], vendor=firm, role="admin" if k == 0 else "member"
            )
            for k in range(MEMBERSHIPS // FIRMS - 1)
        ]
    for i, alone in enumerate(world.individuals):
        roles.append(VendorMembership(user=people[1_500 + i], vendor=alone, role="owner"))
    world.save(VendorMembership, roles)
    world.owners = {role.vendor_id: role.user for role in roles if role.role == "owner"}
    issued_on = local(world.at).date() - timedelta(days=10)
    world.save(
        TaxAttestation,
        [
            TaxAttestation(vendor_id=pk, number=f"BANC-{pk:06d}", issued_on=issued_on, added_by=owner, at=world.at)
            for pk, owner in world.owners.items()
        ],
    )
    terms = Terms.objects.filter(kind=Terms.Kind.PROPOSAL).latest("version")
    owners = {user.pk: user for user in world.owners.values()}
    world.save(TermsAcceptance, [TermsAcceptance(user=user, terms=terms, at=since) for user in owners.values()])

    world.bodies = world.save(
        PublicBody,
        [
            PublicBody(name=f"Organisme public {i}", acronym=f"OP{i}", region=Region.values[i % len(Region.values)])
            for i in range(BODIES)
        ],
    )
    staff = people[1_800:]
    for i, body in enumerate(world.bodies):
        world.buyers[body.pk], world.officers[body.pk] = staff[5 * i : 5 * i + 3], staff[5 * i + 3 : 5 * i + 5]
    world.save(
        BodyMembership,
        [
            BodyMembership(user=user, body=body, role=role)
            for body in world.bodies
            for role, users in (("buyer", world.buyers[body.pk]), ("officer", world.officers[body.pk]))
            for user in users
        ],
    )
    world.skills = world.save(Skill, [Skill(name=f"Savoir {i:02d}", folded=f"savoir {i:02d}") for i in range(SKILLS)])


# --- Occasions -------------------------------------------------------------------------------------------------------
@dataclass
class _Planned:
    """One occasion to come: its stage and instants (UTC)."""

    stage: str
    created_at: datetime
    published_at: datetime | None
    closes_at: datetime


def _plan(n: int, world: World) -> list[_Planned]:
    """n occasions in the order of their creation. Awarded ones go back 60 days plus a year for each 2 000 occasions."""
    rng, at = world.rng, world.at
    stages = [stage for stage, percent in STAGES.items() for _ in range(n * percent // 100)]
    stages += ["awarded"] * (n - len(stages))
    furthest = 60 + 365 * max(1, n // 2_000)
    spans = {"published": (2, 44), "evaluation": (-40, -3), "recommended": (-60, -20), "draft": (20, 44),
             "in_review": (20, 44)}  # fmt: skip
    days = {}
    for stage in set(stages):
        first, last = spans.get(stage, (-furthest, -60))
        whole = (local(at).date() + timedelta(days=k) for k in range(first, last + 1))
        # 14 h local: far from any hour that the change to summer time removes or repeats.
        instants = [to_utc(datetime.combine(day, time(14))) for day in whole if is_business_day(day)]
        days[stage] = [instant for instant in instants if stage != "published" or instant >= at + timedelta(days=2)]
    planned = []
    for stage in stages:
        closes_at = rng.choice(days[stage])
        seconds = timedelta(seconds=rng.randrange(86_400))
        if stage in ("draft", "in_review"):
            planned.append(_Planned(stage, at - timedelta(days=rng.randrange(4, 30)) - seconds, None, closes_at))
            continue
        published_at = min(closes_at - timedelta(days=rng.randrange(15, 30)), at - timedelta(days=1)) - seconds
        planned.append(_Planned(stage, published_at - timedelta(days=5), published_at, closes_at))
    return sorted(planned, key=lambda one: one.created_at)


class _WithSkills:
    """An occasion before it is saved, able to say `skills.all()`: Opportunity.words() computes what is searched."""

    def __init__(self, opportunity, skills):
        self.opportunity, self.skills = opportunity, self
        self.all = lambda: skills

    def __getattr__(self, name):
        return getattr(self.opportunity, name)


def _occasions(plan: list[_Planned], years: Counter, world: World) -> None:
    rng = world.rng
    chosen = [sorted(rng.sample(world.skills, 4), key=lambda skill: skill.folded) for _ in plan]
    occasions = world.save(Opportunity, [_occasion(*pair, years, world) for pair in zip(plan, chosen, strict=True)])
    links = Opportunity.skills.through
    world.save(
        links,
        [
            links(opportunity_id=occasion.pk, skill_id=skill.pk)
            for occasion, skills in zip(occasions, chosen, strict=True)
            for skill in skills
        ],
    )
    criteria = world.save(
        Criterion,
        [
            Criterion(opportunity=occasion, position=i, label=f"Critère {i + 1}", weight=weight, minimum=50)
            for occasion in occasions
            for i, weight in enumerate((60, 40))
        ],
    )
    grid = dict(zip(occasions, zip(criteria[::2], criteria[1::2], strict=True), strict=True))
    public = [occasion for occasion in occasions if occasion.published_at]
    # An addendum is never a draft's: every fourth published one.
    addenda = [
        Addendum(opportunity=o, number=1, text=world.paragraphs[o.pk % 400], by=o.published_by, at=o.published_at)
        for o in public
        if o.pk % 4 == 0
    ]
    world.save(Addendum, addenda)
    told = {one.opportunity_id: [one] for one in addenda}
    world.save(
        NoticeVersion,
        [
            _version(occasion, skills, grid[occasion], told.get(occasion.pk, []))
            for occasion, skills in zip(occasions, chosen, strict=True)
            if occasion.published_at
        ],
    )
    for one in addenda:
        subject = one.opportunity.ledger_subject()
        world.act(one.at, "opportunity.addendum", subject, one.by, number=1, text=one.text)
    write_proposals(public, grid, world)


class _WithParts:
    """A saved occasion with its parts at hand: `document.of` reads them without a query."""

    def __init__(self, opportunity, **parts):
        self.opportunity = opportunity
        for name, rows in parts.items():
            setattr(self, name, SimpleNamespace(all=lambda rows=rows: rows))

    def __getattr__(self, name):
        return getattr(self.opportunity, name)


def _version(occasion: Opportunity, skills, criteria, addenda) -> NoticeVersion:
    """Its only version; the publication's entry, not written yet, holds the digest."""
    at = occasion.published_at
    whole = _WithParts(occasion, skills=skills, criteria=criteria, addenda=addenda, attachments=[])
    content = document.text(document.of(whole, document.stamp(1, NoticeKind.PUBLICATION, at, "")))
    digest = document.digest(content)
    occasion.publication |= {"notice_version": 1, "notice_sha256": digest}
    return NoticeVersion(
        opportunity=occasion, number=1, at=at, kind=NoticeKind.PUBLICATION, by=occasion.published_by,
        document=content, sha256=digest,
    )  # fmt: skip


def _occasion(one: _Planned, skills: list[Skill], years: Counter, world: World) -> Opportunity:
    rng = world.rng
    year = local(one.created_at).year
    years[year] += 1
    body = rng.choice(world.bodies)
    author, officer = rng.choice(world.buyers[body.pk]), rng.choice(world.officers[body.pk])
    day = local(one.closes_at).date()
    bullets = "\n".join(f"- {text[:90]}" for text in rng.sample(world.paragraphs, 4))
    occasion = Opportunity(
        number=f"DAN-{year}-{years[year]:04d}", body=body, author=author, state=one.stage,
        title=f"{rng.choice(_KINDS)} {rng.choice(_SUBJECTS)}", teaser=rng.choice(world.paragraphs)[:180],
        description="\n\n".join([*rng.sample(world.paragraphs, 3), bullets, *rng.sample(world.paragraphs, 2)])[:3_000],
        remote_description="Rencontres à distance.", location="Rimouski", region=body.region,
        budget_cents=rng.randrange(5_000, 69_001) * 100, acceptance_criteria=rng.choice(world.paragraphs),
        contact_name=author.name, contact_email=author.email, closes_at=one.closes_at,
        questions_close_at=one.closes_at - timedelta(days=4), assignment_date=day + timedelta(days=14),
        start_date=day + timedelta(days=21), completion_date=day + timedelta(days=120), created_at=one.created_at,
        updated_at=one.created_at, published_at=one.published_at,
        submitted_by=author if one.stage != "draft" else None, published_by=officer if one.published_at else None,
        recommended_by=author if one.stage in ("recommended", "awarded") else None,
        state_reason="Le besoin a changé." if one.stage == "cancelled" else "",
    )  # fmt: skip
    subject = occasion.ledger_subject()
    world.act(one.created_at, "opportunity.create", subject, author, body=body.name)
    if one.stage != "draft":
        sent = one.created_at + timedelta(days=3)
        world.act(sent, "opportunity.submit_for_review", subject, author, before="draft", after="in_review")
    if one.published_at:
        occasion.draw_commitment = hashlib.sha256(occasion.draw_secret()).hexdigest()
        occasion.search_text = Opportunity.words(_WithSkills(occasion, skills))
        world.act(
            one.published_at, "opportunity.publish", subject, officer, before="in_review", after="published",
            closes_at=one.closes_at.isoformat(), draw_commitment=occasion.draw_commitment,
        )  # fmt: skip
        occasion.notice_version, occasion.publication = 1, world.acts[-1][-1]  # completed by `_version`
    if one.stage == "cancelled":
        cancelled = one.closes_at - timedelta(days=1)
        reason = occasion.state_reason
        world.act(
            cancelled, "opportunity.cancel", subject, officer, before="published", after="cancelled", reason=reason
        )
    return occasion
