"""The nightly sweep: bytes without a row go a day later and are counted; rows without bytes are told."""

import os
from datetime import timedelta
from io import StringIO
from itertools import pairwise

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import models

from marketplace.celery import app
from marketplace.dates import clock
from marketplace.files import disk, store, sweep
from marketplace.files import tasks as file_tasks
from marketplace.models import FileSweep, KeptFile
from proposals.drafts import actions as draft_actions
from proposals.models import DraftFile, SealedFile
from proposals.opening import actions as opening_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.file_story import KINDS, PDF, agreeing, stored
from vendors.models import TaxAttestation

pytestmark = pytest.mark.django_db
AT = CLOSES_AT
HOUR = timedelta(hours=1)


def orphan(settings, age: timedelta, content=b"orphelin") -> str:
    """Bytes without a row, written so long before AT."""
    name = store.keep("occasions", content)
    dated(settings, name, age)
    return name


def dated(settings, name: str, age: timedelta) -> None:
    written = (AT - age).timestamp()
    os.utime(settings.MEDIA_ROOT / name, (written, written))


def paper(cast) -> TaxAttestation:
    row = TaxAttestation.objects.get(vendor=cast.vendor)
    row.file = store.keep("attestations", PDF, ".pdf")
    row.save()
    return row


def told(*arguments) -> str:
    out = StringIO()
    with clock.set_to(AT):
        call_command("sweep_files", *arguments, stdout=out)
    return out.getvalue()


def test_every_column_that_holds_a_name_is_looked_at():
    """A new FileField is covered by itself; its folder too."""
    columns = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.get_fields()
        if isinstance(field, models.FileField)
    }
    assert {f"{model._meta.label}.{field.name}" for model, field in store.fields()} == columns
    assert {model for model, _field in store.fields()} == {*KINDS, KeptFile} and len(columns) == 9
    assert store.folders() == [
        "attestations", "contrats", "drafts", "factures", "kept", "livraisons", "occasions", "sealed", "verifications",
    ]  # fmt: skip
    assert all(not (one + "/").startswith(other + "/") for other, one in pairwise(store.folders()))


@pytest.mark.parametrize(("age", "goes"), [(25, True), (24.01, True), (24, False), (23, False), (0, False)])
def test_bytes_without_a_row_go_a_day_later(cast, settings, age, goes):
    row = paper(cast)
    dated(settings, row.file.name, timedelta(days=900))  # however old: it has its row
    name = orphan(settings, age * HOUR)
    with clock.set_to(AT):
        swept = sweep.sweep(at=AT)
    assert (name not in stored()) == goes and store.read(row.file.name) == PDF
    counted = (swept.at, swept.looked, swept.removed, swept.bytes, swept.missing)
    assert counted == (AT, 2, int(goes), 8 * goes, 0)
    assert FileSweep.objects.get() == swept


def test_what_is_not_ours_is_left(settings):
    """Only the folders of our columns, and only files in them."""
    orphan(settings, 900 * HOUR)
    for name in ("lost+found/1", "a-note.txt", "occasions/sub/file"):
        path = settings.MEDIA_ROOT / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
        dated(settings, name, 900 * HOUR)
    (settings.MEDIA_ROOT / "occasions" / "link").symlink_to(settings.MEDIA_ROOT / "a-note.txt")
    with clock.set_to(AT):
        assert sweep.look(at=AT).looked == 1


def test_rows_that_lost_their_bytes_are_told(cast, settings, caplog):
    row = paper(cast)
    (settings.MEDIA_ROOT / row.file.name).unlink()
    with clock.set_to(AT):
        file_tasks.sweep_files()
    assert FileSweep.objects.get().missing == 1
    (line,) = [record for record in caplog.records if record.levelname == "CRITICAL"]
    assert line.getMessage() == "1 rows have lost their stored file."  # how many, and not which
    assert f"manquant\t{row.file.name}" in told("--dry-run") and FileSweep.objects.count() == 1


def test_a_file_written_while_it_looks_is_neither(cast, settings, monkeypatch):
    """The listing is a moment older than the rows."""
    real = disk.Disk.stored

    def listing(self, folder):
        yield from list(real(self, folder))
        if folder == "verifications":  # the last one
            paper(cast)

    monkeypatch.setattr(disk.Disk, "stored", listing)
    with clock.set_to(AT):
        found = sweep.look(at=AT)
    assert (found.looked, found.owned, found.orphans, found.missing) == (0, 1, [], [])


def test_a_row_erased_while_it_looks_is_not_missing(cast, settings, monkeypatch):
    row = paper(cast)
    (settings.MEDIA_ROOT / row.file.name).unlink()

    def erased(self, name):
        TaxAttestation.objects.filter(pk=row.pk).update(file="")
        return False

    monkeypatch.setattr(disk.Disk, "has", erased)
    with clock.set_to(AT):
        assert sweep.look(at=AT).missing == []


def test_another_installations_files_are_not_removed(cast, settings, monkeypatch, caplog):
    """A wrong database, or a wrong bucket: refused until somebody says that it is right."""
    monkeypatch.setattr(sweep, "FEW", 3)
    paper(cast)
    for _ in range(3):
        orphan(settings, 30 * HOUR)
    with clock.set_to(AT):
        assert sweep.look(at=AT).orphans
    orphan(settings, 30 * HOUR)
    before = stored()
    with clock.set_to(AT):
        with pytest.raises(sweep.TooMany, match="4 files without a row, 1 rows"):
            sweep.sweep(at=AT)
        file_tasks.sweep_files()
    assert "removed nothing" in caplog.text
    with pytest.raises(CommandError, match="4 fichiers sans ligne pour 1 lignes"):
        told()
    assert stored() == before and not FileSweep.objects.exists()
    assert "4 enlevés (32 octets)" in told("--many") and len(stored()) == 1


def test_a_database_without_any_row_removes_nothing(settings, db):
    """One orphan is enough: it may be the only proposal of the right database."""
    orphan(settings, 30 * HOUR)
    with clock.set_to(AT), pytest.raises(sweep.TooMany):
        sweep.sweep(at=AT)
    assert len(stored()) == 1


@pytest.mark.parametrize("hours", ["0", "0.9", "-3"])
def test_what_is_being_written_is_never_removed(settings, db, hours):
    with pytest.raises(CommandError, match="une heure au moins|n’est pas un nombre d’heures"):
        told(f"--older-than={hours}", "--many")


def test_the_command_tries_without_removing(cast, settings):
    paper(cast)
    name = orphan(settings, 2 * HOUR)
    assert "0 à enlever" in told("--dry-run")
    assert f"sans ligne\t{name}\t8" in told("--dry-run", "--older-than", "1") and name in stored()
    assert "1 enlevés" in told("--older-than", "1") and name not in stored()


def test_a_storage_that_cannot_be_listed_loses_nothing(settings, monkeypatch, caplog):
    name = orphan(settings, 30 * HOUR)

    def fails(self, folder):
        raise PermissionError
        yield

    monkeypatch.setattr(disk.Disk, "stored", fails)
    with clock.set_to(AT):
        file_tasks.sweep_files()
    assert "could not list" in caplog.text
    with pytest.raises(CommandError, match="ne se laisse pas lister"):
        told()
    monkeypatch.undo()
    assert name in stored() and not FileSweep.objects.exists()


def test_what_could_not_be_removed_is_not_counted(cast, settings, monkeypatch):
    paper(cast)
    orphan(settings, 30 * HOUR)
    monkeypatch.setattr(disk.Disk, "remove", lambda self, name: None)
    with clock.set_to(AT):
        assert sweep.sweep(at=AT).removed == 0


def test_nothing_was_ever_stored(db):
    with clock.set_to(AT):
        assert sweep.sweep(at=AT).looked == 0


def test_each_night():
    (entry,) = [entry for entry in app.conf.beat_schedule.values() if entry["task"] == file_tasks.sweep_files.name]
    assert (entry["schedule"].hour, entry["schedule"].minute) == ({4}, {50})
    assert "marketplace.files.tasks" in app.conf.imports


def test_the_drafts_of_an_opened_occasion_are_swept(cast, settings):
    proposal = cast.proposal(cast.published(mode="price"))
    draft_actions.add_file(proposal, SimpleUploadedFile("plan.pdf", PDF), at=PUBLISHED_AT)
    cast.deposit(proposal)
    assert agreeing() == 2
    with clock.set_to(CLOSES_AT):
        opening_actions.open_due()
    assert not DraftFile.objects.exists()
    assert sweep.sweep(at=clock.now(), older_than=-sweep.OLDER_THAN).removed == 1
    assert stored() == {SealedFile.objects.get().file.name}


@pytest.mark.parametrize("added", ["", "_V7YT2kG"])
def test_files_kept_before_rows_held_their_names_are_named(cast, settings, added):
    """The migration: sealed files and drafts' files stood at addresses that were computed; where an attempt had been
    stopped before, Django's storage `added` something to the whole one's."""
    from importlib import import_module

    proposal = cast.proposal(cast.published(mode="price"))
    draft_actions.add_file(proposal, SimpleUploadedFile("plan.pdf", PDF), at=PUBLISHED_AT)
    cast.deposit(proposal)
    (item,) = draft_actions.read(proposal)["files"]
    stopped = settings.MEDIA_ROOT / "sealed" / f"{item['id']}-1"
    old = [f"drafts/{item['id']}", f"sealed/{item['id']}-1{added}"]
    for row, name in zip((DraftFile.objects.get(), SealedFile.objects.get()), old, strict=True):
        (settings.MEDIA_ROOT / row.file.name).rename(settings.MEDIA_ROOT / name)
        row.delete()
    if added:
        stopped.write_bytes(b"what a full disk left")
    import_module("proposals.migrations.0003_files").name_what_is_stored(apps, None)
    assert SealedFile.objects.get().file.name == old[1]
    if added:
        stopped.unlink()
    assert agreeing() == 2 and stored() == set(old)
    assert not sweep.look(at=clock.now(), older_than=-sweep.OLDER_THAN).orphans
