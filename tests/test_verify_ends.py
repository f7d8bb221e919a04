"""However tools/verify.py ends, it is by one sentence and a stated exit code: never by a traceback."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.test_verify import VERIFY

# What another machine is: the tool is run in a Python made like it.
OLD = "sys.version_info = (3, 8, 18)"
NO_LZMA = "sys.modules['lzma'] = None"
BROKEN = """
class Panic(BaseException): pass
class Broken:
    def find_spec(self, name, path=None, target=None):
        if name.startswith('cryptography'): raise Panic('Python API call failed')
sys.meta_path.insert(0, Broken())
"""
NO_CURVE = """
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.exceptions import UnsupportedAlgorithm
def refuse(*_arguments): raise UnsupportedAlgorithm('not in this OpenSSL')
ed25519.Ed25519PublicKey.from_public_bytes = refuse
"""


def run(*arguments, given="", **options) -> subprocess.CompletedProcess:
    options = {"capture_output": True} | options if "stdout" not in options else {"stderr": subprocess.PIPE} | options
    code = f"import runpy, sys\nsys.argv = {['verify.py', *map(str, arguments)]!r}\n{given}\n"
    code += f"runpy.run_path({str(VERIFY)!r}, run_name='__main__')"
    env = {"PYTHONUTF8": "1"} | options.pop("env", {})
    return subprocess.run([sys.executable, "-c", code], timeout=60, check=False, env=env, **options)


def one_sentence(done, code: int, word: str) -> bool:
    told = done.stderr.decode().strip()
    assert "Traceback" not in told and "Exception ignored" not in told
    return done.returncode == code and word in told and len(told.splitlines()) == 1


@pytest.fixture
def paper(tmp_path) -> Path:
    path = tmp_path / "accuse.json"
    path.write_bytes(b'{"type":"dan-receipt/1"}')
    return path


FILES = {
    "a mark": (b"\xef\xbb\xbf{}", 1), "utf-16": ('{"a":1}'.encode("utf-16"), 1), "cut": (b'{"type":"dan-rec', 1),
    "nothing": (b"", 1), "nan": (b'{"a":NaN}', 1), "long number": (b'{"a":' + b"9" * 5_000 + b"}", 1),
    "zip": (b"PK\x03\x04abc", 1),
    "half a pair": (b'{"a":"\\ud800"}', 1), "not an object": (b"[1]", 1), "deep": (b"[" * 100_000, 2),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_anything(name, tmp_path):
    """Said on the output where it is not verified, on the errors where nothing could be."""
    blob, code = FILES[name]
    path = tmp_path / "fichier.json"
    path.write_bytes(blob)
    for what in ("receipt", "ledger", "notices"):
        done = run(what, path, *(["--ledger", path] if what == "notices" else []))
        told = (done.stdout + done.stderr).decode()
        assert done.returncode in (code, 1) and len(told.strip().splitlines()) == 1 and "Traceback" not in told


def test_a_file_that_cannot_be_opened(paper, tmp_path):
    assert one_sentence(run("receipt", tmp_path / "absent"), 2, "il n’y a pas de fichier de ce nom")
    assert one_sentence(run("receipt", paper, "--envelope", tmp_path), 2, "c’est un dossier")
    assert one_sentence(run("ledger", "a\0b"), 2, "il n’y a pas de fichier de ce nom (a\\u0000b)")
    assert one_sentence(run("ledger", tmp_path / ("x" * 300)), 2, "le système le refuse")
    paper.chmod(0)
    if os.geteuid():
        assert one_sentence(run("receipt", paper), 2, "vous n’avez pas le droit")


def test_another_python_or_a_broken_package(paper):
    assert one_sentence(run("receipt", paper, given=OLD), 2, "Python 3.9 ou plus recent est necessaire")
    for given in (BROKEN, NO_CURVE, NO_LZMA):
        assert run("receipt", paper, given=given).returncode == 1  # not whole: no signature is needed to say it
    done = run("draw", paper, given=BROKEN)
    assert done.returncode == 1 and not done.stderr


def test_whoever_does_not_read_to_the_end(paper):
    with open("/dev/full", "wb") as full:
        for arguments in (["--help"], ["receipt", paper], ["receipt", paper, "--lang", "en"]):
            word = "conclude nothing" if "en" in arguments else "n’en concluez rien"
            assert one_sentence(run(*arguments, stdout=full), 2, word)
    read, write = os.pipe()
    os.close(read)
    try:
        assert one_sentence(run("receipt", paper, stdout=write), 2, "sortie fermée")
    finally:
        os.close(write)


def test_a_terminal_that_has_no_accents(paper):
    for code, *arguments in ((0, "--help"), (1, "receipt", paper), (2, "receipt"), (2, "receipt", paper, "--key", "é")):
        done = run(*arguments, env={"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"})
        assert b"Traceback" not in done.stderr and done.returncode == code
        assert done.stdout or done.stderr


def test_interrupted(tmp_path):
    """Control-C while it waits for a file that never ends."""
    pipe = tmp_path / "sans fin"
    os.mkfifo(pipe)
    process = subprocess.Popen([sys.executable, "-I", str(VERIFY), "receipt", str(pipe)], stderr=subprocess.PIPE,
                               stdout=subprocess.PIPE, env={"PYTHONUTF8": "1"})  # fmt: skip
    held = os.open(pipe, os.O_WRONLY)  # returns once the tool has opened it: it now reads
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    told, errors = process.communicate(timeout=30)
    os.close(held)
    assert process.returncode == 2 and errors.decode().strip() == "Interrompu\u00a0: rien n’est vérifié." and not told


def test_a_file_as_big_as_the_memory(paper, tmp_path):
    limits = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (400_000_000, 400_000_000))"
    assert one_sentence(run("receipt", "/dev/zero", given=limits), 2, "trop grand pour la mémoire")
