"""The demo's people and firms: public bodies are real, everybody else is invented and says so (« -Démo »)."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password

from marketplace.models import Terms, TermsAcceptance, User
from opportunities.models import BodyMembership, PublicBody
from vendors.models import Vendor, VendorMembership

PASSWORD = "Demo-avec-nous-2026"
BODIES = Path(__file__).with_name("bodies.csv")
# The demo accounts act for these; every other body has a buyer and an officer of its own.
DEMO_BODIES = (
    "Ministère de la Cybersécurité et du Numérique",
    "Ministère des Transports et de la Mobilité durable",
    "Ville de Rimouski",
)
NAMES = (
    *("Nadia Bouchard", "Étienne Gauthier", "Maryse Lévesque", "Karim Benali", "Sophie Ouellet", "Jean-Luc Pelletier"),
    *("Ginette Savard", "Thomas Nguyen", "Isabelle Caron", "Marc-André Dubé", "Fatou Diallo", "Réjean Thériault"),
    *("Anne-Marie Simard", "Olivier Côté", "Chantal Bérubé", "Yves Morin", "Lucie Arsenault", "David Cloutier"),
)


@dataclass(frozen=True)
class Account:
    """One line of the table that seed prints."""

    role: str
    email: str


ACCOUNTS = {
    "buyer": Account("acheteuse", "acheteuse@exemple.invalid"),
    "second_buyer": Account("second acheteur", "acheteur@exemple.invalid"),
    "officer": Account("responsable", "responsable@exemple.invalid"),
    "second_officer": Account("second responsable", "responsable2@exemple.invalid"),
    "nordet": Account("prestataire (entreprise)", "prestataire@exemple.invalid"),
    "lea": Account("prestataire autonome", "autonome@exemple.invalid"),
    "auditor": Account("vérificatrice", "verificatrice@exemple.invalid"),
    "administrator": Account("pilote", "pilote@exemple.invalid"),
}
ACCOUNT_NAMES = {
    "buyer": "Béatrice Lavoie-Démo",
    "second_buyer": "Bruno Girard-Démo",
    "officer": "Odile Tremblay-Démo",
    "second_officer": "Omar Haddad-Démo",
    "nordet": "Victor Gagnon-Démo",
    "lea": "Léa Marchand-Démo",
    "auditor": "Aude Fortin-Démo",
    "administrator": "Ada Poulin-Démo",
}
# key: (legal name, kind, owner or "" for the demo account of that key, street, city, region, postal code)
VENDORS = {
    "nordet": ("Nordet Logiciels Démo inc.", "company", "", "112, rue de la Gare", "Rimouski", "01", "G5L 2B4"),
    "lea": ("Léa Marchand-Démo", "individual", "", "8, chemin du Moulin", "Magog", "05", "J1X 3W3"),
    "fleuve": (
        *("Coopérative Code du Fleuve-Démo", "company", "Mireille Landry-Démo"),
        *("40, rue Saint-Paul", "Québec", "03", "G1K 3V9"),
    ),
    "harfang": (
        *("Logiciels Harfang Démo inc.", "company", "Philippe Aubin-Démo"),
        *("905, boulevard Saint-Joseph", "Gatineau", "07", "J8Z 1S8"),
    ),
    "donnees": (
        *("Données Claires Démo inc.", "company", "Amélie Rousseau-Démo"),
        *("5605, avenue de Gaspé", "Montréal", "06", "H2T 2A4"),
    ),
    "rivage": (
        *("Studio Rivage Démo inc.", "company", "Noémie Blais-Démo"),
        *("17, rue du Quai", "Trois-Rivières", "04", "G9A 2H3"),
    ),
    "capteurs": (
        *("Capteurs du Nord Démo inc.", "company", "Luc Otis-Démo"),
        *("300, rue Racine", "Saguenay", "02", "G7H 1R9"),
    ),
    "samuel": (
        *("Samuel Roy-Démo", "individual", "Samuel Roy-Démo"),
        *("61, rue Principale", "Rouyn-Noranda", "08", "J9X 4P2"),
    ),
}
SAME_PHONE = {"capteurs": "nordet"}  # one switchboard: a clue for the signal of affiliated bidders
STRENGTHS = {
    "nordet": "Notre équipe de six personnes, au Bas-Saint-Laurent, livre du logiciel libre aux organismes publics.",
    "lea": "Je travaille seule, dans le détail, et je publie tout mon code. Je prends un mandat à la fois.",
    "fleuve": "Notre coopérative de onze membres entretient quatre logiciels libres municipaux.",
    "harfang": "Nos dix-huit développeurs ont trois produits conformes au SGQRI 008 en service.",
    "donnees": "Nous sommes cinq spécialistes des données publiques, dont deux statisticiennes.",
    "rivage": "Nous sommes un studio de conception inclusive; la moitié de l’équipe vit avec un handicap.",
    "capteurs": "Nous fabriquons et programmons des appareils qui tiennent l’hiver boréal.",
    "samuel": "J’ai vingt ans d’expérience, dont huit au service de municipalités de région.",
}


@dataclass
class People:
    """Everybody, once made. `staff[body name]`: (buyer, second buyer or the same, officer, second officer or same)."""

    accounts: dict[str, User]
    vendors: dict[str, Vendor]
    bodies: dict[str, PublicBody]
    staff: dict[str, "Staff"] = field(default_factory=dict)


@dataclass(frozen=True)
class Staff:
    """Who acts for one body; the second persons are the first ones where a body has only one."""

    buyer: User
    second_buyer: User
    officer: User
    second_officer: User


def create(*, at: datetime, story_bodies: list[str]) -> People:
    """Every public body, the people of those that have stories, the firms, the demo accounts."""
    password = make_password(PASSWORD)  # hashed once: it is slow on purpose
    people = People(
        accounts={key: _account(key, password, at=at) for key in ACCOUNTS},
        vendors={},
        bodies={row["name"]: PublicBody.objects.create(**row) for row in _rows()},
    )
    User.objects.filter(pk=people.accounts["auditor"].pk).update(is_auditor=True)
    people.accounts["auditor"].is_auditor = True
    User.objects.filter(pk=people.accounts["administrator"].pk).update(is_staff=True, is_superuser=True)
    people.vendors = {
        key: _vendor(key, number, people.accounts.get(key), at=at) for number, key in enumerate(VENDORS, 1)
    }
    names = iter(NAMES)
    for name in dict.fromkeys(story_bodies):
        people.staff[name] = _staff(people, people.bodies[name], names)
    return people


def table() -> list[str]:
    """Role, e-mail, password of each demo account, aligned."""
    rows = [("rôle", "courriel", "mot de passe")] + [(a.role, a.email, PASSWORD) for a in ACCOUNTS.values()]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _rows() -> list[dict[str, str]]:
    with BODIES.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def _account(key: str, password: str, *, at: datetime) -> User:
    """A person who can sign in at once: password (hashed), verified address, terms of use accepted."""
    user = _extra(ACCOUNT_NAMES[key], ACCOUNTS[key].email)
    User.objects.filter(pk=user.pk).update(password=password)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    terms = Terms.objects.in_force(Terms.Kind.USE, at=at)
    TermsAcceptance.objects.create(user=user, terms=terms, at=at)
    return user


def _extra(name: str, email: str) -> User:
    """A person without a password: nobody can sign in as a walk-on."""
    return User.objects.create_user(email, name=name)


def _staff(people: People, body: PublicBody, names: Iterator[str]) -> Staff:
    if body.name in DEMO_BODIES:
        staff = Staff(*(people.accounts[key] for key in ("buyer", "second_buyer", "officer", "second_officer")))
    else:
        buyer, officer = (_extra(f"{next(names)}-Démo", f"{role}-{body.pk}@exemple.invalid") for role in ("a", "r"))
        staff = Staff(buyer, buyer, officer, officer)
    for user in {staff.buyer, staff.second_buyer}:
        BodyMembership.objects.create(user=user, body=body, role="buyer")
    for user in {staff.officer, staff.second_officer}:
        BodyMembership.objects.create(user=user, body=body, role="officer")
    return staff


def _vendor(key: str, number: int, owner: User | None, *, at: datetime) -> Vendor:
    legal_name, kind, owner_name, street, city, region, postal_code = VENDORS[key]
    owner = owner or _extra(owner_name, f"{key}@exemple.invalid")
    line = list(VENDORS).index(SAME_PHONE.get(key, key)) + 1
    vendor = Vendor.objects.create(
        kind=kind,
        legal_name=legal_name,
        # 1199…: a block that the Registraire has not issued.
        neq=f"1199{number:06d}" if kind == "company" else "",
        street=street,
        city=city,
        region=region,
        postal_code=postal_code,
        email=owner.email,
        phone=f"418 555-01{line:02d}",
        created_at=at,
    )
    VendorMembership.objects.create(user=owner, vendor=vendor, role=VendorMembership.Role.OWNER)
    return vendor
