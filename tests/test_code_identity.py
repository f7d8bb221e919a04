"""What a deliverable's code is: archives read safely, SWHIDs equal to git's, bills of materials, licences."""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import shutil
import stat
import subprocess
import tarfile
import zipfile
import zlib

import pytest
from django.core.exceptions import ValidationError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.code import archive, bundle, licences, sbom, swhid
from tests.conftest import IN_A_TEST

GIT = shutil.which("git")
needs_git = pytest.mark.skipif(GIT is None, reason="compares with the git command")
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_AUTHOR_NAME": "Démo",
    "GIT_AUTHOR_EMAIL": "demo@example.org",
    "GIT_AUTHOR_DATE": "2026-09-01T12:00:00Z",
    "GIT_COMMITTER_NAME": "Démo",
    "GIT_COMMITTER_EMAIL": "demo@example.org",
    "GIT_COMMITTER_DATE": "2026-09-01T12:00:00Z",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}
FILE, EXECUTABLE, SYMLINK, SUBMODULE = archive.FILE, archive.EXECUTABLE, archive.SYMLINK, archive.SUBMODULE
# Names and shapes that go wrong: accents (two Unicode forms), spaces, quotes, sort order of « a.b », « a », « a0 ».
TREE = {
    "README.md": (FILE, b"# Accueil\n"),
    "LICENSE": (FILE, b"MIT\n"),
    "bin/démarrer.sh": (EXECUTABLE, b"#!/bin/sh\nexit 0\n"),
    "docs/été à Québec/cafe\u0301 « noir ».txt": (FILE, "crème\n".encode()),
    "docs/lien": (SYMLINK, b"../README.md"),
    "docs/cassé": (SYMLINK, "nulle/part/é".encode()),
    "a/b/c/d/e/vide": (FILE, b""),
    "order/x": (FILE, b"1"),
    "order.txt": (FILE, b"2"),
    "order0": (FILE, b"3"),
    "un 'nom' \"cité\" $x; *?": (FILE, b"\x00\xff binaire\r\n"),
    "tab\tici": (FILE, b"t"),
}


def git(where, *words, data=None) -> bytes:
    done = subprocess.run(
        [GIT, "-c", "core.autocrlf=false", *words], cwd=where, env=ENVIRONMENT, input=data, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(where, tree) -> None:
    for path, (mode, data) in tree.items():
        place = where / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if mode == SYMLINK:
            os.symlink(data, os.fsencode(place))
        else:
            place.write_bytes(data)
            place.chmod(0o755 if mode == EXECUTABLE else 0o644)


def repository(where, tree=TREE) -> tuple[str, str]:
    """(commit id, tree id) of a new repository with one commit of `tree`."""
    write(where, tree)
    git(where, "init", "-q", "-b", "main")
    git(where, "add", "-A", "-f")
    git(where, "commit", "-q", "-m", "Livraison")
    return git(where, "rev-parse", "HEAD").decode().strip(), git(where, "write-tree").decode().strip()


def read(blob, name="travail.zip", **options) -> archive.Source:
    return archive.read(name, blob, field="archive", **options)


def refusal(blob, **options) -> str:
    with pytest.raises(ValidationError) as caught:
        read(blob, **options)
    assert set(caught.value.message_dict) == {"archive"}
    return caught.value.message_dict["archive"][0].replace("\u00a0", " ")


def tarred(entries, wrap=lambda blob: blob) -> bytes:
    """A tar of [(name, bytes) or TarInfo]."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as made:
        for entry in entries:
            info, data = (entry, b"") if isinstance(entry, tarfile.TarInfo) else (tarfile.TarInfo(entry[0]), entry[1])
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return wrap(out.getvalue())


def special(name, kind, target="") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zipped(entries, **options) -> bytes:
    """A zip of [(name or ZipInfo, bytes)]."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as made:
        for name, data in entries:
            made.writestr(name, data)
    return out.getvalue()


# --- SWHID: published values -----------------------------------------------------------------------------------------
def test_published_contents_and_directories():
    # Specification 1.2, § 5.1 and 5.2: git's well-known empty blob and empty tree.
    assert swhid.content(b"") == "swh:1:cnt:e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert swhid.directory({}) == "swh:1:dir:4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    # « hello world » of the Git book, chapter « Git Internals – Git Objects » (the specification's own reference).
    assert swhid.content(b"test content\n") == "swh:1:cnt:d670460b4b4aece5915caf5c68d12f560a9fe3e4"
    assert swhid.directory({"test.txt": (FILE, b"version 1\n")}) == "swh:1:dir:d8329fc1cc938780ffdd9f94e0d364e0ea74f579"


def test_the_reference_implementations_directory():
    """swh-model, tests/test_identifiers.py, `directory_example`: sort order of folders, and a submodule."""
    listed = """
        README 100644 37ec8ea2110c0b7a32fbb0e872f6e7debbf95e21
        Rakefile 100644 3bb0e8592a41ae3185ee32266c860714980dbed7
        app 40000 61e6e867f5d7ba3b40540869bc050b0c4fed9e95
        1.megabyte 100644 7c2b2fbdd57d6765cdc9d84c2d7d333f11be7fb3
        config 40000 591dfe784a2e9ccc63aaba1cb68a765734310d98
        public 40000 9588bf4522c2b4648bfd1c61d175d1f88c1ad4a5
        development.sqlite3 100644 e69de29bb2d1d6434b8b29ae775ad8c2e48c5391
        doc 40000 154705c6aa1c8ead8c99c7915373e3c44012057f
        db 40000 85f157bdc39356b7bc7de9d0099b4ced8b3b382c
        log 40000 5e3d3941c51cce73352dff89c805a304ba96fffe
        script 40000 1b278423caf176da3f3533592012502aa10f566c
        test 40000 035f0437c080bfd8711670b3e8677e686c69c763
        vendor 40000 7c0dc9ad978c1af3f9a4ce061e50f5918bd27138
        will_paginate 160000 3d531e169db92a16a9a8974f0ae6edf52e52659e
        order 40000 62cdb7020ff920e5aa642c3d4066950dd1f01f4d
        order. 40000 0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33
        order0 40000 bbe960a25ea311d21d40669e93df2003ba9b90a2
    """
    rows = [line.split() for line in listed.split("\n") if line.strip()]
    assert swhid.entries([(n.encode(), int(mode, 8), i) for n, mode, i in rows]) == (
        "d7ed3d2c31d608823be58b1cbe57605310615231"
    )


def test_the_reference_implementations_revision():
    """swh-model, tests/test_identifiers.py, `revision_example`: Linux 4.2-rc2."""
    person = b"Linus Torvalds <torvalds@linux-foundation.org> 1436739030 -0700"
    commit = (
        b"tree 85a74718d377195e1efd0843ba4f3260bad4fe07\nparent 01e2d0627a9a6edb24c37db45db5ecb31e9de808\n"
        b"author " + person + b"\ncommitter " + person + b"\n\nLinux 4.2-rc2\n"
    )
    assert swhid.revision(commit) == "swh:1:rev:bc0195aad0daa2ad5b0d76cce22b167bc3435590"


CORE = "swh:1:cnt:4d99d2d18326621ccdd70f5ea66c2e2ac236ad8b"
ORIGIN = "origin=https://gitorious.org/ocamlp3l/ocamlp3l_cvs.git"
VISIT = "visit=swh:1:snp:d7f1b9eb7ccb596c2622c4780febaa02549830f9"
ANCHOR = "anchor=swh:1:rev:2db189928c94d62a3b4757b3eec68f0a4d4113f0"
PATH = "path=/Examples/SimpleFarm/simplefarm.ml"


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        # Specification 1.2, § 6.1, 6.2 and 6.4: its examples, unchanged.
        (f"{CORE};lines=9-15", None),
        (f"{CORE};bytes=154-315", None),
        (f"{CORE};{ORIGIN}", None),
        (f"{CORE};{ORIGIN};{VISIT}", None),
        (f"{CORE};{ORIGIN};{VISIT};{ANCHOR};{PATH};lines=9-15", None),
        ("swh:1:rel:22ece559cc7cc2364edc5e5593d63ae8bd229f9f", None),
        ("swh:1:snp:c7c108084bc0bf3d81436bf980b46e98bd338453", None),
        (f"{CORE};lines=9-15;{PATH};{ANCHOR};{ORIGIN}", f"{CORE};{ORIGIN};{ANCHOR};{PATH};lines=9-15"),  # § 6.4
        (f"{CORE};lines=1;bytes=2", f"{CORE};bytes=2"),  # § 6.1
        (f"{CORE};{VISIT}", CORE),  # § 6.2.2: nothing without an origin
        (f"{CORE};{ANCHOR}", CORE),  # § 6.2.4: nothing without a path
        (f"{CORE.replace('cnt', 'dir')};lines=3", CORE.replace("cnt", "dir")),
    ],
)
def test_identifiers_are_read_and_written(text, read_as):
    found = swhid.parse(f"  {text} ")
    assert str(found) == (read_as or text)
    assert found.core == text[:50]


@pytest.mark.parametrize(
    "text",
    [
        "", "swh:1:dir:", "swh:2:dir:" + "0" * 40, "swh:1:tree:" + "0" * 40, "swh:1:dir:" + "0" * 39,
        "swh:1:dir:" + "A" * 40, "SWH:1:dir:" + "0" * 40, f"{CORE};", f"{CORE};lines=", f"{CORE};lines=a",
        f"{CORE};couleur=bleu", f"{CORE};lines=1;lines=2", f"{CORE};visit={CORE}", f"{CORE};path=sans/barre",
        f"{CORE};origin=pas une adresse",
    ],
)  # fmt: skip
def test_what_is_not_an_identifier(text):
    with pytest.raises(ValueError, match="SWHID"):
        swhid.parse(text)


@pytest.mark.parametrize("path", ["", "/a", "a//b", "../a", "a/.", ".git/config", "a/.git"])
def test_a_tree_has_no_such_path(path):
    with pytest.raises(ValueError):
        swhid.directory({path: (FILE, b"")})


def test_a_tree_has_no_file_inside_a_file():
    for order in (["a", "a/b"], ["a/b", "a"], ["a", "a/b/c"]):
        with pytest.raises(ValueError):
            swhid.directory(dict.fromkeys(order, (FILE, b"")))


# --- SWHID: against git ----------------------------------------------------------------------------------------------
@needs_git
def test_every_way_of_packing_gives_gits_own_tree(tmp_path):
    commit, tree = repository(tmp_path)
    assert swhid.directory(TREE) == f"swh:1:dir:{tree}"
    assert swhid.revision(git(tmp_path, "cat-file", "commit", "HEAD")) == f"swh:1:rev:{commit}"
    plain = git(tmp_path, "archive", "--format=tar", "HEAD")
    packed = {
        "tar": plain,
        "tar.gz": gzip.compress(plain),
        "tar.xz": lzma.compress(plain),
        "zip": git(tmp_path, "archive", "--format=zip", "HEAD"),
        "tar with a prefix": git(tmp_path, "archive", "--format=tar", "--prefix=projet-1.0/", "HEAD"),
        "zip with a prefix": git(tmp_path, "archive", "--format=zip", "--prefix=projet-1.0/", "HEAD"),
        "bundle": git(tmp_path, "bundle", "create", "-q", "-", "HEAD", "main"),
        "bundle of one branch": git(tmp_path, "bundle", "create", "-q", "-", "main"),
    }
    for how, blob in packed.items():
        source = read(blob)
        assert source.tree == TREE, how
        assert swhid.directory(source.tree) == f"swh:1:dir:{tree}", how
        assert source.declared_commit == commit, how
        assert source.stripped == ("projet-1.0" if "prefix" in how else ""), how


@needs_git
def test_bundles_of_long_histories_tags_and_submodules(tmp_path):
    repository(tmp_path)
    long = "\n".join(f"ligne {number}" for number in range(3000))
    for number in range(12):  # enough versions for git to keep deltas
        (tmp_path / "long.txt").write_text(long.replace("ligne 5", f"version {number}"))
        git(tmp_path, "commit", "-q", "-a", "-m", str(number), "--allow-empty")
        git(tmp_path, "add", "-A")
    module = "3d531e169db92a16a9a8974f0ae6edf52e52659e"
    git(tmp_path, "update-index", "--add", "--cacheinfo", f"160000,{module},vendor/module")
    git(tmp_path, "commit", "-q", "-m", "module")
    git(tmp_path, "tag", "-a", "v1", "-m", "v1")
    git(tmp_path, "branch", "autre", "HEAD~3")
    git(tmp_path, "gc", "-q")
    head = git(tmp_path, "rev-parse", "HEAD").decode().strip()
    tree = git(tmp_path, "rev-parse", "HEAD^{tree}").decode().strip()
    blob = git(tmp_path, "bundle", "create", "-q", "-", "v1")
    source = read(blob)
    assert (source.declared_commit, source.tree["vendor/module"]) == (head, (SUBMODULE, module.encode()))
    assert swhid.directory(source.tree) == f"swh:1:dir:{tree}"

    earlier = git(tmp_path, "rev-parse", "HEAD~2").decode().strip()
    earlier_tree = git(tmp_path, "rev-parse", "HEAD~2^{tree}").decode().strip()
    assert swhid.directory(read(blob, commit=earlier).tree) == f"swh:1:dir:{earlier_tree}"
    assert "commit demandé" in refusal(blob, commit="0" * 40)
    both = git(tmp_path, "bundle", "create", "-q", "-", "main", "autre")
    assert "plusieurs branches" in refusal(both)
    assert read(both, commit=head).declared_commit == head
    assert "s’appuie" in refusal(git(tmp_path, "bundle", "create", "-q", "-", "main~2..main"))
    assert "abîmé" in refusal(blob[: len(blob) // 2])
    assert "abîmé" in refusal(blob[:-400] + bytes(400))
    assert "SHA-256" in refusal(b"# v3 git bundle\n@object-format=sha256\n" + b"0" * 64 + b" HEAD\n\nPACK")


NAMES = st.text(st.sampled_from("ab.0-_é e\u0301ß漢 \\\"'"), min_size=1, max_size=4).filter(
    lambda n: n not in (".", "..")
)
MODES = st.sampled_from([FILE, FILE, EXECUTABLE, SYMLINK])
CONTENTS = st.binary(max_size=12).filter(lambda data: b"\x00" not in data)


@st.composite
def trees(draw):
    tree = {}
    for parts in draw(st.lists(st.lists(NAMES, min_size=1, max_size=3), min_size=1, max_size=7)):
        path = "/".join(parts)
        if any(path == p or path.startswith(f"{p}/") or p.startswith(f"{path}/") for p in tree):
            continue
        mode, data = draw(MODES), draw(CONTENTS)
        tree[path] = (mode, data or (b"cible" if mode == SYMLINK else b""))
    return tree


@needs_git
@settings(max_examples=200, deadline=None, suppress_health_check=IN_A_TEST)
@given(tree=trees())
def test_random_trees_are_named_as_git_names_them(tmp_path_factory, tree):
    """`git fast-import` builds the same tree from bytes, without a working folder."""
    where = tmp_path_factory.getbasetemp() / "random.git"
    if not where.exists():
        git(tmp_path_factory.getbasetemp(), "init", "-q", "--bare", str(where))
    lines = [b"commit refs/heads/x\ncommitter D <d@example.org> 0 +0000\ndata 0\ndeleteall\n"]
    for path, (mode, data) in tree.items():
        quoted = path.replace("\\", "\\\\").replace('"', '\\"').encode()
        lines.append(b'M %o inline "%s"\ndata %d\n%s\n' % (mode, quoted, len(data), data))
    git(where, "fast-import", "--quiet", "--force", data=b"".join(lines))
    assert swhid.directory(tree) == f"swh:1:dir:{git(where, 'rev-parse', 'x^{tree}').decode().strip()}"


@settings(max_examples=60, deadline=None)
@given(tree=trees())
@example(tree={"\\..": (FILE, b"")})
@example(tree={"a": (FILE, b"1"), "é/..\\b": (FILE, b"2")})
def test_a_tree_survives_tar_and_zip(tree):
    """But a name that climbs for whoever unpacks it on Windows: with it, the whole archive is refused."""
    climbs = any(".." in path.replace("\\", "/").split("/") for path in tree)
    tar, zip_ = [], []
    for path, (mode, data) in tree.items():
        info = tarfile.TarInfo(f"./haut/{path}")
        info.mode = 0o777 if mode == EXECUTABLE else 0o600
        if mode == SYMLINK:
            info.type, info.linkname = tarfile.SYMTYPE, data.decode("utf-8", "surrogateescape")
        tar.append((info, data))
        entry = zipfile.ZipInfo(f"haut/{path}")
        entry.create_system, entry.external_attr = 3, mode << 16
        zip_.append((entry, data))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for info, data in tar:
            info.size = 0 if info.issym() else len(data)
            made.addfile(info, io.BytesIO(data))
    for blob in (out.getvalue(), zipped(zip_)):
        if climbs:
            assert "sort de l’archive" in refusal(blob)
        else:
            source = read(blob)
            assert (source.tree, source.stripped) == (tree, "haut")


# --- Archives: what is kept, what is refused -------------------------------------------------------------------------
def test_the_top_folder_goes_only_when_everything_is_under_it():
    assert read(tarred([("p/a", b"1"), ("p/b/c", b"2")])).tree == {"a": (FILE, b"1"), "b/c": (FILE, b"2")}
    assert read(tarred([("p/a", b"1"), ("LISEZ", b"2")])).stripped == ""
    assert read(tarred([("seul.txt", b"1")])).tree == {"seul.txt": (FILE, b"1")}
    # An empty folder beside it was somebody's wish: nothing is taken off, and git would not keep the folder.
    beside = read(tarred([("p/a", b"1"), special("vide", tarfile.DIRTYPE)]))
    assert (beside.tree, beside.stripped) == ({"p/a": (FILE, b"1")}, "")


def test_zips_of_other_tools():
    link, executable = zipfile.ZipInfo("lien"), zipfile.ZipInfo("run")
    link.create_system = executable.create_system = 3
    link.external_attr, executable.external_attr = (stat.S_IFLNK | 0o777) << 16, (stat.S_IFREG | 0o755) << 16
    dos = zipfile.ZipInfo("dossier/fichier.txt")
    dos.create_system = 0
    blob = zipped([(link, b"run"), (executable, b"#!"), (dos, b"x"), ("vide/", b"")])
    assert read(blob).tree == {
        "lien": (SYMLINK, b"run"),
        "run": (EXECUTABLE, b"#!"),
        "dossier/fichier.txt": (FILE, b"x"),
    }
    # Info-ZIP writes UTF-8 without saying so.
    assert list(read(zipped([("XX.txt", b"x")]).replace(b"XX.txt", "é.txt".encode())).tree) == ["é.txt"]


def test_hard_links_are_files():
    source = read(tarred([("a", b"contenu"), special("b", tarfile.LNKTYPE, "a")]))
    assert source.tree == {"a": (FILE, b"contenu"), "b": (FILE, b"contenu")}


HOSTILE_PATHS = [
    "/etc/passwd",
    "../haut",
    "a/../../b",
    "a/..",
    "C:\\x",
    "c:/x",
    "\\\\serveur\\x",
    "a\\..\\..\\b",
    "x" * 5000,
]


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_paths_that_leave_the_archive(path):
    for blob in (tarred([(path, b"")]), zipped([(path, b"")])):
        assert "sort de l’archive" in refusal(blob)


def test_entries_that_fight_over_a_name():
    assert "deux fois" in refusal(tarred([("a", b"1"), ("./a", b"2")]))
    assert "à la fois" in refusal(tarred([("a", b"1"), ("a/b", b"2")]))
    assert "à la fois" in refusal(tarred([("a/b", b"2"), ("a", b"1")]))
    # Through a symlink: the oldest trick to write outside.
    assert "à la fois" in refusal(tarred([special("a", tarfile.SYMTYPE, "/tmp"), ("a/b", b"2")]))
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = zipped([("a", b"1"), ("a", b"2")])
    assert "deux fois" in refusal(twice)


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices(kind):
    assert "n’est ni un fichier" in refusal(tarred([("a", b""), special("x", kind)]))


def test_other_refusals():
    fifo = zipfile.ZipInfo("tube")
    fifo.create_system, fifo.external_attr = 3, stat.S_IFIFO << 16
    assert "n’est ni un fichier" in refusal(zipped([(fifo, b"")]))
    assert "hors de l’archive" in refusal(tarred([special("b", tarfile.LNKTYPE, "/etc/passwd")]))
    assert "trop profondément" in refusal(tarred([("d/" * 65 + "f", b"")]))
    assert "dossier .git" in refusal(tarred([("projet/.git/config", b"")]))
    assert "dossier .git" in refusal(zipped([("sous/.GIT/hooks/pre-commit", b"")]))
    assert "aucun fichier" in refusal(tarred([special("vide", tarfile.DIRTYPE)]))
    for blob in (b"", tarred([]), b"bonjour", b"Rar!\x1a\x07\x00", b"7z\xbc\xaf\x27\x1c", bz2.compress(b"x")):
        assert "non reconnue" in refusal(blob)
    locked = bytearray(zipped([("a", b"1")]))
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    assert "mot de passe" in refusal(bytes(locked))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as made:
        made.writestr("a", b"1")
    assert "méthode" in refusal(out.getvalue())


def test_the_person_is_told_which_archive_and_never_sees_control_characters():
    assert "« travail.zip »" in refusal(b"bonjour")
    assert "\x1b" not in refusal(tarred([("/\x1b[31m", b"")]))


@pytest.mark.parametrize("wrap", [lambda blob: blob, gzip.compress, lzma.compress], ids=["tar", "gz", "xz"])
def test_cut_or_scratched_archives(wrap):
    blob = tarred([("a", os.urandom(3000)), ("b", os.urandom(3000)), ("c", b"fin")], wrap)
    for end in (600, len(blob) // 2) if wrap(b"") == b"" else (600, len(blob) // 2, len(blob) - 9, len(blob) - 1):
        assert refusal(blob[:end])
    if wrap(b"") == b"":  # a scratched header must not hide the files after it
        assert "illisible" in refusal(blob[:3584] + b"\xff" * 512 + blob[4096:])


def test_a_scratched_zip():
    blob = zipped([("a", os.urandom(3000))])
    assert "illisible" in refusal(blob[: len(blob) // 2])
    assert "illisible" in refusal(blob[:500] + b"\xff" * 50 + blob[550:])


BIG = bytes(12 * 1024 * 1024)  # over what a small archive may unfold to


def a_zip_that_lies() -> bytes:
    blob = bytearray(zipped([("a", BIG)]))
    blob[22:26] = (10).to_bytes(4, "little")  # the size, in the local header
    return bytes(blob)


def a_tar_with_a_hole() -> bytes:
    sparse = tarfile.TarInfo("creux")
    sparse.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": str(len(BIG)),
                          "GNU.sparse.numblocks": "1", "GNU.sparse.map": "0,0"}  # fmt: skip
    return tarred([("début", b""), sparse])


def a_tar_of_links() -> bytes:
    links = [special(f"lien{number}", tarfile.LNKTYPE, "a") for number in range(12)]
    return gzip.compress(tarred([("a", BIG[: 1024 * 1024]), *links]))


@pytest.mark.parametrize(
    "bomb",
    [
        lambda: zipped([("a", BIG)]),
        lambda: zipped([(f"f{number}", BIG[: 1024 * 1024]) for number in range(12)]),
        a_zip_that_lies,
        lambda: gzip.compress(tarred([("a", BIG)])),
        lambda: lzma.compress(tarred([("a", BIG)]), preset=1),
        lambda: gzip.compress(tarred([("a/" * 6_000_000, b"")])),
        a_tar_with_a_hole,
        a_tar_of_links,
    ],
    ids=["zip", "zip of many", "zip that lies", "gz", "xz", "long name", "sparse", "hard links"],
)
def test_bombs_stop_while_they_are_read(bomb):
    blob = bomb()
    assert len(blob) < 100_000
    assert "trop de place" in refusal(blob)


def test_too_many_files(monkeypatch):
    monkeypatch.setattr(archive, "MAX_FILES", 3)
    many = [(f"f{number}", b"") for number in range(5)]
    assert "50 000" in refusal(tarred(many)) and "50 000" in refusal(zipped(many))


def packed(objects: list[bytes]) -> bytes:
    """A bundle whose pack holds these raw entries (headers included)."""
    pack = b"PACK" + (2).to_bytes(4, "big") + len(objects).to_bytes(4, "big") + b"".join(objects)
    return b"# v2 git bundle\n" + b"0" * 40 + b" HEAD\n\n" + pack + hashlib.sha1(pack).digest()


def raw(kind: int, data: bytes, before: bytes = b"", size: int | None = None) -> bytes:
    size, head = len(data) if size is None else size, b""
    byte, size = (kind << 4) | (size & 15), size >> 4
    while size:
        head, byte, size = head + bytes([byte | 0x80]), size & 0x7F, size >> 7
    return head + bytes([byte]) + before + zlib.compress(data)


def test_bundle_bombs(monkeypatch):
    monkeypatch.setattr(archive, "MAX_BYTES", 4 * 1024 * 1024)
    blob = raw(3, bytes(60_000))
    copies = b"\xe0\xd4\x03" + b"\x80" * 0 + b"\x00" + b"\xb0\xff\xff" * 300  # 300 copies of 65 535 bytes
    assert "trop de place" in refusal(packed([raw(3, bytes(13 * 1024 * 1024))]))
    assert "trop de place" in refusal(packed([blob, raw(7, copies, before=bytes(20))]))
    assert "abîmé" in refusal(packed([raw(3, bytes(1000), size=10)]))
    monkeypatch.setattr(bundle, "MAX_DELTA_STEPS", 100)
    assert "trop de place" in refusal(packed([blob, raw(7, b"\x01\x01" + b"\x01a" * 200, before=bytes(20))]))


@needs_git
def test_a_tree_that_repeats_itself_without_end(tmp_path):
    """Ten folders, each holding the next one ten times: ten thousand million files in a kilobyte."""
    git(tmp_path, "init", "-q")
    inside = git(tmp_path, "hash-object", "-w", "--stdin", data=b"x").decode().strip()
    line = "100644 blob"
    for _level in range(10):
        rows = "".join(f"{line} {inside}\tf{number}\n" for number in range(10))
        inside, line = git(tmp_path, "mktree", data=rows.encode()).decode().strip(), "040000 tree"
    commit = git(tmp_path, "commit-tree", inside, "-m", "x").decode().strip()
    git(tmp_path, "update-ref", "refs/heads/x", commit)
    blob = git(tmp_path, "bundle", "create", "-q", "-", "x")
    assert len(blob) < 10_000 and "50 000" in refusal(blob)


# --- Bills of materials ----------------------------------------------------------------------------------------------
def dumped(document) -> bytes:
    return json.dumps(document).encode()


CYCLONEDX = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [
    {"type": "library", "name": "django", "components": [{"type": "library", "name": "asgiref"}]},
    {"type": "library", "name": "celery"}]}  # fmt: skip
SPDX = {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "packages": [{"name": "django"}]}
SPDX3 = {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [
    {"type": "CreationInfo"}, {"type": "software_Package"}, {"type": "software_Package"}]}  # fmt: skip


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (CYCLONEDX, ("CycloneDX", "1.6", 3)),
        ({"bomFormat": "CycloneDX", "specVersion": "1.4"}, ("CycloneDX", "1.4", 0)),
        (SPDX, ("SPDX", "2.3", 1)),
        (SPDX3, ("SPDX", "3.0.1", 2)),
    ],
)
def test_a_bill_of_materials_is_recognised(document, expected):
    blob = b"\xef\xbb\xbf" + dumped(document)
    found = sbom.read(blob)
    assert (found.format, found.version, found.components) == expected
    assert found.sha256 == hashlib.sha256(blob).hexdigest()


@pytest.mark.parametrize(
    "blob",
    [
        b"", b"{", b"[]", b"{}", b"null", b"[" * 100_000, b"\xff", b"<bom/>",
        dumped({**CYCLONEDX, "specVersion": "9.9"}),
        dumped({**CYCLONEDX, "specVersion": 1.6}),
        dumped({**CYCLONEDX, "components": "trois"}),
        dumped({**CYCLONEDX, "components": [1]}),
        dumped({**SPDX, "spdxVersion": "SPDX-9"}),
        dumped({**SPDX, "SPDXID": "x"}),
        dumped({**SPDX, "packages": {}}),
        dumped({"@context": "https://example.org/", "@graph": []}),
    ],
)  # fmt: skip
def test_what_is_not_a_bill_of_materials(blob):
    with pytest.raises(ValueError, match="SBOM|CycloneDX"):
        sbom.read(blob)


def test_bills_are_found_by_their_names(monkeypatch):
    names = [
        "src/bom.json",
        "sbom.json",
        "a.cdx.json",
        "b.SPDX.json",
        "package.json",
        "bom.xml",
        "lien.cdx.json",
        "z.cyclonedx.json",
    ]
    tree = {name: (SYMLINK if "lien" in name else FILE, b"") for name in names}
    assert sbom.find(tree) == ["a.cdx.json", "b.SPDX.json", "sbom.json", "z.cyclonedx.json", "src/bom.json"]
    monkeypatch.setattr(sbom, "MAX_BYTES", 10)
    with pytest.raises(ValueError, match="20\u00a0Mo"):
        sbom.read(dumped(SPDX))


# --- Licences --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("expression", "normal", "is_open"),
    [
        ("MIT", "MIT", True),
        ("mit or apache-2.0", "MIT OR Apache-2.0", True),
        ("LiLiQ-Rplus-1.1", "LiLiQ-Rplus-1.1", True),
        ("GPL-3.0", "GPL-3.0-only", True),
        ("GPL-3.0+", "GPL-3.0-or-later", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0", True),
        ("GPL-2.0-only AND (MIT OR BUSL-1.1)", "GPL-2.0-only AND (MIT OR BUSL-1.1)", True),
        ("BUSL-1.1", "BUSL-1.1", False),
        ("MIT AND BUSL-1.1", "MIT AND BUSL-1.1", False),
        ("SSPL-1.0", "SSPL-1.0", False),
        ("LicenseRef-x", "LicenseRef-x", False),
        *((text, None, False) for text in ("", "MIT AND", "(MIT", "MIT MIT", "Propriétaire", "Apache License 2.0")),
        *((text, None, False) for text in ("MIT WITH MIT", "Bison-exception-2.2", "MIT " * 200, None)),
    ],
)
def test_licence_expressions(expression, normal, is_open):
    assert licences.normalized(expression) == normal
    assert licences.is_known(expression) == (normal is not None and "LicenseRef" not in normal)
    assert licences.is_open(expression) == is_open


def test_the_contracts_licences_are_known_and_open():
    for choice in licences.CodeLicence:
        if choice.value not in licences.UNDEMANDING:
            assert licences.normalized(choice.value) == choice.value and licences.is_open(choice.value)


MIT = (b"Permission is hereby granted, free of charge, to any\nperson obtaining a copy. The above copyright notice and "
       b"this permission notice shall be included.")  # fmt: skip
LILIQ = "# Licence Libre du Québec – Réciprocité{} (LiLiQ-R{})\n\n**Version 1.1**\n\n1. Préambule"
GPL = b"                    GNU GENERAL PUBLIC LICENSE\n                       Version 3, 29 June 2007\n"


@pytest.mark.parametrize(
    ("tree", "expected", "agrees", "word"),
    [
        ({"LICENSE": MIT}, "MIT", True, "celui de MIT"),
        ({"LICENCE.fr.md": LILIQ.format("", "").encode()}, "LiLiQ-R-1.1", True, "LiLiQ-R-1.1"),
        ({"LICENCE.md": LILIQ.format(" forte", "+").encode()}, "LiLiQ-Rplus-1.1", True, "Rplus"),
        ({"LICENCE.md": LILIQ.format(" forte", "+").encode()}, "LiLiQ-R-1.1", False, "LiLiQ-Rplus-1.1, et"),
        ({"COPYING": GPL}, "GPL-3.0-or-later", True, "GPL"),
        ({"COPYING": GPL}, "MIT", False, "GPL-3.0-or-later / GPL-3.0-only"),
        ({"LICENSE": b"SPDX-License-Identifier: Apache-2.0"}, "Apache-2.0", True, "Apache"),
        ({"LICENSES/MIT.txt": b"...", "LICENSES/Apache-2.0.txt": b"..."}, "Apache-2.0", True, "Apache"),
        ({"LICENSE": b"Tous droits r\xe9serv\xe9s"}, "MIT", False, "n’est pas reconnu"),
        ({"LICENSE": b"License: MIT"}, "MIT", False, "nomme la licence MIT, sans son texte"),
        ({"LICENCE": b"# Licence\n\nThe MIT License (MIT)\n"}, "MIT", False, "sans son texte"),
        ({"LICENSE": b"Apache License 2.0"}, "Apache-2.0", False, "sans son texte"),
        ({"LICENSE": b"License: Apache-2.0."}, "MIT", False, "est la licence Apache-2.0, et le contrat demande MIT"),
        ({"LICENSE": b"Licence : EUPL-1.2"}, "MIT", False, "est la licence EUPL-1.2"),
        ({"LICENSE": b"Voir la note sur le summit et la visite."}, "MIT", False, "n’est pas reconnu"),
        ({"LICENSE": b"Mozilla Public License Version 2.0\n\n... " + GPL}, "MPL-2.0", True, "MPL-2.0"),
        ({"LICENSE": b"Licence maison. " * 200 + GPL}, "GPL-3.0-or-later", False, "n’est pas reconnu"),
        ({"README": b"MIT"}, "MIT", False, "Aucun fichier"),
        ({"sous/LICENSE": MIT}, "MIT", False, "Aucun fichier"),
        ({}, "assignment", None, "ne demande pas"),
        ({"LICENSE": MIT}, "to-be-agreed", None, "ne demande pas"),
    ],
)
def test_the_licence_file_against_the_contract(tree, expected, agrees, word):
    finding = licences.check({path: (FILE, data) for path, data in tree.items()}, expected)
    assert finding.agrees is agrees and word in finding.sentence


def test_a_declared_licence_is_the_contracts_exactly():
    assert licences.agrees("mit", "MIT") and licences.agrees("n’importe quoi", "assignment")
    assert not licences.agrees("MIT OR Apache-2.0", "MIT")
    assert not licences.agrees("GPL-3.0-only", "GPL-3.0-or-later")
    assert not licences.agrees("inconnue", "MIT")
