"""The lifecycles of the auditors' floor, as tests/test_lifecycle.py tries them: tables, objects, acts."""

from datetime import date, timedelta
from decimal import Decimal

from audit.cases import actions as case_actions
from audit.enums import FlagState, State
from audit.models import Monitoring, RedFlag
from marketplace.dates import clock
from tests.cast import CLOSES_AT
from tests.kept import kept

REASON = "Motif"
OPENED_AT = CLOSES_AT + timedelta(days=3)  # vendredi 27 novembre 2026, 14 h (HNE)
DUE_ON = date(2026, 12, 11)
LATER = OPENED_AT + timedelta(days=30)  # every last day is past: a case may be closed
LATER_DUE_ON = date(2027, 1, 29)

# product.md, « Lifecycles »: only auditors move a monitoring; with a finding, once the body was heard
# (test_cases.py). The states of signals are ours (docs/decisions.md).
PRODUCT = {
    "monitoring": [
        ("ask", {"open", "explanation_requested"}, "explanation_requested", {"auditor"}),
        ("conclude", {"open", "explanation_requested"}, "concluded", {"auditor"}),
        ("accept_remedy", {"concluded"}, "remedied", {"auditor"}),
        ("close", {"concluded", "remedied"}, "closed", {"auditor"}),
    ],
    "redflag": [
        ("explain", {"new", "explained", "in_monitoring"}, "explained", {"officer"}),
        ("monitor", {"new", "explained"}, "in_monitoring", {"auditor"}),
        ("dismiss", {"new", "explained", "in_monitoring"}, "dismissed", {"auditor"}),
        ("take_up", {"dismissed"}, "new", {"auditor"}),
    ],
}


# --- Monitorings at each stage ---------------------------------------------------------------------------------------
@kept
def opened(cast, *, at=OPENED_AT, opportunity=None, title="Délai de publication", **more) -> Monitoring:
    with clock.set_to(at):
        occasion = opportunity or cast.awarded()[0]
        return case_actions.open_(occasion, by=cast.auditor, title=title, text="Avis de dix jours.", **more)


@kept
def asked(cast, *, at=OPENED_AT, due_on=DUE_ON, files=(), **more) -> Monitoring:
    made = opened(cast, at=at, **more)
    with clock.set_to(at):
        case_actions.ask(made, by=cast.auditor, text="Pourquoi dix jours?", due_on=due_on, files=files)
    return made


@kept
def answered(cast, *, at=OPENED_AT, files=(), **more) -> Monitoring:
    made = asked(cast, at=at, **more)
    with clock.set_to(at + timedelta(hours=1)):
        case_actions.answer(made, by=cast.officer, text="Le besoin était urgent.", files=files)
    return made


@kept
def concluded(cast, *, finding=True, at=OPENED_AT, due_on=DUE_ON, **more) -> Monitoring:
    made = answered(cast, at=at, **more)
    due_on = due_on if finding else None
    with clock.set_to(at + timedelta(hours=2)):
        case_actions.conclude(
            made, by=cast.auditor, finding=finding, text="L’urgence n’est pas établie.", due_on=due_on
        )
    return made


@kept
def announced(cast, *, at=OPENED_AT, **more) -> Monitoring:
    made = concluded(cast, at=at, **more)
    with clock.set_to(at + timedelta(hours=3)):
        case_actions.announce_remedy(made, by=cast.officer, text="La directive est corrigée.")
    return made


@kept
def remedied(cast, *, at=OPENED_AT, **more) -> Monitoring:
    made = announced(cast, at=at, **more)
    with clock.set_to(at + timedelta(hours=4)):
        case_actions.accept_remedy(made, by=cast.auditor, text="Directive lue.")
    return made


@kept
def closed(cast, *, at=OPENED_AT, **more) -> Monitoring:
    made = remedied(cast, at=at, **more)
    with clock.set_to(at + timedelta(hours=5)):
        case_actions.close(made, by=cast.auditor, text="Merci.")
    return made


@kept
def build_monitoring(cast, state) -> Monitoring:
    build = {
        "open": opened,
        "explanation_requested": asked,
        "concluded": concluded,
        "remedied": remedied,
        "closed": closed,
    }[state]
    return build(cast)


def act_on_monitoring(monitoring, action, by) -> None:
    acts = {
        "ask": lambda: case_actions.ask(monitoring, by=by, text=REASON, due_on=LATER_DUE_ON),
        "conclude": lambda: case_actions.conclude(monitoring, by=by, finding=False, text=REASON),
        "accept_remedy": lambda: case_actions.accept_remedy(monitoring, by=by, text=REASON),
        "close": lambda: case_actions.close(monitoring, by=by, text=REASON),
    }
    acts[action]()


# --- Signals ---------------------------------------------------------------------------------------------------------
@kept
def flag(opportunity, *, code="R003", at=OPENED_AT) -> RedFlag:
    return RedFlag.objects.create(
        code=code, opportunity=opportunity, value=Decimal(9), threshold=Decimal(10), first_at=at, last_at=at,
        details={"days": 9},
    )  # fmt: skip


@kept
def build_flag(cast, state) -> RedFlag:
    occasion = cast.awarded()[0]
    made = flag(occasion)
    with clock.set_to(OPENED_AT):
        if state == "explained":
            made.explain(by=cast.officer, reason=REASON)
        elif state == "in_monitoring":
            opened(cast, opportunity=occasion, flags=[made])
        elif state == "dismissed":
            made.dismiss(by=cast.auditor, reason=REASON)
    return RedFlag.objects.get(pk=made.pk)


def prepare_flag(cast, made, action) -> None:
    if action == "monitor":
        opened(cast, opportunity=made.opportunity, at=LATER)


def act_on_flag(made, action, by) -> None:
    if action == "monitor":
        made.monitor(by=by, monitoring=Monitoring.objects.latest("pk"))
    else:
        getattr(made, action)(by=by, reason=REASON)


MODELS = {
    "monitoring": (Monitoring, State, build_monitoring, act_on_monitoring),
    "redflag": (RedFlag, FlagState, build_flag, act_on_flag),
}
PREPARE = {"redflag": prepare_flag}
