"""The walls of docs/architecture.md, read from the source: what imports what, and what nothing may contain."""

import ast
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.template.loader import get_template
from django.urls import get_resolver

from marketplace import lifecycle

ROOT = Path(__file__).resolve().parent.parent
# An app imports those below it only. Two on one line never import each other.
FLOORS = [["marketplace"], ["vendors", "opportunities"], ["proposals"], ["contracts"], ["audit", "opendata"], ["demo"]]
APPS = [app for floor in FLOORS for app in floor if (ROOT / app).is_dir()]
FLOOR = {app: level for level, floor in enumerate(FLOORS) for app in floor}
# Wiring sees everything.
WIRING = {"marketplace/settings.py", "marketplace/urls.py", "marketplace/celery.py"}
MODULES = sorted(path for app in APPS for path in (ROOT / app).rglob("*.py"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.*"))


def name_of(path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def code() -> list[Path]:
    return [path for path in MODULES if "/migrations/" not in name_of(path)]


def imports_of(path) -> list[tuple[str, int]]:
    """Every imported module, those inside functions too: (dotted name, line)."""
    found = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: relative import"
            found += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
    return found


# --- Imports ---------------------------------------------------------------------------------------------------------
def test_imports_point_down_only():
    seen, wrong = 0, []
    for path in MODULES:
        name = name_of(path)
        if name in WIRING or "/management/" in name:
            continue
        mine = name.partition("/")[0]
        for module, line in imports_of(path):
            other = module.partition(".")[0]
            if other not in FLOOR:
                continue
            seen += 1
            if other != mine and FLOOR[other] >= FLOOR[mine]:
                wrong.append(f"{name}:{line} imports {module}")
    assert seen > 250 and not wrong


def test_rules_know_no_model():
    for app in APPS:
        path = ROOT / app / "rules.py"
        if path.exists():
            assert not [m for m, _line in imports_of(path) if ".models" in m or m.startswith("django.db")], app


@pytest.mark.parametrize(
    ("package", "only_in"),
    [
        ("stripe", ("contracts/payments/stripe_gateway.py",)),
        ("cryptography.hazmat.primitives.ciphers", ("marketplace/boxes.py", "proposals/deposit/sealing.py")),
        ("cryptography.hazmat.primitives.hpke", ("proposals/deposit/sealing.py",)),
        ("bleach", ("marketplace/markup.py",)),
        ("nh3", ("marketplace/markup.py",)),
        ("django_fsm", ("marketplace/columns/state.py", "marketplace/lifecycle.py")),
        ("django.dispatch", ()),
        ("django.db.models.signals", ()),
        ("django.core.mail", ("marketplace/mail/delivery.py", "marketplace/mail/smtp.py")),
        ("smtplib", ("marketplace/mail/delivery.py", "marketplace/mail/smtp.py")),
        (
            "redis",
            (
                "marketplace/env.py",
                "marketplace/later.py",
                "marketplace/redis/cache.py",
                "marketplace/service/probes.py",
            ),
        ),
        ("kombu", ("marketplace/later.py", "marketplace/settings.py")),
    ],
)
def test_who_imports_what(package, only_in):
    users = {name_of(p) for p in code() for m, _l in imports_of(p) if m == package or m.startswith(package + ".")}
    assert users <= set(only_in)


def test_names_that_hide_what_they_hold():
    for path in MODULES:
        assert path.stem not in {"utils", "helpers", "misc", "common", "signals"}, path
        assert not {"services", "utils"} & set(path.parts), path
        assert "GenericForeignKey" not in path.read_text(encoding="utf-8"), path


def test_files_stay_readable():
    tools = [*(ROOT / "tools").rglob("*.py")]
    # tools/verify.py is one file on purpose: whoever checks us copies it alone.
    limits = {"tools/verify.py": 2_170, "marketplace/service/gauges.py": 420}  # and one table of what is watched
    files = {name_of(p): len(p.read_bytes().splitlines()) for p in [*code(), *tools, *TEMPLATES]}
    assert not {name: lines for name, lines in files.items() if lines > limits.get(name, 400)}
    tests = {name_of(p): n for p in (ROOT / "tests").rglob("*.py") if (n := len(p.read_bytes().splitlines())) > 700}
    assert not tests


# --- Untrusted text has one door -------------------------------------------------------------------------------------
def test_one_module_says_that_html_is_safe():
    said = {
        name_of(p) for p in code() if re.search(r"\b(mark_safe|SafeString|SafeText)\b", p.read_text(encoding="utf-8"))
    }
    assert said <= {"marketplace/markup.py"}


@pytest.mark.parametrize("path", [p for p in TEMPLATES if p.suffix == ".html"], ids=name_of)
def test_a_template_is_strict(path):
    """The content security policy forbids what is inline; nothing is marked safe; nothing is left half-written."""
    text = path.read_text(encoding="utf-8")
    visible = re.sub(r"\{%\s*comment.*?endcomment\s*%\}|\{#.*?#\}|<!--.*?-->", "", text, flags=re.DOTALL)
    assert not re.search(r"\|\s*safe\b|autoescape\s+off", visible)
    assert not re.search(r"<script(?![^>]*\bsrc=)", visible)
    assert not re.search(r"<style\b|\sstyle\s*=", visible)
    assert not re.search(r"<[^>]*\son[a-z]+\s*=", visible)
    assert not re.search(r"javascript:", visible, re.IGNORECASE)
    get_template(path.relative_to(ROOT / "templates").as_posix())


# Templates that packages look for by these names; error pages are named in marketplace/views.py and by Django.
BY_PACKAGES = ("429.html", "account/", "allauth/", "admin/", "django/", "mfa/")


def test_every_template_is_used():
    sources = [p.read_text(encoding="utf-8") for p in [*code(), *TEMPLATES]]
    unused = []
    for path in TEMPLATES:
        name = path.relative_to(ROOT / "templates").as_posix()
        if name.startswith(BY_PACKAGES):
            continue
        page = re.fullmatch(r"pages/(\w+)\.html", name)  # marketplace.views.page("how")
        used = any(name in text for text in sources) or (page and any(f'page("{page[1]}")' in text for text in sources))
        used = used or any(path.name in text for text in sources if path.name.startswith("_"))
        if not used:
            unused.append(name)
    assert not unused


def test_every_template_named_in_the_code_exists():
    names = set()
    for path in code():
        names |= set(re.findall(r'"([\w/-]+\.(?:html|txt))"', path.read_text(encoding="utf-8")))
    assert len(names) > 30
    # An address or two, files of a case file, and one that is taken away.
    files = {
        "robots.txt",
        "security.txt",
        "registre/releves.txt",
        "LISEZMOI.txt",
        "README.txt",
        "releve.txt",
        "codes-de-secours.txt",
    }
    for name in names - files:
        get_template(name)


# --- One door for reads ----------------------------------------------------------------------------------------------
# (module, what) -> why it may fetch without `visible_to`.
UNSCOPED = {}


def view_modules() -> set[Path]:
    def walk(patterns):
        for pattern in patterns:
            if hasattr(pattern, "url_patterns"):
                yield from walk(pattern.url_patterns)
            else:
                yield pattern.callback

    names = {getattr(view, "__module__", "") for view in walk(get_resolver().url_patterns)}
    return {p for p in code() if name_of(p)[:-3].replace("/", ".") in names}


def test_views_fetch_only_what_may_be_seen():
    """No `Model.objects.get(…)`, no `get_object_or_404(Model, …)`: a stranger must get 404."""
    modules, found = view_modules(), set()
    for path in modules:
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.Call):
                continue
            text = ast.unparse(node.func)
            if re.search(r"\b[A-Z]\w*\.(objects|_base_manager|_default_manager)\.get$", text):
                found.add((name_of(path), ast.unparse(node)))
            shortcut = text.rpartition(".")[2] in {"get_object_or_404", "get_list_or_404"}
            if shortcut and re.fullmatch(r"[A-Z]\w*(\.objects)?", ast.unparse(node.args[0])):
                found.add((name_of(path), ast.unparse(node)))
    assert len(modules) >= 8
    assert found == set(UNSCOPED)


# --- The database refuses what the code forgot -----------------------------------------------------------------------
@pytest.mark.parametrize("model", lifecycle.Stateful.__subclasses__(), ids=lambda m: m.__name__)
def test_the_database_knows_the_states_of_the_code(model):
    name = model._meta.model_name
    constraint = next(c for c in model._meta.constraints if c.name == f"{name}_state_known")
    ((field, known),) = constraint.condition.children
    declared = {value for value, _label in model._meta.get_field("state").choices}
    moved = {str(s) for move in lifecycle.WORKFLOW[name] for s in [*move.sources, move.target]}
    # States that no move reaches are where a row begins.
    begins = {
        "milestone": {"planned"},
        "payment": {"started", "declared"},
        "amendment": {"proposed"},
        "monitoring": {"open"},
        "redflag": {"new"},
        "notereexamination": {"pending"},
    }
    assert field == "state__in" and set(known) == declared == moved | begins.get(name, {"draft"})
    assert model._meta.get_field("state").protected


@pytest.mark.django_db
def test_the_migrations_say_what_the_models_say():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_rows_are_protected_unless_a_comment_says_why():
    seen, wrong = 0, []
    for path in code():
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(parsed(path)):
            for keyword in getattr(node, "keywords", []):
                if keyword.arg != "on_delete":
                    continue
                seen += 1
                said = "#" in "".join(lines[node.lineno - 2 : node.end_lineno])
                if ast.unparse(keyword.value) != "models.PROTECT" and not said:
                    wrong.append(f"{name_of(path)}:{node.lineno}")
    assert seen > 25 and not wrong


def test_every_model_of_ours_has_a_name_in_french():
    """The administration shows it; a model that it never shows may go without."""
    from django.contrib import admin

    for model in admin.site._registry:
        if model._meta.app_label in APPS:
            assert str(model._meta.verbose_name) != model._meta.model_name, model


# --- What is set from outside is documented --------------------------------------------------------------------------
def settings_variables() -> set[str]:
    """Names given to env.text, env.boolean… in settings.py; a secret may also come from a file."""
    names = set()
    for node in ast.walk(parsed(ROOT / "marketplace" / "settings.py")):
        if not isinstance(node, ast.Call) or not isinstance(node.args and node.args[0], ast.Constant):
            continue
        if re.fullmatch(r"env\.\w+", ast.unparse(node.func)):
            names.add(node.args[0].value)
            if ast.unparse(node.func) in {"env.secret", "env.database", "env.email", "env.redis"}:
                names.add(f"{node.args[0].value}_FILE")
    return names


def test_every_variable_is_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\|\s*`([A-Z0-9_]+)`", readme, re.MULTILINE))
    names = settings_variables()
    assert len(names) > 15 and not names - rows


def test_only_the_settings_read_the_environment():
    readers = {name_of(p) for p in code() if re.search(r"os\.(environ|getenv)", p.read_text(encoding="utf-8"))}
    assert readers <= {"marketplace/env.py", "marketplace/celery.py", "marketplace/wsgi.py", "marketplace/asgi.py"}


def test_the_apps_are_those_of_the_plan():
    ours = {config.name for config in apps.get_app_configs() if (ROOT / config.name).is_dir()}
    assert ours == set(APPS)
