"""A concluded contract as an OCDS 1.1 release: award, contract, amendments, milestones and payments as they are now.

Choices. Values of awards and contracts are before taxes, as contracts are; a transaction is the money that was paid,
taxes included, so that transactions total the paid invoices to the cent. A paid milestone is one transaction that names
it; the release of a holdback, or interest, is a transaction that names none. A reversed payment is no payment: its
transaction disappears, and the release's date moves on to the day of the reversal. Nothing here names a person, and no
document is linked: they are for the parties.
"""

import hashlib
import json
from datetime import date, datetime, time
from decimal import Decimal

from django.conf import settings
from django.db.models import Max
from django.urls import reverse

from contracts.enums import AmendmentState, PaymentMethod, PaymentState, State
from contracts.models import Amendment, Contract, Payment
from marketplace.dates.localtime import local, to_utc
from marketplace.lifecycle import known
from marketplace.models import LedgerPayload

VERSION = "1.1"
CURRENCY = "CAD"
LICENCE = "https://creativecommons.org/licenses/by/4.0/"
# `transaction_milestones` takes its reference object from `metrics`: both are named.
_EXTENSIONS = "https://raw.githubusercontent.com/open-contracting-extensions"
EXTENSIONS = [
    f"{_EXTENSIONS}/ocds_metrics_extension/1.1/extension.json",
    f"{_EXTENSIONS}/ocds_transactions_relatedMilestone_extension/1.1/extension.json",
]
# No list of org-id.guide has the Registraire's numbers yet: the country, the province, the register, as it asks.
NEQ_SCHEME = "CA-QC-NEQ"
MET = {"accepted", "invoiced", "paid"}
# What is paid and not given back: one being reversed counts until the bank has given it back.
PAID = [PaymentState.PAID, PaymentState.REVERSING]
# Acts after which the release says something else.
_TELLING = [
    *("contract.sign", "contract.complete", "contract.terminate", "amendment.accept", "milestone.accept"),
    *("milestone.pay", "milestone.unpay", "payment.confirm", "payment.transfer", "payment.refund"),
]


# --- Values ----------------------------------------------------------------------------------------------------------
def written(value) -> str:
    """JSON text. A Decimal is written digit by digit, which `json` cannot do: no float comes between."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {written(inside)}" for key, inside in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, float):
        raise TypeError("an amount is a Decimal, made of cents")
    return json.dumps(value.replace("\x00", "") if isinstance(value, str) else value, ensure_ascii=False)


def money(cents: int) -> dict:
    """An OCDS Value: dollars with two decimals, exactly."""
    return {"amount": Decimal(cents).scaleb(-2), "currency": CURRENCY}


def moment(value: datetime) -> str:
    """An instant with its offset, to the second, as clocks show it in Québec."""
    return local(value).isoformat(timespec="seconds")


def day(value: date, *, end: bool = False) -> str:
    """OCDS has instants only: the first second of a local day, or its last."""
    return moment(to_utc(datetime.combine(value, time(23, 59, 59) if end else time())))


def _filled(fields: dict) -> dict:
    """OCDS wants no empty value: what is not known is not there."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


# --- Parties ---------------------------------------------------------------------------------------------------------
def _buyer(contract: Contract) -> dict:
    return {"id": f"OP-{contract.body.pk}", "name": contract.body.name}


def _supplier(contract: Contract) -> dict:
    return {"id": f"FO-{contract.vendor.neq or contract.vendor.public_id}", "name": contract.vendor.legal_name}


def _parties(contract: Contract, *, paid: bool) -> list[dict]:
    """The body and the vendor. A self-employed person's town is not published."""
    vendor, place = contract.vendor, {}
    if vendor.kind == vendor.Kind.COMPANY:
        place = _filled({"locality": vendor.city, "region": vendor.province, "countryName": vendor.country})
    neq = {"scheme": NEQ_SCHEME, "id": vendor.neq, "legalName": vendor.legal_name} if vendor.neq else {}
    return [
        _buyer(contract)
        | {
            "address": {"region": str(contract.body.get_region_display()), "countryName": "Canada"},
            "roles": ["buyer", "procuringEntity", *(["payer"] if paid else [])],
        },
        _supplier(contract)
        | _filled({"identifier": neq, "address": place})
        | {"roles": ["supplier", "tenderer", *(["payee"] if paid else [])]}
        | ({"details": {"neq": vendor.neq}} if vendor.neq else {}),  # where the SEAO's readers look for it
    ]


# --- What was done ---------------------------------------------------------------------------------------------------
def _milestone(row) -> dict:
    return _filled(
        {
            "id": str(row.public_id),
            "title": row.title,
            "type": "delivery",
            "dueDate": day(row.due_date, end=True),
            "dateMet": moment(row.accepted_at) if row.state in MET else None,
            "status": "met" if row.state in MET else "notMet" if row.is_lost else "scheduled",
        }
    )


def _amendment(row: Amendment) -> dict:
    """`description`: what it changed; the milestones are as they are now."""
    changed = []
    if row.delta_cents:
        changed.append(f"Valeur avant taxes : {Decimal(row.delta_cents).scaleb(-2):+f} {CURRENCY}.")
    if row.end_date:
        changed.append(f"Nouvelle fin prévue : {row.end_date.isoformat()}.")
    return _filled(
        {
            "id": str(row),
            "date": moment(known(row.in_force_at)),
            "rationale": row.reason,
            "description": " ".join(changed) or "Les jalons changent.",
        }
    )


def _transaction(contract: Contract, payment: Payment) -> dict:
    milestone = payment.invoice.milestone
    outside = payment.method == PaymentMethod.OUTSIDE
    related = {"id": str(milestone.public_id), "title": milestone.title} if milestone else {}
    return _filled(
        {
            "id": str(payment.public_id),
            "source": _address(contract),
            "date": day(known(payment.paid_on)) if outside else moment(known(payment.settled_at)),
            "value": money(payment.amount_cents),
            "payer": _buyer(contract),
            "payee": _supplier(contract),
            "relatedImplementationMilestone": related,
        }
    )


def payments_of(contract: Contract) -> list[Payment]:
    """What was paid on the contract and not given back, the first one first."""
    rows = Payment.objects.filter(invoice__contract=contract, state__in=PAID, settled_at__isnull=False)
    return list(rows.select_related("invoice__milestone").order_by("settled_at", "pk"))


def _contract(contract: Contract, milestones: list, amendments: list, payments: list) -> dict:
    going = contract.state == State.ACTIVE
    return _filled(
        {
            "id": contract.number,
            "awardID": f"{contract.number}-attribution",
            "title": contract.title,
            "description": contract.state_reason if contract.state == State.TERMINATED else "",
            "status": "active" if going else "terminated",
            "period": {"startDate": day(contract.start_date), "endDate": day(contract.end_date, end=True)},
            "value": money(contract.value_cents),
            "dateSigned": moment(known(contract.signed_at)),
            "amendments": [_amendment(row) for row in amendments],
            "implementation": _filled(
                {
                    "milestones": [_milestone(row) for row in milestones],
                    "transactions": [_transaction(contract, payment) for payment in payments],
                }
            ),
        }
    )


# --- The release -----------------------------------------------------------------------------------------------------
def release(contract: Contract) -> dict:
    """The contract as it is now. `id` is drawn from the content: the same content has the same id, another one another.

    Four queries, whatever the number of milestones.
    """
    milestones, payments = list(contract.milestones.all()), payments_of(contract)
    amendments = list(contract.amendments.filter(state=AmendmentState.IN_FORCE))
    for row in amendments:
        row.contract = contract
    occasion, award = contract.opportunity, contract.award
    tags = ["award", "contract"]
    tags += ["contractAmendment"] if amendments else []
    tags += ["implementation"]
    tags += ["contractTermination"] if contract.state != State.ACTIVE else []
    body = {
        "ocid": f"{settings.OCDS_PREFIX}-{occasion.number}",
        "date": moment(_changed_at(contract, milestones, amendments)),
        "tag": tags,
        "initiationType": "tender",
        "language": "fr",
        "parties": _parties(contract, paid=bool(payments)),
        "buyer": _buyer(contract),
        "tender": _filled(
            {
                "id": occasion.number,
                "title": occasion.title,
                "description": occasion.teaser,
                "status": "complete",
                "mainProcurementCategory": "services",
                "submissionMethod": ["electronicSubmission"],
                "tenderPeriod": {
                    "startDate": moment(known(occasion.published_at)),
                    "endDate": moment(known(occasion.closes_at)),
                },
            }
        ),
        "awards": [
            {
                "id": f"{contract.number}-attribution",
                "title": occasion.title,
                "status": "active",
                "date": moment(award.at),
                "value": money(award.amount_cents),
                "suppliers": [_supplier(contract)],
            }
        ],
        "contracts": [_contract(contract, milestones, amendments, payments)],
    }
    digest = hashlib.sha256(written(body).encode()).hexdigest()
    return {"ocid": body["ocid"], "id": f"{contract.number}-{digest[:16]}"} | body


def _changed_at(contract: Contract, milestones: list, amendments: list) -> datetime:
    """The last act that the release tells of; a reversed payment leaves nothing else behind it."""
    payments = Payment.objects.filter(invoice__contract=contract).values_list("public_id", flat=True)
    subjects = [
        contract.ledger_subject(),
        *(row.ledger_subject() for row in (*milestones, *amendments)),
        *(f"payment:{public_id}" for public_id in payments),
    ]
    acts = LedgerPayload.objects.filter(subject__in=subjects, action__in=_TELLING)
    return acts.aggregate(last=Max("entry__at"))["last"] or known(contract.signed_at)


def _address(contract: Contract) -> str:
    """The contract's public page, in French whoever asks."""
    return f"{settings.BASE_URL}/contrats/{contract.number}/"


def package(contract: Contract) -> dict:
    """A release package of one release."""
    current = release(contract)
    return {
        "uri": settings.BASE_URL + reverse("opendata:contract", args=[contract.number]),
        "version": VERSION,
        "extensions": EXTENSIONS,
        "publishedDate": current["date"],
        "publisher": {"name": "Développe avec nous", "uri": settings.BASE_URL},
        "license": LICENCE,
        "releases": [current],
    }
