"""The hosted pages, in French: onboarding of an account, payment of a session. Plainly marked as a simulation."""

from html import escape
from urllib.parse import parse_qs

from tools.stripe_standin import checkout, connect
from tools.stripe_standin.errors import Refused
from tools.stripe_standin.state import State

NBSP = "\u00a0"
DUE = {
    "business_type": "la forme juridique",
    "company.verification.document": "un document de l’entreprise",
    "external_account": "le compte bancaire",
    "tos_acceptance.date": "l’acceptation des conditions",
    "tos_acceptance.ip": "l’adresse depuis laquelle elles sont acceptées",
}
STYLE = """
*{box-sizing:border-box}
body{margin:0;background:#f1f1f2;color:#223654;font:1rem/1.5 "Open Sans",Roboto,sans-serif}
header{background:#223654;color:#fff;padding:1rem}
header p{max-width:36rem;margin:0 auto}
main{max-width:36rem;margin:2rem auto;padding:2rem;background:#fff;border:1px solid #c5cad2}
h1{margin:0 0 1rem;font-size:1.5rem;line-height:1.25}
table{width:100%;border-collapse:collapse;margin:1rem 0}
th,td{padding:.5rem 0;border-bottom:1px solid #dae6f0;text-align:left;font-weight:400}
td:last-child,th:last-child{text-align:right;white-space:nowrap}
tfoot th,tfoot td{font-weight:700;border-bottom:0}
form{display:grid;gap:.75rem;margin:1.5rem 0 0}
button{font:inherit;padding:.75rem 1rem;border:2px solid #095797;background:#fff;color:#095797;
  cursor:pointer;text-align:left}
button.main{background:#095797;color:#fff;font-weight:600}
button:hover{background:#dae6f0;color:#223654}
:focus-visible{outline:3px solid #4a98d9;outline-offset:2px}
.error{border-left:4px solid #cb381f;background:#fff0ee;padding:.75rem 1rem;margin:0 0 1rem}
.quiet{color:#4f6076;font-size:.875rem}
@media (max-width:40rem){main{margin:0;border:0;padding:1.25rem}}
"""


class Page:
    """An answer of a page: a body, or an address to go to."""

    def __init__(self, body: str = "", *, status: int = 200, location: str = ""):
        self.body, self.status, self.location = body, 303 if location else status, location


def layout(title: str, inside: str, status: int = 200) -> Page:
    return Page(
        f"""<!doctype html>
<html lang="fr-CA">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{escape(title)} – Simulateur de paiement</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header><p><strong>Simulateur, aucun argent réel</strong></p></header>
<main>
<h1>{escape(title)}</h1>
{inside}
</main>
</body>
</html>
""",
        status=status,
    )


def dollars(cents: int) -> str:
    """« 1 234,50 $ » with fixed spaces."""
    whole, rest = divmod(cents, 100)
    return f"{whole:,}".replace(",", NBSP) + f",{rest:02d}{NBSP}$"


def answer(state: State, method: str, path: str, query: str, body: str, debit_after: int) -> Page:
    """A page by its address. ``debit_after``: seconds until a debit of the hosted page settles."""
    steps = path.strip("/").split("/")
    form = {name: values[0] for name, values in parse_qs(body).items()}
    with state.transaction():
        match steps:
            case ["c", "pay", session]:
                return _payment(state, session, form if method == "POST" else None, debit_after)
            case ["setup", "e", account, token]:
                return _onboarding(state, account, token, form if method == "POST" else None)
            case ["express", account]:
                return _express(state, account)
            case [""]:
                return layout("Simulateur", "<p>L’API est sous <code>/v1</code>.</p>")
    return layout("Page introuvable", "<p>Cette adresse n’existe pas.</p>", 404)


# --- Payment ---------------------------------------------------------------------------------------------------------
def _payment(state: State, id: str, form: dict | None, debit_after: int) -> Page:
    checkout.expire_due(state)
    session = state.find(id, "checkout.session")
    if session is None:
        return layout("Page introuvable", "<p>Cette page de paiement n’existe pas.</p>", 404)
    if session["status"] != "open":
        return _closed(session)
    if form is None:
        return _choices(state, session)
    how = form.get("choix", "")
    if how == "annuler" and session["cancel_url"]:
        return Page(location=session["cancel_url"])
    settles = {"at": state.now() + debit_after, "ok": how == "debit"}
    how = "debit" if how == "debit-refuse" else how
    try:
        with state.savepoint():
            session = checkout.pay(state, id, how, settles if how == "debit" else None)
    except Refused as refusal:
        return _choices(state, session, f"Ce choix n’est pas possible. ({refusal})", 422)
    if how == "declined":
        return _choices(state, session, "Votre carte a été refusée. Choisissez un autre moyen de paiement.", 402)
    return Page(location=session["success_url"].replace("{CHECKOUT_SESSION_ID}", id))


def _closed(session: dict) -> Page:
    if session["status"] == "expired":
        return layout("Page de paiement expirée", "<p>Retournez à la facture pour recommencer.</p>", 410)
    address = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
    return layout(
        "Paiement déjà fait",
        f'<p>Rien n’a été débité une seconde fois. <a href="{escape(address)}">Retourner à la facture</a></p>',
    )


def _choices(state: State, session: dict, error: str = "", status: int = 200) -> Page:
    lines = "".join(
        f"<tr><td>{escape(line['description'])} × {line['quantity']}</td><td>{dollars(line['amount_total'])}</td></tr>"
        for line in state.hidden(session["id"])["lines"]
    )
    buttons = []
    if "card" in session["payment_method_types"]:
        buttons.append('<button class="main" name="choix" value="card">Payer par carte (acceptée)</button>')
        buttons.append('<button name="choix" value="declined">Payer par carte (refusée)</button>')
    if "acss_debit" in session["payment_method_types"]:
        buttons.append('<button name="choix" value="debit">Débit préautorisé (accepté plus tard)</button>')
        buttons.append('<button name="choix" value="debit-refuse">Débit préautorisé (refusé plus tard)</button>')
    if session["cancel_url"]:
        buttons.append('<button name="choix" value="annuler">Annuler et revenir</button>')
    return layout(
        f"Payer {dollars(session['amount_total'])}",
        f"""{f'<p class="error" role="alert">{escape(error)}</p>' if error else ""}
<table>
<thead><tr><th scope="col">Article</th><th scope="col">Montant</th></tr></thead>
<tbody>{lines}</tbody>
<tfoot><tr><th scope="row">Total</th><td>{dollars(session["amount_total"])}</td></tr></tfoot>
</table>
<form method="post">{"".join(buttons)}</form>
<p class="quiet">Aucune carte ni aucun compte bancaire n’est demandé{NBSP}: choisissez ce que la banque répondrait.
</p>""",
        status,
    )


# --- Onboarding ------------------------------------------------------------------------------------------------------
def _onboarding(state: State, account: str, token: str, form: dict | None) -> Page:
    if form is None:
        link = connect.link_opened(state, token, account, state.now())
        if link is None:
            return layout("Page introuvable", "<p>Ce lien d’inscription n’existe pas.</p>", 404)
        return Page(location=link["refresh_url"]) if link["expired"] else _registration(state, account)
    link = connect.link_used(state, token, account)
    if link is None:
        return layout("Lien déjà utilisé", "<p>Revenez au site et recommencez l’inscription.</p>", 410)
    if form.get("choix") == "terminer":
        connect.complete(state, account)
    else:
        connect.leave_incomplete(state, account)
    return Page(location=link["return_url"])


def _registration(state: State, id: str) -> Page:
    account = state.get(id, "account")
    email = account["email"] or "sans adresse"
    due = "".join(f"<li>{escape(DUE.get(name, name))}</li>" for name in account["requirements"]["currently_due"])
    return layout(
        "Inscription aux paiements",
        f"""<p>Compte <code>{escape(id)}</code>, {escape(email)}.</p>
{f"<p>Ce qui manque{NBSP}:</p><ul>{due}</ul>" if due else "<p>Rien ne manque à ce compte.</p>"}
<form method="post">
<button class="main" name="choix" value="terminer">Terminer l’inscription</button>
<button name="choix" value="incomplet">Laisser incomplet</button>
</form>
<p class="quiet">Ce lien ne sert qu’une fois et expire après cinq minutes.</p>""",
    )


def _express(state: State, id: str) -> Page:
    if state.find(id, "account") is None:
        return layout("Page introuvable", "<p>Ce compte n’existe pas.</p>", 404)
    received = sum(each["amount"] - each["amount_reversed"] for each in state.of_kind("transfer", destination=id))
    return layout("Tableau de bord", f"<p>Compte <code>{escape(id)}</code>{NBSP}: {dollars(received)} reçus.</p>")
