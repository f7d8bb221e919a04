"""Files that people send: typed by name and content, sized, scanned, renamed, encrypted before any disk."""

import io
import socket
import socketserver
import struct
import threading
import zipfile
from contextlib import contextmanager

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import InMemoryUploadedFile, SimpleUploadedFile
from django.test import RequestFactory

from marketplace.dates import clock
from marketplace.files import clamd as files_clamd
from marketplace.files import uploads
from marketplace.files.uploads import checked, clean_name
from proposals.drafts import actions as draft_actions
from tests.cast import PUBLISHED_AT
from tests.files import compound, heic, word, workbook
from tests.test_later import connections_to

MAX = 10 * 1024 * 1024


def office() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("content.xml", "x")
    return made.getvalue()


GOOD = {
    "pdf": b"%PDF-1.7\n%",
    "png": b"\x89PNG\r\n\x1a\n....",
    "jpg": b"\xff\xd8\xff\xe0",
    "jpeg": b"\xff\xd8\xff\xe1",
    "docx": office(),
    "xlsx": office(),
    "odt": office(),
    "ods": office(),
    "txt": "Déjà vu".encode(),
    "md": b"# Titre",
    "csv": "\ufeffa;b\n1;é".encode(),
    "pptx": office(),
    "odp": office(),
    "doc": word(),
    "xls": workbook(),
    "ppt": compound(PowerPoint=b"x" * 5000),
    "rtf": b"{\\rtf1 a}",
    "heic": heic(),
    "heif": heic(b"mif1"),
    "webp": b"RIFF\x04\x00\x00\x00WEBPVP8 ",
    "gif": b"GIF89a",
    "tif": b"II*\x00",
    "tiff": b"MM\x00*",
}


def sent(name, blob=b"texte", content_type="application/octet-stream"):
    return SimpleUploadedFile(name, blob, content_type)


def refused(upload) -> str:
    with pytest.raises(ValidationError) as error:
        checked(upload, field="files")
    assert list(error.value.message_dict) == ["files"]
    return error.value.message_dict["files"][0]


@pytest.mark.parametrize("extension", sorted(GOOD))
def test_accepted_types(extension):
    blob, about = checked(sent(f"Pièce.{extension}", GOOD[extension], "text/html"), field="files")
    assert blob == GOOD[extension] and about["size"] == len(blob) and not about["scanned"]
    # What the browser claimed is not believed.
    assert about["content_type"] == uploads.TYPES[extension][0] != "text/html"
    assert set(GOOD) == set(uploads.TYPES)


@pytest.mark.parametrize("extension", sorted(GOOD))
def test_the_content_must_be_what_the_name_says(extension):
    other = b"MZ\x00\x90" if uploads.TYPES[extension][1] is None else b"<html>"
    assert "n’est pas ce que son extension annonce" in refused(sent(f"a.{extension}", other))


@pytest.mark.parametrize(
    "name", ["a.exe", "a.html", "a.svg", "a.zip", "a.docm", "a.pdf.exe", "a", "a.", ".pdf.js", "pdf"]
)
def test_other_types_are_refused(name):
    message = refused(sent(name, b"%PDF-1.7"))
    assert "type non accepté" in message and "pdf" in message


def test_upper_case_extensions():
    assert checked(sent("PLAN.PDF", GOOD["pdf"]), field="f")[1]["name"] == "PLAN.PDF"


@pytest.mark.parametrize("blob", [b"\xff\xfea\x00b", b"a\x00b", b"\xe9t\xe9\x00", b"\x01\x02"])
def test_what_is_no_text_in_any_charset_is_refused(blob):
    assert "n’est pas" in refused(sent("a.txt", blob))


def test_the_largest_size_is_accepted_and_one_byte_more_is_not():
    blob, about = checked(sent("a.txt", b"x" * MAX), field="files")
    assert about["size"] == MAX == len(blob)
    assert "dépasse 10 Mo" in refused(sent("a.txt", b"x" * (MAX + 1)))


def test_an_empty_file_is_refused():
    assert "vide" in refused(sent("a.txt", b""))


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("we?rd d%r/bad.csv", "bad.csv"),
        ("C:\\Users\\moi\\Rapport final.pdf", "Rapport final.pdf"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("a\r\nSet-Cookie: x.txt", "a__Set-Cookie_ x.txt"),
        ('guillemets".txt', "guillemets_.txt"),
        ("note à l’appui.txt", "note à l’appui.txt"),
        ("note à l'appui.txt", "note à l’appui.txt"),
        ("été – bilan (v2).odt", "été _ bilan (v2).odt"),
        ("e\u0301te\u0301.txt", "été.txt"),  # decomposed, as macOS sends them
        ("\u202etxt.exe.pdf", "_txt.exe.pdf"),
        ("nul\x00.txt", "nul_.txt"),
        ("<script>.txt", "_script_.txt"),
        (".txt", "txt"),
        ("LISEZMOI-DABORD", "LISEZMOI-DABORD"),
        (" . ", "fichier"),
        ("x" * 300 + ".pdf", "x" * 200 + ".pdf"),
    ],
)
def test_names(name, clean):
    assert clean_name(name) == clean
    assert clean_name(clean) == clean  # and no further
    assert len(clean_name(name)) <= 211 and not set(clean_name(name)) & set('/\\"<>:|?*\r\n\x00')


# --- The scanner -----------------------------------------------------------------------------------------------------
class Clamd(socketserver.BaseRequestHandler):
    """Speaks clamd's INSTREAM, and finds a virus where it is told."""

    def handle(self):
        stream = self.request.makefile("rb")
        assert stream.read(10) == b"zINSTREAM\0"
        body = b""
        while size := struct.unpack("!I", stream.read(4))[0]:
            body += stream.read(size)
        self.server.seen.append(body)
        verdict = b"stream: Eicar-Test-Signature FOUND" if b"EICAR" in body else self.server.verdict
        self.request.sendall(verdict + b"\0")


@contextmanager
def clamd(settings, verdict=b"stream: OK"):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Clamd) as server:
        server.seen, server.verdict = [], verdict
        settings.CLAMD_URL = f"tcp://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_a_clean_file_is_scanned_whole(settings):
    with clamd(settings) as server:
        assert checked(sent("a.txt", b"propre" * 1000), field="f")[1]["scanned"] is True
    assert server.seen == [b"propre" * 1000]


def test_a_virus_is_refused(settings):
    with clamd(settings):
        assert "virus" in refused(sent("a.txt", b"EICAR"))


@pytest.mark.parametrize("verdict", [b"INSTREAM size limit exceeded. ERROR", b"", b"\xff\xfe"])
def test_a_scanner_that_cannot_say_is_not_a_yes(settings, verdict):
    with clamd(settings, verdict):
        assert checked(sent("a.txt"), field="f")[1]["scanned"] is False


def test_a_scanner_that_is_down_is_told(settings):
    with clamd(settings) as server:
        pass
    assert server.seen == []
    assert checked(sent("a.txt"), field="f")[1]["scanned"] is False


def test_a_frozen_scanner_is_waited_for_once(settings, monkeypatch):
    """It takes connections, and says nothing: the second file of a request, and the next requests, go on without it."""
    monkeypatch.setattr(files_clamd, "WHOLE", 0.05)
    monkeypatch.setattr(files_clamd, "CONNECT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.CLAMD_URL = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        assert [checked(sent("a.txt"), field="f")[1]["scanned"] for _file in range(9)] == [False] * 9
        assert connections_to(server) == 2  # the file, then whether it is there at all


@pytest.fixture
def watch(monkeypatch):
    """This process's watch, which the test moves."""

    class Watch:
        seconds = 1000.0

    monkeypatch.setattr(clock, "elapsed", lambda: Watch.seconds)
    return Watch


class Answers:
    """A scanner without a socket: what it answers to each question; a number is so many seconds that it takes."""

    def __init__(self, watch, monkeypatch, **answers):
        self.watch, self.answers, self.asked = watch, answers, []
        monkeypatch.setattr(files_clamd, "ask", self.ask)

    def ask(self, words, *, deadline):
        kind = "ping" if words == b"zPING\0" else "scan"
        left = deadline.left()
        self.asked.append((kind, left))
        answer = self.answers[kind]
        if isinstance(answer, bytes):
            return answer
        self.watch.seconds += min(answer, left)
        if answer >= left:
            raise TimeoutError
        return b"stream: OK"


def posted(*names) -> list:
    request = RequestFactory().post("/", {"files": [sent(name) for name in names]})
    return request.FILES.getlist("files")


def test_the_files_of_one_request_share_one_bound(settings, watch, monkeypatch):
    settings.CLAMD_URL = "tcp://clamd.invalid:3310"
    slow = Answers(watch, monkeypatch, scan=9, ping=b"PONG")
    found = [checked(file, field="f")[1]["scanned"] for file in posted("a.txt", "b.txt", "c.txt", "d.txt")]
    assert found == [True, True, False, False] and watch.seconds == 1000 + files_clamd.WHOLE
    assert [left for kind, left in slow.asked if kind == "scan"] == [20, 11, 2]
    assert checked(posted("e.txt")[0], field="f")[1]["scanned"] is True  # the next request has its own


def test_a_file_that_is_slow_to_look_at_is_no_outage(settings, watch, monkeypatch):
    """Whoever sends one would have the files of everybody taken without a look."""
    settings.CLAMD_URL = "tcp://clamd.invalid:3310"
    scanner = Answers(watch, monkeypatch, scan=60, ping=b"PONG")
    assert checked(sent("lent.txt"), field="f")[1]["scanned"] is False
    scanner.answers["scan"] = b"stream: OK"
    assert checked(sent("a.txt"), field="f")[1]["scanned"] is True


def test_a_scanner_that_is_back_is_asked_again(settings, watch, monkeypatch, caplog):
    settings.CLAMD_URL = "tcp://clamd.invalid:3310"
    scanner = Answers(watch, monkeypatch, scan=60, ping=60)
    assert checked(sent("a.txt"), field="f")[1]["scanned"] is False
    assert watch.seconds == 1000 + files_clamd.WHOLE + files_clamd.CONNECT
    scanner.asked.clear()
    assert checked(sent("a.txt"), field="f")[1]["scanned"] is False and not scanner.asked
    watch.seconds += 61
    assert checked(sent("a.txt"), field="f")[1]["scanned"] is False
    assert [kind for kind, _left in scanner.asked] == ["ping"]  # one second, not twenty
    scanner.answers |= {"ping": b"PONG", "scan": b"stream: Eicar-Test-Signature FOUND"}
    watch.seconds += 61
    assert "virus" in refused(sent("a.txt"))
    assert "The antivirus (CLAMD_URL) does not answer" in caplog.text and "answers again" in caplog.text


# --- Nothing in the clear on a disk ----------------------------------------------------------------------------------
def test_uploads_stay_in_memory(settings, monkeypatch):
    """Up to the largest size, no temporary file; past it, nothing more is kept, and the size is still told."""
    import tempfile

    def no_disk(*args, **named):
        raise AssertionError("a temporary file was made")

    for name in ("TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile"):
        monkeypatch.setattr(tempfile, name, no_disk)
    for size in (10, MAX, MAX + 1):
        request = RequestFactory().post("/", {"file": sent("a.txt", b"x" * size)})
        upload = request.FILES["file"]
        assert isinstance(upload, InMemoryUploadedFile) and upload.size == size
        assert len(upload.read()) <= MAX


def test_a_draft_s_file_is_encrypted_and_comes_back(cast, settings, django_capture_on_commit_callbacks):
    proposal = cast.proposal(cast.published())
    draft_actions.add_file(proposal, sent("Idée.txt", b"Contenu secret"), at=PUBLISHED_AT)
    (item,) = draft_actions.read(proposal)["files"]
    (stored,) = (settings.MEDIA_ROOT / "drafts").iterdir()
    assert b"secret" not in stored.read_bytes() and "Id" not in stored.name
    assert stored.stat().st_mode & 0o077 == 0
    assert draft_actions.read_file(proposal, item) == b"Contenu secret" and item["name"] == "Idée.txt"
    with django_capture_on_commit_callbacks(execute=True):
        draft_actions.remove_file(proposal, item["id"], at=PUBLISHED_AT)
    assert not list((settings.MEDIA_ROOT / "drafts").iterdir()) and draft_actions.read(proposal)["files"] == []


def test_five_files_and_no_more(cast, settings):
    proposal = cast.proposal(cast.published())
    for number in range(5):
        draft_actions.add_file(proposal, sent(f"{number}.txt"), at=PUBLISHED_AT)
    with pytest.raises(ValidationError, match="Pas plus de 5"):
        draft_actions.add_file(proposal, sent("6.txt"), at=PUBLISHED_AT)
    assert len(list((settings.MEDIA_ROOT / "drafts").iterdir())) == 5


def test_a_refused_file_leaves_nothing(cast, settings, monkeypatch):
    proposal = cast.proposal(cast.published())
    with pytest.raises(ValidationError):
        draft_actions.add_file(proposal, sent("a.exe"), at=PUBLISHED_AT)
    monkeypatch.setattr(draft_actions.sealing, "seal_draft", lambda *args, **named: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        draft_actions.add_file(proposal, sent("a.txt"), at=PUBLISHED_AT)
    assert not [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]
