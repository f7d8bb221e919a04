"""What a source archive holds, in short: what the buyer reads beside the acceptance criteria."""

import re
from typing import Any

from contracts.code import licences, publiccode, sbom, swhid
from contracts.code.archive import SYMLINK, Source, Tree, shown
from contracts.code.sentences import kept_problems

_COMMIT = re.compile(r"[0-9a-fA-F]{40}")
MOST_PROBLEMS = 20


def commit_of(reference: str) -> str | None:
    """The commit that a delivery's reference names, in full; None for a release or a short name."""
    return reference.strip().lower() if _COMMIT.fullmatch(reference.strip()) else None


def report(source: Source, *, licence: str) -> dict[str, Any]:
    """JSON values, sentences as `sentences.told` reads them. `licence`: the contract's, an enums.CodeLicence value.

    {files, bytes, swhid, commit, licence: {agrees, paths, sentence}, publiccode: {path, errors: [[key, sentence]],
    more, warnings} or None, sbom: {path, format, version, components} or {path, problem} or None}.
    """
    tree = source.tree
    finding = licences.check(tree, licence)
    return {
        "files": len(tree),
        "bytes": sum(len(data) for _mode, data in tree.values()),
        "swhid": swhid.directory(tree),
        "commit": source.declared_commit or "",
        "licence": {
            "agrees": finding.agrees,
            "paths": [shown(path) for path in finding.paths],
            "sentence": finding.sentence.kept(),
        },
        "publiccode": _publiccode(tree),
        "sbom": _sbom(tree),
    }


def _publiccode(tree: Tree) -> dict[str, Any] | None:
    path = next((name for name in publiccode.FILE_NAMES if name in tree and tree[name][0] != SYMLINK), None)
    if path is None:
        return None
    result = publiccode.validate(tree[path][1], files=tree)
    errors = kept_problems(result.errors[:MOST_PROBLEMS])
    more = max(0, len(result.errors) - MOST_PROBLEMS)
    return {"path": path, "errors": errors, "more": more, "warnings": len(result.warnings)}


def _sbom(tree: Tree) -> dict[str, Any] | None:
    """The nearest to the root that can be read; else the first one, with what is wrong with it."""
    refused = None
    for path in sbom.find(tree)[:MOST_PROBLEMS]:
        try:
            read = sbom.read(tree[path][1])
        except sbom.SbomError as error:
            refused = refused or {"path": shown(path), "problem": error.sentence.kept()}
        else:
            return {"path": shown(path), "format": read.format, "version": read.version, "components": read.components}
    return refused
