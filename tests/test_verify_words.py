"""tools/verify.py speaks one language at a time, and says what it could not check."""

import ast
import json
import re
import string
import subprocess
import sys

import pytest

from audit.ledger import export as ledger_export
from marketplace.ledger import checkpoints
from tests.cast import PUBLISHED_AT
from tests.test_ledger import VERIFY, verify
from tests.test_verify import receipt, run  # noqa: F401 - a fixture

# Words that one of the languages has and the other has not.
FRENCH = re.compile(r"[«»éèàêç]|\b(le|la|les|une|est|pas|des|qui|cette|ce)\b")
ENGLISH = re.compile(r"[“”]|\b(the|is|not|this|of|that|and|which|no)\b")


def fields(text):
    return {
        name.removesuffix("_fr").removesuffix("_en")
        for _lit, name, _spec, _conv in string.Formatter().parse(text)
        if name
    }


def without_cryptography(*arguments):
    """As where only Python is installed: no site-packages."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(VERIFY), *map(str, arguments)], capture_output=True, timeout=60, check=False,
        env={"PYTHONUTF8": "1"},
    )  # fmt: skip


# --- Two languages ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(verify.MESSAGES))
def test_each_message_is_in_both_languages_with_the_same_values(name):
    french, english = verify.MESSAGES[name]
    assert fields(french) == fields(english)
    words_fr, words_en = (re.sub(r"\{[^}]*\}|--?[a-z]+|[\w./]+\.py", " ", text) for text in (french, english))
    if french != english:
        assert not ENGLISH.search(words_fr.lower()), french
    assert not FRENCH.search(words_en.lower()), english
    assert " :" not in english and (french != english or not FRENCH.search(french))


def test_messages_were_seen():
    assert len(verify.MESSAGES) >= 150


def test_every_message_that_the_code_names_exists_and_no_reason_is_somebody_elses():
    """`why` is a message of ours, never the words of the system or of a library, which have their own language."""
    tree, named, reasons = ast.parse(VERIFY.read_bytes()), set(), 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Bad", "Unusable"):
            first = node.args[0] if node.args else None
            named |= {one.value for one in ast.walk(first) if isinstance(one, ast.Constant)} if first else set()
            for keyword in node.keywords:
                if keyword.arg == "why":
                    assert isinstance(keyword.value, ast.Tuple), ast.unparse(node)
                    reasons += 1
    kinds = {"_fields", "_key", "_signature"}
    assert {name for name in named if isinstance(name, str)} - kinds - {*verify.MESSAGES} == set()
    assert len(named) >= 60 and reasons >= 10
    assert {*verify.BY_DIGESTS, *verify.INSTEAD, *verify.INSTEAD.values()} <= {*verify.MESSAGES}


@pytest.mark.parametrize("what", ["ledger", "draw", "notice", "notices", "notes", *verify.READERS])
def test_a_file_that_cannot_be_read(what, tmp_path):
    for path, french, english in (
        (tmp_path / "absent.json", "il n’y a pas de fichier de ce nom", "there is no file of that name"),
        (tmp_path, "c’est un dossier", "it is a folder"),
    ):
        for arguments, words, other in (
            ([what, path, "--key", "A" * 43 + "="], french, ENGLISH),
            ([what, path, "--key", "A" * 43 + "=", "--lang", "en"], english, FRENCH),
            (["--lang", "en", what, path, "--key", "A" * 43 + "="], english, FRENCH),
        ):
            done = run(*arguments)
            told = done.stderr.decode()
            assert done.returncode == 2 and words in told and not done.stdout, told
            assert not other.search(told.replace(str(path), "").lower()), told


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["ledger"],
        ["ledger", "x", "--from", "x"],
        ["receipt", "x", "--lang", "de"],
        ["draw", "x", "--z"],
    ],
)
def test_a_command_that_is_not_understood(arguments):
    for lang, words, other in (("fr", "ne se comprend pas", ENGLISH), ("en", "cannot be understood", FRENCH)):
        done = run(*([] if "--lang" in arguments else ["--lang", lang]), *arguments)
        if "--lang" in arguments and lang == "en":
            continue
        told = done.stderr.decode()
        assert done.returncode == 2 and words in told and "usage" not in told
        assert not other.search(re.sub(r"--lang en|verify\.py", "", told).lower()), told


def test_help_is_in_the_language_asked_for():
    french, english = run("--help"), run("--lang", "en", "--help")
    assert french.returncode == english.returncode == 0
    assert "Codes de sortie" in french.stdout.decode() and "Exit codes" in english.stdout.decode()
    for what in ("ledger", "draw", "notice", "notices", "notes", *verify.READERS):
        assert f"verify.py {what} " in french.stdout.decode() and f"verify.py {what} " in english.stdout.decode()
        assert b"Codes de sortie" in run(what, "--help").stdout


def test_an_archive_that_cannot_be_read_is_told_in_one_language():
    for lang in (verify.FR, verify.EN):
        values = verify._inner(lang, {"why": ("unpacked", {})})
        told = verify.say(lang, "archive_unreadable", **values)
        assert ("abîmée" in told, "damaged" in told) == (lang == verify.FR, lang == verify.EN)


# --- Without cryptography --------------------------------------------------------------------------------------------
NEEDED = "installez « cryptography »"


def test_a_receipt_without_cryptography(receipt, tmp_path):  # noqa: F811
    paper, envelope, _submission = receipt
    done = without_cryptography("receipt", paper, "--envelope", envelope)
    told = done.stdout.decode()
    assert done.returncode == 2 and b"Traceback" not in done.stderr
    assert NEEDED in done.stderr.decode() and len(done.stderr.decode().strip().splitlines()) == 1
    assert "octet pour octet" in told and "Accusé vérifié" not in told and "Clé" not in told and "clé" not in told
    done = without_cryptography("receipt", paper, "--lang", "en")
    assert "install “cryptography”" in done.stderr.decode() and not FRENCH.search(done.stderr.decode().lower())
    other = tmp_path / "autre.json"
    other.write_bytes(envelope.read_bytes() + b" ")
    done = without_cryptography("receipt", paper, "--envelope", other)
    assert done.returncode == 1 and "n’est pas celle que nomme l’accusé" in done.stdout.decode()


def test_a_ledger_without_cryptography_is_followed_hash_by_hash(cast, tmp_path):
    cast.published()
    checkpoints.make(at=PUBLISHED_AT)
    path = tmp_path / "registre.jsonl"
    path.write_bytes(b"".join(ledger_export.lines(with_payloads=True)))
    done = without_cryptography("ledger", path)
    told = done.stdout.decode()
    assert done.returncode == 2 and NEEDED in done.stderr.decode()
    assert "dans l’ordre, sans trou, chacune conforme à son empreinte" in told
    assert "vérifié" not in told and "signé" not in told
    lines = path.read_bytes().splitlines(keepends=True)
    changed = json.loads(lines[2]) | {"at": "2020-01-01T00:00:00.000000Z"}
    path.write_bytes(b"".join([*lines[:2], verify.canonical(changed) + b"\n", *lines[3:]]))
    done = without_cryptography("ledger", path)
    assert done.returncode == 1 and "ne correspond pas à son empreinte" in done.stdout.decode()


def test_a_draw_needs_no_signature(tmp_path):
    digests = [verify.sha256(bytes([n])) for n in range(3)]
    row = {"secret": "ab" * 32, "digests": digests, "order": [verify.draw_order(b"\xab" * 32, digests, digests[:2])]}
    row["commitment"] = verify.sha256(b"\xab" * 32)
    path = tmp_path / "tirage.json"
    path.write_bytes(verify.canonical(row))
    done = without_cryptography("draw", path)
    assert done.returncode == 0 and "Tirage vérifié" in done.stdout.decode() and not done.stderr
    assert run("draw", path).stdout == done.stdout


@pytest.mark.parametrize("what", ["ledger", "draw", "notice", "notices", "notes", *verify.READERS])
def test_nothing_ends_in_a_traceback_without_cryptography(what, tmp_path):
    path = tmp_path / "x.json"
    for content in (b"", b"{}", b"[" * 50_000, VERIFY.read_bytes()):
        path.write_bytes(content)
        done = without_cryptography(what, path)
        assert done.returncode in (1, 2) and b"Traceback" not in done.stderr, done.stderr
