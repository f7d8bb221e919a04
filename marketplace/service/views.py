"""What the service says of itself: to machines (/pret, /metrics), to whoever administers it, and to everybody.

/sante (marketplace/middleware.py) says that this process serves. It is what routing asks: /pret fails for every process
at once when what they share fails, and a site that shows its pages without its queue is worth more than none.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error as DatabaseFault
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from marketplace.administration import administrators_only
from marketplace.dates import clock
from marketplace.requests import PersonRequest
from marketplace.service import checks, gauges
from marketplace.service.gauges import Gauge, Reading, Words

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
NextClosing = Callable[..., tuple[datetime, int] | None]


# --- To machines -----------------------------------------------------------------------------------------------------
@login_not_required
@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when nothing is missing, 503 otherwise: {"ready", "checks": {name: ok, down, unused or unknown}}."""
    states = checks.states()
    well = checks.ready(states)
    return JsonResponse({"ready": well, "checks": states}, status=200 if well else 503)


UNREAD = "dan_unread_gauges"


class _Readings(Collector):
    def __init__(self, readings: Sequence[Reading]) -> None:
        self.readings = readings

    def collect(self) -> Iterator[Metric]:
        for reading in self.readings:
            if reading.value is not None:
                yield GaugeMetricFamily(reading.gauge.name, reading.gauge.help, value=reading.value)
        failed = sum(reading.failed for reading in self.readings)
        yield GaugeMetricFamily(UNREAD, "Gauges that could not be read.", value=failed)


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest, catalogue: Sequence[Gauge]) -> HttpResponse:
    """The gauges in Prometheus's text format, to who shows METRICS_TOKEN; without that setting, no such address."""
    if not settings.METRICS_TOKEN:
        return HttpResponse("Not found\n", status=404, content_type="text/plain")
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(token.strip(), settings.METRICS_TOKEN):
        refused = HttpResponse("Unauthorized\n", status=401, content_type="text/plain")
        refused["WWW-Authenticate"] = "Bearer"
        return refused
    try:
        at = clock.now()
    except DatabaseFault:
        return HttpResponse("The database does not answer.\n", status=503, content_type="text/plain")
    registry = CollectorRegistry()
    registry.register(_Readings(gauges.read(catalogue, at=at)))
    return HttpResponse(generate_latest(registry), content_type=METRICS_TYPE)


# --- To people -------------------------------------------------------------------------------------------------------
@cache
def _kept(catalogue: tuple[Gauge, ...]) -> checks.Kept[tuple[datetime, list[Reading]]]:
    def ask() -> tuple[datetime, list[Reading]]:
        at = clock.now()
        return at, gauges.read(catalogue, at=at)

    return checks.Kept(ask, checks.KEPT)


def forget() -> None:
    """Have the next request of this process read everything again: for tests."""
    checks.states.forget()
    _kept.cache_clear()


BADGES = {
    "ok": ("ok", gettext_lazy("Bien")),
    "watch": ("warn", gettext_lazy("À surveiller")),
    "unread": ("bad", gettext_lazy("Illisible")),
    "unused": ("neutral", gettext_lazy("Sans objet")),
    "told": ("neutral", gettext_lazy("Pour information")),
    "awaited": ("neutral", gettext_lazy("Pas encore")),
}
AT_ONCE = ("bad", gettext_lazy("À régler maintenant"))


def _told(reading: Reading) -> dict[str, Any] | None:
    """One line of the public page; None when there is nothing to say."""
    public = reading.gauge.public
    if public is None:
        return None
    said = {
        "ok": public.well,
        "awaited": public.well,
        "watch": public.watch,
        "unused": public.unused,
        "unread": UNREAD_WORDS,
    }.get(reading.state)
    return {"label": public.label, "said": said} | _badge(reading) if said else None


def _badge(reading: Reading) -> dict[str, Any]:
    tone, label = AT_ONCE if reading.state == "watch" and reading.gauge.urgent else BADGES[reading.state]
    return {"tone": tone, "state": label}


UNREAD_WORDS = gettext_lazy("Nous ne pouvons pas le savoir en ce moment.")


@login_not_required
@never_cache
@require_safe
def status(request: HttpRequest, catalogue: tuple[Gauge, ...]) -> HttpResponse:
    """The service as anybody may know it: what is true now, read at most a few seconds ago; no history."""
    at, readings = _kept(tuple(gauge for gauge in catalogue if gauge.public))()
    lines = [line for reading in readings if (line := _told(reading))]
    wrong = [reading for reading in readings if reading.wrong]
    title = _summary([(reading.gauge.public.label, reading) for reading in wrong if reading.gauge.public])
    context = {"at": at, "lines": lines, "wrong": wrong, "title": title or _("Tout fonctionne")}
    return render(request, "service/status.html", context)


def _summary(wrong: Sequence[tuple[Words, Reading]]) -> str:
    """What is not well, by name, what cannot wait first; empty when all is well."""
    if not wrong:
        return ""
    at_once = [label for label, reading in wrong if _badge(reading)["state"] == AT_ONCE[1]]
    if at_once:
        return _("À régler maintenant : %s") % ", ".join(str(label) for label in at_once)
    return _("Le site répond; à surveiller : %s") % ", ".join(str(label) for label, _reading in wrong)


def _line(reading: Reading) -> dict[str, Any]:
    return {"reading": reading, "gauge": reading.gauge} | _badge(reading)


@administrators_only
@require_safe
def pilot(request: PersonRequest, catalogue: Sequence[Gauge], next_closing: NextClosing) -> HttpResponse:
    """The same gauges in words, what is wrong first with what to do. Administrators; 404 to others."""
    at = clock.now()
    lines = [_line(reading) for reading in gauges.read(catalogue, at=at)]
    wrong = [line for line in lines if line["reading"].wrong]
    at_once = [line for line in wrong if line["state"] == AT_ONCE[1]]
    well = [line for line in lines if not line["reading"].wrong]
    context = {
        "at": at,
        "wrong": wrong,
        "at_once": at_once,
        "watched": [line for line in wrong if line not in at_once],
        "urgent": [line for line in well if line["gauge"].urgent],
        "others": [line for line in well if not line["gauge"].urgent],
        "title": _summary([(line["gauge"].label, line["reading"]) for line in wrong]) or _("Rien à signaler"),
        "next_closing": next_closing(at=at),
        "metrics": bool(settings.METRICS_TOKEN),
    }
    return render(request, "service/pilot.html", context)
