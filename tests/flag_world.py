"""A planted, labelled set of procurements: what is in it on purpose, what only looks like it, and noise around both.

`python -m tests.flag_world` (with DJANGO_SETTINGS_MODULE=marketplace.settings) prints docs/flags.md again.
A label says that the pattern was put there, not that anybody did wrong. Seeded: always the same world.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random

from audit.flags.data import Amendment, Award, Contract, Invoice, Procurement, Proposal, Renoted, Vendor, World
from marketplace.dates.calendar import next_business_day

AT = datetime(2026, 6, 30, 16, tzinfo=UTC)
FIRST = date(2025, 1, 6)
BODIES = range(1, 13)
HOUSES = range(1, 61)
KINDS = {
    "Application mobile pour": "Une application que l’on installe, utile hors ligne, pour",
    "Tableau de bord sur": "Montrer chaque semaine les chiffres à jour sur",
    "Formulaire en ligne pour": "Remplacer le papier et les courriels reçus pour",
    "Carte interactive de": "Situer, filtrer et télécharger ce que l’on sait de",
    "Import des données sur": "Nettoyer, documenter et charger chaque nuit les fichiers sur",
    "Prototype de prise de rendez-vous pour": "Choisir une plage et recevoir un rappel pour",
    "Moteur de recherche dans": "Trouver en deux mots ce qui est rangé dans",
    "Interface de programmation pour": "Ouvrir à d’autres systèmes l’accès à",
}
OBJECTS = """
les camps de jour; le déneigement des trottoirs; les permis de construction; les archives notariales; les bibliothèques
scolaires; la collecte du compost; les pistes cyclables; les subventions aux musées; les analyses d’eau potable; les
plaintes au transport adapté; les inventaires forestiers; les locations de salles; les prêts d’instruments; les bourses
doctorales; les inspections de restaurants; la vaccination des animaux; les jardins communautaires; les stages en
région; les capteurs de bruit; les bornes de recharge; la tarification des traversiers; les procès-verbaux du conseil;
les vergers patrimoniaux; la garde en milieu familial; les refuges d’hiver; les sentiers de raquette; le registre des
bénévoles; les pannes d’éclairage; les ponts ferroviaires; la qualité de l’air; les fouilles archéologiques; les cours
de francisation; les barrages municipaux; les autobus scolaires; la faune en ville; les tournages de films; les marchés
publics alimentaires; les pompiers volontaires; les loyers sociaux; les cimetières anciens; les semences rares; la pêche
au saumon; les haltes routières; les érablières; les phares du fleuve; les urgences vétérinaires; les glissements de
terrain; les aréna et patinoires; la cartographie des sols; les observations de baleines; les droits de coupe; les
parcomètres; le service de repas; les œuvres d’art public; les éoliennes; la crue printanière; les carrières et
sablières; les friches industrielles; les piscines extérieures; le covoiturage rural
"""
OBJECTS = [" ".join(one.split()) for one in OBJECTS.split(";")]
SKILLS = [f"compétence-{n}" for n in range(1, 31)]
WORDS = """
équipe livraison semaine essai maquette atelier rencontre utilisateur service parcours écran accès mesure code serveur
sauvegarde norme clavier contraste carte filtre tableau export import champ formulaire règle exception journal alerte
courriel version branche revue correctif dépôt licence guide lecture annexe calendrier étape jalon budget risque plan
prototype composant modèle requête index cache réponse délai charge page lien menu couleur titre texte image icône
traduction français langue glossaire terme sens question réponse entrevue participant observation constat synthèse
recommandation priorité carnet tâche estimation vélocité démonstration retour ajustement qualité sécurité chiffrement
jeton session rôle droit compte profil adresse région municipalité organisme citoyenne citoyen agente agent direction
""".split()  # noqa: SIM905 - a vocabulary reads better so
VILLAGE = "g0x1y0"


@dataclass
class Planted:
    world: World
    labels: dict[str, set]
    near: dict[str, list[str]] = field(default_factory=dict)
    at: datetime = AT


class Builder:
    def __init__(self, seed: int = 20261122):
        self.rng = Random(seed)
        self.rows: dict[str, Procurement] = {}
        self.labels: dict[str, set] = defaultdict(set)
        self.near: dict[str, list[str]] = defaultdict(list)
        self.vendors: dict[int, Vendor] = {}
        self.owed: dict[int, float] = defaultdict(float)
        self.left = {body: self.rng.sample(OBJECTS, len(OBJECTS)) for body in range(1, 60)}
        self.trades: dict[int, list[str]] = {}
        for _house in HOUSES:
            self.house()
        for vendor in (58, 59, 60):  # a village has one postal code
            self.vendors[vendor] = replace(self.vendors[vendor], postal_code=VILLAGE)

    def house(self, **fields) -> int:
        made = len(self.vendors) + 1
        defaults = {
            "name": f"Maison {made}", "address": f"{made}ruedelessai{made:04}", "postal_code": f"g{made:05}",
            "phone": f"418555{made:04}", "domain": f"maison{made}.quebec" if made % 3 else "",
            "account": f"acct{made}" if made % 2 else "", "people": frozenset({made * 10, made * 10 + 1}),
        }  # fmt: skip
        self.vendors[made] = Vendor(made, **(defaults | fields))
        self.trades[made] = self.rng.sample(SKILLS, self.rng.choice([2, 3, 3, 4]))
        return made

    def text(self, length: int | None = None) -> str:
        return " ".join(self.rng.choice(WORDS) for _ in range(length or self.rng.randrange(80, 400)))

    def day(self, latest: date = date(2026, 4, 30)) -> date:
        while True:  # nobody else publishes around the holidays
            chosen = next_business_day(FIRST + timedelta(days=self.rng.randrange((latest - FIRST).days)))
            if not (chosen.month == 12 and chosen.day > 5):
                return chosen

    def add(self, body=None, *, houses=None, title=None, teaser=None, on=None, days=None, prices=None, amount=None,
            winner=None, out=(), gap=None, mode="price", texts=None, marks=None, skills=None, received=None,
            amendments=None, invoices=None, reversed_=False, addenda=None, reason="", awarded=True) -> str:  # fmt: skip
        """One procurement; what is not given is ordinary. `out`: rejected vendors. `gap`: second price over first."""
        rng = self.rng
        number = f"DAN-{len(self.rows) + 1:04}"
        body = body or rng.choice(BODIES)
        if title is None:
            kind, thing = rng.choice(list(KINDS)), self.left[body].pop()
            title, teaser = f"{kind} {thing}", f"{KINDS[kind]} {thing}."
        if houses is None:
            houses = rng.sample(HOUSES, rng.choice([2, 3, 3, 3, 4, 5]))
        on = on or self.day()
        published = datetime(on.year, on.month, on.day, 14, tzinfo=UTC)
        closing = on + timedelta(days=days) if days else next_business_day(on + timedelta(days=rng.randrange(14, 29)))
        closes = datetime(closing.year, closing.month, closing.day, 19, tzinfo=UTC)
        valid = [vendor for vendor in houses if vendor not in out]
        for vendor in valid:
            self.owed[vendor] += 1 / len(valid)
        winner = winner or max(valid, key=lambda vendor: (self.owed[vendor], -vendor))
        self.owed[winner] -= 1
        amount = amount or int(rng.triangular(18_000, 86_000, 42_000)) * 100
        prices = prices or self._prices(valid, houses, winner, amount, gap)
        notice = f"{title}\n{teaser}\n{self.text(80)}"
        proposals = tuple(
            Proposal(
                vendor, prices.get(vendor),
                (received or {}).get(vendor, closes - timedelta(hours=rng.randrange(1, 72))),
                vendor not in out, "ADM-6" if vendor in out else "",
                (texts or {}).get(vendor) or self.text(), frozenset((marks or {}).get(vendor, {f"mark{vendor}"})),
            )
            for vendor in houses
        )  # fmt: skip
        decided = closes + timedelta(days=rng.randrange(6, 20))
        awards = (Award(winner, amount, decided),) if awarded else ()
        if reversed_:
            awards = (replace(awards[0], reversed_at=decided + timedelta(days=4)),)
        if addenda is None:
            addenda = [timedelta(days=rng.randrange(5, 9))] if rng.random() < 0.3 else []
        self.rows[number] = Procurement(
            number, body, published, closes, title=title, teaser=teaser or "", notice=notice,
            skills=frozenset(skills or rng.sample(self.trades[winner], rng.choice([1, 2]))), budget_cents=89_000_00,
            mode=mode, short_reason=reason, addenda=tuple(sorted(closes - before for before in addenda)),
            proposals=proposals, awards=awards,
            contract=None if reversed_ or not awarded else self._contract(amount, decided, amendments, invoices),
        )  # fmt: skip
        return number

    def _prices(self, valid, houses, winner, amount, gap) -> dict[int, int]:
        prices = {winner: amount}
        rest = [vendor for vendor in valid if vendor != winner]
        for place, vendor in enumerate(rest):
            more = (gap or self.rng.uniform(0.06, 0.16)) if not place else 0.2 + (gap or 0) + self.rng.random() / 5
            prices[vendor] = int(amount * (1 + more)) + place
        for vendor in houses:
            prices.setdefault(vendor, int(amount * self.rng.uniform(1.3, 1.6)) + vendor)
        return prices

    def _contract(self, amount, decided, amendments, invoices) -> Contract:
        rng, start = self.rng, decided.date()
        if amendments is None:
            amendments = [amount * rng.randrange(1, 9) // 100] if rng.random() < 0.2 else []
        if invoices is None:
            invoices = [rng.randrange(8, 29) for _ in range(rng.choice([1, 2, 3]))]
        return Contract(
            amount, tuple(Amendment(delta, decided + timedelta(days=40)) for delta in amendments),
            tuple(Invoice(start + timedelta(days=30 * n), start + timedelta(days=30 * n + waited))
                  for n, waited in enumerate(invoices, start=1)),
        )  # fmt: skip

    def plant(self, code: str, number: str) -> None:
        self.labels[code].add(number)

    def behind(self, number: str, vendor: int, **known) -> None:
        """Who was behind one vendor's answer: `hands` or `declared`."""
        row = self.rows[number]
        proposals = [replace(p, **known) if p.vendor == vendor else p for p in row.proposals]
        self.rows[number] = replace(row, proposals=tuple(proposals))

    def others(self, count: int, *without: int) -> list[int]:
        return self.rng.sample([vendor for vendor in HOUSES if vendor not in without], count)


def build() -> Planted:
    b = Builder()
    for plant in (_prices, _notices, _after, _alone, _split, _cluster, _rotate, _affiliated):
        plant(b)
    # Ordinary ones come last: who was owed a win gets it there, so that ratios gather as they do over years.
    _renoted(b)
    _populations(b, [b.add(body) for body in BODIES for _ in range(14)])
    _behind(b)
    return Planted(World(tuple(b.rows.values()), b.vendors), dict(b.labels), dict(b.near))


def _prices(b: Builder) -> None:
    """R024, R028, R030, R035, R036, R058."""
    for _ in range(6):
        b.plant("R024", b.add(gap=b.rng.uniform(0.001, 0.005)))
        b.plant("R058", b.add(gap=b.rng.uniform(0.5, 0.9)))
    for _ in range(3):
        b.add(gap=0.03)
        b.add(gap=0.19)
    b.near["R024"].append("3 second prices 3 % above the first")
    b.near["R058"].append("3 second prices 19 % above the first")
    for _ in range(10):
        one, two, three = b.others(3)
        b.plant("R028", b.add(houses=[one, two, three], winner=one, amount=40_000_00,
                              prices={one: 40_000_00, two: 44_100_00, three: 44_100_00}))  # fmt: skip
    for fixed in (True, False) * 3:
        one, two, three = b.others(3)
        b.add(houses=[one, two, three], winner=one, amount=40_000_00, mode="quality_fixed" if fixed else "price",
              prices={one: 40_000_00, two: 44_100_00, three: 44_100_00 + (not fixed) * 100})  # fmt: skip
    b.near["R028"] += ["3 occasions where the body set the price", "3 pairs of prices one dollar apart"]
    for _ in range(3):
        houses = b.others(3)
        number = b.add(houses=houses, winner=houses[0])
        late = b.rows[number].closes_at + timedelta(minutes=5)
        first = replace(b.rows[number].proposals[0], received_at=late)
        b.rows[number] = replace(b.rows[number], proposals=(first, *b.rows[number].proposals[1:]))
        b.plant("R030", number)
        number = b.add(houses=houses, winner=houses[0])
        first = replace(b.rows[number].proposals[0], received_at=b.rows[number].closes_at - timedelta(seconds=1))
        b.rows[number] = replace(b.rows[number], proposals=(first, *b.rows[number].proposals[1:]))
    b.near["R030"].append("3 winners received in the last second")
    for _ in range(10):
        houses = b.others(3)
        b.plant("R035", b.add(houses=houses, winner=houses[0], out=houses[1:], mode="adjusted_price"))
        houses = b.others(4)
        b.plant("R036", b.add(houses=houses, winner=houses[1], out=houses[:1], amount=50_000_00, prices=dict(
            zip(houses, (45_000_00, 50_000_00, 55_000_00, 59_000_00), strict=True))))  # fmt: skip
    for mode, rank in (("adjusted_price", 0), ("price", 1)) * 3:
        houses = b.others(4)
        prices = [50_000_00, 55_000_00, 59_000_00]
        prices.insert(rank, 45_000_00 if not rank else 52_000_00)
        winner = houses[1] if not rank else houses[0]
        b.add(houses=houses, winner=winner, out=[houses[rank]], mode=mode, amount=50_000_00,
              prices=dict(zip(houses, prices, strict=True)))  # fmt: skip
    b.near["R035"].append("6 occasions with one rejection and two admissible proposals")
    b.near["R036"] += ["3 lowest prices rejected where quality counts too", "3 second prices rejected"]


def _notices(b: Builder) -> None:
    """R003, WINDOW, LATE_ADD."""
    monday = date(2025, 9, 15)
    for days in (1, 2, 3, 3, 4, 4):
        b.plant("R003", b.add(on=monday, days=days, reason="Urgence."))
    for days in (7, 8, 9):
        b.add(on=monday, days=days, reason="La saison commence.")
    b.near["R003"].append("3 windows of 7 to 9 days with a recorded reason")
    for days in (7, 8, 9, 9):
        b.plant("WINDOW", b.add(on=monday, days=days))
    for _ in range(6):
        b.plant("WINDOW", b.add(on=date(2025, 12, 22), days=14))  # four business days until 5 January
    for on, days in ((date(2025, 12, 18), 18), (date(2026, 4, 1), 12), (date(2025, 6, 20), 12)):
        b.add(on=on, days=days)
    b.near["WINDOW"] += [
        "3 short windows with a recorded reason",
        "3 windows over holidays, with five days and more",
        "1 ordinary notice that happened to come out before the holidays (flagged)",
    ]
    for hours in (1, 3, 8, 20, 24, 30, 40, 48):
        b.plant("LATE_ADD", b.add(addenda=[timedelta(days=6), timedelta(hours=hours)]))
    for hours in (49, 60, 72):
        b.add(addenda=[timedelta(hours=hours)])
    b.near["LATE_ADD"].append("3 addenda 49 to 72 hours before the closing")


def _after(b: Builder) -> None:
    """REVERSED, AMEND, SLOWPAY."""
    for _ in range(5):
        b.plant("REVERSED", b.add(reversed_=True))
    for share in (11, 15, 20, 30, 40):
        b.plant("AMEND", b.add(amount=50_000_00, amendments=[500_00 * share]))
    for _ in range(3):
        b.plant("AMEND", b.add(amount=50_000_00, amendments=[500_00, 500_00, 500_00]))
    for deltas in ([5_000_00], [2_000_00, 2_000_00], [-7_500_00], [5_000_00]):
        b.add(amount=50_000_00, amendments=deltas)
    b.near["AMEND"].append("4 contracts amended by 10 % exactly, twice, or downwards")
    for waits in ((35,), (31, 45), (60, 70, 20), (40, 41, 42), (90,), (31,), (33, 34), (29, 50, 51)):
        b.plant("SLOWPAY", b.add(invoices=waits))
    for waits in ((10, 12, 90), (30,), (20, 40), (30, 30, 31)):
        b.add(invoices=waits)
    b.near["SLOWPAY"].append("4 contracts with one late invoice, or paid on the thirtieth day")


def _renoted(b: Builder) -> None:
    """RENOTED: on rows that are there already, so that nothing else changes."""
    rows = [number for number, row in b.rows.items() if row.mode == "adjusted_price" and row.award][:6]
    for place, number in enumerate(rows):
        row = b.rows[number]
        b.rows[number] = replace(row, renoted=(Renoted(row.proposals[0].vendor),) * (1 + place % 2))
        b.plant("RENOTED", number)


def _alone(b: Builder) -> None:
    """R018, SINGLE."""
    for body, vendor, count in ((3, 7, 3), (5, 11, 4), (9, 23, 3), (10, 24, 5)):
        for _ in range(count):
            b.plant("R018", b.add(body, houses=[vendor], winner=vendor))
        b.labels["SINGLE"].add((body, vendor))
    for body, vendor in ((4, 8), (6, 12), (7, 14), (8, 30)):
        for _ in range(2):
            b.plant("R018", b.add(body, houses=[vendor], winner=vendor))
    for _ in range(3):
        houses = b.others(2)
        b.add(houses=houses)
    b.near["SINGLE"].append("4 vendors alone twice at one body")


def _split(b: Builder) -> None:
    """SPLIT."""

    def twin(body, titles, amounts, start, step, vendors, label):
        total = 0
        for place, (title, amount) in enumerate(zip(titles, amounts, strict=True)):
            winner = vendors[place % len(vendors)]
            on = next_business_day(start + timedelta(days=step * place))
            number = b.add(body, title=title[0], teaser=title[1], on=on, amount=amount, winner=winner,
                           houses=[winner, *b.others(2, winner)], amendments=[])  # fmt: skip
            total += amount
            if label and place and total >= 90_000_00:
                b.plant("SPLIT", number)

    for case in range(11):
        body = b.rng.choice(BODIES)
        thing = b.left[body].pop()
        kind = list(KINDS)[case % len(KINDS)]
        teaser = f"{KINDS[kind]} {thing}, y compris les avis, les relances et les rapports."
        titles = [
            (f"{kind} {thing}", teaser),
            (f"{kind} {thing}, phase 2", teaser),
            (f"{kind} {thing} (volet 3)", teaser),
        ]
        count = 2 if case % 2 else 3
        amounts = [48_000_00, 47_000_00] if count == 2 else [31_000_00, 33_000_00, 34_000_00]
        vendors = b.others(1) if case % 3 else b.others(3)
        twin(body, titles[:count], amounts, date(2025, 2 + case % 6, 10), 50, vendors, True)
    # Reworded by a second service of the same body, and given to somebody else.
    for _ in range(10):
        body = b.rng.choice(BODIES)
        thing = b.left[body].pop()
        title = f"Formulaire en ligne pour {thing}"
        titles = [(title, f"Remplacer le papier pour {thing}."),
                  (f"Nouveau {title[0].lower()}{title[1:]}", f"Remplacer les papiers reçus pour {thing}.")]  # fmt: skip
        twin(body, titles, [60_000_00, 55_000_00], date(2025, 3, 10), 90, b.others(2), True)
    # The same need in words that share nothing: it escapes.
    titles = [
        ("Outil de réservation des gymnases", "Louer un plateau sportif sans appeler."),
        ("Système pour emprunter un terrain intérieur", "Voir les heures libres et payer sur place."),
    ]
    twin(6, titles, [58_000_00, 57_000_00], date(2025, 5, 12), 70, b.others(2), True)
    # Under the ceiling together, or thirteen months apart.
    for amounts, step in (([40_000_00, 45_000_00], 60), ([60_000_00, 60_000_00], 396)) * 2:
        body = b.rng.choice(BODIES)
        thing = b.left[body].pop()
        titles = [
            (f"Carte interactive de {thing}", f"Situer {thing}."),
            (f"Carte interactive de {thing}, phase 2", f"Situer {thing}."),
        ]
        twin(body, titles, amounts, date(2025, 2, 10), step, b.others(1), False)
    for _ in range(4):  # one vendor, two needs that have nothing to do with each other
        vendor, body = b.others(1)[0], b.rng.choice(BODIES)
        for title in (("Moteur de recherche dans " + b.left[body].pop(), "Trouver vite."),
                      ("Carte de " + b.left[body].pop(), "Situer sur le terrain.")):  # fmt: skip
            b.add(body, title=title[0], teaser=title[1], amount=60_000_00, winner=vendor,
                  houses=[vendor, *b.others(2, vendor)], on=b.day(date(2025, 10, 1)), amendments=[])  # fmt: skip
    # Costs one: a licence that honestly comes back each year, eleven months later.
    title = (
        "Import des données sur les zones inondables",
        "Charger chaque nuit les fichiers sur les zones inondables.",
    )
    twin(2, [title, title], [55_000_00, 56_000_00], date(2025, 2, 10), 335, b.others(1), False)
    b.near["SPLIT"] += [
        "2 pairs whose sum stays under the ceiling", "2 pairs thirteen months apart",
        "4 vendors with two unrelated needs of one body", "1 need that honestly returns each year (flagged)",
        "1 need said in other words (missed)",
    ]  # fmt: skip


def _cluster(b: Builder) -> None:
    """CLUSTER: bodies 20 to 24."""
    for body, near, count in ((20, 5, 10), (21, 4, 9), (22, 8, 12), (23, 3, 9), (24, 4, 14)):
        for place in range(count):
            amount = b.rng.randrange(82_000, 89_900) * 100 if place < near else b.rng.randrange(20_000, 70_000) * 100
            b.add(
                body, amount=amount, on=next_business_day(date(2025, 8, 4) + timedelta(days=17 * place)), amendments=[]
            )
        if near >= 4 and near / count >= 0.3:
            b.labels["CLUSTER"].add(body)
    b.near["CLUSTER"].append("2 bodies with three awards, or 29 % of them, just under the ceiling")


def _rotate(b: Builder) -> None:
    """ROTATE."""
    for size, count in ((2, 9), (3, 9), (4, 10)):
        group = [b.house() for _ in range(size)]
        for place in range(count):
            b.add(houses=[*group, *b.others(place % 3 // 2)], winner=group[place % size],
                  on=next_business_day(date(2025, 2, 3) + timedelta(days=40 * place)))  # fmt: skip
        b.labels["ROTATE"].add(frozenset(group))
    group = [b.house() for _ in range(3)]
    for place, winner in enumerate((0, 0, 1, 2, 1, 1, 0, 2, 2)):
        b.add(houses=group, winner=group[winner], on=next_business_day(date(2025, 2, 5) + timedelta(days=40 * place)))
    b.near["ROTATE"].append("3 vendors that always meet and win in no order")


def _affiliated(b: Builder) -> None:
    """AFFIL."""
    clues = {
        "people": frozenset({777}), "account": "acctshared", "address": "9placecommune", "phone": "5145550000",
    }  # fmt: skip
    for clue, value in clues.items():
        for case in range(3):
            shared = {clue: frozenset({7_000 + case}) if clue == "people" else f"{value}{case}"}
            b.plant("AFFIL", b.add(houses=[b.house(**shared), b.house(**shared), *b.others(1)]))
    for case in range(2):
        shared = {"domain": f"groupe{case}.quebec", "postal_code": f"h{case}h0h0"}
        b.plant("AFFIL", b.add(houses=[b.house(**shared), b.house(**shared), *b.others(1)]))
    for case in range(3):
        one, two, three = b.others(3)
        b.plant("AFFIL", b.add(houses=[one, two, three], marks={one: {f"same{case}"}, two: {f"same{case}", "x"}}))
    for rate in (0.0, 0.02, 0.04, 0.2):  # the last is rewritten thoroughly: it escapes
        one, two, three = b.others(3)
        text = b.text(220)
        copy = " ".join(b.rng.choice(WORDS) if b.rng.random() < rate else word for word in text.split())
        b.plant("AFFIL", b.add(houses=[one, two, three], texts={one: text, two: copy}))
    for houses in ([58, 59], [59, 60], [58, 60]):
        b.add(houses=[*houses, *b.others(1, *houses)])
    for _ in range(3):  # two honest firms began from one public template
        one, two, three = b.others(3)
        template = b.text(60)
        b.add(houses=[one, two, three], texts={one: template + " " + b.text(100), two: template + " " + b.text(100)})
    for _ in range(2):  # everybody filled in the form of the body
        houses = b.others(3)
        b.add(houses=houses, marks={vendor: {"form", f"mark{vendor}"} for vendor in houses})
    for _ in range(2):  # both quote the whole notice, and add little
        one, two, three = b.others(3)
        number = b.add(houses=[one, two, three])
        row = b.rows[number]
        quoting = [replace(p, text=f"{row.notice} {b.text(50)}") for p in row.proposals[:2]]
        b.rows[number] = replace(row, proposals=(*quoting, *row.proposals[2:]))
    for short in ("Prix au formulaire, travail selon l’avis.",) * 2:
        one, two = b.others(2)
        b.add(houses=[one, two], texts={one: short, two: short})
    # Costs one: two honest firms in one coworking building.
    b.add(houses=[b.house(address="1tourpartagee"), b.house(address="1tourpartagee"), *b.others(1)])
    b.near["AFFIL"] += [
        "3 pairs from a village with one postal code", "3 pairs of texts from one public template",
        "2 occasions where all filled in the body’s form", "2 pairs that quote the notice", "2 pairs of one-line texts",
        "1 pair in a coworking building (flagged)", "1 planted copy rewritten at 20 % (missed)",
    ]  # fmt: skip


def _behind(b: Builder) -> None:
    """AFFIL: one person behind two answers, seen or declared. Last: the draws of the others stay what they are."""
    for case in range(2):  # who sent one of them left since
        one, two, three = b.others(3)
        number = b.add(houses=[one, two, three])
        sent = frozenset({8_000 + case})
        b.vendors[one] = replace(b.vendors[one], people=b.vendors[one].people | sent)
        b.behind(number, two, hands=sent)
        b.plant("AFFIL", number)
    for _case in range(2):  # declared at the dépôt
        one, two, three = b.others(3)
        number = b.add(houses=[one, two, three])
        b.behind(number, two, declared=frozenset({one}))
        b.plant("AFFIL", number)
    # A colleague left for another house: people of two occasions, never of one.
    one, two, three = b.others(3)
    b.behind(b.add(houses=[one, three]), one, hands=frozenset({8_900}))
    b.behind(b.add(houses=[two, three]), two, hands=frozenset({8_900}))
    b.near["AFFIL"].append("1 person behind two houses that never met")


def _populations(b: Builder, ordinary: list[str]) -> None:
    """R025, R038, R048: among all bidders, bodies and winners."""
    for _ in range(3):
        loser = b.house()
        for number in b.rng.sample(ordinary, 34):
            _join(b, number, loser, admitted=True)
        b.labels["R025"].add(loser)
        b.near["R025"] = ["every other vendor wins about one time in three"]
    for _ in range(3):
        refused = b.house()
        for place, number in enumerate(b.rng.sample(ordinary, 10)):
            _join(b, number, refused, admitted=place >= 7)
        b.labels["R038"].add(("vendor", refused))
    for body in (25, 26):
        for _ in range(5):
            houses = b.others(5)
            b.add(body, houses=houses, out=houses[:3], winner=houses[3])
        b.labels["R038"].add(("body", body))
    b.near["R038"] = ["rejections scattered over all bodies by the other patterns"]
    for _ in range(3):
        vendor, wanted = b.house(), b.rng.sample(SKILLS, 12)
        for place in range(4):
            b.add(houses=[vendor, *b.others(2)], winner=vendor, skills=wanted[3 * place : 3 * place + 3])
        b.labels["R048"].add(vendor)
    vendor, wanted = b.house(), b.rng.sample(SKILLS, 4)
    for place in range(2):
        b.add(houses=[vendor, *b.others(2)], winner=vendor, skills=wanted[2 * place : 2 * place + 2])
    b.near["R048"] = ["1 vendor with four skills, where most have two or three"]


def _join(b: Builder, number: str, vendor: int, *, admitted: bool) -> None:
    """One more bidder, dearer than all."""
    row = b.rows[number]
    price = max(p.price_cents for p in row.proposals) + 1_000_00
    more = Proposal(vendor, price, row.closes_at - timedelta(hours=2), admitted, "" if admitted else "ADM-6", b.text())
    b.rows[number] = replace(row, proposals=(*row.proposals, more))


# --- What was found of what was planted ------------------------------------------------------------------------------
def key(found, world: World):
    """What a flag is about, as the labels name it."""
    body = next(row.body for row in world.procurements if row.number == found.number)
    return {
        "R025": lambda: found.vendor,
        "R048": lambda: found.vendor,
        "R038": lambda: ("vendor", found.vendor) if found.vendor else ("body", body),
        "CLUSTER": lambda: body,
        "SINGLE": lambda: (body, found.vendor),
        "ROTATE": lambda: frozenset(found.details["ids"]),
    }.get(found.code, lambda: found.number)()


def scores(planted: Planted, found: list) -> dict[str, tuple[set, set]]:
    """{code: (labelled, flagged)} of what compute.found gives."""
    from audit.flags import compute

    flagged = defaultdict(set)
    for row in found:
        flagged[row.code].add(key(row, planted.world))
    return {code: (planted.labels.get(code, set()), flagged[code]) for code in compute.FORMULAS}


def document(planted: Planted, found: list) -> str:
    """docs/flags.md; `found`: what compute.found gives."""
    from django.utils.translation import override

    from audit.flags.catalogue import CATALOGUE, amount
    from audit.flags.compute import table

    size = [len(planted.world.procurements), len({row.body for row in planted.world.procurements})]
    rows, costs = [], []
    with override("fr"):
        for code, (labelled, flagged) in scores(planted, found).items():
            right = len(labelled & flagged)
            precision, recall = right / len(flagged), right / len(labelled)
            fixed = sorted({row.threshold for row in found if row.code == code})
            fixed = " or ".join(amount(code, value) for value in fixed)
            rows.append((code, CATALOGUE[code].title, fixed, len(labelled), len(flagged), right, f"{precision:.3f}",
                         f"{recall:.3f}"))  # fmt: skip
            costs += [f"- **{code}**: {'; '.join(planted.near[code])}."] if code in planted.near else []
        lines = table(("Code", "Signal", "Threshold", "Planted", "Flagged", "Right", "Precision", "Recall"), rows)
        body = "\n".join(lines)
    return f"""# Red flags: what the formulas find in a planted set

Written by `python -m tests.flag_world` and checked by `tests/test_flags_world.py`: {size[0]} procurements of {size[1]}
bodies and {len(planted.world.vendors)} vendors, seeded, with the patterns that each formula looks for, cases that only
resemble them, and ordinary procurements around. A label says that the pattern was put there, not that anybody did
wrong. Formulas, units and why each may be normal: `audit/flags/catalogue.py`; dated thresholds:
`audit/flags/thresholds.py`; OCP's own examples: `tests/test_flags_ocp.py`.

{body}

## What resembles, and what it costs

{chr(10).join(costs)}

## What this does not say

The set is ours: formulas and cases come from the same people, so real data will do worse. Formulas that state a fact
(R003, R018, R028, R030, R035, R036, LATE_ADD, REVERSED, RENOTED, AMEND, SLOWPAY, SINGLE) are right by construction once
the data are: their rows prove the boundaries, not that the fact means anything. Those that compare with quartiles
(R024, R025, R038, R048, R058) depend on who else is there: they say nothing under eight values, and R025 sees nothing
where success is spread widely. In the set, ordinary bidders win about one time in three and second prices are 6 to 16 %
higher: tighter than real markets. AFFIL misses a text that was rewritten and trusts an address too much; SPLIT cannot
tell a need that returns from one that was cut, and does not know synonyms. PDF metadata in compressed objects is not
read, nor the software that wrote a file.
"""


if __name__ == "__main__":
    import sys

    import django

    django.setup()
    from audit.flags import compute

    made = build()
    sys.stdout.write(document(made, compute.found(made.world, made.at)))
