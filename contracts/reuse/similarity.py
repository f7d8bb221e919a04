"""« Ce besoin existe déjà ? »: catalogued code whose words are those of a notice being written.

Two texts are compared as bags of folded, stemmed words: the cosine of the angle between them, 0 to 1. What names the
thing weighs most (the title), then what explains it (the summary); a technology says how, not what, and counts little.
Words that most notices share count little too. Without any text in common there is no match, whatever the skills.
"""

from math import sqrt
from operator import itemgetter

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from contracts.models import Passport
from marketplace.search import words
from opportunities.models import Opportunity

LIMIT = 3
# Chosen on the tables of tests/test_reuse_catalogue.py: the same need in other words scores 0.4 and more, another 0.2.
THRESHOLD = 0.3
LEAST_SHARED = 2  # words that are not common ones
CANDIDATES = 60  # read from the database, those that share the most words first
MOST_WORDS = 40
TITLE, SUMMARY, SKILL = 3.0, 1.0, 0.5
Weights = dict[str, float]  # {word: weight}
# Words of almost any notice about software, as `words` gives them.
_COMMON = frozenset(
    words(
        """
        application appli logiciel outil système plateforme solution site web page portail service module projet code
        développement développer développe créer création concevoir conception réaliser améliorer moderniser simplifier
        remplacer mettre rendre permettre offrir faciliter afficher utiliser utilisateur utilisatrice usager numérique
        informatique électronique automatique automatiser données donnée information tableau bord interface formulaire
        gestion gérer suivi suivre public publique organisme ministère municipalité ville citoyen citoyenne personne
        nouveau nouvelle ligne libre ouvert ouverte accès accessible accessibilité api mobile téléphone prototype
        québec québécois employé employée équipe besoin travail petit petite simple seul seule plusieurs selon
        carte montrer voir temps réel état demande déposer dépôt traiter traitement calendrier publier publication jeu
        diffusion savoir connaître bibliothèque musée école hôpital université cégep centre arrondissement régie
        culturel the tool new system web open data
        """
    )
)


def matches(opportunity: Opportunity, limit: int = LIMIT) -> list[Passport]:
    """The catalogued passports most like this notice, the likeliest first, each with `likeness` (0 to 1).

    Two queries: the notice's skills, the candidates. Code that came from this very notice is left out.
    """
    asked = _weighed(
        opportunity.title, opportunity.teaser, [skill.name for skill in opportunity.skills.all()] if opportunity.pk
        else [],
    )  # fmt: skip
    heaviest = sorted(asked.items(), key=itemgetter(1), reverse=True)
    telling = [word for word, weight in heaviest if weight > SKILL and word not in _COMMON][:MOST_WORDS]
    if len(telling) < LEAST_SHARED:
        return []
    candidates = list(_candidates(opportunity, telling))
    for passport in candidates:
        passport.likeness = likeness(asked, _of_passport(passport, asked))
    like = [passport for passport in candidates if passport.likeness >= THRESHOLD]
    return sorted(like, key=lambda passport: (-passport.likeness, -passport.pk))[:limit]


def _candidates(opportunity: Opportunity, telling: list[str]) -> QuerySet[Passport]:
    """Catalogued passports with the most words in common, at least LEAST_SHARED."""
    shared = sum(
        (
            Case(When(search_text__contains=f" {word} ", then=Value(1)), default=Value(0), output_field=IntegerField())
            for word in telling
        ),
        start=Value(0),
    )
    some = Q()
    for word in telling:
        some |= Q(search_text__contains=f" {word} ")
    rows = Passport.objects.catalogued().filter(some).annotate(shared=shared).filter(shared__gte=LEAST_SHARED)
    rows = rows.exclude(contract__award__opportunity=opportunity.pk)
    rows = rows.select_related("contract__award__opportunity__body")
    return rows.order_by("-shared", "-at", "-pk")[:CANDIDATES]


def _of_passport(passport: Passport, asked: Weights) -> Weights:
    """The software's name and its notice's title, both summaries, and those of the asked skills that it has too."""
    occasion = passport.contract.opportunity
    weights = _weighed(f"{passport.name} {occasion.title}", f"{passport.summary} {occasion.teaser}", [])
    for word, weight in asked.items():
        if weight == SKILL and word not in weights and f" {word} " in passport.search_text:
            weights[word] = SKILL  # its skills are in its search text: no query for them
    return weights


def _weighed(title: str, summary: str, skills: list[str]) -> Weights:
    """{word: weight}: a word counts once, where it weighs most."""
    weights: Weights = {}
    for weight, text in ((TITLE, title), (SUMMARY, summary), (SKILL, " ".join(skills))):
        for word in words(text):
            weights[word] = max(weights.get(word, 0), weight * (0.2 if word in _COMMON else 1))
    return weights


def likeness(one: Weights, other: Weights) -> float:
    """The cosine of two bags of weighted words; 0 when fewer than LEAST_SHARED telling words are in both texts."""
    both = one.keys() & other.keys()
    if sum(min(one[word], other[word]) > SKILL for word in both - _COMMON) < LEAST_SHARED:
        return 0.0
    lengths = sqrt(sum(weight**2 for weight in one.values()) * sum(weight**2 for weight in other.values()))
    return sum(one[word] * other[word] for word in both) / lengths
