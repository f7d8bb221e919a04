"""The two keys: made once, readable by their owner alone, never overwritten."""

import base64
import os
import stat
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from django.core.management import CommandError, call_command

ROOT = Path(__file__).parent.parent


@pytest.fixture
def paths(settings, tmp_path):
    settings.SEAL_KEY_FILE = tmp_path / "keys" / "seal.key"
    settings.SIGNING_KEY_FILE = tmp_path / "keys" / "signing.pem"
    return settings.SEAL_KEY_FILE, settings.SIGNING_KEY_FILE


def test_both_are_made_once(paths):
    seal, signing = paths
    out = StringIO()
    call_command("create_keys", stdout=out)
    assert len(base64.b64decode(seal.read_bytes())) == 32
    serialization.load_pem_private_key(signing.read_bytes(), password=None)
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    for path in paths:
        assert str(path) in out.getvalue()
    assert "deux copies hors ligne" in out.getvalue()
    before = [path.read_bytes() for path in paths]
    with pytest.raises(CommandError, match="rien n’a été écrit"):
        call_command("create_keys", stdout=StringIO())
    assert [path.read_bytes() for path in paths] == before


def test_a_missing_one_is_made_and_the_other_left_alone(paths):
    seal, signing = paths
    seal.parent.mkdir()
    seal.write_bytes(b"mine")
    call_command("create_keys", stdout=StringIO())
    assert seal.read_bytes() == b"mine"
    assert signing.exists()


def test_a_place_that_cannot_be_written_is_said(settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.SEAL_KEY_FILE = tmp_path / "file" / "seal.key"
    with pytest.raises(CommandError, match="ne peut pas être écrite"):
        call_command("create_keys", stdout=StringIO())


def test_as_the_operator_runs_it(tmp_path):
    """PRODUCTION unset, both variables set: no database is needed."""
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PRODUCTION"},
        "VAR_DIR": str(tmp_path / "var"),
        "SEAL_KEY_FILE": str(tmp_path / "seal.key"),
        "SIGNING_KEY_FILE": str(tmp_path / "signing.pem"),
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "create_keys"],
        cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "seal.key").exists()
    assert (tmp_path / "signing.pem").exists()
