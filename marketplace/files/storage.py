"""What a storage of ours does, whatever it stands on, and what it tells of a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Stored:
    """name: as rows hold it. size: in bytes. at: when it was written, by the storage's clock."""

    name: str
    size: int
    at: datetime


class Storage(Protocol):
    """marketplace/files/disk.py or marketplace/files/bucket.py. OSError for any trouble, FileNotFoundError for none."""

    def write(self, name: str, content: bytes) -> None: ...

    def read(self, name: str) -> bytes: ...

    def remove(self, name: str) -> None: ...

    def has(self, name: str) -> bool: ...

    def stored(self, folder: str) -> Iterator[Stored]: ...
