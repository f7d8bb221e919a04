"""The door of stored bytes, on a disk and in a bucket: what it promises, what it says when it cannot, no other door."""

import ast
import errno
import os
import re
from pathlib import Path

import pytest
from botocore.exceptions import ConnectTimeoutError
from botocore.stub import Stubber
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from marketplace.dates import clock
from marketplace.files import bucket as bucket_module
from marketplace.files import disk, store, sweep
from marketplace.models import KeptFile
from marketplace.service import backup
from proposals.deposit import actions as deposit_actions
from proposals.drafts import actions as draft_actions
from proposals.models import DraftFile, OpenedProposal, SealedFile
from proposals.opening import actions as opening_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.file_story import PDF, agreeing, stored
from tests.test_architecture import MODULES, ROOT, parsed
from tests.test_backup import closing_wrapper, sqlite
from vendors.models import TaxAttestation

DISK = "marketplace.files.disk.Disk"


@pytest.fixture(autouse=True)
def unmarked(request, monkeypatch):
    """Whose storage it is, the database says: tests/test_storage_mark.py."""
    if request.node.get_closest_marker("no_database"):
        monkeypatch.setattr(store, "check_ours", lambda: None)


@pytest.fixture(scope="module")
def s3():
    """moto's server: an S3 that is there."""
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def use_bucket(settings, s3, *, bucket="essai"):
    settings.S3_BUCKET, settings.S3_ENDPOINT_URL, settings.S3_REGION = bucket, s3, "ca-central-1"
    settings.S3_ACCESS_KEY_ID, settings.S3_SECRET_ACCESS_KEY = "essai", "essai-essai"
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "marketplace.files.bucket.Bucket"}}


@pytest.fixture
def bucket(settings, s3):
    """A new, empty bucket is the storage of the house."""
    use_bucket(settings, s3)
    default_storage.connection.create_bucket(
        Bucket="essai", CreateBucketConfiguration={"LocationConstraint": "ca-central-1"}
    )
    yield default_storage
    for name in stored():
        store.destroy(name)
    default_storage.bucket.delete()


def test_what_a_bucket_holds_is_backed_up_and_put_back(db, bucket, tmp_path):
    contents = {store.keep("sealed", content): content for content in (b"", b"court", os.urandom(70_000))}
    with closing_wrapper(sqlite(tmp_path / "first.sqlite3", (1, "a" * 64))) as base:
        assert backup.make(tmp_path / "backup", connection=base, at=PUBLISHED_AT).files == 3
    with (
        closing_wrapper(sqlite(tmp_path / "second.sqlite3")) as base,
        pytest.raises(backup.Refused, match="stockage"),
    ):
        backup.put_back(tmp_path / "backup", connection=base)
    for name in contents:
        store.destroy(name)
    with closing_wrapper(sqlite(tmp_path / "third.sqlite3")) as base:
        assert backup.put_back(tmp_path / "backup", connection=base).files == 3
    assert {name: store.read(name) for name in stored()} == contents


@pytest.fixture(params=["disk", "bucket"])
def backend(request):
    if request.param == "bucket":
        request.getfixturevalue("bucket")
    return request.param


# --- What it promises ------------------------------------------------------------------------------------------------
def test_kept_read_destroyed(backend):
    blob = os.urandom(200_000)
    one, other = store.keep("occasions", blob, ".pdf"), store.keep("occasions", blob, ".pdf")
    assert one != other and re.fullmatch(r"occasions/[0-9a-f-]{36}\.pdf", one)
    assert store.read(one) == store.read(other) == blob
    assert store.read(store.keep("sealed", b"")) == b""
    listed = {file.name: file.size for file in store.storage.stored("occasions")}
    assert listed == {one: 200_000, other: 200_000}
    store.destroy(one)
    store.destroy(one)  # again: nothing happens
    assert store.storage.has(other) and not store.storage.has(one)
    with pytest.raises(store.Missing):
        store.read(one)
    for absent in (None, "", "occasions/rien"):
        with pytest.raises(store.Missing):
            store.read(absent)


def test_a_field_gives_its_bytes_and_takes_none(backend, cast):
    """Django's own ways in and out are closed; a row is given a name."""
    row = TaxAttestation.objects.get(vendor=cast.vendor)
    row.file = store.keep("attestations", PDF, ".pdf")
    row.save()
    with TaxAttestation.objects.get(pk=row.pk).file.open() as file:
        assert file.read() == PDF
    with pytest.raises(NotImplementedError):
        row.file.save("a.pdf", SimpleUploadedFile("a.pdf", PDF))
    row.file = SimpleUploadedFile("a.pdf", PDF)
    with pytest.raises(NotImplementedError):
        row.save()
    with pytest.raises(NotImplementedError):
        default_storage.delete("attestations/a.pdf")


def test_only_known_folders_and_plain_suffixes():
    for folder, suffix in (("ailleurs", ""), ("", ""), ("../sealed", ""), ("sealed", "pdf"), ("sealed", "./x")):
        with pytest.raises(ValueError):
            store.keep(folder, b"x", suffix)


def test_on_the_disk_nobody_else_reads_and_nothing_is_written_over(settings):
    name = store.keep("sealed", b"un")
    assert settings.MEDIA_ROOT.stat().st_mode & 0o777 == 0o700
    assert (settings.MEDIA_ROOT / "sealed").stat().st_mode & 0o777 == 0o700
    assert (settings.MEDIA_ROOT / name).stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        store.storage.write(name, b"deux")
    assert store.read(name) == b"un"


def test_on_the_disk_file_and_folder_are_synced(settings, monkeypatch):
    synced = []
    real = os.fsync

    def fsync(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}") if Path("/proc/self/fd").exists() else "")
        real(descriptor)

    monkeypatch.setattr(disk.os, "fsync", fsync)
    name = store.keep("sealed", b"un")
    root = settings.MEDIA_ROOT
    assert synced == [str(path) for path in (root.parent, root, root / name, root / "sealed")]
    store.keep("sealed", b"deux")
    assert len(synced) == 6


def test_a_name_that_leads_outside_is_never_read(settings):
    settings.MEDIA_ROOT.mkdir()
    for name in ("../secret", "/etc/hostname"):
        with pytest.raises(store.Unavailable):
            store.read(name)


def test_a_whole_proposal_in_a_bucket(bucket, cast, django_capture_on_commit_callbacks, settings):
    """Deposited, withdrawn, deposited again, opened; its files never touch this host's disk."""
    proposal = cast.proposal(cast.published(mode="price"))
    draft_actions.add_file(proposal, SimpleUploadedFile("plan.pdf", PDF), at=PUBLISHED_AT)
    cast.deposit(proposal)
    with clock.set_to(PUBLISHED_AT), django_capture_on_commit_callbacks(execute=True):
        deposit_actions.withdraw(proposal, by=cast.vendor_owner)
    assert [name.partition("/")[0] for name in stored()] == ["drafts"]
    cast.deposit(proposal)
    assert agreeing() == 2 and len(stored()) == 2
    with clock.set_to(CLOSES_AT):
        assert opening_actions.open_if_due(proposal.opportunity.number)
    opened = OpenedProposal.objects.get()
    assert opened.readable and opening_actions.read_file(opened, opened.content["files"][0]["id"])[1] == PDF
    assert sweep.sweep(at=clock.now(), older_than=-sweep.OLDER_THAN).removed == 1  # the draft's own
    assert stored() == {SealedFile.objects.get().file.name}
    assert not settings.MEDIA_ROOT.exists()


# --- What it says when it cannot -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (FileNotFoundError(errno.ENOENT, "gone"), store.Missing),
        (PermissionError(errno.EACCES, "rights"), store.Unavailable),
        (IsADirectoryError(errno.EISDIR, "a folder"), store.Unavailable),
        (NotADirectoryError(errno.ENOTDIR, "a file above"), store.Unavailable),
        (OSError(errno.EIO, "input-output"), store.Unavailable),
        (TimeoutError(), store.Unavailable),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, OSError) else value.__name__,
)
def test_what_cannot_be_read(settings, monkeypatch, error, raised):
    name = store.keep("sealed", b"un")

    def fails(path):
        raise error

    monkeypatch.setattr(disk.Path, "read_bytes", fails)
    with pytest.raises(raised):
        store.read(name)


def test_a_volume_that_is_not_mounted_has_lost_nothing(settings):
    name = store.keep("sealed", b"un")
    settings.MEDIA_ROOT.rename(settings.MEDIA_ROOT.with_suffix(".away"))
    with pytest.raises(store.Unavailable):
        store.read(name)
    settings.MEDIA_ROOT.with_suffix(".away").rename(settings.MEDIA_ROOT)
    assert store.read(name) == b"un"


ANSWERS = [
    (404, "NoSuchKey", store.Missing),
    (404, "NoSuchBucket", store.Unavailable),
    (403, "AccessDenied", store.Unavailable),
    (403, "SignatureDoesNotMatch", store.Unavailable),
    (500, "InternalError", store.Unavailable),
    (503, "SlowDown", store.Unavailable),
]


def test_what_a_bucket_answers(bucket):
    for status, code, raised in ANSWERS:
        with Stubber(default_storage.connection.meta.client) as stub:
            stub.add_client_error("get_object", service_error_code=code, http_status_code=status)
            with pytest.raises(raised):
                store.read("sealed/x")
            stub.add_client_error("put_object", service_error_code=code, http_status_code=status)
            with pytest.raises(store.NotKept):
                store.keep("sealed", b"un")
            stub.add_client_error("list_objects_v2", service_error_code=code, http_status_code=status)
            with pytest.raises(OSError):
                list(store.storage.stored("sealed"))
            stub.add_client_error("delete_object", service_error_code=code, http_status_code=status)
            store.destroy("sealed/x")  # written down, and left to the sweep
            stub.assert_no_pending_responses()
    with pytest.raises(NotImplementedError):
        default_storage.url("sealed/x")


def test_a_bucket_that_is_not_there(settings, s3):
    use_bucket(settings, s3, bucket="jamais-cree")
    with pytest.raises(store.NotKept):
        store.keep("sealed", b"un")
    with pytest.raises(store.Unavailable):
        store.read("sealed/x")


def test_a_store_that_nobody_answers_for(settings):
    use_bucket(settings, "http://127.0.0.1:9")  # discard: closed
    with pytest.raises(store.NotKept):
        store.keep("sealed", b"un")
    with pytest.raises(store.Unavailable):
        store.read("sealed/x")


def test_a_store_that_does_not_answer_is_not_asked_again_at_once(settings, s3, monkeypatch):
    """A call waits for seconds, and a thread with it: after one, the next are refused until some seconds are over."""
    use_bucket(settings, s3)
    asked, now = [], [1_000.0]

    class Silent:
        def get_object(self, **named):
            asked.append(named["Key"])
            raise ConnectTimeoutError(endpoint_url=s3)

    monkeypatch.setattr(bucket_module.Bucket, "_client", Silent())
    monkeypatch.setattr(clock, "elapsed", lambda: now[0])
    for _again in range(3):
        with pytest.raises(store.Unavailable):
            store.read("sealed/x")
    assert asked == ["sealed/x"]
    now[0] += 6
    with pytest.raises(store.Unavailable):
        store.read("sealed/y")
    assert asked == ["sealed/x", "sealed/y"]


@pytest.mark.parametrize("left", ["the file", "nothing"])
def test_what_could_not_be_written_leaves_nothing(settings, monkeypatch, left):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "full")

    if left == "the file":  # synced by then: its folder is not
        calls = iter([None, None, None])
        monkeypatch.setattr(disk.os, "fsync", lambda descriptor: next(calls, None) or full(descriptor))
    else:
        monkeypatch.setattr(disk.os, "fsync", full)
    with pytest.raises(store.NotKept) as refusal:
        store.keep("sealed", b"un")
    assert "Rien n’a été déposé" in refusal.value.messages[0] and not stored()


# --- Around a transaction --------------------------------------------------------------------------------------------
def test_a_failed_block_takes_back_what_it_kept(db):
    earlier = store.keep("sealed", b"before")
    with pytest.raises(ZeroDivisionError), transaction.atomic(), store.taken_back(earlier):
        store.keep("sealed", b"in")
        with transaction.atomic(), store.taken_back():
            store.keep("drafts", b"inner, done")
        raise ZeroDivisionError
    assert [name.partition("/")[0] for name in stored()] == ["drafts"]  # whose block did not fail: the sweep's
    with transaction.atomic(), store.taken_back():
        kept = store.keep("sealed", b"in")
    assert kept in stored()


@pytest.mark.django_db(transaction=True)
def test_it_stands_inside_the_transaction():
    with pytest.raises(RuntimeError), store.taken_back():
        pass
    with pytest.raises(ZeroDivisionError), transaction.atomic(), store.taken_back():
        kept = store.keep("sealed", b"in")
        transaction.on_commit(lambda: 1 / 0)
    assert store.read(kept) == b"in"


def test_a_destruction_that_fails_is_no_error_of_the_act(settings, monkeypatch, caplog):
    name = store.keep("sealed", b"un")

    def fails(self, name):
        raise PermissionError(errno.EACCES, "rights", name)

    monkeypatch.setattr(disk.Disk, "remove", fails)
    store.destroy(name)
    assert "could not be destroyed" in caplog.text and name not in caplog.text


# --- No other door ---------------------------------------------------------------------------------------------------
DOOR = {f"marketplace/files/{name}.py" for name in ("store", "disk", "bucket", "storage", "sweep")}
DOOR.add("marketplace/service/backup.py")  # copies the whole of it
CLOSED = {
    *("default_storage", "FileSystemStorage", "ContentFile", "S3Storage", "storages", "boto3", "botocore", "storage"),
    *("MEDIA_ROOT", "MEDIA_URL"),
}
SETTINGS = "marketplace/settings.py"  # names the folder and the bucket


def said(node: ast.AST) -> set[str]:
    """The names that this piece of code says by itself: a name, an attribute, what an import brings or comes from."""
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.Attribute):
        # row.file.open(), row.file.save(…), row.file.path: a file's column is only asked its name.
        column = isinstance(node.value, ast.Attribute) and node.value.attr == "file" and node.attr != "name"
        return {node.attr, *(["default_storage"] if column else [])}
    if isinstance(node, ast.ImportFrom):
        return {alias.name for alias in node.names} | {(node.module or "").partition(".")[0]}
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    return set()


@pytest.mark.parametrize(
    "code",
    [
        "from django.core.files.storage import default_storage",
        "default_storage.open(name)",
        "import storages",
        "from boto3 import client",
        "row.file.save(name, content)",
        "row.file.open('rb')",
        "Path(settings.MEDIA_ROOT) / name",
        "row.image.storage.delete(name)",
    ],
)
def test_the_guard_sees(code):
    assert any(said(node) & CLOSED for node in ast.walk(ast.parse(code)))


def test_nobody_else_touches_stored_bytes():
    seen, through, faults = 0, 0, []
    for path in MODULES:
        where = path.relative_to(ROOT).as_posix()
        if "/migrations/" in where or where in DOOR or where == SETTINGS:
            continue
        seen += 1
        for node in ast.walk(parsed(path)):
            words = said(node)
            through += "store" in words
            if words & CLOSED:
                faults.append(f"{where}:{getattr(node, 'lineno', 0)} {words & CLOSED}")
    assert not faults
    assert seen > 350 and through >= 40, (seen, through)


def test_whoever_reads_stored_bytes_compares_them():
    """With the digest that their row holds; the others are encrypted, and other bytes open no box."""
    assert {model for model, _field in store.fields()} - {model for model, _field in store.digested()} == {
        DraftFile, KeptFile, SealedFile,
    }  # fmt: skip
    compared, bare = set(), set()
    for path in MODULES:
        where = path.relative_to(ROOT).as_posix()
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "store" and where not in DOOR:
                compared |= {where} if node.attr == "read_same" else set()
                bare |= {where} if node.attr == "read" else set()
    # Boxes, which other bytes do not open; the antivirus, which looks at whatever is there.
    boxed = {"proposals/drafts/actions.py", "proposals/opening/actions.py", "marketplace/files/shelf.py"}
    assert bare == boxed | {"marketplace/files/quarantine.py", "proposals/notice/export.py"}  # and the digest itself
    assert compared >= {"marketplace/files/downloads.py", "audit/casefile/archive.py", "contracts/reuse/passports.py"}


def test_production_code_is_the_disk_unless_a_bucket_is_named(settings):
    assert settings.STORAGES["default"] == {"BACKEND": DISK} and settings.S3_BUCKET == ""
