"""Which addresses a message can be sent to: what is only typed is not always an address that a header can hold.

`=?utf-8?q?=0a?=@example.com` passes for an address, and is read by mail software as an encoded line feed; another such
text would be read as somebody else's address. And the domain `faß.de` is written `fass.de` by Python's codec (IDNA of
2003), which is somebody else's (RFC 5894, section 7.2): one that does not come back as it was typed is refused.
"""

import re
import unicodedata
from email.headerregistry import Address

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from marketplace.values.signs import plain

_MOST = 254  # characters: RFC 5321, section 4.5.3.1.3, without the brackets
# Between brackets, beside a name or a second time: « Jeanne Roy (jeanne@exemple.ca) », « [a@b.ca](mailto:a@b.ca) ».
_BRACKETED = re.compile(r"[<(\[] *([^<>()\[\]@]+@[^<>()\[\]@]+?) *[>)\]]")
_COMMENT = re.compile(r"(?<=[^ @]) *\([^@()]*\)$")  # « jeanne@exemple.ca (Jeanne Roy) »
_CALLED = re.compile(r"^(?:(?:adresse )?(?:courriel|e-?mail|mail|mailto|à|to|de|from) *: *)+", re.I)
_QUOTED = re.compile(r"[\"'«“„|] *([^ \"]*) *[\"'»”|]")
_MOST_LOCAL = 64  # section 4.5.3.1.1


def read(typed: str) -> str:
    """The address in what was typed or pasted: « Jeanne <jeanne@exemple.ca> », « mailto:jeanne@exemple.ca; ».

    Cleaned, not judged: the field's validators and `check` do that. Never an error.
    """
    text = plain(typed)
    if match := _BRACKETED.search(text):
        text = match[1]
    text = _CALLED.sub("", _COMMENT.sub("", text)).strip(" ,;:.<>()[]|")
    if match := _QUOTED.fullmatch(text):
        text = match[1]
    local, at, domain = text.rpartition("@")
    # What follows « ? » in a link's address is its subject. A telephone puts a space after each point.
    domain = re.sub(r" *\. *", ".", domain.partition("?")[0].replace("\u3002", "."))
    return f"{local.rstrip()}{at}{domain.lstrip()}" if at else text


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
    same = (parsed.username, parsed.domain) == (local.strip('"'), written)
    return same and " " not in address and _comes_back(domain, written)


def check(address: str) -> None:
    """ValidationError, in words, for an address that no message can be written to; for forms and commands."""
    domain = address.rpartition("@")[2]
    written = _written(domain)
    if written and not _comes_back(domain, written):
        raise ValidationError(
            _(
                "Un courriel à cette adresse irait à un autre domaine : « %(written)s » au lieu de "
                "« %(domain)s ». Écrivez le domaine sous sa forme technique (« xn--… »), ou donnez une autre adresse."
            )
            % {"written": written, "domain": domain},
            code="other_domain",
        )
    if not can_be_written(address):
        raise ValidationError(_("Cette adresse ne peut pas recevoir de courriel."), code="unwritable")


def judge(address: str) -> None:
    """The validator of the fields: Django's, then `check`; a text that is no address at all is told once."""
    validate_email(address)
    check(address)


def _written(domain: str) -> str:
    """The domain as a message would have it; empty when the codec refuses it."""
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _comes_back(domain: str, written: str) -> bool:
    """Whether the codec reads back, in what it wrote, the domain that was typed; letters of ASCII are written as is."""
    if domain.isascii():
        return True
    try:
        return written.encode().decode("idna") == unicodedata.normalize("NFC", domain).lower()
    except UnicodeError:
        return False
