"""Bills of materials (SBOM) found in a tree: recognised, counted and hashed; CycloneDX JSON and SPDX JSON.

Their XML and tag-value forms are not read: both standards convert them to JSON without loss.
"""

import fnmatch
import hashlib
import re
from dataclasses import dataclass
from typing import Any

from contracts.code.archive import SYMLINK, Tree
from contracts.code.sentences import Sentence
from contracts.code.sentences import Sentence as _
from marketplace.files.documents import read_json

MAX_BYTES = 20 * 1024 * 1024
MAX_NESTED = 200_000  # components inside components
USUAL_NAMES = (
    "bom.json",
    "sbom.json",
    "*.cdx.json",
    "*.cyclonedx.json",
    "*.spdx.json",
    "*.bom.json",
    "*-sbom.json",
    "*.sbom.json",
)


class SbomError(ValueError):
    """What is wrong with a document, as a sentence for the person."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class Sbom:
    """What a passport says of it. `format` is « CycloneDX » or « SPDX », `sha256` that of the file's bytes."""

    format: str
    version: str
    components: int
    sha256: str


def find(tree: Tree) -> list[str]:
    """Paths of what is named like a bill of materials, the nearest to the root first."""
    named = [
        path
        for path, (mode, _data) in tree.items()
        if mode != SYMLINK and any(fnmatch.fnmatch(path.rpartition("/")[2].lower(), name) for name in USUAL_NAMES)
    ]
    return sorted(named, key=lambda path: (path.count("/"), path))


def read(blob: bytes) -> Sbom:
    """Recognise a document: CycloneDX 1.2 to 1.7, SPDX 2.2, 2.3 and 3.0 in JSON.

    Raises SbomError when it is neither, broken or too big.
    """
    if len(blob) > MAX_BYTES:
        raise SbomError(_("La nomenclature logicielle (SBOM) dépasse 20 Mo."))
    try:
        document = read_json(blob)
    except ValueError as error:
        raise SbomError(_("La nomenclature logicielle (SBOM) n’est pas un document JSON lisible.")) from error
    described = (_cyclonedx(document) or _spdx2(document) or _spdx3(document)) if isinstance(document, dict) else None
    if not described:
        raise SbomError(_("Ce document n’est ni CycloneDX (JSON), ni SPDX (JSON), ou sa version n’est pas connue."))
    return Sbom(*described, sha256=hashlib.sha256(blob).hexdigest())


def _cyclonedx(document: dict[str, Any]) -> tuple[str, str, int] | None:
    """ECMA-424, `bomFormat` and `specVersion`; components may hold components."""
    version = document.get("specVersion", "")
    if document.get("bomFormat") != "CycloneDX" or not _matches(r"1\.[2-7]", version):
        return None
    count, waiting = 0, [document.get("components", [])]
    while waiting:
        listed = waiting.pop()
        if not isinstance(listed, list) or not all(isinstance(component, dict) for component in listed):
            return None
        count += len(listed)
        if count > MAX_NESTED:
            return None
        waiting += [component["components"] for component in listed if component.get("components")]
    return "CycloneDX", version, count


def _spdx2(document: dict[str, Any]) -> tuple[str, str, int] | None:
    """ISO/IEC 5962, clause 6: `spdxVersion`, `SPDXID` and `packages`."""
    version, packages = document.get("spdxVersion", ""), document.get("packages", [])
    if not _matches(r"SPDX-2\.[23]", version) or document.get("SPDXID") != "SPDXRef-DOCUMENT":
        return None
    return ("SPDX", version.removeprefix("SPDX-"), len(packages)) if isinstance(packages, list) else None


def _spdx3(document: dict[str, Any]) -> tuple[str, str, int] | None:
    """SPDX 3.0 is JSON-LD: a context of spdx.org, and a graph of elements."""
    context, graph = document.get("@context"), document.get("@graph")
    version = re.search(r"https://spdx\.org/rdf/(3\.0\.\d+)/", context) if isinstance(context, str) else None
    if version is None or not isinstance(graph, list):
        return None
    return "SPDX", version[1], sum(isinstance(e, dict) and e.get("type") == "software_Package" for e in graph)


def _matches(pattern: str, value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None
