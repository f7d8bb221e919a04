"""Every public page and every role's first page, in both languages, wide and narrow: whole, readable, not too wide."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.urls import get_resolver

from proposals.models import Submission
from tests.browser.conftest import NARROW, WIDE, Findings
from tests.cast import CLOSES_AT, Cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.any_database]

LONG = "Anticonstitutionnellement-interopérable-et-réutilisable-plateforme-d’essai " * 2
LATER = CLOSES_AT + timedelta(days=3)
# What a visitor has to come back from, or what answers data.
NOT_PAGES = (
    "/sante",
    "/pret",
    "/metrics",
    "/api/",
    "/stripe/",
    "/.well-known/",
    "/robots.txt",
    "/sitemap.xml",
    "/security.txt",
    "/favicon.ico",
    "/pilotage/",
    "/compte/logout/",
    "/static/",
    "/donnees-ouvertes/",
)


@pytest.fixture
def world(transactional_db, site_clock):
    """An occasion at each stage that a page shows differently, one with words that do not break."""
    site_clock.move(LATER)
    cast = Cast()
    closes_at = CLOSES_AT + timedelta(days=14)
    made = SimpleNamespace(
        cast=cast,
        draft=cast.draft(at=LATER, closes_at=closes_at),
        reviewed=cast.in_review(at=LATER, closes_at=closes_at),
        published=cast.published(at=LATER, closes_at=closes_at, title=LONG.strip()[:200], mode="adjusted_price"),
        awarded=cast.awarded(mode="adjusted_price")[0],
        recommended=cast.recommended(mode="quality_min_price")[0],
    )
    made.scored, made.proposals = cast.scored(mode="adjusted_price", values=("90",))
    made.writing = cast.proposal(made.published, at=LATER, text=f"# {LONG}\n\n`{'x' * 200}`", price_cents=50_000_00)
    made.receipt = Submission.objects.filter(proposal__vendor=cast.vendor).first().receipt_number
    return made


def public_addresses() -> list[str]:
    """The routes without parameters that everybody may see, read from the URL configuration: none is forgotten."""
    found = []

    def walk(patterns, prefix):
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if "<" in route or "(?P" in route:
                continue
            if hasattr(pattern, "url_patterns"):
                walk(pattern.url_patterns, route)
            elif not getattr(pattern.callback, "login_required", True):
                found.append("/" + route.strip("^$\\Z"))

    walk(get_resolver().url_patterns, "")
    return sorted({path for path in found if not path.startswith(NOT_PAGES)})


def look_both_ways(person, path: str, *, axe_when_narrow: bool = True) -> None:
    """At 1280 px, then the same page at 360 px."""
    person.page.set_viewport_size(WIDE)
    person.go(path)
    person.findings.look(person.page, label=f"{path} (1280)")
    person.page.set_viewport_size(NARROW)
    person.findings.look(person.page, axe=axe_when_narrow, label=f"{path} (360)")


def test_public_pages(world, people, findings):
    number = world.awarded.number
    paths = [
        *public_addresses(),
        f"/occasions/{world.published.number}/",
        f"/occasions/{world.published.number}/ouverture/",
        *(f"/occasions/{number}/{page}" for page in ("", "ouverture/", "attribution/")),
        "/occasions/?q=introuvable",
        "/occasions/?etat=attribuee&region=01",
    ]
    assert len(paths) > 20, paths
    visitor = people("visitor")
    for path in paths:
        look_both_ways(visitor, path)
        # The layout is the same in English: only what words can change is looked at again.
        look_both_ways(visitor, f"/en{path}", axe_when_narrow=False)
    visitor.visit("/page-qui-n-existe-pas/", 404)
    assert not findings.report(), findings.report()


def test_first_page_of_each_role(world, people, findings):
    cast = world.cast
    roles = (cast.buyer, cast.officer, cast.vendor_owner, cast.vendor_member, cast.auditor, cast.administrator)
    for user in (*roles, cast.outsider):
        person = people(user.name)
        person.enter_as(user)
        look_both_ways(person, "/a-faire/")
        look_both_ways(person, "/en/a-faire/", axe_when_narrow=False)
        person.context.close()
    assert not findings.report(), findings.report()


def test_working_pages_on_a_phone(world, people, findings):
    """The long forms and tables that people fill: nothing sticks out at 360 px, nothing serious for axe."""
    cast = world.cast
    evaluation = f"/occasions/{world.scored.number}/evaluation/"
    pages = {
        cast.buyer: [
            "/occasions/nouvelle/",
            f"/occasions/{world.draft.number}/modifier/",
            f"/occasions/{world.draft.number}/envoyer/",
            f"/occasions/{world.published.number}/evaluation/",
            evaluation,
            *(f"{evaluation}{proposal.public_id}/" for proposal in world.proposals),
            f"/occasions/{world.scored.number}/recommander/",
            f"/occasions/{world.awarded.number}/evaluation/",
        ],
        cast.officer: [
            f"/occasions/{world.reviewed.number}/publier/",
            f"/occasions/{world.reviewed.number}/retourner/",
            f"/occasions/{world.published.number}/addenda/",
            f"/occasions/{world.published.number}/suspendre/",
            f"/occasions/{world.recommended.number}/confirmer/",
            f"/occasions/{world.recommended.number}/renvoyer/",
            f"/occasions/{world.scored.number}/conclure/",
            f"/occasions/{world.awarded.number}/annuler-attribution/",
        ],
        cast.vendor_owner: [
            "/propositions/",
            "/prestataires/",
            f"/prestataires/{cast.vendor.public_id}/",
            f"/propositions/{world.writing.public_id}/",
            f"/propositions/{world.writing.public_id}/modifier/",
            f"/propositions/{world.writing.public_id}/deposer/",
            f"/accuses/{world.receipt}/",
            "/mon-profil/",
        ],
        cast.rival_owner: [f"/occasions/{world.published.number}/proposer/"],
        cast.outsider: [f"/occasions/{world.published.number}/proposer/", "/prestataires/nouveau/"],
    }
    for user, paths in pages.items():
        person = people(user.name, viewport=NARROW)
        person.enter_as(user)
        for path in paths:
            person.visit(path)
        person.context.close()
    assert not findings.report(), findings.report()


def test_a_page_is_spared_only_when_it_is_the_same(chromium, tmp_path):
    """Looked at again: other words, another width; and what is wrong is told each time, in each width."""
    findings, page = Findings(tmp_path), chromium.new_page(viewport=WIDE)
    whole = "<html lang='fr-CA'><title>Essai</title><main><h1>Essai {}</h1>{}</main></html>"
    looked = 0
    for word in ("un mot", "autre mot"):
        for width in (WIDE, NARROW, WIDE):
            page.set_viewport_size(width)
            page.set_content(whole.format(word, ""))
            findings.look(page)
            looked += 1
    assert (findings.spared, looked, findings.problems) == (2, 6, [])
    for _again in range(2):
        page.set_content(whole.format("fautif", "<img src='data:,'>"))
        findings.look(page)
    page.close()
    assert findings.spared == 2 and ["image-alt (critical)" in problem for problem in findings.problems] == [True, True]


def test_dark_scheme(world, people, findings):
    """Contrast again, with the other colours."""
    visitor = people("visitor", color_scheme="dark")
    for path in ("/", "/occasions/", f"/occasions/{world.awarded.number}/attribution/", "/guide-de-style/"):
        visitor.visit(path)
    buyer = people("buyer", color_scheme="dark")
    buyer.enter_as(world.cast.buyer)
    buyer.visit(f"/occasions/{world.scored.number}/evaluation/{world.proposals[1].public_id}/")
    assert not findings.report(), findings.report()
