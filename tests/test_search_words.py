"""Words of search: accents, plurals and endings do not count, names of tools do."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.search import MAX_QUERY_WORDS, SORT_KEY, fold, index_text, query_terms, query_words, sort_key, words


def found(query, text):
    """What a page does on SQLite: every word of the query stands in the index, or a word that starts so."""
    index, terms = index_text(text), query_terms(query)
    return bool(terms) and all(term.stands_in(index) for term in terms)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("developpeur quebecois", "Des développeurs québécois recherchés"),
        ("developpeurs quebecoises", "un développeur d’une entreprise québécoise"),
        ("donnee ouverte", "Portail de données ouvertes"),
        ("jeu de donnee", "des jeux de données"),
        ("accessibilites numeriques", "L’accessibilité numérique des services"),
        ("hebergements infonuagiques", "Hébergement infonuagique"),
        ("reseau municipal", "réseaux municipaux"),
        ("hopital", "Les hôpitaux"),
        ("travail", "travaux"),
        ("logiciel libre", "Logiciels libres"),
        ("SECURITE", "sécurité de l’information"),
        ("gérer", "des demandes gérées en ligne"),
        ("gere", "une file gérée"),
        ("oeuvre", "mise en œuvre"),
        ("facade", "façades patrimoniales"),
        ("élèves", "dossier de l'eleve"),
        ("foret", "inventaire des forêts"),
        ("tableaux de bord", "Tableau de bord des ponts"),
        ("evaluation", "Évaluations"),
        ("referentiel", "référentiels"),
        ("municipalites", "municipalité"),
        ("videos", "vidéo sous-titrée"),
        ("entrepot", "entrepôts"),
        ("generation", "générations"),
        ("francais", "interface française"),
        ("françaises", "en francais"),
        ("delai", "délais de paiement"),
        ("revenus", "Revenu Québec"),
        ("emploi", "offres d'emplois"),
        ("reglement", "Règlements"),
        ("cle", "clés de chiffrement"),
        ("sociaux", "réseau social"),
        ("developpe", "application développée pour nous"),
        ("heberger", "services hébergés au Québec"),
        ("API", "Une API REST documentée"),
        ("ia", "l’IA générative"),
        ("c++", "bibliothèque en C++"),
        ("C#", "C# / .NET"),
        (".NET", "Application ASP.NET"),
        ("node.js", "Node.js et Vue.js"),
        ("nodejs", "Node.js"),
        ("node", "Node.js"),
        ("a11y", "A11y"),
        ("python 3", "Python 3.11"),
        ("compost", "Collecte du compostage"),
        ("composts", "une aire de compostage"),
        ("logiciels", "un logiciel"),
        ("logic", "logiciels"),
        ("accessibi", "L’accessibilité numérique"),
        ("infonu", "Hébergement infonuagique"),
        ("démat", "dématérialisation des formulaires"),
        ("munici", "Réseaux municipaux"),
        ("quebec donnee", "https://www.donneesquebec.ca et données du Québec"),
        ("wifi", "Wi‑Fi public"),
        ("wi-fi", "le wifi"),
        ("wi fi", "Wifi"),
        ("wifi", "un réseau wi fi"),
        ("email", "un e‑mail"),
        ("e-mails", "Courriel"),
        ("courriel", "des emails"),
        ("covid19", "COVID‑19"),
        ("covid-19", "covid19"),
        ("24h", "ouvert 24 h sur 24"),
        ("24 h", "24h/24"),
        ("dotnet", "Application .NET"),
        (".net", "dot net"),
        ("aspnet", "ASP.NET"),
        ("next js", "Next.js"),
        ("next.js", "Next JS"),
        ("next.js", "nextjs"),
        ("plateforme", "une plate-forme"),
        ("plates-formes", "des platesformes"),
        ("rendezvous", "Rendez-vous en ligne"),
        ("géospatiales", "données géo-spatiales"),
        ("télé santé", "Télésanté"),
        ("html5", "HTML 5"),
        ("power bi", "PowerBI"),
        ("powerbi", "Power BI"),
        ("iso 27001", "ISO27001"),
        ("opensource", "logiciels open source"),
        ("ci/cd", "CICD"),
        ("r&d", "la RD"),
        ("peertopeer", "peer-to-peer"),
        ("peer-to-peer", "peertopeer"),
    ],
)
def test_what_people_type_finds_what_was_written(query, text):
    assert found(query, text)
    assert found(query.upper(), text)
    assert found(unicodedata.normalize("NFD", query), unicodedata.normalize("NFD", text))


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("c++", "langage C"),
        ("c#", "langage C"),
        ("java", "JavaScript"),
        ("géomatique", "informatique"),
        ("données fermées", "données ouvertes"),
        (".net", "internet"),
        ("informatique", "information"),
        ("compostage", "compositeur"),
        ("sql", "SQLite"),
        ("ville", "vil"),
        ("web", "W3C"),
        ("20261103", "2026-11-03"),
        ("pontsroutes", "Ponts, routes"),
        ("deville", "plan de ville"),
        ("net", "dotnet"),
        ("le la les", "le la les"),
        ("", "tout"),
    ],
)
def test_what_is_something_else_is_not_found(query, text):
    assert not found(query, text)


def test_stop_words_and_elisions_are_dropped():
    assert words("C’est l’outil de la ville qu’il nous faut, and the city's tool") == [
        *words("outil ville faut city tool"),
    ]
    assert words("Québec à l’est") == words("quebec est")  # the cardinal point stays
    assert words("TI, IT, AI, R, C, Go") == ["ti", "it", "ai", "r", "c", "go"]


def test_technical_names_stay_whole():
    assert words("c++ C# .NET node.js") == ["c++", "c#", ".net", "node.js"]
    assert words("fin.Début, 3.11") == words("fin debut 3 11")


def test_fold():
    assert fold("Œuvre À CÔTÉ, ŒÆ ﬁn") == "oeuvre a cote, oeae fin"


def test_the_index_is_unique_and_padded():
    assert index_text("Données données", None, "", "donnee API") == f" {words('donnée')[0]} donnees donnee api "
    assert index_text("", None) == ""
    assert index_text("le la") == ""


def test_a_query_is_short():
    many = " ".join(f"mot{number}" for number in range(40))
    assert query_words(many) == [f"mot{number}" for number in range(MAX_QUERY_WORDS)]
    assert query_words("API api Api") == ["api"]
    assert query_words(None) == []


@settings(deadline=None)  # a busy machine is not a failure
@given(st.text(max_size=200))
def test_any_text_gives_clean_words_and_finds_itself(text):
    for word in words(text):
        assert word
        assert not set(word) & set(" %_'\"\\")
        assert word == word.lower()
    index = index_text(text)
    assert all(f" {word} " in index for word in query_words(text))


@pytest.mark.parametrize(
    "ordered",
    [
        ["Eau", "École", "Zoo"],
        ["Cégep de Rimouski", "Centre de la mémoire", "CÉRÉALES", "Ville d’Alma"],
        ["cote", "coté", "côte"],
        ["L’Assomption", "La Prairie", "Lac-Mégantic"],
        ["Œuvre", "Ottawa"],
        ["École 9", "École neuve", "Écoles"],
    ],
)
def test_names_come_as_in_a_dictionary(ordered):
    assert sorted(set(ordered), key=sort_key) == ordered
    assert all(set(sort_key(name)) <= set("0123456789abcdef") for name in ordered)


def test_a_key_holds_in_its_column():
    assert len(sort_key("É" * 5_000)) == SORT_KEY and sort_key("") == "00"
