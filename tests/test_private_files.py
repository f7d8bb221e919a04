"""What commands and tools write to a disk: whoever holds personal information or a secret is its owner's alone.

The walk below finds every place that writes a file; a new one is a line of the table, with what it holds.
"""

import ast
import os
import stat
import subprocess

import pytest
from django.core.management import call_command

from marketplace import keys
from marketplace.dates import clock
from tests.conftest import NOW
from tests.installed import ROOT
from tests.test_architecture import MODULES, parsed

WRITES = {"write_text", "write_bytes", "touch"}
# {file: what it writes}. « private »: opened with 0600, or under a umask of 077, and tested here or where it says.
PLACES = {
    "audit/casefile/archive.py": "a part of an archive, in a temporary file without a name",
    "marketplace/keys.py": "private",
    "marketplace/files/disk.py": "private: tests/test_store.py",
    "marketplace/twice/once.py": "an empty file, 0600",
    "marketplace/service/backup.py": "private: tests/test_backup.py",
    "proposals/opening/lock.py": "an empty file, 0600",
    "tools/postgres.py": "private: the password of a server for tests, in a folder of its own",
    "tools/bench.py": "figures",
    "tools/bench_ledger.py": "an invented ledger, figures",
    "tools/bench_load.py": "a log of an invented site, a script",
    "tools/drills/redis_outage.py": "a log of an invented site",
    "tools/drills/restore.py": "an invented world's facts",
}


def writes(path) -> bool:
    """Whether this file opens another one to write it (not an archive in memory, nor a page of a browser)."""
    for node in ast.walk(parsed(path)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        last = name.rpartition(".")[2]
        if last in WRITES or name == "os.open" and "O_CREAT" in ast.unparse(node):
            return True
        modes = [each.value for each in [*node.args, *(word.value for word in node.keywords)]
                 if isinstance(each, ast.Constant) and isinstance(each.value, str)]  # fmt: skip
        if last == "open" and any(mode in {"w", "wb", "xb", "ab", "a", "x"} for mode in modes):
            return True
    return False


def test_every_place_that_writes_a_file_is_known():
    tools = [path for path in sorted((ROOT / "tools").rglob("*.py")) if "stripe_standin" not in path.parts]
    found = {path.relative_to(ROOT).as_posix() for path in [*MODULES, *tools] if writes(path)}
    assert found == set(PLACES), found ^ set(PLACES)


@pytest.fixture(autouse=True)
def usual_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.django_db
def test_an_export_is_its_owners(cast, tmp_path):
    """Fault of 0.5: 0644, with personal information in it. What stood there, or what a kill left, changes nothing."""
    cast.published()
    file, part = tmp_path / "registre.jsonl", tmp_path / "registre.jsonl.part"
    for path in (file, part):
        path.write_text("avant")
        path.chmod(0o644)
    seen = []
    real = os.replace

    def replace(source, target):
        seen.append(mode(source))
        return real(source, target)

    with clock.set_to(NOW), pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", replace)
        call_command("export_ledger", "--with-payloads", str(file))
    assert seen == [0o600] and mode(file) == 0o600 and not part.exists()
    assert b"avant" not in file.read_bytes()


def test_keys_are_their_owners(tmp_path):
    keys.create(tmp_path / "seal.key", keys.new_seal_key())
    assert mode(tmp_path / "seal.key") == 0o600


def test_secrets_are_their_owners(tmp_path):
    done = subprocess.run(
        ["sh", "-c", 'umask 022; chown() { :; }; . "$0"', f"{ROOT}/deploy/secrets.sh", f"{tmp_path}/secrets", "h:5432"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    files = list((tmp_path / "secrets").iterdir())
    assert len(files) == 8 and {mode(path) for path in files} == {0o400}


def test_the_embedded_site_writes_for_its_owner():
    """`make run`: the database, its keys and its files are made by processes that it starts."""
    text = (ROOT / "tools/run.py").read_text(encoding="utf-8")
    assert text.index("os.umask(0o077)") < text.index("var.mkdir(") < text.index('manage("migrate"')


def test_units_and_manage_sh_have_the_same_umask():
    assert all("UMask=0077" in unit.read_text() for unit in (ROOT / "deploy/systemd").glob("*.service"))
    assert "umask 077" in (ROOT / "deploy/manage.sh").read_text()
