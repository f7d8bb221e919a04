"""Our own formulas: tables at their boundaries, and what must hold whatever the data."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.flags import bidders, buyers, compute, thresholds
from audit.flags.data import Amendment, Award, Contract, Invoice, Procurement, Proposal, Renoted, Vendor, World, decimal
from audit.flags.minhash import SAMPLE, estimate, jaccard, shingles, signature

MONDAY = datetime(2026, 3, 2, 15, tzinfo=UTC)
AT = datetime(2026, 12, 1, 15, tzinfo=UTC)
TEASER = "Voir les heures libres des patinoires et réserver."


def row(number="A", *, body=1, at=MONDAY, days=21, amount=50_000_00, winner=7, **fields) -> Procurement:
    closes_at = at + timedelta(days=days)
    defaults = {
        "title": "Réservation de patinoires", "teaser": TEASER, "proposals": (), "mode": "price",
        "awards": (Award(winner, amount, closes_at + timedelta(days=7)),), "budget_cents": 80_000_00,
    }  # fmt: skip
    return Procurement(number, body, at, closes_at, **(defaults | fields))


def flagged(formula, *rows, vendors=(), at=AT) -> set[str]:
    return {m.number for m in formula(World(tuple(rows), {v.id: v for v in vendors}), at) if m.flagged}


def later(days: int) -> datetime:
    return MONDAY + timedelta(days=days)


# --- SPLIT -----------------------------------------------------------------------------------------------------------
OTHER = {"title": "Inventaire des forêts publiques", "teaser": "Compter les arbres par drone."}


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({"at": later(60), "amount": 40_000_00}, {"B"}),  # 90 000 $: the ceiling is excluded
        ({"at": later(60), "amount": 39_999_99}, set()),
        ({"at": later(365)}, {"B"}),
        ({"at": later(366)}, set()),
        ({"at": later(60), "winner": 8}, {"B"}),  # the need is enough
        ({"at": later(60), "body": 2}, set()),
        ({"at": later(60), **OTHER}, set()),  # one vendor, two needs
        ({"at": later(60), "ended": True}, set()),
        ({"at": later(60), "title": "Réservation de patinoires, phase 2"}, {"B"}),
        ({"at": later(60), "awards": (), "budget_cents": 45_000_00}, {"B"}),  # announced, not awarded yet
        ({"at": later(60), "amount": 95_000_00}, set()),  # over the ceiling by itself: another matter
        ({"at": later(60), "amount": 30_000_00,
          "contract": Contract(30_000_00, (Amendment(10_000_00, MONDAY),))}, {"B"}),  # the amendment reaches it
    ],
)  # fmt: skip
def test_split(second, expected):
    assert flagged(buyers.split, row("A"), row("B", **second)) == expected


def test_split_says_with_what_and_how_much():
    (measure,) = (m for m in buyers.split(World((row("A"), row("B", at=later(9)))), AT) if m.flagged)
    assert measure.details["others"] == ["A"] and measure.details["total_cents"] == 100_000_00
    assert measure.value == Decimal("100000") and measure.threshold == Decimal("90000")


def test_what_many_notices_share_tells_no_need_apart():
    things = ["ponts", "forêts", "musées", "ruelles", "plages", "tunnels", "phares", "jardins"]
    shared = {"teaser": "Voir les chiffres à jour."}
    rows = [
        row(thing, at=later(n), winner=n, title=f"Tableau de bord numérique sur les {thing}", **shared)
        for n, thing in enumerate(things)
    ]
    assert not flagged(buyers.split, *rows)


# --- CLUSTER ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("near", "far", "amount", "expected"),
    [
        (4, 6, 85_000_00, True),
        (3, 0, 85_000_00, False),  # four at least
        (4, 10, 85_000_00, False),  # 28.6 %
        (4, 9, 85_000_00, True),  # 30.8 %
        (4, 0, 81_000_00, True),  # the band begins at 90 % of the ceiling
        (4, 0, 80_999_99, False),
        (4, 0, 90_000_00, False),  # not under
    ],
)
def test_cluster(near, far, amount, expected):
    rows = [row(f"n{n}", at=later(n), amount=amount) for n in range(near)]
    rows += [row(f"f{n}", at=later(40 + n), amount=30_000_00) for n in range(far)]
    assert (flagged(buyers.cluster, *rows) == {f"n{near - 1}"}) is expected


def test_cluster_forgets_after_twelve_months():
    rows = [row(f"n{n}", at=later(n), amount=85_000_00) for n in range(5)]
    assert flagged(buyers.cluster, *rows) and not flagged(buyers.cluster, *rows, at=AT + timedelta(days=200))


# --- WINDOW, LATE_ADD ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("start", "days", "reason", "expected"),
    [
        (date(2026, 3, 2), 9, "", True),
        (date(2026, 3, 2), 10, "", False),
        (date(2026, 3, 2), 9, "La crue arrive.", False),
        (date(2026, 3, 2), 6, "", False),  # R003 says it
        (date(2025, 12, 22), 14, "", True),  # 23, 29, 30 December, 5 January
        (date(2025, 12, 22), 15, "", False),
        (date(2025, 12, 23), 9, "Un motif.", True),  # a reason explains the days, not the holidays
    ],
)
def test_window(start, days, reason, expected):
    at = datetime(start.year, start.month, start.day, 15, tzinfo=UTC)
    assert bool(flagged(buyers.window, row(at=at, days=days, short_reason=reason))) is expected


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (timedelta(hours=48), True),
        (timedelta(hours=48, seconds=1), False),
        (timedelta(minutes=1), True),
        (timedelta(days=3), False),  # the closing was moved: it is then three days away at least
    ],
)
def test_late_addendum(before, expected):
    closes_at = MONDAY + timedelta(days=21)
    addenda = (closes_at - timedelta(days=9), closes_at - before)
    assert bool(flagged(buyers.late_addendum, row(addenda=addenda))) is expected


# --- REVERSED, AMEND, SLOWPAY ----------------------------------------------------------------------------------------
def test_reversed():
    undone = Award(7, 1, MONDAY, reversed_at=MONDAY)
    assert flagged(buyers.reversed_award, row("A", awards=(undone, Award(8, 1, MONDAY))), row("B")) == {"A"}


@pytest.mark.parametrize(("vendors", "expected"), [((), False), ((7,), True), ((7, 8, 7), True)])
def test_renoted(vendors, expected):
    renoted = tuple(Renoted(vendor) for vendor in vendors)
    assert bool(flagged(buyers.renoted, row(renoted=renoted))) is expected


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        ((5_000_00,), False),  # 10 % exactly
        ((5_000_01,), True),
        ((9_000_00, -5_000_00), False),
        ((1_00, 1_00), False),
        ((1_00, 1_00, 1_00), True),
        ((-20_000_00,), False),
        ((), False),
    ],
)
def test_amended(deltas, expected):
    contract = Contract(50_000_00, tuple(Amendment(delta, MONDAY) for delta in deltas))
    assert bool(flagged(buyers.amended, row(contract=contract))) is expected


@pytest.mark.parametrize(
    ("waits", "expected"),
    [
        ((30,), False),
        ((31,), True),
        ((10, 50), False),  # 30 in the middle
        ((10, 51), True),  # 30.5
        ((None,), True),  # unpaid since March
        ((), False),
    ],
)
def test_slow_payment(waits, expected):
    start = MONDAY.date()
    invoices = tuple(Invoice(start, start + timedelta(days=w) if w is not None else None) for w in waits)
    assert bool(flagged(buyers.slow_payment, row(contract=Contract(1, (), invoices)))) is expected


def test_an_invoice_that_is_not_due_yet_does_not_count():
    given = row(contract=Contract(1, (), (Invoice(AT.date() - timedelta(days=30)),)))
    assert buyers.slow_payment(World((given,)), AT) == []


# --- AFFIL -----------------------------------------------------------------------------------------------------------
WORDS = [f"mot{n}" for n in range(400)]
TEXT = " ".join(WORDS[:120])


def pair(one=None, other=None, texts=("", ""), notice=""):
    """A and B bid for one occasion; C too."""
    vendors = [Vendor(1, "A", **(one or {})), Vendor(2, "B", **(other or {})), Vendor(3, "C", address="loin")]
    given = (Proposal(1, text=texts[0]), Proposal(2, text=texts[1]), Proposal(3))
    return row(proposals=given, notice=notice), vendors


@pytest.mark.parametrize(
    ("one", "other", "clues"),
    [
        ({"people": frozenset({4, 5})}, {"people": frozenset({5, 6})}, ["people"]),
        ({"account": "x"}, {"account": "x"}, ["account"]),
        ({"address": "x", "postal_code": "y"}, {"address": "x", "postal_code": "y"}, ["address"]),
        ({"phone": "4185550000"}, {"phone": "4185550000"}, ["phone"]),
        ({"domain": "x.quebec", "postal_code": "y"}, {"domain": "x.quebec", "postal_code": "y"},
         ["domain", "postal_code"]),
        ({"domain": "x.quebec"}, {"domain": "x.quebec"}, None),
        ({"postal_code": "y"}, {"postal_code": "y"}, None),
        ({}, {}, None),  # nothing known is nothing in common
    ],
)  # fmt: skip
def test_affiliated(one, other, clues):
    given, vendors = pair(one, other)
    (measure,) = bidders.affiliated(World((given,), {v.id: v for v in vendors}), AT)
    assert measure.flagged is (clues is not None)
    assert [told["clues"] for told in measure.details["pairs"]] == ([clues] if clues else [])
    assert all(told["vendors"] == ["A", "B"] for told in measure.details["pairs"])


@pytest.mark.parametrize(
    ("one", "other", "notice", "expected"),
    [
        (TEXT, TEXT.upper(), "", True),
        (TEXT, TEXT.replace("mot60", "autre"), "", True),
        (TEXT, " ".join(WORDS[60:180]), "", False),  # half in common
        (TEXT, TEXT, TEXT, False),  # both quote the notice
        ("Selon l’avis.", "Selon l’avis.", "", False),
        (" ".join(WORDS[:33]), " ".join(WORDS[:33]), "", False),  # 29 sequences of five
        (" ".join(WORDS[:34]), " ".join(WORDS[:34]), "", True),
    ],
)
def test_near_identical_texts(one, other, notice, expected):
    given, vendors = pair(texts=(one, other), notice=notice)
    assert bool(flagged(bidders.affiliated, given, vendors=vendors)) is expected


def test_a_mark_that_three_bear_is_a_template():
    two = row("A", proposals=tuple(Proposal(n, marks=frozenset({"m"} if n < 3 else ())) for n in (1, 2, 3)))
    three = row("B", proposals=tuple(Proposal(n, marks=frozenset({"m"})) for n in (1, 2, 3)))
    assert flagged(bidders.affiliated, two, three) == {"A"}


# --- SINGLE, ROTATE --------------------------------------------------------------------------------------------------
def alone(count, *, vendor=1, body=1):
    return [row(f"{body}-{vendor}-{n}", at=later(n), body=body, proposals=(Proposal(vendor),)) for n in range(count)]


def test_single():
    assert flagged(bidders.single, *alone(3)) == {"1-1-2"}
    assert not flagged(bidders.single, *alone(2), *alone(2, body=2), *alone(2, vendor=2))
    assert not flagged(bidders.single, *alone(3), at=AT + timedelta(days=700))


@pytest.mark.parametrize(
    ("winners", "expected"),
    [
        ("abababab", True),
        ("abababa", False),  # eight at least
        ("ababbaba", False),  # 6 rounds of 7
        ("abcabcabc", True),
        ("abccbaabc", False),
        ("aaaabbbb", False),
    ],
)
def test_rotation(winners, expected):
    group = tuple(Proposal(ord(letter)) for letter in sorted(set(winners)))
    rows = [row(f"r{n}", at=later(7 * n), winner=ord(w), proposals=group) for n, w in enumerate(winners)]
    assert (flagged(bidders.rotation, *rows) == {f"r{len(winners) - 1}"}) is expected


def test_rotation_counts_meetings_with_a_stranger():
    group = (Proposal(1), Proposal(2))
    rows = [
        row(f"r{n}", at=later(7 * n), winner=1 + n % 2, proposals=(*group, Proposal(9)) if n % 3 else group)
        for n in range(8)
    ]
    assert flagged(bidders.rotation, *rows) == {"r7"}


# --- MinHash ---------------------------------------------------------------------------------------------------------
def test_minhash_estimates_the_exact_index():
    """Over many pairs: within four standard errors each, and without a bias."""
    rng, errors = Random(4), []
    for _ in range(60):
        size, kept = rng.randrange(60, 300), rng.random()
        one = frozenset(f"{rng.random()}" for _ in range(size))
        shared = rng.sample(sorted(one), int(size * kept))
        other = frozenset(shared) | {f"{rng.random()}" for _ in range(size - len(shared))}
        errors.append(estimate(signature(one), signature(other)) - jaccard(one, other))
    assert max(map(abs, errors)) <= 4 * 0.5 / SAMPLE**0.5
    assert abs(sum(errors) / len(errors)) < 0.02


def test_minhash_of_the_same_and_of_nothing():
    one = shingles("Un deux trois quatre cinq six sept")
    assert len(one) == 3 and estimate(signature(one), signature(one)) == 1
    assert shingles("Un, DEUX; trois… quatre cinq sïx sept.") == one
    assert shingles("un deux") == frozenset() and signature(frozenset()) == () and estimate((), ()) == 0
    assert signature(one)[:2] == signature(shingles("un deux trois quatre cinq six sept"))[:2]


# --- Thresholds ------------------------------------------------------------------------------------------------------
def test_thresholds_are_dated(monkeypatch):
    monkeypatch.setitem(
        thresholds.THRESHOLDS, "R003", [(date(2000, 1, 1), Decimal(7)), (date(2026, 4, 1), Decimal(25))]
    )
    assert thresholds.threshold("R003", date(2026, 3, 31)) == 7 and thresholds.threshold("R003", date(2026, 4, 1)) == 25
    # What was published before keeps the threshold of its day.
    assert flagged(compute.FORMULAS["R003"], row("A"), row("B", at=later(40))) == {"B"}
    with pytest.raises(KeyError):
        thresholds.threshold("NONE", date(2026, 1, 1))


# --- Whatever the data -----------------------------------------------------------------------------------------------
instants = st.integers(0, 300).map(later)


@st.composite
def procurements(draw, number):
    vendors = draw(st.lists(st.integers(1, 5), unique=True, max_size=4))
    prices, admitted = st.none() | st.integers(1, 99_999_99), st.sampled_from([True, True, False, None])
    opened = tuple(Proposal(vendor, draw(prices), MONDAY, draw(admitted)) for vendor in vendors)
    valid = [p.vendor for p in opened if p.admitted]
    amount = draw(st.integers(1, 89_999_99))
    awards = (Award(draw(st.sampled_from(valid)), amount, draw(instants)),) if valid and draw(st.booleans()) else ()
    return row(
        number, body=draw(st.integers(1, 2)), at=draw(instants), days=draw(st.integers(1, 30)), awards=awards,
        proposals=opened, title=draw(st.sampled_from(["Réservation de patinoires", "Carte des ponts", "Patinoires"])),
        skills=frozenset(draw(st.sets(st.sampled_from("abcdef"), max_size=3))),
        contract=Contract(amount, (Amendment(draw(st.integers(0, 9_99)), MONDAY),)) if awards else None,
    )  # fmt: skip


@st.composite
def worlds(draw):
    rows = [draw(procurements(f"P{n}")) for n in range(draw(st.integers(0, 12)))]
    return World(tuple(rows), {n: Vendor(n, f"V{n}") for n in range(1, 6)})


@given(worlds(), st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_rows_changes_nothing(world, rng):
    shuffled = list(world.procurements)
    rng.shuffle(shuffled)
    assert compute.found(World(tuple(shuffled), world.vendors), AT) == compute.found(world, AT)


@given(worlds())
@settings(max_examples=60, deadline=None)
def test_flags_are_unique_and_money_is_whole_cents(world):
    found = compute.found(world, AT)
    assert len({(f.code, f.number, f.vendor) for f in found}) == len(found)
    by_number = {p.number: p for p in world.procurements}
    for flag in found:
        assert flag.number in by_number
        assert all(type(value) is int for name, value in flag.details.items() if name.endswith("cents"))
        if flag.code == "SPLIT":
            total = sum(by_number[n].amount_cents for n in [flag.number, *flag.details["others"]])
            assert flag.details["total_cents"] == total and flag.value * 100 == total


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_four_decimals_to_the_nearest(numerator, denominator):
    value = Fraction(numerator, denominator)
    assert abs(Fraction(decimal(value)) - value) <= Fraction(1, 20_000)
    assert decimal(value).as_tuple().exponent == -4


@given(worlds())
@settings(max_examples=40, deadline=None)
def test_what_is_not_opened_feeds_no_formula_about_bids(world):
    """With `proposals` None, only the notice, its award and its contract speak."""
    closed = World(
        tuple(row(p.number, at=p.published_at, proposals=None, awards=(), contract=None) for p in world.procurements)
    )
    said = {f.code for f in compute.found(closed, AT)}
    assert said <= {"R003", "SPLIT", "WINDOW", "LATE_ADD"}
