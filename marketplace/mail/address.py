"""Which addresses a message can be sent to: what is only typed is not always an address that a header can hold.

`=?utf-8?q?=0a?=@example.com` passes for an address, and is read by mail software as an encoded line feed; another such
text would be read as somebody else's address.
"""

from email.headerregistry import Address

_MOST = 254  # characters: RFC 5321, section 4.5.3.1.3, without the brackets
_MOST_LOCAL = 64  # section 4.5.3.1.1


def can_be_written(address: str) -> bool:
    """Whether this address can stand in a header and in an envelope, as it is and as nothing else."""
    local, at, domain = address.rpartition("@")
    if not (at and local and domain) or len(address) > _MOST or len(local) > _MOST_LOCAL:
        return False
    if "=?" in address or not local.isascii() or not local.isprintable() or not domain.isprintable():
        return False
    try:
        written = domain.encode("idna").decode("ascii")
        parsed = Address(addr_spec=f"{local}@{written}")
    except Exception:  # the parsers raise IndexError, ValueError, HeaderParseError, UnicodeError…
        return False
    return (parsed.username, parsed.domain) == (local.strip('"'), written) and " " not in address
