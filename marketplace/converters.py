"""Path converters: what an address may hold is said in the address, so that nothing odd reaches a query."""

from django.urls import register_converter


class Code:
    """A public number: DAN-2026-0001, AD-7K3F-9Q2M-V5TB. Case is kept: a number in another case is not found."""

    regex = r"[A-Za-z0-9-]{1,24}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class Rank:
    """A number of the ledger, or how many entries it has: what a 64-bit column holds."""

    regex = r"[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


class Digest(Code):
    """A SHA-256, in hexadecimal."""

    regex = r"[0-9a-f]{64}"


register_converter(Code, "code")
register_converter(Rank, "rank")
register_converter(Digest, "digest")
