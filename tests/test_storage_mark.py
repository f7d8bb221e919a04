"""A storage that is not this database's has lost nothing, is given nothing, and nothing of it is swept or saved."""

import uuid
from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command

from marketplace.dates import clock
from marketplace.files import store, sweep
from marketplace.models import StorageMark
from proposals.deposit import actions as deposit_actions
from proposals.drafts import actions as draft_actions
from proposals.models import OpenedProposal
from proposals.opening import actions as opening_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.file_story import document
from tests.test_doctor import FAULT, run

pytestmark = pytest.mark.django_db


def told(*arguments) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def sealed(cast):
    """A receipted proposal with a file, in a storage that is marked."""
    store.mark()
    proposal = cast.proposal(cast.published())
    with clock.set_to(PUBLISHED_AT):
        blob, about = document()
        draft_actions.add_file(proposal, SimpleUploadedFile(about["name"], blob), at=PUBLISHED_AT)
        deposit_actions.deposit(
            proposal,
            by=cast.vendor_owner,
            idempotency_key=uuid.uuid4(),
            integrity=True,
            no_collusion=True,
            lobbying="none",
            accept_terms=True,
        )
    return proposal


def empty(place):
    """The mount point of a volume that is not mounted."""


def another(place):
    (place / store.MARK).write_text(str(uuid.uuid4()))


@pytest.fixture(params=[empty, another])
def elsewhere(request, settings, tmp_path, sealed):
    settings.MEDIA_ROOT = tmp_path / "elsewhere"
    settings.MEDIA_ROOT.mkdir()
    request.param(settings.MEDIA_ROOT)
    return sealed


def test_nothing_is_lost_given_swept_or_saved_elsewhere(elsewhere, settings, tmp_path):
    name = next(iter(store.names()))
    with pytest.raises(store.Unavailable):
        store.read(name)
    with pytest.raises(store.NotKept):
        store.keep("sealed", b"un")
    with pytest.raises(store.Elsewhere):
        sweep.look(at=clock.now())
    for command in ("sweep_files", "backup"):
        with pytest.raises(CommandError, match="n’est pas celui de cette base"):
            told(command, *([str(tmp_path / "backup")] if command == "backup" else []))
    assert [path.name for path in settings.MEDIA_ROOT.iterdir()] in ([], [store.MARK])


def test_no_operator_can_condemn_what_is_elsewhere(elsewhere, settings, sealed):
    """`open_occasion --fichiers-perdus` while the volume is not mounted changes nothing."""
    number, away = sealed.opportunity.number, settings.MEDIA_ROOT
    with clock.set_to(CLOSES_AT):
        with pytest.raises(CommandError, match="manquent"):
            told("open_occasion", number, "--fichiers-perdus")
        assert not OpenedProposal.objects.exists()
        store.adopt()  # somebody says that it is the right one: then the files are lost
        assert "Ouverte" in told("open_occasion", number, "--fichiers-perdus")
    assert not OpenedProposal.objects.get().readable and (away / store.MARK).exists()


def test_once_the_volume_is_back_it_opens_whole(sealed, settings, tmp_path):
    here, settings.MEDIA_ROOT = settings.MEDIA_ROOT, tmp_path / "elsewhere"
    settings.MEDIA_ROOT.mkdir()
    with clock.set_to(CLOSES_AT):
        assert opening_actions.open_if_due(sealed.opportunity.number) is opening_actions.Outcome.HELD_BACK
        settings.MEDIA_ROOT = here
        assert opening_actions.open_if_due(sealed.opportunity.number)
    assert OpenedProposal.objects.get().readable


def test_the_doctor_says_it(elsewhere):
    states, said = run()
    assert states["Stockage"] == FAULT and "n’est pas celui de cette base" in said and "adopt_storage" in said


def test_the_doctor_looks_for_the_latest_files(sealed, settings):
    assert run()[0]["Stockage"] == "OK"
    for path in (settings.MEDIA_ROOT / "sealed").iterdir():
        path.rename(settings.MEDIA_ROOT / path.name)
    states, said = run()
    assert states["Stockage"] == FAULT and "1 des derniers fichiers" in said
    assert not any(name in said for name in store.names())


def test_a_moved_storage_is_adopted_on_purpose(elsewhere):
    with pytest.raises(CommandError, match="ajoutez --yes"):
        told("adopt_storage")
    assert "maintenant celui de cette base" in told("adopt_storage", "--yes")
    assert "porte déjà" in told("adopt_storage", "--yes")
    with pytest.raises(store.Missing):
        store.read(next(iter(store.names())))


def test_both_are_marked_once(settings):
    with pytest.raises(CommandError, match="migrate"):
        told("adopt_storage")
    store.keep("sealed", b"un")  # a database that was never marked is not checked
    store.mark()
    value = StorageMark.objects.get().value
    store.mark()
    assert StorageMark.objects.get().value == value == (settings.MEDIA_ROOT / store.MARK).read_text()
    store.check_ours()


def test_a_database_made_anew_takes_the_mark_of_its_files(settings):
    settings.MEDIA_ROOT.mkdir()
    value = str(uuid.uuid4())
    (settings.MEDIA_ROOT / store.MARK).write_text(value)
    store.mark()
    assert StorageMark.objects.get().value == value
