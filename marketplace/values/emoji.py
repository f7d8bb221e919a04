"""Emoji in the words of a document: no font of ours draws them, and nobody reads « U+1F4CC ».

What says the same with a sign that documents draw becomes that sign (✅ → ☑). The others are named between brackets:
those that people put in their texts in French, much as Unicode's CLDR names them, and the rest by their name in
Unicode, which is English, rather than by a number.
"""

import re
import unicodedata
from itertools import groupby

_SIGNS = {
    sign: drawn
    for drawn, signs in {
        "☑": "✅", "☒": "❎", "✗": "❌", "!": "❗❕", "?": "❓❔", "+": "➕", "−": "➖", "÷": "➗", "×": "✖", "=": "🟰",
        "→": "👉🔜", "←": "👈🔙", "↑": "👆🔝", "↓": "👇", "▲": "🔼", "▼": "🔽", "★": "🌟", "◆": "🔸🔹🔶🔷", "●": "🔘",
        "□": "🔲🔳", "10": "🔟", "100": "💯", "OK": "🆗", "$": "💲", "☎": "📞", "✉": "📧📨📩", "⚠": "🚧",
        "☺": "🙂😊😀😃😄",
    }.items()
    for sign in signs
}  # fmt: skip
_NAMES = {
    sign: name.strip()
    for sign, name in re.findall(
        r"([^\w\s])([^,]+),",
        """
        📌punaise, 📍épingle, 📎trombone, 🔗lien, 📅calendrier, 📆calendrier, 🗓calendrier, 📋liste, 📝note, 📄page,
        📁dossier, 📂dossier, 📊graphique, 📈courbe en hausse, 📉courbe en baisse, 📚livres, 📖livre ouvert, 🧾reçu,
        📱téléphone, 💻ordinateur portable, 🖥ordinateur, 🖨imprimante, 💾disquette, 📷appareil photo, 🌐globe,
        🌍Terre, 🌎Terre, 🌏Terre, 🔍loupe, 🔎loupe, 💡idée, 🔒cadenas fermé, 🔓cadenas ouvert, 🔐cadenas et clé,
        🔑clé, 🛡bouclier, 🔧clé à molette, 🔨marteau, 🛠outils, 🧰boîte à outils, 🧪éprouvette, 🐛insecte, 🚀fusée,
        🎯cible, 🏆trophée, 🥇médaille d’or, 🥈médaille d’argent, 🥉médaille de bronze, 🎉fête, 🎊fête, 🎁cadeau,
        🎓diplôme, 👍pouce levé, 👎pouce baissé, 👏applaudissements, 🙏mains jointes, 🤝poignée de main, 👀yeux,
        👋salut de la main, 💪bras musclé, 👤personne, 👥personnes, 👩femme, 👨homme, 🧑personne, 💬bulle de texte,
        💭pensée, 📢haut-parleur, 📣porte-voix, 🔔cloche, 🚨gyrophare, 🛑arrêt, ⛔sens interdit, 🚫interdit,
        💰sac d’argent, 💵billets, 💳carte bancaire, 📦colis, 🚚camion, 🚗voiture, 🚌autobus, 🚲vélo, 🏠maison,
        🏢immeuble, 🏛édifice public, 🏫école, 🏥hôpital, 🏗chantier, 🌱pousse, 🌲arbre, 🌳arbre, 🍁feuille d’érable,
        💧goutte d’eau, 🔥feu, 🎨palette, 🧩pièce de casse-tête, 🔄flèches en cercle, 🔁répétition, 🗑corbeille,
        🆕nouveau, 🆓gratuit, 🔴rond rouge, 🟠rond orange, 🟡rond jaune, 🟢rond vert, 🔵rond bleu, 🟣rond violet,
        🟥carré rouge, 🟧carré orange, 🟨carré jaune, 🟩carré vert, 🟦carré bleu, 😉clin d’œil, 😅sourire gêné,
        🤔réflexion, 🤖robot, ✨étincelles, 🗳urne, 💙cœur bleu, 💚cœur vert,
        """,
    )
}
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]{2}|.")
_FIRST_LETTER = 0x1F1E6
# The frame of a key, skin tones, hair: they say nothing without what they change.
_MODIFIERS = frozenset("\u20e3") | frozenset(map(chr, (*range(0x1F3FB, 0x1F400), *range(0x1F9B0, 0x1F9B4))))


def is_emoji(char: str) -> bool:
    """Whether `told` has words for it: a pictograph, or what changes one."""
    return char in _MODIFIERS or unicodedata.category(char) == "So"


def told(text: str) -> str:
    """What these emoji say in a document, where nothing draws them."""
    parts = [_said(sign) for sign in _FLAG.findall(text) if sign not in _MODIFIERS]
    return "".join(
        "".join(said for _, said in run) if drawn else f"[{', '.join(said for _, said in run)}]"
        for drawn, run in groupby(parts, lambda part: part[0])
    )


def _said(sign: str) -> tuple[bool, str]:
    """(whether the words are drawn as they are, without brackets; what is said)."""
    if len(sign) == 2:
        return False, "drapeau " + "".join(chr(ord("A") + ord(letter) - _FIRST_LETTER) for letter in sign)
    if sign in _SIGNS:
        return True, _SIGNS[sign]
    return False, _NAMES.get(sign) or unicodedata.name(sign).lower()
