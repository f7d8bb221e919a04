"""Pictures: exact figures, places in proportion, and the drawing and its table saying the same."""

import re
from datetime import date, timedelta
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from audit.charts import charts
from audit.charts import views as chart_views
from audit.charts.charts import Line
from contracts.payments import actions as payment_actions
from marketplace.dates import clock
from tests import contract_cast
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.contract_cast import INVOICED_AT
from tests.reading import signed_in

THEN = INVOICED_AT + timedelta(days=5)
DAY = date(2026, 11, 3)


@pytest.fixture
def then():
    with clock.set_to(THEN):
        yield THEN


def line(body="A", vendor="V", cents=10_000_00, number="DAN-1", **fields) -> Line:
    values = {"budget_cents": 60_000_00, "ceiling_cents": 90_000_00, "published": DAY}
    values |= {"awarded": DAY + timedelta(days=20)} | fields
    return Line(number=number, body=body, vendor=vendor, cents=cents, **values)


lines = st.lists(
    st.builds(
        line, body=st.sampled_from("ABCDEFGHIJKLMN"), vendor=st.sampled_from("abcdefghijklmnop"),
        cents=st.integers(1_00, 89_999_99),
    ),
    min_size=1, max_size=60,
)  # fmt: skip


# --- Figures ---------------------------------------------------------------------------------------------------------
@given(lines)
def test_flows_total_to_the_cent_and_stay_in_their_nodes(rows):
    made = charts.flows(rows)
    total = sum(row.cents for row in rows)
    assert made.total == sum(band.cents for band in made.bands) == total
    assert sum(node.cents for node in made.bodies) == sum(node.cents for node in made.vendors) == total
    assert len(made.bodies) <= 11 and len(made.vendors) <= 11
    assert sum(band.count for band in made.bands) == len(rows)
    for nodes in (made.bodies, made.vendors):
        for above, below in zip(nodes, nodes[1:], strict=False):
            assert above.y + above.height < below.y
        assert nodes[-1].y + nodes[-1].height <= made.height
    for name in {band.body for band in made.bands}:
        node = next(node for node in made.bodies if node.name == name)
        assert sum(band.cents for band in made.bands if band.body == name) == node.cents


def test_colour_has_one_meaning_and_labels_fit():
    ministry = "Ministère de la Cybersécurité et du Numérique"
    long = "Regroupement des centres de services scolaires " * 3
    rows = [
        line(body=ministry, vendor="x", cents=60_00, short="MCN"),
        line(body=ministry, vendor="y", cents=40_00, short="MCN"),
        line(body=long.strip(), vendor="x", cents=50_00, short="RCSS"),
        line(body="Ville", vendor=long.strip(), cents=50_00),
    ]
    made = charts.flows(rows)
    assert [(band.vendor, band.percent, band.strong, band.width) for band in made.bands if band.body == ministry] == [
        ("x", Decimal("60.0"), True, 1000),
        ("y", Decimal("40.0"), False, 666),
    ]
    assert {node.label for node in made.bodies} == {ministry, "RCSS", "Ville"}
    cut = next(node.label for node in made.vendors if node.name == long.strip())
    assert cut.endswith("scolaires…") and long.startswith(cut[:-1])
    assert charts.fitting("A" * 200) == "A" * 33 + "…"
    many = [line(body=f"B{n:02}", vendor="x", cents=(20 - n) * 1_00) for n in range(12)]
    others = [band for band in charts.flows(many).bands if band.body == charts.OTHERS]
    assert [(band.percent, band.strong) for band in others] == [(Decimal("100.0"), False)]


def test_where_there_is_no_room_each_body_has_its_vendors(cast, world):
    """The same amounts, once in the drawing, once under each body, once in the table."""
    page = signed_in(cast.auditor).get("/verification/images/").content.decode().replace("\u00a0", " ")
    stacked = page.partition('<div class="flows-stacked">')[2].partition("</div>\n<p")[0]
    found = pictures_of(cast)
    assert re.findall(r"<h3>(.*?) <span", stacked) == [node.name for node in found.bodies]
    assert re.findall(r"<dt>(.*?)</dt>", stacked) == [band.vendor for band in found.bands]
    drawing = page.partition('<svg class="flows"')[2].partition("</svg>")[0]
    sums = re.findall(r'class="(?:from )?sum"[^>]*>([\d ]+ \$)<', drawing)
    assert len(sums) == len(found.bodies) + len(found.vendors)
    assert set(sums) >= set(re.findall(r'class="sum">([\d ]+ \$)<', stacked))


def pictures_of(cast):
    with clock.set_to(THEN):
        return charts.flows(chart_views.lines())


@given(lines)
def test_concentration_is_what_its_definition_says(rows):
    for found in charts.concentration(rows):
        own = [row for row in rows if row.body == found.body]
        whole = sum(row.cents for row in own)
        by_vendor = {name: sum(r.cents for r in own if r.vendor == name) for name in {r.vendor for r in own}}
        exact = sum((100 * cents / whole) ** 2 for cents in by_vendor.values())
        assert abs(found.index - exact) <= 0.51 and 0 < found.index <= 10_000
        assert sum(share.cents for share in found.shares) == found.cents == whole
        assert sum(share.width for share in found.shares) == charts.WIDTH
        assert (found.vendors, found.count) == (len(by_vendor), len(own))


def test_concentration_by_hand():
    rows = [line(vendor="x", cents=60_00), line(vendor="y", cents=30_00), line(vendor="z", cents=10_00)]
    (found,) = charts.concentration(rows)
    assert found.index == 60 * 60 + 30 * 30 + 10 * 10
    assert [share.percent for share in found.shares] == [Decimal("60.0"), Decimal("30.0"), Decimal("10.0")]
    assert [(share.x, share.width) for share in found.shares] == [(0, 600), (600, 300), (900, 100)]
    assert charts.concentration([line()])[0].index == 10_000


def test_delays_by_hand():
    rows = [
        line(awarded=DAY + timedelta(days=20), signed=DAY + timedelta(days=23), paid_days=(10, 30)),
        line(awarded=DAY + timedelta(days=25), signed=DAY + timedelta(days=35), paid_days=(31,)),
        line(awarded=DAY + timedelta(days=40)),
        line(body="B", awarded=DAY + timedelta(days=50)),
    ]
    a, b = charts.delays(rows)
    assert (a.award, a.contract, a.payment, a.count) == (25, 7, 30, 3)
    assert (b.award, b.contract, b.payment, b.widths) == (50, None, None, (1000, 0, 0))
    assert a.widths == (500, 140, 600)
    assert charts.delays([line(awarded=DAY)])[0].widths == (0, 0, 0)


def test_prices_by_hand():
    rows = [line(cents=45_000_00, number="N1"), line(cents=60_000_00, number="N2"), line(cents=1_00, number="N3")]
    found = charts.prices(rows)
    assert [(p.line.number, p.percent, p.price_x, p.budget_x) for p in found] == [
        ("N2", Decimal("100.0"), 666, 666),
        ("N1", Decimal("75.0"), 500, 666),
        ("N3", Decimal("0.0"), 0, 666),
    ]
    assert len(charts.prices([line(number=f"N{n}") for n in range(99)])) == charts.MOST_PRICES


def test_nothing_gives_nothing():
    assert charts.flows([]).bands == [] and charts.flows([]).height == 0
    assert charts.concentration([]) == charts.delays([]) == charts.prices([]) == []


# --- The page --------------------------------------------------------------------------------------------------------
class Drawn(HTMLParser):
    """The drawings' own texts, and the cells of the tables, by id."""

    def __init__(self, text: str):
        super().__init__()
        self.path, self.svgs, self.tables, self.cell, self.bad = [], [], {}, None, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        if tag == "svg" and "flows" in names.get("class", "") or tag == "svg" and names.get("role") == "img":
            self.svgs.append({"about": names, "title": "", "desc": "", "bands": [], "rects": []})
            self.path = ["svg"]
        elif self.path:
            self.path.append(tag)
            if tag == "rect":
                self.svgs[-1]["rects"].append(names)
        if tag == "table":
            self.tables[names.get("id")] = []
            self.table = names.get("id")
        if tag == "tr" and self.tables:
            self.tables[self.table].append([])
        if tag in {"td", "th"} and self.tables:
            self.tables[self.table][-1].append("")
            self.cell = tag
        self.bad += [name for name in names if name == "style" or name.startswith("on")]

    def handle_endtag(self, tag):
        if self.path and tag in self.path:
            self.path = self.path[: len(self.path) - 1 - self.path[::-1].index(tag)]
        if tag in {"td", "th"}:
            self.cell = None

    def handle_data(self, data):
        text = data.replace("\u00a0", " ")
        if self.path[-2:] == ["path", "title"]:
            self.svgs[-1]["bands"].append(text)
        elif self.path and self.path[-1] in {"title", "desc"}:
            self.svgs[-1][self.path[-1]] += text
        elif self.cell:
            self.tables[self.table][-1][-1] += text


@pytest.fixture
def world(cast, then):
    """Two awards of one vendor, one with a contract paid in part, one reversed that does not count."""
    contract = contract_cast.active(cast, mode="adjusted_price")
    invoice = contract_cast.invoiced(cast, contract)
    made = payment_actions.declare_outside(invoice, by=cast.officer, reference="EFT-1", paid_on=THEN.date())
    payment_actions.confirm(made, by=contract_cast.owner(contract))
    cast.awarded(budget_cents=50_000_00)
    return contract


def drawn(cast, query="") -> Drawn:
    answer = signed_in(cast.auditor).get(f"/verification/images/{query}")
    assert answer.status_code == 200
    return Drawn(answer.content.decode())


def test_the_drawing_and_the_table_say_the_same(cast, world):
    page = drawn(cast)
    bands = [svg for svg in page.svgs if svg["bands"]]
    assert len(bands) == 1 and not page.bad
    table = page.tables["flows-table"]
    assert [f"{row[0]} → {row[1]}, {row[4]}" for row in table[1:-1]] == bands[0]["bands"]
    assert table[-1][-1] in bands[0]["desc"]

    def about(start):
        return [svg for svg in page.svgs if svg["title"].startswith(start)]

    shares = page.tables["shares-table"][1:]
    assert [(row[0], row[3].strip()) for row in shares] == [
        (svg["title"].partition(" : ")[2], svg["desc"].strip()) for svg in about("Parts des prestataires")
    ]
    delays = page.tables["delays-table"][1:]
    told = [re.findall(r"(\d+) jour", svg["desc"]) for svg in about("Délais médians")]
    assert told == [[cell for cell in row[2:] if cell != "–"] for row in delays] == [["23", "1", "5"]]
    prices = page.tables["prices-table"][1:]
    assert [f"{row[2]} sur {row[3]}; plafond : {row[4]}." for row in prices] == [
        svg["desc"].strip() for svg in about("Prix de")
    ]


def test_widths_are_in_proportion(cast, world):
    page = drawn(cast)
    for svg in page.svgs:
        if not svg["title"].startswith("Prix de"):
            continue
        price, budget, ceiling = (
            int(re.sub(r"\D", "", amount)) for amount in re.findall(r"[\d ]+,\d\d \$", svg["desc"])
        )
        by_class = {rect["class"]: rect for rect in svg["rects"]}
        assert int(by_class["fill"]["width"]) == price * 1000 // ceiling
        assert int(by_class["now"]["x"]) == budget * 1000 // ceiling


def test_each_drawing_has_a_name_and_a_description(cast, world):
    page = drawn(cast)
    assert len(page.svgs) == 1 + 1 + 1 + 2
    for svg in page.svgs:
        assert svg["about"]["role"] == "img" and svg["title"].strip() and svg["desc"].strip()
        assert len(svg["about"]["aria-labelledby"].split()) == 2


def test_filters(cast, world):
    assert "flows-table" in drawn(cast, f"?organisme={cast.body.pk}").tables
    for nothing in (
        f"?organisme={cast.other_body.pk}", "?du=2027-01-01", f"?au={PUBLISHED_AT.date()}",
        "?du=2026-12-01&au=2026-11-01", "?du=hier", "?organisme=x",
    ):  # fmt: skip
        assert "flows-table" not in drawn(cast, nothing).tables, nothing
    day = (CLOSES_AT + timedelta(days=2)).date()
    assert "flows-table" in drawn(cast, f"?du={day}&au={day}").tables


def test_an_unopened_proposal_changes_no_picture(cast, world):
    before = drawn(cast).tables
    occasion = cast.published(closes_at=THEN + timedelta(days=20), at=THEN - timedelta(days=1))
    cast.submitted(occasion, at=THEN - timedelta(days=1))
    assert drawn(cast).tables == before


def test_it_costs_the_same_for_one_and_for_three(cast, then):
    client = signed_in(cast.auditor)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/verification/images/").status_code == 200
        return len(queries)

    contract_cast.active(cast)
    one = cost()
    contract_cast.active(cast)
    contract_cast.active(cast)
    assert cost() == one <= 8
