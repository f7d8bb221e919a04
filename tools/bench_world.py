"""What the rows of the measurements are made from, and how they are written: see bench_data.py."""

import hashlib
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from marketplace.ledger.entries import GENESIS, canonical, head
from marketplace.models import LedgerEntry, LedgerPayload, Terms, User
from opportunities.models import PublicBody, Skill
from vendors.models import Vendor

_WORDS = """
analyse données citoyens service équipe municipalité ministère publication calendrier technique interface
document architecture logiciel libre code source dépôt essai automatisé navigateur serveur mobile clavier
lecteur contraste langue française anglaise traduction région rivière forêt route pont hôpital école
bibliothèque musée archive carte adresse géographique mesure capteur station alerte seuil historique tableau
graphique fichier export format ouvert norme sécurité authentification journal sauvegarde incident disponibilité
performance charge pointe réseau hébergement coût entretien formation guide usage personne âgée enfant famille
travail emploi entreprise permis demande dossier délai décision règlement loi politique plan engagement
transparence participation consultation rapport indicateur objectif résultat livraison jalon acceptation critère
proposition prix budget facture paiement contrat licence propriété droit auteur composant bibliothèque cadriciel
requête réponse modèle schéma validation erreur message courriel avis abonnement recherche filtre tri page
formulaire champ bouton étape parcours utilisateur atelier maquette prototype itération rétroaction amélioration
qualité revue intégration déploiement conteneur environnement configuration variable secret clé signature
empreinte preuve vérification audit contrôle accès rôle responsable acheteur prestataire organisme nous voulons
permettre simplifier remplacer consulter recevoir transmettre afficher comparer mesurer publier corriger rapide
simple clair complet fiable durable réutilisable public régional provincial annuel mensuel quotidien actuel
""".split()  # noqa: SIM905
_GLUE = ["de", "la", "les", "des", "un", "une", "pour", "avec", "dans", "et", "sur", "par", "qui", "le", "en"]


@dataclass
class World:
    """What every occasion is made from, and what is being collected."""

    rng: random.Random
    at: datetime
    firms: list[Vendor] = field(default_factory=list)
    individuals: list[Vendor] = field(default_factory=list)
    owners: dict[int, User] = field(default_factory=dict)  # by vendor
    bodies: list[PublicBody] = field(default_factory=list)
    buyers: dict[int, list[User]] = field(default_factory=dict)  # by body
    officers: dict[int, list[User]] = field(default_factory=dict)
    skills: list[Skill] = field(default_factory=list)
    terms: Terms | None = None
    paragraphs: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    acts: list[tuple] = field(default_factory=list)
    rows: Counter = field(default_factory=Counter)

    def save(self, model, rows) -> list:
        saved = model._base_manager.bulk_create(rows, batch_size=1_000)
        self.rows[model.__name__] += len(saved)
        return saved

    def act(self, at, action, subject, by, *, sealed=False, **body) -> None:
        """Remember one act for the ledger. The counter keeps acts of the same instant in the order they were told."""
        self.acts.append((at, len(self.acts), action, subject, by, sealed, body))


def write_ledger(world: World) -> None:
    """The collected acts, oldest first, chained as marketplace/ledger/entries.py chains them."""
    last = head()
    seq, previous = (last.seq, last.hash) if last else (0, GENESIS)
    world.acts.sort(key=lambda act: act[:2])
    for start in range(0, len(world.acts), 5_000):
        entries, payloads = [], []
        for at, _order, action, subject, by, sealed, body in world.acts[start : start + 5_000]:
            seq += 1
            actor = "system" if by is None else f"person:{by.public_id}"
            content = {"action": action, "actor": actor, "subject": subject, **body}
            salt = os.urandom(16).hex()
            shown = ("sealed", "sealed", "sealed") if sealed else (action, actor, subject)
            entry = LedgerEntry(
                seq=seq, at=at, recorded_at=world.at, action=shown[0], actor=shown[1], subject=shown[2],
                digest=hashlib.sha256(salt.encode() + canonical(content)).hexdigest(), previous=previous,
            )  # fmt: skip
            entry.hash = previous = hashlib.sha256(canonical(entry.chained())).hexdigest()
            entries.append(entry)
            payloads.append(
                LedgerPayload(entry_id=seq, subject=subject, action=action, actor=by, body=content, salt=salt)
            )
        world.save(LedgerEntry, entries)
        world.save(LedgerPayload, payloads)


def prose(rng: random.Random, length: int) -> str:
    """Sentences of plausible French words, about `length` characters, never more."""
    text = ""
    while len(text) < length:
        pairs = zip(rng.choices(_GLUE, k=7), rng.choices(_WORDS, k=7), strict=True)
        text += " ".join(word for pair in pairs for word in pair).capitalize() + ". "
    return text[:length].rstrip()
