"""One catalogue of gauges: Prometheus, the pilot's page, the public one and `manage.py doctor` read the same numbers.

Each app gives its own in its `gauges.py`; `marketplace/urls.py` joins them. A gauge tells nothing of a person, nor
anything of what is not opened: neither how many proposals an occasion has, nor which.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.dates.localtime import countdown, language
from marketplace.ledger.checkpoints import Checkpoint
from marketplace.ledger.entries import LedgerEntry
from marketplace.mail import outbox
from marketplace.models import FileSweep
from marketplace.service import heartbeat, probes

logger = logging.getLogger(__name__)
NBSP = "\u00a0"
Unit = Literal["seconds", "count", "part", "yes"]
Words = str | Promise


@dataclass(frozen=True)
class Public:
    """What the public page says of a gauge: its name there, and one sentence for each state. None: the line is left."""

    label: Words
    well: Words
    watch: Words
    unused: Words | None = None


@dataclass(frozen=True)
class Gauge:
    """A number that is read now.

    name, help: Prometheus's, in English; `name` ends with the unit of the value.
    read: instant → value; None when there is nothing to measure here; +Inf for what never happened.
    most, least: the last value that is still well. urgent: it cannot wait for the morning.
    label, about, remedy: the pilot's words: what it is, why it matters, what to do when it is not well.
    """

    name: str
    help: str
    unit: Unit
    read: Callable[[datetime], float | None]
    label: Words
    about: Words
    remedy: Words
    most: float | None = None
    least: float | None = None
    urgent: bool = False
    public: Public | None = None


class NotYet(float):
    """A number about what never happened and is not late yet: counted since the beginning."""


@dataclass(frozen=True)
class Reading:
    """A gauge, and what it showed. `failed`: it could not be read."""

    gauge: Gauge
    value: float | None
    failed: bool = False

    @property
    def state(self) -> Literal["ok", "watch", "unused", "unread", "told", "awaited"]:
        gauge, value = self.gauge, self.value
        if self.failed:
            return "unread"
        if value is None:
            return "unused"
        if gauge.most is None and gauge.least is None:
            return "told"
        high = gauge.most is not None and value > gauge.most
        if high or (gauge.least is not None and value < gauge.least):
            return "watch"
        return "awaited" if isinstance(value, NotYet) else "ok"

    @property
    def wrong(self) -> bool:
        return self.state in {"watch", "unread"}

    @property
    def words(self) -> str:
        """The value, for people."""
        if self.failed or self.value is None:
            return "–"
        return _("pas encore") if self.state == "awaited" else in_words(self.value, self.gauge.unit)

    @property
    def bound(self) -> str:
        """From where it is not well; empty when it is only told."""
        if self.gauge.unit == "yes" or self.gauge.most is None:
            return ""
        return _("alerte au-delà de %s") % in_words(self.gauge.most, self.gauge.unit)


def in_words(value: float, unit: Unit) -> str:
    """« 40 s », « 3 heures 5 minutes », « 38 % », « 12 », « oui », « jamais »."""
    if math.isinf(value):
        return _("jamais")
    if unit == "yes":
        return _("répond") if value else _("ne répond pas")
    if unit == "part":
        return f"{value:.0%}" if language() == "en" else f"{100 * value:.0f}{NBSP}%"
    if unit == "count":
        return f"{value:.0f}"
    if value < 60:
        return f"{max(value, 0):.0f}{NBSP}s"
    start = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    return countdown(start + timedelta(seconds=int(value)), start)


def read(gauges: Sequence[Gauge], *, at: datetime) -> list[Reading]:
    """Each gauge now. One that fails is told as such, and keeps no other from being read."""
    readings = []
    for gauge in gauges:
        try:
            readings.append(Reading(gauge, gauge.read(at)))
        except Exception as error:  # whatever it is: its words may name hosts or hold pieces of a row
            logger.warning("%s could not be read (%s).", gauge.name, type(error).__name__)
            readings.append(Reading(gauge, None, failed=True))
    return readings


# --- The ground floor's ----------------------------------------------------------------------------------------------
def _stopped_message(at: datetime) -> float:
    return outbox.figures(at=at).stopped_seconds


def _put_off_message(at: datetime) -> float:
    return outbox.figures(at=at).put_off_seconds


def _waiting_messages(at: datetime) -> float:
    return outbox.figures(at=at).waiting


def _given_up_messages(at: datetime) -> float:
    return outbox.figures(at=at).given_up


def since(last: datetime | None, at: datetime) -> float | None:
    """Seconds since `last`; where it never happened, since the ledger's first entry (NotYet)."""
    if last:
        return max(0.0, (at - last).total_seconds())
    began = LedgerEntry.objects.order_by("seq").values_list("recorded_at", flat=True).first()
    return NotYet(max(0.0, (at - began).total_seconds())) if began else None


def _checkpoint_age(at: datetime) -> float | None:
    """Since the last checkpoint; before the first one, since the first entry, which none attests."""
    return since(Checkpoint.objects.order_by("-size").values_list("at", flat=True).first(), at)


def _sweep_age(at: datetime) -> float | None:
    """Since the last comparison; before the first one, since the first entry of the ledger."""
    return since(FileSweep.objects.order_by("-at").values_list("at", flat=True).first(), at)


def _last_sweep(count: str) -> float:
    """What the last comparison of the files counted, `missing` or `altered`."""
    counted = FileSweep.objects.order_by("-at").values_list(count, flat=True).first()
    return NotYet(0) if counted is None else counted


def _yes(answer: bool | None) -> float | None:
    return None if answer is None else float(answer)


GAUGES = [
    Gauge(
        name="dan_scheduler_age_seconds",
        help="Since the periodic tasks last ran.",
        unit="seconds",
        read=lambda at: heartbeat.seconds(at=at),
        most=heartbeat.LATE.total_seconds(),
        urgent=True,
        label=gettext_lazy("Tâches automatiques"),
        about=gettext_lazy("Temps depuis le dernier signe de vie du planificateur et de l’exécuteur."),
        remedy=gettext_lazy(
            "Voyez si le planificateur (beat) et l’exécuteur (worker), ou manage.py schedule sans Redis, sont en "
            "marche; relancez ce qui ne l’est pas. "
            "Rien n’est perdu : courriels, ouvertures et paiements reprennent où ils en étaient."
        ),
        public=Public(
            label=gettext_lazy("Tâches automatiques"),
            well=gettext_lazy("Elles s’exécutent : le dernier signe de vie date de cinq minutes au plus."),
            watch=gettext_lazy("Elles n’ont pas donné signe de vie depuis plus de cinq minutes."),
        ),
    ),
    Gauge(
        name="dan_mail_worker_age_seconds",
        help="Since the worker of the messages' queue last ran, in whole minutes.",
        unit="seconds",
        read=lambda at: heartbeat.seconds(at=at, name=heartbeat.MAIL),
        most=heartbeat.LATE.total_seconds(),
        urgent=True,
        label=gettext_lazy("Exécuteur des courriels"),
        about=gettext_lazy("Temps depuis son dernier signe de vie, en minutes. Sans lui, aucun courriel ne part."),
        remedy=gettext_lazy(
            "Relancez l’exécuteur de la file « mail ». S’il est en marche, voyez si le serveur de courriel le retient "
            "(manage.py doctor). Les messages attendent dans la boîte d’envoi."
        ),
    ),
    Gauge(
        name="dan_outbox_stopped_seconds",
        help="Age of the oldest message that the mail service keeps from leaving.",
        unit="seconds",
        read=_stopped_message,
        most=600,
        urgent=True,
        label=gettext_lazy("Boîte d’envoi"),
        about=gettext_lazy(
            "Âge du plus vieux message que personne n’a essayé d’envoyer, ou que le serveur de courriel n’a pas laissé "
            "entrer, hors propositions scellées."
        ),
        remedy=gettext_lazy(
            "Voyez si le serveur de courriel répond (manage.py doctor). Les messages restent dans la boîte d’envoi et "
            "partent d’eux-mêmes quand il revient."
        ),
        public=Public(
            label=gettext_lazy("Courriels"),
            well=gettext_lazy(
                "L’envoi des courriels fonctionne. Le serveur d’un destinataire peut encore en faire attendre un. Ceux "
                "qui concernent une proposition scellée ne sont comptés nulle part."
            ),
            watch=gettext_lazy(
                "L’envoi des courriels est arrêté : des messages attendent depuis plus de dix minutes. Un accusé de "
                "dépôt se lit aussi dans votre compte, dès le dépôt."
            ),
        ),
    ),
    Gauge(
        name="dan_outbox_put_off_seconds",
        help="Age of the oldest message that was tried, and waits while others leave.",
        unit="seconds",
        read=_put_off_message,
        most=4 * 3600,
        label=gettext_lazy("Messages remis à plus tard"),
        about=gettext_lazy(
            "Âge du plus vieux message essayé sans succès pendant que d’autres partent, le plus souvent parce que le "
            "serveur de son destinataire demande d’attendre. Il est essayé pendant 72 heures."
        ),
        remedy=gettext_lazy(
            "Lisez la raison de chacun à /pilotage/courriels/. Si le même domaine revient, voyez avec le serveur de "
            "courriel si nos messages y sont bien reçus; les autres partent."
        ),
    ),
    Gauge(
        name="dan_outbox_waiting",
        help="Messages that wait to be sent.",
        unit="count",
        read=_waiting_messages,
        label=gettext_lazy("Messages en attente"),
        about=gettext_lazy("Messages de la boîte d’envoi qui ne sont pas encore partis."),
        remedy=gettext_lazy("Voyez « Boîte d’envoi » : c’est elle qui dit si l’envoi est arrêté."),
    ),
    Gauge(
        name="dan_outbox_given_up",
        help="Messages that were given up.",
        unit="count",
        read=_given_up_messages,
        most=0,
        label=gettext_lazy("Messages abandonnés"),
        about=gettext_lazy("Messages qu’aucun essai n’a pu faire partir; leurs destinataires n’ont rien reçu."),
        remedy=gettext_lazy(
            "Lisez la raison de chacun à /pilotage/courriels/, corrigez l’adresse ou le serveur, puis renvoyez-les; "
            "sinon, prévenez autrement les personnes concernées."
        ),
    ),
    Gauge(
        name="dan_checkpoint_age_seconds",
        help="Since the ledger was last signed.",
        unit="seconds",
        read=_checkpoint_age,
        most=26 * 3600,
        label=gettext_lazy("Dernier relevé signé du registre"),
        about=gettext_lazy("Un par nuit, à minuit."),
        remedy=gettext_lazy(
            "Si les tâches automatiques s’exécutent, lancez manage.py sign_ledger : il dit ce qui empêche la signature."
        ),
        public=Public(
            label=gettext_lazy("Relevé signé du registre"),
            well=gettext_lazy("Le dernier a été signé il y a 26 heures au plus."),
            watch=gettext_lazy("Aucun n’a été signé depuis plus de 26 heures. Le registre lui-même continue."),
            unused=gettext_lazy("Le registre est encore vide."),
        ),
    ),
    Gauge(
        name="dan_broker_up",
        help="1 when the queue's server answers.",
        unit="yes",
        read=lambda at: _yes(probes.broker()),
        least=1,
        urgent=True,
        label=gettext_lazy("Serveur des files de tâches"),
        about=gettext_lazy("Sans lui les actes sont enregistrés, mais leurs suites attendent."),
        remedy=gettext_lazy("Relancez-le. Ce qu’il a perdu est repris par les balayages, chaque minute."),
    ),
    Gauge(
        name="dan_queue_length",
        help="Tasks that wait in the queues, in steps of 50.",
        unit="count",
        read=lambda at: probes.queue_length(),
        most=200,
        label=gettext_lazy("Files de tâches"),
        about=gettext_lazy("Tâches qui attendent un exécuteur, à 50 près."),
        remedy=gettext_lazy("Voyez si les exécuteurs sont en marche, ou ajoutez-en un."),
    ),
    Gauge(
        name="dan_cache_up",
        help="1 when the cache's server takes something and gives it back.",
        unit="yes",
        read=lambda at: _yes(probes.cache()),
        least=1,
        label=gettext_lazy("Serveur du cache"),
        about=gettext_lazy(
            "Sans lui chaque page est refaite à chaque visite, et les limites d’essais comptent dans chaque processus."
        ),
        remedy=gettext_lazy(
            "Relancez-le, et voyez s’il prend encore des écritures (CACHE_URL). Rien n’y est gardé qui ne se refasse."
        ),
    ),
    Gauge(
        name="dan_scanner_up",
        help="1 when the antivirus answers.",
        unit="yes",
        read=lambda at: _yes(probes.scanner()),
        least=1,
        label=gettext_lazy("Antivirus"),
        about=gettext_lazy("Sans lui les fichiers sont reçus, et marqués « non analysé »."),
        remedy=gettext_lazy("Relancez clamd, et voyez si ses signatures sont à jour."),
        public=Public(
            label=gettext_lazy("Analyse antivirus"),
            well=gettext_lazy("L’antivirus répond : les fichiers reçus sont analysés."),
            watch=gettext_lazy(
                "L’antivirus ne répond pas : les fichiers reçus sont retenus jusqu’à ce qu’il revienne."
            ),
            unused=gettext_lazy("Aucun antivirus n’est en service : les fichiers sont marqués « non analysé »."),
        ),
    ),
    Gauge(
        name="dan_disk_used_ratio",
        help="Used part of the disk that holds the files.",
        unit="part",
        read=lambda at: probes.disk_used(),
        most=0.8,
        label=gettext_lazy("Disque des fichiers"),
        about=gettext_lazy("Espace utilisé. Plein, plus aucun dépôt avec un fichier n’est possible."),
        remedy=gettext_lazy("Agrandissez le disque, ou libérez de l’espace hors du dossier des fichiers."),
    ),
    Gauge(
        name="dan_file_sweep_age_seconds",
        help="Since stored files were last compared with the rows that hold their names.",
        unit="seconds",
        read=_sweep_age,
        most=26 * 3600,
        label=gettext_lazy("Dernier examen des fichiers"),
        about=gettext_lazy("Un par nuit : chaque ligne a ses octets, et aucun octet n’est sans ligne."),
        remedy=gettext_lazy(
            "Si les tâches automatiques s’exécutent, lancez manage.py sweep_files --dry-run : il dit ce qui empêche "
            "l’examen."
        ),
    ),
    Gauge(
        name="dan_files_missing",
        help="Rows whose stored file was missing at the last comparison.",
        unit="count",
        read=lambda at: _last_sweep("missing"),
        most=0,
        urgent=True,
        label=gettext_lazy("Fichiers manquants"),
        about=gettext_lazy("Lignes de la base dont le fichier n’est plus dans le stockage."),
        remedy=gettext_lazy(
            "manage.py sweep_files --dry-run les nomme : remettez-les depuis la sauvegarde des fichiers."
        ),
    ),
    Gauge(
        name="dan_files_altered",
        help="Stored files whose bytes were not those of the digest that their row holds, at the last comparison.",
        unit="count",
        read=lambda at: _last_sweep("altered"),
        most=0,
        urgent=True,
        label=gettext_lazy("Fichiers altérés"),
        about=gettext_lazy("Leurs octets ne sont plus ceux de l’empreinte que tient la base. Personne ne les reçoit."),
        remedy=gettext_lazy("manage.py sweep_files --dry-run les nomme : remettez-les, cherchez qui a pu les changer."),
    ),
]
