"""Where things go (docs/architecture.md): one folder a noun, one word a role; no circle; no import hidden."""

import ast
from collections import Counter, defaultdict
from pathlib import Path

from django.urls import get_resolver

from tests.test_architecture import APPS, MODULES, ROOT, code, name_of, parsed

# What a file is for, as docs/architecture.md says it: `<role>.py`, or `<noun>_<role>.py` where a folder has several.
ROLES = {
    *("rules", "conditions", "actions", "forms", "views", "urls", "api", "feeds", "emails", "tasks", "todo"),
    *("admin", "apps", "enums", "triggers", "middleware", "webhooks", "access", "search", "section", "gauges"),
    "sitemaps",
}
# One pure computation, or one document, named after what it is.
NOUNS = {
    "audit": "names",
    "audit/casefile": "archive guide texts",
    "audit/cases": "letters reminders status subjects",
    "audit/charts": "charts",
    "audit/flags": "bidders buyers catalogue compute data documents loader minhash ocp texts thresholds",
    "audit/ledger": "act_details acts export story",
    "audit/reviews": "checklist checklist_contract checklist_lines checklist_words facts",
    "contracts": "documents history reminders",
    "contracts/agreement": "obstacles",
    "contracts/code": "archive bundle contents licences plain_yaml publiccode publiccode_terms sbom sentences swhid",
    "contracts/health": "measures",
    "contracts/invoices": "interest",
    "contracts/payments": "history payout_account reconciliation reversal settlement stripe_gateway stripe_objects",
    "contracts/reuse": "passports similarity",
    "demo": "audit_story contract_story people purchases replay story timeline",
    "marketplace/charts": "swarm",
    "marketplace/accounts": "adapters change confirmation links person reauthentication second_factor undo",
    "marketplace/columns": "shape state",
    "marketplace/commonmark": "blocks spans word",
    "marketplace/dates": "calendar clock fields localtime",
    "marketplace/doors": "arguments charsets multipart site start",
    "marketplace/files": (
        "bucket clamd disk documents downloads kinds protection quarantine shelf static storage store sweep uploads"
    ),
    "marketplace/formats/fr_CA": "formats",
    "marketplace/ledger": "checkpoints entries grants labels merkle verifier",
    "marketplace/mail": "address delivery outbox smtp",
    "marketplace/patience": "breaker deadline",
    "marketplace/redis": "cache",
    "marketplace/values": "columns day emoji fields neq number postal_code signs tax_number telephone",
    "marketplace/service": "backup checks doctor heartbeat postgres probes",
    "marketplace/twice": "once sent unique",
    "opendata": "implementation subjects",
    "opportunities/drafts": "problems",
    "opportunities/search": "filters labels",
    "opportunities/versions": "document",
    "proposals": "occasion_acts",
    "proposals/award": "facts ranks",
    "proposals/deposit": "declarations overlap receipt sealing",
    "proposals/evaluation": "board draw effect notes ranking",
    "proposals/notice": "export",
    "proposals/opening": "lock minutes",
    "proposals/public": "award figures history parts strip",
    "proposals/proponent": "explanation story",
    "vendors": "taxes",
}
# The flat ground floor: what every app stands on, and the wiring.
GROUND = {
    "marketplace": (
        "acts administration boxes cache celery context converters env guard keep keys later lifecycle lists logs "
        "markup models money pdf production reasons regions requests settings texts wsgi"
    )
}
MODELS = {
    "audit/models": "monitoring redflag review sample",
    "contracts/models": "amendment contract delivery failures invoice passport payment reminder terms",
    "opportunities/models": "body limits mode opportunity parts queryset version",
    "proposals/models": "award evaluation file proposal reexamination submission",
}
MOST_FILES = 15
MOST_ON_THE_GROUND = 32
# Words that end so and are nouns.
NOUNS_IN_ING = {"monitoring", "opening", "ranking", "sealing"}
FRAMEWORK = {"migrations", "commands", "templatetags", "management"}


def rooms() -> dict[str, list[str]]:
    """{folder: stems of its files}, migrations, commands and template tags aside."""
    found = defaultdict(list)
    for path in MODULES:
        folder = path.parent.relative_to(ROOT).as_posix()
        if path.stem != "__init__" and not FRAMEWORK & set(path.parts):
            found[folder].append(path.stem)
    return found


def role_of(stem: str) -> str | None:
    """`actions` of actions.py and of draft_actions.py; None for a plain noun."""
    last = stem.rpartition("_")[2]
    return last if last in ROLES else None


def test_every_file_bears_its_role_or_a_listed_noun():
    roles, nouns, unknown = Counter(), 0, []
    for folder, stems in rooms().items():
        listed = set((NOUNS | GROUND | MODELS).get(folder, "").split())
        gone = listed - set(stems)
        assert not gone, f"{folder}: listed, and not there: {gone}"
        for stem in stems:
            role = None if stem in listed else role_of(stem)
            roles[role] += role is not None
            nouns += stem in listed
            if role is None and stem not in listed and not (stem == "models" and "/" not in folder):
                unknown.append(f"{folder}/{stem}.py")
    assert not unknown
    assert roles["views"] >= 35 and roles["actions"] >= 20 and roles["forms"] >= 16 and nouns >= 90


def test_no_name_hides_what_it_holds():
    seen = 0
    for folder, stems in rooms().items():
        for word in {*folder.split("/"), *(word for stem in stems for word in stem.split("_"))}:
            seen += 1
            assert word not in {"utils", "helpers", "services", "misc", "common", "shared", "pages", "signals"}, folder
            assert not word.endswith("ing") or word in NOUNS_IN_ING, f"{folder}: {word}"
    assert seen > 200


def test_a_folder_is_read_at_a_glance():
    sizes = {folder: len(stems) for folder, stems in rooms().items()}
    assert len(sizes) > 45
    ground = sizes.pop("marketplace")
    assert ground <= MOST_ON_THE_GROUND
    assert not {folder: size for folder, size in sizes.items() if size > MOST_FILES}


def test_views_are_where_views_are():
    """What an address leads to is in a file of views: nobody has to guess."""

    def walk(patterns):
        for pattern in patterns:
            if hasattr(pattern, "url_patterns"):
                yield from walk(pattern.url_patterns)
            else:
                yield pattern.callback

    homes = {getattr(view, "__module__", "") for view in walk(get_resolver().url_patterns)}
    ours = {home for home in homes if home.partition(".")[0] in APPS}
    roles = {"views", "webhooks", "api", "feeds"}
    assert len(ours) >= 30
    others = {home for home in ours if role_of(home.rpartition(".")[2]) not in roles}
    assert others == {"marketplace.administration"}  # what wraps the administration's own views


# --- Imports ---------------------------------------------------------------------------------------------------------
def imported(path: Path, names: dict[str, Path]) -> set[str]:
    """Modules of ours that this file imports, inside functions too."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in names else node.module)
    return found & set(names)


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def graph() -> dict[str, set[str]]:
    names = {dotted(path): path for path in code()}
    return {name: imported(path, names) - {name} for name, path in names.items()}


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that reach each other (Tarjan's strongly connected components of more than one)."""
    index, low, stack, found = {}, {}, [], []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in arrows.get(name, ()):
            if other not in index:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in arrows:
        if name not in index:
            visit(name)
    return found


def test_no_two_modules_import_each_other():
    arrows = graph()
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert sum(map(len, arrows.values())) > 1_200
    assert not circles(arrows)


def test_an_import_inside_a_function_says_why():
    seen, silent = 0, []
    for path in code():
        lines = path.read_text(encoding="utf-8").splitlines()
        for function in ast.walk(parsed(path)):
            if not isinstance(function, ast.FunctionDef):
                continue
            seen += 1
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom) and "#" not in "".join(
                    lines[node.lineno - 2 : node.end_lineno]
                ):
                    silent.append(f"{name_of(path)}:{node.lineno}")
    assert seen > 1_500 and not silent


def test_commands_are_imported_by_nobody():
    commands = {name for name in graph() if ".management." in name}
    assert len(commands) >= 10
    assert not {(name, other) for name, others in graph().items() for other in others if other in commands}
