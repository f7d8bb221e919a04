"""What the service shows of payments: whether both books agree, since when they were compared, and what Stripe told
that could not be followed."""

from datetime import datetime

from django.db.models import Min
from django.utils.translation import gettext_lazy

from contracts.models import Reconciliation
from contracts.payments import stripe_gateway, webhooks
from marketplace.service import heartbeat
from marketplace.service.gauges import Gauge, NotYet, since


def _last() -> Reconciliation | None:
    """The last comparison that ended."""
    return Reconciliation.objects.exclude(finished_at=None).filter(error="").order_by("-pk").first()


def _mismatches(at: datetime) -> float | None:
    """Those of the last comparison; None where bodies pay by their own system."""
    if not stripe_gateway.enabled():
        return None
    last = _last()
    return last.mismatches.count() if last else NotYet(0)


def _age(at: datetime) -> float | None:
    """Since the last comparison; None where bodies pay by their own system."""
    if not stripe_gateway.enabled():
        return None
    last = _last()
    return since(last.started_at if last else None, at)


def _worker_age(at: datetime) -> float | None:
    return heartbeat.seconds(at=at, name=heartbeat.PAYMENTS) if stripe_gateway.enabled() else None


def _events_left(at: datetime) -> float | None:
    return webhooks.given_up().count() if stripe_gateway.enabled() else None


def _oldest_event(at: datetime) -> float | None:
    """Of those that are still tried; 0 without any."""
    if not stripe_gateway.enabled():
        return None
    oldest = webhooks.waiting().aggregate(oldest=Min("received_at"))["oldest"]
    return max(0.0, (at - oldest).total_seconds()) if oldest else 0.0


GAUGES = [
    Gauge(
        name="dan_payments_worker_age_seconds",
        help="Since the worker of the payments' queue last ran, in whole minutes.",
        unit="seconds",
        read=_worker_age,
        most=heartbeat.LATE.total_seconds(),
        label=gettext_lazy("Exécuteur des paiements"),
        about=gettext_lazy(
            "Temps depuis son dernier signe de vie, en minutes. Sans lui, les paiements commencés attendent."
        ),
        remedy=gettext_lazy(
            "Relancez l’exécuteur de la file « payments »; s’il est en marche, voyez si Stripe le retient. Rien n’est "
            "perdu : chaque paiement est repris où il en était."
        ),
    ),
    Gauge(
        name="dan_stripe_events_left",
        help="Events of Stripe that were given up.",
        unit="count",
        read=_events_left,
        most=0,
        label=gettext_lazy("Événements de Stripe abandonnés"),
        about=gettext_lazy(
            "Ce que Stripe a annoncé (une contestation, un compte changé) et que 72 heures d’essais n’ont pas suivi."
        ),
        remedy=gettext_lazy(
            "manage.py stripe_events dit lesquels et pourquoi; corrigez la cause, puis ajoutez --again. Rien n’est "
            "perdu chez Stripe."
        ),
    ),
    Gauge(
        name="dan_stripe_events_oldest_seconds",
        help="Age of the oldest event of Stripe that waits to be followed.",
        unit="seconds",
        read=_oldest_event,
        most=3600,
        label=gettext_lazy("Événements de Stripe en attente"),
        about=gettext_lazy("Âge du plus vieil événement que la plateforme n’a pas encore suivi."),
        remedy=gettext_lazy(
            "Voyez si Stripe répond (manage.py reconcile). Les événements attendent et sont suivis quand il revient."
        ),
    ),
    Gauge(
        name="dan_reconciliation_mismatches",
        help="Discrepancies that the last comparison with Stripe's books found.",
        unit="count",
        read=_mismatches,
        most=0,
        label=gettext_lazy("Écarts avec Stripe"),
        about=gettext_lazy("Écarts entre nos paiements et les livres de Stripe, à la dernière comparaison."),
        remedy=gettext_lazy(
            "Lisez la page « Rapprochements » : elle dit ce que chaque côté inscrit. Rien n’est corrigé de soi-même."
        ),
    ),
    Gauge(
        name="dan_reconciliation_age_seconds",
        help="Since payments were last compared with Stripe's books.",
        unit="seconds",
        read=_age,
        most=26 * 3600,
        label=gettext_lazy("Dernière comparaison avec Stripe"),
        about=gettext_lazy("Une par nuit."),
        remedy=gettext_lazy("Lancez manage.py reconcile : il dit si Stripe répond."),
    ),
]
