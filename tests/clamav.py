"""A clamd of Debian's packages with one signature, ours: no download, no signature of anybody else."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.files import EICAR

BINARY = shutil.which("clamd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextmanager
def clamd(folder: Path) -> Iterator[str]:
    """The address (CLAMD_URL) of one that answers, until the block ends."""
    signatures = folder / "signatures"
    signatures.mkdir()
    (signatures / "essai.ndb").write_text(f"Essai.Eicar:0:*:{EICAR.hex()}\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = folder / "clamd.conf"
    settings.write_text(
        f"DatabaseDirectory {signatures}\nTemporaryDirectory {folder}\n"
        f"TCPSocket {port}\nTCPAddr 127.0.0.1\nForeground yes\n"
    )
    assert BINARY
    process = subprocess.Popen(
        [BINARY, "--config-file", str(settings)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout
    try:
        said = []
        for line in process.stdout:  # until it listens: nothing is polled
            said.append(line)
            if "Self checking" in line:
                break
        else:
            raise AssertionError("".join(said))
        yield f"tcp://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=30)
