"""What the formulas read: plain values, no Django model. Cents before taxes, instants in UTC, days in Québec.

A procurement whose proposals are not opened has `proposals` None: not even how many there are is known here.
Filled from the database by audit/flags/loader.py.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction


@dataclass(frozen=True)
class Vendor:
    """A proponent. `people`: ids of those who act for it; `account`: a fingerprint of where it is paid."""

    id: int
    name: str = ""
    address: str = ""  # folded street and postal code
    postal_code: str = ""
    phone: str = ""  # digits
    domain: str = ""  # of its e-mail; empty for those that everybody may use
    account: str = ""
    people: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Proposal:
    """An opened one. `admitted`: None until it is examined; `marks`: fingerprints of who made its documents.

    `hands`: ids of who wrote and sent it; `declared`: vendors that its sender declared to act for too.
    """

    vendor: int
    price_cents: int | None = None
    received_at: datetime | None = None
    admitted: bool | None = True
    rejection: str = ""
    text: str = ""
    marks: frozenset[str] = frozenset()
    hands: frozenset[int] = frozenset()
    declared: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Renoted:
    """A re-examination that was accepted. change: what it changed, as proposals/evaluation/effect.py keeps it."""

    vendor: int
    change: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Award:
    vendor: int
    amount_cents: int
    at: datetime
    reversed_at: datetime | None = None


@dataclass(frozen=True)
class Amendment:
    """One in force. `delta_cents`: signed."""

    delta_cents: int
    at: datetime


@dataclass(frozen=True)
class Invoice:
    """`owed_from`: the later day of receipt and acceptance of the work; `paid_on`: None while it is not paid."""

    owed_from: date
    paid_on: date | None = None


@dataclass(frozen=True)
class Contract:
    """A concluded one; `amount_cents`: what it was worth when signed."""

    amount_cents: int
    amendments: tuple[Amendment, ...] = ()
    invoices: tuple[Invoice, ...] = ()

    @property
    def value_cents(self) -> int:
        return self.amount_cents + sum(amendment.delta_cents for amendment in self.amendments)


@dataclass(frozen=True)
class Procurement:
    """An occasion and all that followed. `ceiling_cents`: excluded, as in force on the day of publication.

    `ended`: cancelled or without award. `body`: an id. `notice`: its text, which answers may quote. `renoted`: each
    re-examination of what was frozen, notes or an admission, that was accepted.
    """

    number: str
    body: int
    published_at: datetime
    closes_at: datetime
    title: str = ""
    teaser: str = ""
    notice: str = ""
    skills: frozenset[str] = frozenset()
    budget_cents: int = 0
    ceiling_cents: int = 90_000_00
    mode: str = "price"
    short_reason: str = ""
    ended: bool = False
    addenda: tuple[datetime, ...] = ()
    proposals: tuple[Proposal, ...] | None = None
    awards: tuple[Award, ...] = ()
    renoted: tuple[Renoted, ...] = ()
    contract: Contract | None = None

    @property
    def award(self) -> Award | None:
        """The one that stands."""
        return next((award for award in self.awards if award.reversed_at is None), None)

    @property
    def amount_cents(self) -> int:
        """What it costs, as well as is known: the contract with its amendments, else the award, else the maximum."""
        if self.contract is not None:
            return self.contract.value_cents
        return self.award.amount_cents if self.award else self.budget_cents

    @property
    def asks_price(self) -> bool:
        """False where the body announced the price."""
        return self.mode != "quality_fixed"

    @property
    def opened(self) -> tuple[Proposal, ...]:
        """Its proposals; none before the opening, as where nobody answered."""
        return self.proposals or ()

    @property
    def valid(self) -> list[Proposal]:
        """Those that were admitted."""
        return [proposal for proposal in self.opened if proposal.admitted]

    @property
    def rejected(self) -> list[Proposal]:
        return [proposal for proposal in self.opened if proposal.admitted is False]


@dataclass(frozen=True)
class World:
    """All procurements ever published, and the vendors of those that are opened, by id.

    `about`: the number of the only one asked about; a formula that takes long may leave out the others' measures.
    """

    procurements: tuple[Procurement, ...]
    vendors: dict[int, Vendor] = field(default_factory=dict)
    about: str = ""

    def name(self, vendor: int) -> str:
        return self.vendors[vendor].name if vendor in self.vendors else str(vendor)


@dataclass(frozen=True)
class Measure:
    """A formula's value for one procurement (and vendor), flagged or not. The values not flagged are the peers."""

    number: str
    value: Decimal
    threshold: Decimal
    flagged: bool
    vendor: int | None = None
    details: dict = field(default_factory=dict)


def decimal(value: Fraction | Decimal | int) -> Decimal:
    """Four decimals, as the table of signals keeps them."""
    if isinstance(value, Fraction):
        scaled = round(value * 10_000)  # exact, half to even
        return Decimal(scaled).scaleb(-4)
    return Decimal(value).quantize(Decimal("0.0001"), rounding=ROUND_HALF_EVEN)


def quantile(values: list[Fraction], share: Fraction) -> Fraction:
    """The median-unbiased sample quantile (type 8 of Hyndman and Fan, 1996), which OCP's results come from; exact."""
    ordered = sorted(values)
    place = (len(ordered) + Fraction(1, 3)) * share + Fraction(1, 3)
    whole = int(place)
    if whole < 1:
        return ordered[0]
    if whole >= len(ordered):
        return ordered[-1]
    return ordered[whole - 1] + (place - whole) * (ordered[whole] - ordered[whole - 1])


def quartiles(values: list[Fraction]) -> tuple[Fraction, Fraction, Fraction]:
    """(Q1, median, Q3) of one value at least."""
    return quantile(values, Fraction(1, 4)), quantile(values, Fraction(1, 2)), quantile(values, Fraction(3, 4))
