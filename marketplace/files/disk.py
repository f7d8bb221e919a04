"""Stored bytes in a folder of the disk: the embedded default, and one host in production."""

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from django.core.files.storage import FileSystemStorage

from marketplace.files.storage import Stored

FILE_MODE, FOLDER_MODE = 0o600, 0o700


class Disk(FileSystemStorage):
    """MEDIA_ROOT. Every method raises OSError; FileNotFoundError only where the file, and nothing else, is not there.

    Nobody but marketplace/files/store.py calls these: Django's own `save` and `delete` are refused.
    """

    def write(self, name: str, content: bytes) -> None:
        """A new file, synced with its folder before this returns; what was begun is removed if it fails.

        FileExistsError rather than one byte written over another file.
        """
        path = self._path(name)
        for folder in (Path(self.location), path.parent):
            if not folder.is_dir():
                folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
                _sync(folder.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            _sync(path.parent)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def read(self, name: str) -> bytes:
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError as error:
            if not Path(self.location).is_dir():  # a volume that is not mounted has lost nothing
                raise OSError("the folder of the files is not there") from error
            raise

    def remove(self, name: str) -> None:
        """Nothing happens when it is already gone."""
        self._path(name).unlink(missing_ok=True)

    def has(self, name: str) -> bool:
        return self._path(name).is_file()

    def stored(self, folder: str) -> Iterator[Stored]:
        """The files of one folder, none where there is no such folder; a file that goes meanwhile is left out."""
        try:
            entries = os.scandir(self._path(folder))
        except FileNotFoundError:
            return
        with entries:
            for entry in entries:
                try:
                    about = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if entry.is_file(follow_symlinks=False):
                    at = datetime.fromtimestamp(about.st_mtime, UTC)
                    yield Stored(f"{folder}/{entry.name}", about.st_size, at)

    def _path(self, name: str) -> Path:
        return Path(self.path(name))  # SuspiciousFileOperation for what would leave the folder

    def _save(self, name: str, content: Any) -> NoReturn:
        raise NotImplementedError("marketplace.files.store.keep is the only way in")

    def delete(self, name: str) -> NoReturn:
        raise NotImplementedError("marketplace.files.store.destroy is the only way out")


def written_whole(path: Path, lines: Iterable[bytes]) -> None:
    """A file that somebody asked for, its owner's alone (it may hold personal information), whole or not at all: a cut
    export would look like a tampered one. OSError."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as target:
            target.writelines(lines)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """The folder's own list of names, or a crash of the machine may forget the new one."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
