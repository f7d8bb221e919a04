"""Texts as people write them in notices, addenda, proposals and delivery notes. Invented, after kinds really seen."""

# A bug report as a form offers it: bold titles, lists right under their sentence. Eleven list lines.
BUG_REPORT = """\
**Décrire le problème**
Une phrase claire.

**Pour le reproduire**
Étapes :
1. Aller à « … »
2. Cliquer sur « … »
3. Descendre jusqu’à « … »
4. Voir l’erreur

**Ordinateur :**
 - Système : [par ex. Debian]
 - Navigateur : [par ex. Firefox]
 - Version : [par ex. 22]

**Téléphone :**
 - Appareil : [par ex. Fairphone]
 - Système : [par ex. Android]
 - Navigateur : [par ex. celui du système]
 - Version : [par ex. 22]
"""

TEXTS = [
    # Numbers of lists
    "Précision.\n\n2. Deuxième",
    "1. Contexte\n\ntexte\n\n2. Besoin",
    "2026. Une année",
    "1. Contexte\n2. Besoin\n3. Livrables",
    "1. un\n1. deux\n1. trois",
    "3. trois\n5. cinq",
    "0. zéro\n1. un",
    "1986\\. Une année, pas une liste",
    "10. dix\n11. onze\n\n    suite de onze\n12. douze",
    "Le prix est de\n2. Cette ligne n’est pas une liste",
    "1234567890. trop long pour un numéro",
    "1. un\n\n2. deux\n\n3. trois",
    "## 1. Contexte\n\nTexte.\n\n## 2. Besoin",
    "1. un\n2) deux, une autre liste",
    "**1. Contexte**\n\n2. Besoin",
    "7. sept\n   1. sept un\n   2. sept deux\n8. huit",
    # Lists right after a sentence
    "Livrables :\n- plan\n- code",
    "Livrables :\n* plan\n* code\n\nMerci.",
    "Étapes :\n1. lire\n2. écrire",
    "1) un\n2) deux",
    "À faire :\n1) un\n2) deux\n\nFin.",
    "### Critères\n- accessible\n- rapide",
    "> Cité :\n> - un\n> - deux",
    "- un\nsuite de un\n- deux",
    "- un\n\n- deux\n- trois",
    "+ un\n+ deux",
    "- a\n+ b\n* c",
    BUG_REPORT,
    "Un paragraphe\n-pas une liste\n- une liste",
    "Un paragraphe.\n-\nsuite",
    "-\n- vide avant",
    # Lists inside lists
    "- un\n  - un un\n    - un un un\n- deux",
    "- un\n    - un un\n- deux",
    "- un\n   - un un\n- deux",
    "1. un\n   - détail\n   - détail\n2. deux",
    "1. un\n  - frère, pas enfant\n2. deux",
    "1. un\n    - détail\n        - plus bas\n2. deux",
    "* un\n\t* un un\n\t\t* un un un",
    "10. dix\n    - détail\n11. onze",
    "- un\n\n  Un paragraphe de un.\n\n      du code\n- deux",
    "- un\n\n  > cité dans un\n- deux",
    "- ```\n  code\n  ```\n- deux",
    "1. - 1. trois à la fois",
    # Tables
    "Tableau :\n| a | b |\n|---|---|\n| 1 | 2 |",
    "| Livrable | Date |\n|:---|---:|\n| Plan | 2026-11-01 |\n| Code |\n\nFin.",
    "a | b\n--|--\n1 | 2",
    "| a | b |\n|---|\n| ce n’est | pas un tableau |",
    "- point\n\n  | a | b |\n  |---|---|\n  | 1 | 2 |",
    "| a \\| b | `c` |\n|---|---|\n| 1 | 2 |\nligne de plus\n- liste",
    "| seule |\n|-------|\n| 1 |",
    # Lines
    "une ligne  \nune autre",
    "une ligne\\\nune autre",
    "une ligne\nla même phrase",
    "   indenté de trois\n  puis de deux",
    "Titre\n=====\n\nSous-titre\n---\n\nTexte",
    "Texte\n***\nsuite\n\n---\n\n_ _ _",
    "# Titre #\n####### pas un titre\n#pas un titre",
    "> cité\nsuite de la citation\n\nhors citation",
    "> un\n>\n> deux\n>> trois",
    "> - un\n- deux",
    # Code
    "```\n- pas une liste\n1. non plus\n```\n",
    "~~~python\nif a < b:\n    pass\n~~~\nsuite",
    "Texte\n```\ncode juste après\n```\nsuite",
    "    du code\n\n    encore\n\ntexte",
    "Texte\n    qui continue, sans être du code",
    "```\njamais fermé\n\n- dedans",
    "`a < b` et ``un ` dedans``",
    "Un signe de trop : ``a` et `b``",
    "```trois` puis `un`",
    "`jamais fermé, ``ni celui-ci",
    "\\``échappé` et `a\\`",
    # In a line
    "Du **gras**, de l’*italique*, du __gras__ et de l’_italique_, mot_avec_tirets.",
    "**Échéance :** 2026-11-01\n**Budget :** 40 000 $",
    "[guide](https://exemple.quebec/a?b=1&c=2 'Le guide') et [ici](/aide)",
    "[guide](https://exemple.quebec/a (Le guide)) et [ici](</aide> (l’aide))",
    "[guide](/a(b)c) et [ici](  /aide\n'sur deux\nlignes'  )",
    '[pas un lien](/a b) ni [ceci](/a "titre) ni [cela](/a (un (deux))) ni [ça](/a(b)',
    "[vide]() et [pas fermé](<a b",
    '[guide][1] et [plan]\n\n[1]: https://exemple.quebec/guide\n[plan]: <https://exemple.quebec/plan> "Le plan"',
    "<https://exemple.quebec/?é=ü> et <quelqu.un@exemple.quebec>",
    "Prix : 5 * 3 = 15 et 2 * 4 = 8",
    "\\* pas une liste\n\\- non plus",
    "&eacute; &amp; &lt;b&gt; et AT&T",
    "List<String> & <b>gras</b> <script>alert(1)</script>",
    "ᐃᓄᒃᑎᑐᑦ :\n- ᐊᑕᐅᓯᖅ\n- ᒪᕐᕈᒃ",
    "- [ ] à faire\n- [x] fait",
    "Fin de ligne Windows\r\n- un\r\n- deux\r\n",
    "",
    "   \n\n",
]

# What we show otherwise than CommonMark, and why.
DIFFERENT = {
    "Voir https://exemple.quebec/a.": "bare addresses are links, as on GitHub",
    "![Schéma](https://exemple.quebec/s.png)": "no image from elsewhere: a link to it",
    "***tout***": "strong and emphasis the other way round: the same look",
    'dit*"ainsi"*': "a quotation mark beside the star opens an emphasis: the Markdown package's own rule",
    "– un\n– deux": "dashes at the head of two lines are a list of French typography",
    "-\u00a0plan\n-\u00a0code": "a hyphen and a fixed space: a word processor's list",
    "• plan\n• code": "bullets of word processors",
}

# Pasted from a word processor, and the Markdown that says the same.
PASTED = [
    ("\uf0b7\tPoint\n\uf0b7\tAutre", "- Point\n- Autre"),
    (
        "\uf0b7\tPoint\no\tSous-point\n\uf0a7\tPlus bas\n\uf0b7\tAutre",
        "- Point\n  - Sous-point\n    - Plus bas\n- Autre",
    ),
    ("o\tSous-point", "- Sous-point"),
    ("§\tUn\n§\tDeux", "- Un\n- Deux"),
    ("·\tUn\n·\tDeux", "- Un\n- Deux"),
    ("·       Un\n·       Deux", "- Un\n- Deux"),
    ("· Un\n· Deux", "- Un\n- Deux"),
    ("Livrables :\n• plan\n• code", "Livrables :\n- plan\n- code"),
    ("•plan\n•code", "- plan\n- code"),
    ("●\u00a0plan\n●\u00a0code", "- plan\n- code"),
    ("▪ plan\n▪ code", "- plan\n- code"),
    ("–\tplan\n–\tcode", "- plan\n- code"),
    ("Livrables :\n— plan\n— code", "Livrables :\n- plan\n- code"),
    ("\uf0d8 plan\n\uf0fc code", "- plan\n  - code"),
    ("\t•\tplan\n\t•\tcode", "- plan\n- code"),
    ("•\tplan\n\to\tdétail\n\t\t▪\tplus bas\n•\tcode", "- plan\n  - détail\n    - plus bas\n- code"),
    ("1. Étape\n   • détail\n   • détail\n2. Suite", "1. Étape\n   - détail\n   - détail\n2. Suite"),
    ("• plan qui continue\nà la ligne\no\tdétail", "- plan qui continue\nà la ligne\n  - détail"),
    ("• plan\n\nParagraphe.\n\no\tautre liste", "- plan\n\nParagraphe.\n\n- autre liste"),
    ("2.\tDeuxième\n3.\tTroisième", "2. Deuxième\n3. Troisième"),
]

# Not lists: an aside, a dialogue, a word, a section of a law, code.
NOT_PASTED = [
    "Il dit :\n– Bonjour.\nEt c’est tout.",
    "o sole mio",
    "Selon l’article\n§12 de la loi",
    "```\n• du code\no\tdu code\n```",
    "prix · quantité",
]
