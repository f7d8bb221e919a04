"""`manage.py doctor`: what an operator would look at by hand, one line each, with what to do when it is not well.

What is watched all the time is in the gauges, and read here too; below is what is looked at on demand only, because it
writes, waits, or asks what cannot change by itself.
"""

import hashlib
import logging
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from marketplace.dates import clock
from marketplace.files import store
from marketplace.ledger import checkpoints
from marketplace.ledger.checkpoints import Checkpoint
from marketplace.ledger.entries import LedgerEntry, canonical
from marketplace.lifecycle import IllegalMove
from marketplace.mail import smtp
from marketplace.service import checks, probes
from marketplace.service.gauges import Gauge, Reading, read

logger = logging.getLogger(__name__)
OK, ATTENTION, FAULT = "OK", "ATTENTION", "PANNE"
DRIFT, DRIFT_FAULT = 2.0, 60.0  # seconds between both clocks
OLDEST_POSTGRES = 15_00_00


@dataclass(frozen=True)
class Line:
    """One answer: `what` is looked at, its state, what was seen, and what to do when it is not OK."""

    what: str
    state: str
    seen: str
    remedy: str = ""


Look = Callable[[], Iterator[Line]]


def examine(catalogue: Sequence[Gauge], more: Sequence[Look] = ()) -> Iterator[Line]:
    """Every line, in an order where the cause comes before what it causes; `more`: looks of higher apps."""
    yield from _guarded("Réglages", _settings)
    yield from _guarded("Clés", _keys)
    try:
        probes.database()
    except Exception as error:
        logger.debug("The database does not answer.", exc_info=True)
        yield Line(
            "Base de données", FAULT, f"ne répond pas ({type(error).__name__})", "Voyez DATABASE_URL et le serveur."
        )
        yield from _guarded("Serveur de courriel", _mail)
        yield from _guarded("Stockage", _storage_alone)
        return
    for name, look in {
        "Base de données": _database,
        "Migrations": _migrations,
        "Rôle de la base": _role,
        "Horloges": _clocks,
        "Registre": _ledger,
        "Serveur de courriel": _mail,
        "Stockage": _storage,
    }.items():
        yield from _guarded(name, look)
    for look in more:
        yield from _guarded(look.__name__, look)
    for reading in read(catalogue, at=clock.now()):
        yield _of(reading)


def _guarded(name: str, look: Look) -> Iterator[Line]:
    try:
        yield from look()
    except Exception as error:  # one look that breaks must not hide the others
        logger.debug("%s could not be examined.", name, exc_info=True)
        yield Line(name, FAULT, f"examen impossible ({type(error).__name__})", "Relancez avec LOG_LEVEL=DEBUG.")


def _of(reading: Reading) -> Line:
    gauge = reading.gauge
    state = {
        "ok": OK,
        "told": OK,
        "unused": OK,
        "awaited": OK,
        "unread": FAULT,
        "watch": FAULT if gauge.urgent else ATTENTION,
    }[reading.state]
    seen = {"unused": "sans objet ici", "unread": "illisible"}.get(reading.state, reading.words)
    return Line(str(gauge.label), state, seen, str(gauge.remedy))


# --- What is around the database -------------------------------------------------------------------------------------
def _settings() -> Iterator[Line]:
    if settings.PRODUCTION:
        yield Line("Réglages", OK, "ceux d’une production")
    else:
        yield Line("Réglages", ATTENTION, "PRODUCTION est à false : démonstration ou développement", "PRODUCTION=true.")
    if settings.PRODUCTION and settings.CELERY_TASK_ALWAYS_EAGER:
        yield Line(
            "Tâches", ATTENTION, "exécutées dans le processus qui les demande", "Réglez REDIS_URL; lancez un exécuteur."
        )


def _keys() -> Iterator[Line]:
    try:
        checks.keys_readable()
    except Exception as error:
        yield Line(
            "Clés", FAULT, f"illisibles ({error})", "Remettez SEAL_KEY_FILE et SIGNING_KEY_FILE, avec leur droit."
        )
        return
    files = [settings.SEAL_KEY_FILE, settings.SIGNING_KEY_FILE]
    others = [path.name for path in files if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    if others:
        yield Line("Clés", ATTENTION, f"lisibles par d’autres : {', '.join(others)}", "chmod 0400 sur ces fichiers.")
    elif (folder := store.location()) and any(_inside(path, folder) for path in files):
        yield Line(
            "Clés", FAULT, "rangées avec les fichiers", "Sortez-les de MEDIA_ROOT : une sauvegarde les prendrait."
        )
    else:
        yield Line("Clés", OK, "lisibles, par leur propriétaire seulement")


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _mail() -> Iterator[Line]:
    if not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        yield Line("Serveur de courriel", ATTENTION, "aucun : rien n’est envoyé", "Réglez EMAIL_URL.")
        return
    try:
        smtp.enter()
    except OSError as error:  # smtplib's errors are OSErrors
        seen = f"ne nous laisse pas entrer ({type(error).__name__})"
        yield Line("Serveur de courriel", FAULT, seen, "Voyez EMAIL_URL et le serveur; les messages attendent.")
    else:
        yield Line("Serveur de courriel", OK, "répond, et nous laisse entrer")


def _storage() -> Iterator[Line]:
    """It is this database's, the latest files of each kind are in it, and it answers."""
    try:
        store.check_ours()
        lost = store.latest_lost()
    except store.Elsewhere as error:
        remedy = "Montez le volume, ou corrigez MEDIA_ROOT ou S3_*; s’il a été déplacé : manage.py adopt_storage."
        yield Line("Stockage", FAULT, str(error), remedy)
        return
    except (OSError, store.Unreadable):
        lost = 0  # told below, with the reason
    if lost:
        # How many, not which: a name would tell of a deposit.
        yield Line("Stockage", FAULT, f"{lost} des derniers fichiers n’y sont pas", "manage.py sweep_files --dry-run.")
    else:
        yield from _storage_alone()


def _storage_alone() -> Iterator[Line]:
    """In each folder, a file of ours goes in, comes back the same, and is taken away."""
    try:
        same = store.tried()
    except Exception as error:  # a folder's OSError, or whatever an object store's client raises
        seen = f"ne se laisse pas écrire et relire ({type(error).__name__})"
        yield Line("Stockage", FAULT, seen, "Voyez MEDIA_ROOT ou le stockage d’objets, ses droits et sa place.")
        return
    if same:
        yield Line("Stockage", OK, "un fichier d’essai s’écrit, se relit et s’efface, dans chaque dossier")
    else:
        yield Line(
            "Stockage", FAULT, "rend autre chose que ce qui y est mis", "N’acceptez aucun dépôt avant réparation."
        )


# --- The database ----------------------------------------------------------------------------------------------------
def _database() -> Iterator[Line]:
    if connection.vendor != "postgresql":
        state = FAULT if settings.PRODUCTION else OK
        yield Line("Base de données", state, "SQLite, pour une démonstration", "PostgreSQL en production.")
        return
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        version = int(cursor.fetchone()[0])
    seen = f"PostgreSQL {version // 10_000}"
    if version < OLDEST_POSTGRES:
        yield Line("Base de données", FAULT, seen, "PostgreSQL 15 ou plus récent.")
    else:
        yield Line("Base de données", OK, seen)


def _migrations() -> Iterator[Line]:
    if checks.migrations():
        yield Line("Migrations", OK, "toutes appliquées")
    else:
        yield Line("Migrations", FAULT, "il en manque", "manage.py migrate, par le rôle propriétaire.")


# Tables that only grow, and what this connection may still do to them.
_GUARDED_TABLES = "SELECT DISTINCT tgrelid FROM pg_trigger WHERE tgname LIKE '%\\_append\\_only'"
_ROLE = f"""
SELECT count(*), count(*) FILTER (WHERE has_table_privilege(current_user, tgrelid, 'DELETE')
                                     OR has_table_privilege(current_user, tgrelid, 'UPDATE')
                                     OR has_table_privilege(current_user, tgrelid, 'TRUNCATE'))
FROM ({_GUARDED_TABLES}) AS guarded
"""


def _role() -> Iterator[Line]:
    """The application's role must not be able to delete what only grows; on SQLite there is no role, only triggers."""
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            cursor.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_no_delete'")
            tables = cursor.fetchone()[0]
            reachable = 0
        else:
            cursor.execute(_ROLE)
            tables, reachable = cursor.fetchone()
    if not tables:
        yield Line(
            "Rôle de la base", FAULT, "aucune table n’est protégée", "manage.py migrate : les déclencheurs manquent."
        )
    elif reachable:
        yield Line(
            "Rôle de la base",
            FAULT if settings.PRODUCTION else ATTENTION,
            f"peut effacer ou changer {reachable} tables sur {tables} qui ne font que grandir",
            "L’application se connecte par un rôle qui ne possède rien : docs/operations.md, « Two database roles ».",
        )
    else:
        yield Line("Rôle de la base", OK, f"les {tables} tables qui ne font que grandir sont hors d’atteinte")


def _clocks() -> Iterator[Line]:
    """The database's decides the deadlines; ours dates logs and cookies."""
    before = time.time()
    theirs = clock.database_now()
    ours = datetime.fromtimestamp((before + time.time()) / 2, UTC)
    drift = abs((theirs - ours).total_seconds())
    seen = f"écart de {drift:.1f} s entre cette machine et la base".replace(".", ",")
    state = OK if drift <= DRIFT else ATTENTION if drift <= DRIFT_FAULT else FAULT
    yield Line("Horloges", state, seen, "Voyez NTP des deux machines; celle de la base décide des heures limites.")


def _ledger() -> Iterator[Line]:
    """The last entry's own hash, the link before it, and the root that the last checkpoint signed."""
    last = LedgerEntry.objects.order_by("-seq").first()
    if last is None:
        yield Line("Registre", OK, "encore vide")
        return
    previous = LedgerEntry.objects.filter(seq=last.seq - 1).values_list("hash", flat=True).first()
    whole = hashlib.sha256(canonical(last.chained())).hexdigest() == last.hash
    linked = last.seq == 1 or previous == last.previous
    signed = Checkpoint.objects.order_by("-size").first()
    rooted = signed is None or checkpoints.root_of(0, signed.size).hex() == signed.root
    try:
        checkpoints.check_origin()
    except IllegalMove as error:
        yield Line("Registre", FAULT, str(error), "Remettez LEDGER_ORIGIN à ce qu’elle était.")
    if whole and linked and rooted:
        yield Line(
            "Registre", OK, "la tête se vérifie, et le dernier relevé signé aussi" if signed else "la tête se vérifie"
        )
    else:
        yield Line(
            "Registre",
            FAULT,
            "la tête ne se vérifie pas : une inscription a changé",
            "Arrêtez tout, gardez la base telle quelle, exportez le registre et lancez tools/verify.py ledger.",
        )
