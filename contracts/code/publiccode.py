"""publiccode.yml 0.5: what a file must say for its software to enter the reuse catalogue.

Source: the standard (publiccode.yml, docs/standard/schema.core) and, where it is silent, its reference parser. Two
choices are ours: an unknown key is a warning (the reference parser refuses it), because newer versions add keys; and
nothing is fetched from the network (addresses are read, not visited). Country sections (« IT ») are not examined.
"""

import re
import unicodedata
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from contracts.code import licences, plain_yaml
from contracts.code import publiccode_terms as terms
from contracts.code.sentences import Sentence
from contracts.code.sentences import Sentence as _

FILE_NAMES = ("publiccode.yml", "publiccode.yaml")
Problem = tuple[str, Sentence]  # (key path: « description.fr.features[0] », what is wrong)


@dataclass
class Result:
    """Errors make the file invalid, warnings do not. `data` is what was read ({} when it could not be)."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    files: Container[str] | None = None

    def error(self, path: str, sentence: Sentence) -> None:
        self.errors.append((path, sentence))

    def warn(self, path: str, sentence: Sentence) -> None:
        self.warnings.append((path, sentence))


Check = Callable[[Result, str, object], None]


@dataclass(frozen=True)
class Key:
    """A key of a section: how its value is checked, whether it must be there, what replaces it when deprecated."""

    check: Check
    required: bool = False
    deprecated: bool = False


def validate(text: str | bytes, files: Container[str] | None = None) -> Result:
    """Check a publiccode.yml. `files`: the paths of the tree it comes from; then the files it names must be there."""
    result = Result(files=files)
    try:
        data = plain_yaml.load(text)
    except plain_yaml.YamlError as error:
        result.error(error.path, error.sentence)
        return result
    if not isinstance(data, dict):
        result.error("", _("Le fichier doit être une liste de clés et de valeurs."))
        return result
    result.data = data
    if _version(result, data.get("publiccodeYmlVersion")):
        _section(result, "", {key: value for key, value in data.items() if not _country(result, data, key)}, CORE)
    return result


# --- Values ----------------------------------------------------------------------------------------------------------
def _text(result: Result, path: str, value: object, *, least: int = 0, most: int = 0) -> None:
    if not isinstance(value, str):
        result.error(path, _("Cette valeur doit être un texte."))
        return
    length = _letters(value) if least or most else 0
    if length < least:
        result.error(path, _("Ce texte doit avoir au moins %(least)d caractères : il en a %(length)d.")
                     % {"least": least, "length": length})  # fmt: skip
    elif most and length > most:
        result.error(path, _("Ce texte peut avoir %(most)d caractères au plus : il en a %(length)d.")
                     % {"most": most, "length": length})  # fmt: skip


def _letters(text: str) -> int:
    """The length as readers count it: accents, emoji modifiers and joined emoji do not add up (UAX 29, roughly)."""
    count, joined, flag = 0, False, False
    for letter in text.rstrip("\n"):
        if joined or unicodedata.category(letter) in ("Mn", "Me", "Cf") or "\U0001f3fb" <= letter <= "\U0001f3ff":
            joined = letter == "\u200d"
            continue
        half = "\U0001f1e6" <= letter <= "\U0001f1ff"  # two of them make one flag
        flag = half and not flag
        count += 0 if half and not flag else 1
    return count


def _flag(result: Result, path: str, value: object) -> None:
    if isinstance(value, str) and value.lower() in ("yes", "no", "on", "off"):
        result.warn(path, _("« %s » est du YAML 1.1 : écrivez true ou false.") % value)
    elif not isinstance(value, bool):
        result.error(path, _("Cette valeur doit être true ou false."))


def _one_of(result: Result, path: str, value: object, *, values: tuple[str, ...]) -> None:
    if value not in values or not isinstance(value, str):
        few = _("Cette valeur n’est pas permise. Valeurs permises : %s.") % ", ".join(values)
        many = _("Cette valeur n’est pas dans la liste de la norme publiccode.yml.")
        result.error(path, few if len(values) < 12 else many)


def _list_of(result: Result, path: str, value: object, *, check: Check, least: int = 0) -> None:
    if not isinstance(value, list):
        result.error(path, _("Cette valeur doit être une liste."))
        return
    if len(value) < least:
        result.error(path, _("Cette liste ne peut pas être vide."))
    for number, item in enumerate(value):
        check(result, f"{path}[{number}]", item)


def _lone_or_list_of(result: Result, path: str, value: object, *, check: Check) -> None:
    if isinstance(value, str):
        check(result, path, value)
    else:
        _list_of(result, path, value, check=check)


def _platforms(result: Result, path: str, value: object) -> None:
    """« Enumerated string or array of strings »; the reference parser takes only the array."""
    if isinstance(value, str) and value:
        result.warn(path, _("Écrivez une liste : d’autres outils refusent un texte seul."))
    else:
        _list_of(result, path, value, check=_text, least=1)


def _url(result: Result, path: str, value: object, *, web: bool = False) -> None:
    if not isinstance(value, str):
        result.error(path, _("Cette valeur doit être un texte."))
        return
    try:
        parts = urlsplit(value)
        valid = bool(parts.scheme and parts.hostname) and (not web or parts.scheme in ("http", "https"))
    except ValueError:
        valid = False
    if not valid or re.search(r"\s", value):
        result.error(path, _("Cette valeur doit être une adresse complète, par exemple https://exemple.org."))


def _uri(result: Result, path: str, value: object) -> None:
    if isinstance(value, str) and re.fullmatch(
        r"(?i)(urn:[a-z0-9][a-z0-9-]+:\S+|(?!https?:|urn:)[a-z][a-z0-9+.-]+:\S+)", value
    ):
        return
    _url(result, path, value)


def _date(result: Result, path: str, value: object) -> None:
    try:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise ValueError
        date.fromisoformat(value)
    except ValueError:
        result.error(path, _("Cette valeur doit être une date au format AAAA-MM-JJ."))


def _email(result: Result, path: str, value: object) -> None:
    try:
        validate_email(value if isinstance(value, str) else "")
    except ValidationError:
        result.error(path, _("Cette valeur doit être une adresse courriel."))


def _media_type(result: Result, path: str, value: object) -> None:
    if not isinstance(value, str) or not re.fullmatch(
        r"[A-Za-z0-9][\w!#$&^.+-]*/[A-Za-z0-9][\w!#$&^.+-]*", value.strip()
    ):
        result.error(path, _("Cette valeur doit être un type de média, par exemple text/plain."))


def _licence(result: Result, path: str, value: object) -> None:
    if not isinstance(value, str) or not licences.is_known(value):
        result.error(path, _("La licence doit être une expression SPDX, par exemple LiLiQ-R-1.1 ou MIT OR Apache-2.0."))
        return
    if not licences.is_open(value):
        result.warn(path, _("Cette licence n’est pas dans notre liste des licences ouvertes."))
    for old, current in licences.deprecated(value):
        sentence = _("« %(old)s » est un identifiant SPDX déprécié : écrivez %(current)s.")
        if not current:
            sentence = _("« %(old)s » est un identifiant SPDX déprécié.")
        result.warn(path, sentence % {"old": old, "current": current})


def _file(result: Result, path: str, value: object, *, endings: tuple[str, ...] = ()) -> None:
    """A relative path or a web address; when the tree is known, the file must be in it."""
    if not isinstance(value, str):
        result.error(path, _("Cette valeur doit être un texte."))
        return
    if value.startswith("/") or value.lower().startswith("file:"):
        result.error(path, _("Donnez un chemin relatif à la racine du dépôt, ou une adresse https."))
        return
    if endings and not value.lower().partition("?")[0].endswith(endings):
        result.error(path, _("Formats acceptés : %s.") % ", ".join(endings))
    elif result.files is not None and "://" not in value and value.removeprefix("./") not in result.files:
        result.error(path, _("Ce fichier n’est pas dans le dépôt."))


def _language(result: Result, path: str, value: object) -> None:
    if not terms.is_language(value):
        result.error(path, _("Cette valeur doit être une langue BCP 47, par exemple fr ou en-CA."))


def _country_code(result: Result, path: str, value: object) -> None:
    if (
        not isinstance(value, str)
        or value.upper() not in terms.countries()
        or value not in (value.upper(), value.lower())
    ):
        result.error(path, _("Cette valeur doit être un code de pays à deux lettres, par exemple CA."))
    elif value.islower():
        result.warn(path, _("Les codes de pays en minuscules sont dépréciés : écrivez %s.") % value.upper())


# --- Sections --------------------------------------------------------------------------------------------------------
def _section(result: Result, path: str, value: object, keys: dict[str, Key]) -> None:
    if not isinstance(value, dict):
        result.error(path, _("Cette section doit contenir des clés et des valeurs."))
        return
    start = f"{path}." if path else ""
    for name, key in keys.items():
        written = value.get(name)
        if written is None or (key.required and written == ""):  # « name: » without a value is as if it were not there
            if key.required:
                result.error(start + name, _("Cette clé est obligatoire."))
            continue
        if key.deprecated:
            result.warn(start + name, _("Cette clé est dépréciée."))
        key.check(result, start + name, written)
    for name in value.keys() - keys.keys():
        result.warn(start + name, _("Cette clé n’est pas connue de la norme."))


def _description(result: Result, path: str, value: object) -> None:
    if not isinstance(value, dict) or not value:
        result.error(path, _("Décrivez le logiciel dans une langue au moins."))
        return
    for language, described in value.items():
        if not terms.is_language(language):
            result.error(path, _("« %s » n’est pas une langue BCP 47, par exemple fr ou en-CA.") % language[:40])
        _section(result, f"{path}.{language}", described, DESCRIPTION)


def _maintenance(result: Result, path: str, value: object) -> None:
    _section(result, path, value, MAINTENANCE)
    if not isinstance(value, dict):
        return
    kind, contractors, contacts = value.get("type"), value.get("contractors"), value.get("contacts")
    if kind == "contract" and not contractors:
        result.error(f"{path}.contractors", _("Cette clé est obligatoire quand le type est contract."))
    if kind != "contract" and contractors:
        result.error(f"{path}.contractors", _("Cette clé n’est permise que quand le type est contract."))
    if kind in ("internal", "community") and not contacts:
        result.error(f"{path}.contacts", _("Cette clé est obligatoire quand le type est internal ou community."))


def _part(keys: dict[str, Key]) -> Check:
    return partial(_section, keys=keys)


def _parts(keys: dict[str, Key]) -> Check:
    return partial(_list_of, check=_part(keys))


def _anything(result: Result, path: str, value: object) -> None:
    """Checked elsewhere."""


def _version(result: Result, value: object) -> bool:
    path = "publiccodeYmlVersion"
    if value is None:
        result.error(path, _("Cette clé est obligatoire."))
    elif not isinstance(value, str) or value not in terms.VERSIONS:
        result.error(path, _("Cette version n’est pas connue. Versions lues : %s.") % ", ".join(terms.VERSIONS))
    else:
        if isinstance(value, plain_yaml.Number):
            result.warn(path, _('Mettez la version entre guillemets : « "%s" ».') % value)
        if value not in terms.CURRENT_VERSIONS:
            result.warn(path, _("Cette version est ancienne : le fichier est lu comme un 0.5."))
        return True
    return False


def _country(result: Result, data: dict[str, Any], key: str) -> bool:
    """Whether the key opens a country's section. Told once: in lower case it is deprecated, in both it is an error."""
    if len(key) != 2 or key.upper() not in terms.countries() or key not in (key.upper(), key.lower()):
        return False
    if not isinstance(data[key], dict):
        result.error(key, _("Cette section doit contenir des clés et des valeurs."))
    elif key.islower() and key.upper() in data:
        result.error(key, _("La section %s existe déjà : enlevez celle-ci.") % key.upper())
    elif key.islower():
        result.warn(key, _("Les codes de pays en minuscules sont dépréciés : écrivez %s.") % key.upper())
    return True


_web, _texts = partial(_url, web=True), partial(_list_of, check=_text)
_images = partial(_file, endings=(".svg", ".svgz", ".png"))
_screens = partial(_list_of, check=partial(_file, endings=(".png", ".jpg", ".jpeg")))

DEPENDENCY = {"name": Key(_text, required=True), "optional": Key(_flag)} | {
    name: Key(_text) for name in ("version", "versionMin", "versionMax", "source", "license", "specifications")
}
CONTRACTOR = {
    "name": Key(_text, required=True),
    "until": Key(_date, required=True),
    "email": Key(_email),
    "website": Key(_web),
}
CONTACT = {"name": Key(_text, required=True), "email": Key(_email), "phone": Key(_text), "affiliation": Key(_text)}
# The address identifies the organisation; the reference parser lets the name go, also in `fundedBy`.
ORGANISATION = {"uri": Key(_uri, required=True), "name": Key(_text)}
MAINTENANCE = {
    "type": Key(partial(_one_of, values=terms.MAINTENANCE_TYPES), required=True),
    "contractors": Key(_parts(CONTRACTOR)),
    "contacts": Key(_parts(CONTACT)),
}
DESCRIPTION = {
    "localisedName": Key(_text),
    "genericName": Key(partial(_text, most=35), deprecated=True),
    "shortDescription": Key(partial(_text, most=150), required=True),
    "longDescription": Key(partial(_text, least=150, most=10_000), required=True),
    "documentation": Key(_web),
    "apiDocumentation": Key(_web),
    "features": Key(partial(_list_of, check=_text, least=1), required=True),
    "screenshots": Key(_screens),
    "videos": Key(partial(_list_of, check=_web)),
    "awards": Key(_texts),
}
LEGAL = {
    "license": Key(_licence, required=True),
    "mainCopyrightOwner": Key(_text),
    "repoOwner": Key(_text, deprecated=True),
    "authorsFile": Key(_file, deprecated=True),
}
LOCALISATION = {
    "localisationReady": Key(_flag, required=True),
    "availableLanguages": Key(partial(_list_of, check=_language, least=1), required=True),
}
AUDIENCE = {
    "scope": Key(partial(_list_of, check=partial(_one_of, values=terms.SCOPES))),
    "countries": Key(partial(_list_of, check=_country_code)),
    "unsupportedCountries": Key(partial(_list_of, check=_country_code)),
}
CORE = {
    "publiccodeYmlVersion": Key(_anything),
    "name": Key(_text, required=True),
    "applicationSuite": Key(_text),
    "url": Key(_url, required=True),
    "landingURL": Key(_web),
    "isBasedOn": Key(partial(_lone_or_list_of, check=_url)),
    "softwareVersion": Key(_text),
    "releaseDate": Key(_date),
    "logo": Key(_images),
    "monochromeLogo": Key(_images, deprecated=True),
    "organisation": Key(_part(ORGANISATION)),
    "inputTypes": Key(partial(_list_of, check=_media_type), deprecated=True),
    "outputTypes": Key(partial(_list_of, check=_media_type), deprecated=True),
    "platforms": Key(_platforms, required=True),
    "categories": Key(partial(_list_of, check=partial(_one_of, values=terms.CATEGORIES))),
    "usedBy": Key(_texts),
    "fundedBy": Key(_parts(ORGANISATION)),
    "roadmap": Key(_web),
    "developmentStatus": Key(partial(_one_of, values=terms.STATUSES), required=True),
    "softwareType": Key(partial(_one_of, values=terms.SOFTWARE_TYPES), required=True),
    "intendedAudience": Key(_part(AUDIENCE)),
    "supports": Key(_parts({"id": Key(_uri, required=True)})),
    "description": Key(_description, required=True),
    "legal": Key(_part(LEGAL), required=True),
    "maintenance": Key(_maintenance, required=True),
    "localisation": Key(_part(LOCALISATION), required=True),
    "dependsOn": Key(
        _part({name: Key(_parts(DEPENDENCY)) for name in ("open", "proprietary", "software", "hardware")})
    ),
}
