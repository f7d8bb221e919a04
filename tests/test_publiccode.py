"""publiccode.yml 0.5, rule by rule: each test is named after the standard's section (docs/standard/schema.core)."""

import pytest

from contracts.code import plain_yaml, publiccode

LONG = "Un outil qui aide les organismes publics à publier leurs besoins et les entreprises à y répondre. " * 2
MINIMAL = f"""\
publiccodeYmlVersion: "0.5"
name: Registre
url: https://git.exemple.quebec/registre.git
platforms:
  - web
developmentStatus: stable
softwareType: standalone/web
description:
  fr:
    shortDescription: Un registre public
    longDescription: {LONG}
    features:
      - Publier
legal:
  license: LiLiQ-R-1.1
maintenance:
  type: internal
  contacts:
    - name: Camille Démo
localisation:
  localisationReady: true
  availableLanguages:
    - fr
"""


def edited(**sections) -> str:
    """MINIMAL with these top-level sections replaced (a text), added, or taken off (None)."""
    blocks, name = {}, None
    for line in MINIMAL.splitlines(keepends=True):
        name = name if line.startswith(" ") else line.partition(":")[0]
        blocks[name] = blocks.get(name, "") + line
    for name, text in sections.items():
        blocks[name] = "" if text is None else f"{name}: {text}\n"
    return "".join(blocks.values())


def described(**keys) -> str:
    """MINIMAL whose French description has these keys replaced, added or taken off."""
    lines = {"shortDescription": "Un registre", "longDescription": LONG, "features": "[Publier]"} | keys
    return edited(description="\n  fr:\n" + "".join(f"    {k}: {v}\n" for k, v in lines.items() if v is not None))


def errors(text, **options) -> list[str]:
    return [path for path, _sentence in publiccode.validate(text, **options).errors]


def warnings(text, **options) -> list[str]:
    """Paths of the warnings of a file that is valid all the same."""
    result = publiccode.validate(text, **options)
    assert not result.errors
    return [path for path, _sentence in result.warnings]


def test_a_minimal_file_is_valid_and_read():
    result = publiccode.validate(MINIMAL)
    assert (result.errors, result.warnings) == ([], [])
    assert result.data["description"]["fr"]["features"] == ["Publier"]
    assert publiccode.validate(MINIMAL.encode()).data == result.data


def test_sentences_are_french():
    (problem,) = publiccode.validate(edited(name=None)).errors
    assert problem == ("name", "Cette clé est obligatoire.")


REQUIRED = ("publiccodeYmlVersion", "name", "url", "platforms", "developmentStatus", "softwareType", "description",
            "legal", "maintenance", "localisation")  # fmt: skip


@pytest.mark.parametrize("key", REQUIRED)
def test_mandatory_keys(key):
    assert errors(edited(**{key: None})) == [key]
    assert errors(edited(**{key: ""})) == [key]  # « name: » without a value
    assert errors(edited(**{key: '""'})) == [key]


def test_every_problem_is_told_at_once():
    found = errors('publiccodeYmlVersion: "0.5"\nlegal: {}\nmaintenance: {}\nlocalisation: {}\ndescription: {fr: {}}')
    assert set(found) == {
        "name", "url", "platforms", "developmentStatus", "softwareType", "legal.license", "maintenance.type",
        "localisation.localisationReady", "localisation.availableLanguages", "description.fr.shortDescription",
        "description.fr.longDescription", "description.fr.features",
    }  # fmt: skip


# --- Key publiccodeYmlVersion ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("version", ['"0"', '"0.5"', '"0.5.0"'])
def test_version_current(version):
    assert warnings(edited(publiccodeYmlVersion=version)) == []


@pytest.mark.parametrize("version", ['"0.2"', '"0.2.2"', '"0.3"', '"0.4.0"', "0.5"])
def test_version_old_or_not_quoted_is_read_with_a_warning(version):
    assert warnings(edited(publiccodeYmlVersion=version)) == ["publiccodeYmlVersion"]


@pytest.mark.parametrize("version", ['"1"', '"0.1"', '"0.6"', "[]", "{}", "true", "dev"])
def test_version_unknown_stops_the_reading(version):
    assert errors(edited(publiccodeYmlVersion=version, name=None)) == ["publiccodeYmlVersion"]


# --- Keys with a type, an enumeration or a format --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("name", ["Registre", "2048", '"true"'], ["[]", "{a: b}", "true"]),
        ("applicationSuite", ["Suite"], ["[]"]),
        ("softwareVersion", ['"1.0"', "1.10", "dev"], ["[]", "false"]),
        ("url", ["https://a.quebec/x.git", "git://a.quebec/x", "ssh://git@a.quebec/x"], ["foobar", "[]", "https://"]),
        ("landingURL", ["http://a.quebec"], ["ftp://a.quebec", '"???"', "https://a b.quebec", "[]"]),
        ("roadmap", ["https://a.quebec/plan"], ["foobar", "[]"]),
        ("isBasedOn", ["https://a.quebec/x", "[https://a.quebec/x, https://b.quebec/y]"], ["{a: b}", "foobar"]),
        ("releaseDate", ["2026-09-01", '"2024-02-29"'],
         ['""', "2026-9-1", "2026-02-30", '"2026-09-01 10:00:00"', "20260901", "[]"]),
        ("developmentStatus", ["concept", "development", "beta", "stable", "obsolete"], ["Stable", "alpha", "[]"]),
        ("softwareType", ["standalone/mobile", "addon", "library", "configurationFiles"], ["standalone", "{}"]),
        ("platforms", ["[web, linux]", "[Minitel]"], ["[]", "{}", "[[web]]"]),
        ("categories", ["[procurement, other]", "[]", ""], ["[marchés]", "procurement", "[1]"]),
        ("usedBy", ["[Ville de Démo]"], ["Ville de Démo", "[{a: b}]"]),
        ("logo", ["img/logo.svg", "https://a.quebec/logo.PNG?raw=1"],
         ["/logo.svg", "file:logo.svg", "File:///logo.svg", "logo.gif", "[]"]),
        ("supports", ["[{id: 'urn:iso:std:iso:27001'}, {id: 'alias:gdpr'}]"], ["[{}]", "[{id: x}]", "x"]),
    ],
)  # fmt: skip
def test_values(key, good, bad):
    for value in good:
        assert errors(edited(**{key: value})) == [], value
    for value in bad:
        found = errors(edited(**{key: value}))
        assert found and all(path.startswith(key) for path in found), value


def test_platforms_may_be_one_text():
    assert warnings(edited(platforms="web")) == ["platforms"]


def test_a_list_says_which_item():
    assert errors(edited(categories="[other, inconnue]")) == ["categories[1]"]
    assert errors(edited(isBasedOn="[https://a.quebec/x, non]")) == ["isBasedOn[1]"]


# --- Section organisation, key fundedBy ------------------------------------------------------------------------------
@pytest.mark.parametrize("uri", ["https://a.quebec/organisme", "urn:x-quebec:organisme", "tag:a.quebec,2026:o"])
def test_organisation(uri):
    assert errors(edited(organisation=f"{{name: A, uri: '{uri}'}}", fundedBy=f"[{{uri: '{uri}'}}]")) == []


def test_organisation_needs_a_uri():
    assert errors(edited(organisation="{name: A}", fundedBy="[{name: B}]")) == ["organisation.uri", "fundedBy[0].uri"]
    for uri in ("pcm", '"1"', '"urn:"', '"https:"', "[]"):
        assert errors(edited(organisation=f"{{uri: {uri}}}")) == ["organisation.uri"], uri
    assert errors(edited(organisation="A")) == ["organisation"]


# --- Section intendedAudience ----------------------------------------------------------------------------------------
def test_intended_audience():
    assert warnings(edited(intendedAudience="{countries: [CA, FR], scope: [government, justice]}")) == []
    assert warnings(edited(intendedAudience="{countries: [ca], unsupportedCountries: [us]}")) == [
        "intendedAudience.countries[0]", "intendedAudience.unsupportedCountries[0]"]  # fmt: skip
    for wrong in ("{countries: [CA, Fr]}", "{countries: [ABC]}", "{countries: [EU]}", "{countries: CA}",
                  "{scope: [inconnu]}", "{unsupportedCountries: [1]}", "[]"):  # fmt: skip
        assert errors(edited(intendedAudience=wrong)), wrong


# --- Section description ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["fr", "fr-CA", "en-GB", "fra", "sr-Latn-RS", "sl-IT-nedis", "fr-x-joual", "cr"])
def test_description_in_a_bcp47_language(language):
    assert errors(MINIMAL.replace("  fr:", f"  {language}:").replace("    - fr", f"    - {language}")) == []


@pytest.mark.parametrize("language", ["xxx", "fr_CA", "français", "f", "fr-", "fr-ZZ", "fr-CA-"])
def test_description_in_what_is_not_a_language(language):
    assert errors(MINIMAL.replace("  fr:", f"  {language}:")) == ["description"]
    assert errors(MINIMAL.replace("    - fr\n", f"    - {language}\n")) == ["localisation.availableLanguages[0]"]


def test_description_lengths_are_counted_as_people_read():
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    for good in ({"shortDescription": "é" * 150}, {"shortDescription": "e\u0301" * 150},
                 {"shortDescription": f'"{family * 150}"'}, {"longDescription": "x" * 150},
                 {"longDescription": "x" * 10_000}):  # fmt: skip
        assert errors(described(**good)) == []
    for key, bad in (("shortDescription", "x" * 151), ("shortDescription", None), ("longDescription", "x" * 149),
                     ("longDescription", "x" * 10_001), ("longDescription", f'"{family * 149}"'),
                     ("longDescription", None), ("shortDescription", "[]"), ("localisedName", "[]"),
                     ("documentation", "non"), ("apiDocumentation", "[]"), ("videos", "[non]"), ("awards", "{}"),
                     ("features", "[]"), ("features", None), ("features", "Publier"), ("screenshots", "[a.gif]"),
                     ("screenshots", "[/a.png]"), ("genericName", "x" * 36)):  # fmt: skip
        found = errors(described(**{key: bad}))
        assert found and all(path.startswith(f"description.fr.{key}") for path in found), (key, bad)
    assert errors(edited(description="{}")) == errors(edited(description="texte")) == ["description"]
    assert errors(edited(description="{fr: texte}")) == ["description.fr"]


# --- Section legal ---------------------------------------------------------------------------------------------------
def test_legal_licence_is_an_spdx_expression():
    for good in ("MIT", "MIT OR Apache-2.0", "GPL-3.0-or-later WITH Classpath-exception-2.0", "LiLiQ-Rplus-1.1"):
        assert warnings(edited(legal=f"{{license: {good}}}")) == []
    assert warnings(edited(legal="{license: BUSL-1.1}")) == ["legal.license"]  # listed, and not open
    for bad in ("Licence maison", "LicenseRef-maison", "[]", '""', "MIT AND"):
        assert errors(edited(legal=f"{{license: {bad}}}")) == ["legal.license"], bad
    assert errors(edited(legal="MIT")) == ["legal"]


# --- Section maintenance ---------------------------------------------------------------------------------------------
CONTACTS, CONTRACTORS = "contacts: [{name: Camille}]", "contractors: [{name: Démo inc., until: 2027-01-01}]"


@pytest.mark.parametrize(
    ("section", "wrong"),
    [
        (f"{{type: internal, {CONTACTS}}}", []),
        (f"{{type: community, {CONTACTS}}}", []),
        ("{type: none}", []),
        (f"{{type: none, {CONTACTS}}}", []),
        (f"{{type: contract, {CONTRACTORS}}}", []),
        (f"{{type: contract, {CONTRACTORS}, {CONTACTS}}}", []),
        ("{type: internal}", ["contacts"]),
        ("{type: community, contacts: []}", ["contacts"]),
        (f"{{type: contract, {CONTACTS}}}", ["contractors"]),
        (f"{{type: internal, {CONTACTS}, {CONTRACTORS}}}", ["contractors"]),
        (f"{{type: none, {CONTRACTORS}}}", ["contractors"]),
        (f"{{type: bénévole, {CONTACTS}}}", ["type"]),
        (f"{{{CONTACTS}}}", ["type"]),
        ("{type: none, contacts: [{email: a@b.quebec}]}", ["contacts[0].name"]),
        ("{type: none, contacts: [{name: A, email: non}]}", ["contacts[0].email"]),
        ("{type: none, contacts: [{name: A, phone: []}]}", ["contacts[0].phone"]),
        ("{type: contract, contractors: [{name: A}]}", ["contractors[0].until"]),
        ("{type: contract, contractors: [{until: 2027-01-01}]}", ["contractors[0].name"]),
        ("{type: contract, contractors: [{name: A, until: bientôt}]}", ["contractors[0].until"]),
        ("{type: contract, contractors: [{name: A, until: 2027-01-01, website: non}]}", ["contractors[0].website"]),
    ],
)
def test_maintenance(section, wrong):
    assert errors(edited(maintenance=section)) == [f"maintenance.{path}" for path in wrong]


# --- Sections localisation and dependsOn -----------------------------------------------------------------------------
def test_localisation():
    for bad in ("{localisationReady: true}", "{localisationReady: true, availableLanguages: []}",
                '{localisationReady: "true", availableLanguages: [fr]}', "{availableLanguages: [fr]}"):  # fmt: skip
        assert errors(edited(localisation=bad)), bad
    assert warnings(edited(localisation="{localisationReady: yes, availableLanguages: [fr]}")) == [
        "localisation.localisationReady"]  # YAML 1.1, deprecated (section Encoding)  # fmt: skip


def test_depends_on():
    good = "{open: [{name: PostgreSQL, versionMin: 15, optional: true}], proprietary: [], hardware: [{name: NFC}]}"
    assert warnings(edited(dependsOn=good)) == []
    for bad in ("{open: [{}]}", "{open: [{name: []}]}", "{open: [{name: A, version: []}]}", "{open: {}}", "[]",
                '{open: [{name: A, optional: "true"}]}'):  # fmt: skip
        assert errors(edited(dependsOn=bad)), bad


# --- Unknown, deprecated and national keys ---------------------------------------------------------------------------
def test_unknown_keys_are_warnings():
    assert warnings(edited(futur="1")) == ["futur"]
    assert warnings(edited(legal="{license: MIT, futur: 1}")) == ["legal.futur"]


def test_deprecated_keys_are_warnings():
    text = edited(monochromeLogo="m.svg", inputTypes="[text/plain]", outputTypes="[application/x.empty]",
                  legal="{license: MIT, repoOwner: A, authorsFile: AUTEURS}")  # fmt: skip
    assert sorted(warnings(text)) == [
        "inputTypes",
        "legal.authorsFile",
        "legal.repoOwner",
        "monochromeLogo",
        "outputTypes",
    ]
    assert warnings(described(genericName="Registre")) == ["description.fr.genericName"]
    assert errors(edited(inputTypes="[texte]")) == ["inputTypes[0]"]


def test_sections_of_a_country():
    assert warnings(edited(IT="{piattaforme: {spid: true}}", CA="{province: QC}")) == []
    assert warnings(edited(it="{}")) == ["it"]
    assert errors(edited(IT="{}", it="{}")) == ["it"]
    assert warnings(edited(It="{}")) == ["It"]
    assert errors(edited(CA="oui")) == ["CA"]


# --- The files it names ----------------------------------------------------------------------------------------------
def test_named_files_are_looked_for_when_the_tree_is_known():
    text = edited(logo="img/logo.svg", legal="{license: MIT, authorsFile: ./AUTEURS}")
    assert errors(text) == []
    assert errors(text, files={"img/logo.svg", "AUTEURS"}) == []
    assert errors(text, files={"AUTEURS"}) == ["logo"]
    assert errors(described(screenshots="[a.png, https://a.quebec/b.png]"), files=()) == [
        "description.fr.screenshots[0]"]  # fmt: skip


# --- Encoding, and hostile texts -------------------------------------------------------------------------------------
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("name: é".encode("latin-1"), "UTF-8"),
        ("name: [", "ligne"),
        ("a: b: c", "ligne 1"),
        ("\t- a", "illisible"),
        ("a: \x00", "illisible"),
        ("", "clés"),
        ("[]", "clés"),
        ("texte", "clés"),
        ("---\na: 1\n---\nb: 2\n", "plusieurs documents"),
        ("name: a\nname: b", "deux fois"),
        ("legal: {license: MIT, license: GPL}", "deux fois"),
        (BOMB, "alias"),
        ("a: &a [*a]", "alias"),
        ("<<: *a", "alias"),
        ("a: !!python/object/apply:os.system [ls]", "étiquettes"),
        ("a: !local b", "étiquettes"),
        ("!!set {a: b}", "étiquettes"),
        ("? [a, b]\n: c", "clé"),
        ("[" * 60 + "]" * 60, "imbriqué"),
        ("a:\n" + "".join(" " * n + "a:\n" for n in range(1, 40)), "imbriqué"),
        ("x" * (256 * 1024 + 1), "256 Ko"),
    ],
)
def test_hostile_or_broken_texts(text, word):
    result = publiccode.validate(text)
    assert len(result.errors) == 1 and word in result.errors[0][1].replace("\u00a0", " ")
    assert result.data == {}


def test_a_duplicate_key_is_named():
    assert errors("legal: {license: MIT, license: GPL}") == ["legal.license"]


def test_words_stay_the_text_they_were():
    text = "a: 1.10\nb: 2026-09-01\nc: on\nd: ~\ne: 0x1F\nf: 'null'\ng: true\nh: 12:30\ni: |\n  bloc\nj:\n"
    assert plain_yaml.load(text) == {
        "a": "1.10", "b": "2026-09-01", "c": "on", "d": None, "e": "0x1F", "f": "null", "g": True, "h": "12:30",
        "i": "bloc\n", "j": None,
    }  # fmt: skip
    assert plain_yaml.load(b"\xef\xbb\xbfname: A") == {"name": "A"}


# --- As real projects write it ---------------------------------------------------------------------------------------
FOLDED = (
    "  nl:\n    shortDescription: >-\n      Un outil\n      de tous\n    longDescription: >\n      "
    + LONG.replace("y ", "y\n\n      ")
)


@pytest.mark.parametrize(
    ("changes", "warned"),
    [
        # Facts of files of Amsterdam, AgID, CISOfy: an old version, folded texts, a country's section in lower case…
        ({"publiccodeYmlVersion": "'0.2'"}, ["publiccodeYmlVersion"]),
        ({"description": f"\n{FOLDED}\n    features:\n      - >-\n        publier\n        vite"}, []),
        ({"it": "{countryExtensionVersion: '0.2', riuso: {codiceIPA: agid}}"}, ["it"]),
        ({"releaseDate": "2025-01-28"}, []),
        ({"softwareVersion": "1.4.1-beta"}, []),
        ({"maintenance": "\n  type: community\n  contacts:\n    - name: A\n      email: a@b.quebec\n      phone: ''\n"
                         "      affiliation: ''"}, []),
        ({"intendedAudience": "{countries: [it]}"}, ["intendedAudience.countries[0]"]),
        ({"localisation": "{localisationReady: yes, availableLanguages: [en]}"}, ["localisation.localisationReady"]),
        ({"landingUrl": "https://a.quebec"}, ["landingUrl"]),
        ({"dependsOn": "{open: [{name: PostgreSQL, version: '12.1', optional: no}]}"}, ["dependsOn.open[0].optional"]),
    ],
)  # fmt: skip
def test_files_as_projects_write_them_are_valid(changes, warned):
    for text in (edited(**changes), "# un commentaire\n\n" + edited(**changes), "---\n" + edited(**changes) + "...\n"):
        assert warnings(text) == warned
        assert warnings(text.replace("\n", "\r\n")) == warned
        assert warnings("\ufeff" + text) == warned if not text.startswith("-") else True


def test_what_projects_get_wrong_is_told():
    assert errors(edited(developmentStatus="production")) == ["developmentStatus"]
    assert errors(edited(categories="[emergency-response]")) == ["categories[0]"]
