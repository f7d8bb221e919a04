"""The demo's contracts: what follows an award, lived through the public verbs (see story.py)."""

import io
import json
import tarfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from contracts.agreement import draft_actions, signature_actions
from contracts.attestation import actions as attestation_actions
from contracts.deliveries import actions as delivery_actions
from contracts.end import actions as end_actions
from contracts.invoices import actions as invoice_actions
from contracts.models import Contract, Milestone, Signatory
from contracts.payments import actions as payment_actions
from contracts.payments import payout_account, stripe_gateway
from contracts.reuse import actions as reuse_actions
from demo import people as cast
from demo.timeline import Act, Timeline, instant
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.files import uploads
from marketplace.lifecycle import known
from marketplace.models import User
from opportunities.models import Opportunity, PublicBody
from vendors.models import TaxRegistration

SIGNING_LIMIT_CENTS = 90_000_00


def signatories(people: cast.People, *, at: datetime) -> None:
    """The officers of each body with stories may sign; the demo's vendors have their tax numbers."""
    for name, staff in people.staff.items():
        for officer in {staff.officer, staff.second_officer}:
            Signatory.objects.create(
                body=people.bodies[name], user=officer, title="Responsable des contrats",
                limit_cents=SIGNING_LIMIT_CENTS, named_at=at,
            )  # fmt: skip
    for rank, vendor in enumerate(people.vendors.values(), 1):
        owner = vendor.memberships.get(role="owner").user
        small = vendor.kind == "individual"
        numbers = {"tps_number": f"1234567{rank:02d} RT0001", "tvq_number": f"12345678{rank:02d} TQ0001"}
        TaxRegistration.objects.create(
            vendor=vendor, small_supplier=small, by=owner, at=at, **({} if small else numbers)
        )


class ContractStory:
    """One contract, from its draft as far as its stage goes. Days are counted from today, as in stories.toml."""

    def __init__(
        self,
        data: dict[str, Any],
        staff: cast.Staff,
        timeline: Timeline,
        opportunity_pk: Callable[[], int],
        *,
        minute: int,
        after: datetime,
    ) -> None:
        self.data, self.staff, self.timeline, self.minute = data, staff, timeline, minute
        self._after = after  # no act before: holidays move days, and each act follows another
        self.opportunity_pk = opportunity_pk  # a function: the occasion is written later than this story

    @property
    def contract(self) -> Contract:
        return Contract.objects.get(award__opportunity=self.opportunity_pk())

    def _owner(self) -> User:
        return self.contract.vendor.memberships.get(role="owner").user

    def _milestone(self, position: int) -> Milestone:
        return self.contract.milestones.get(position=position)

    def _at(self, offset: int, hour: int, act: Act) -> None:
        moment = instant(self.timeline.day(offset), time(hour, self.minute))
        self._after = max(moment, self._after + timedelta(minutes=20))
        self.timeline.at(self._after, act)

    def schedule(self) -> None:
        prepared, offered, *concluded = self.data["days"]
        self._at(prepared, 11, self._prepare)
        self._at(offered, 9, lambda: signature_actions.offer(self.contract, by=self.staff.officer))
        if self.data["stage"] == "offered":
            return
        self._at(offered, 15, self._vendor_signs)
        self._at(concluded[0], 10, self._body_signs)
        signed, latest = self._after, self._after
        for position, line in enumerate(self.data["milestones"], 1):
            self._after = signed  # milestones go on side by side
            self._schedule_milestone(position, line)
            latest = max(latest, self._after)
        self._after = latest
        if self.data["stage"] == "completed":
            self._at(self.data["ended"], 14, lambda: end_actions.complete(self.contract, by=self.staff.second_officer))
            self._at(self.data["ended"] + 1, 10, self._evaluate)
            self._at(self.data["ended"] + 1, 16, self._reuse)

    # --- Agreeing ----------------------------------------------------------------------------------------------------
    def _prepare(self) -> None:
        contract = draft_actions.start(Opportunity.objects.get(pk=self.opportunity_pk()), by=self.staff.buyer)
        last = max(self.timeline.day(line["due"]) for line in self.data["milestones"])
        fields = {
            "repository": self.data["repository"],
            "personal_information": self.data.get("personal_information", False),
            "holdback_percent": self.data.get("holdback", 0),
            "start_date": local(contract.created_at).date(),
            "end_date": max(last, contract.start_date) + timedelta(days=7),
        }
        draft_actions.edit(contract, by=self.staff.buyer, fields=fields, plan=self._plan(contract.amount_cents))

    def _plan(self, value_cents: int) -> list[dict[str, Any]]:
        """Shares in whole per cent; the last milestone takes the odd cents."""
        lines, left = [], value_cents
        for rank, line in enumerate(self.data["milestones"], 1):
            amount = left if rank == len(self.data["milestones"]) else value_cents * line["share"] // 100
            left -= amount
            lines.append(
                {
                    "title": line["title"], "description": "", "criteria": line["criteria"], "amount_cents": amount,
                    "due_date": self._due(line["due"]),
                }
            )  # fmt: skip
        return lines

    def _due(self, offset: int) -> date:
        return self.timeline.day(offset)

    def _vendor_signs(self) -> None:
        contract = self.contract
        signature_actions.sign_as_vendor(
            contract, by=self._owner(), text_sha256=contract.text_sha256, title="Direction générale",
            method="password", integrity=True,
        )  # fmt: skip

    def _body_signs(self) -> None:
        contract, why = self.contract, self.data.get("unverified", "")
        if not why:
            self._verify_attestation()
        signature_actions.sign(
            contract, by=self.staff.second_officer, text_sha256=contract.text_sha256, method="password",
            unverified_reason=why,
        )  # fmt: skip

    def _verify_attestation(self) -> None:
        """Looked up at Revenu Québec, unless that was done."""
        standing = attestation_actions.standing(self.contract, at=clock.now())
        if standing.unverified:
            shown = str(known(standing.attestation).public_id)
            attestation_actions.verify(self.contract, by=self.staff.officer, shown=shown)

    # --- Working -----------------------------------------------------------------------------------------------------
    def _schedule_milestone(self, position: int, line: dict[str, Any]) -> None:
        stage, days = line.get("stage", "planned"), line.get("days", [])
        steps: dict[str, list[Callable[[int], None]]] = {
            "planned": [],
            "delivered": [self._deliver],
            "returned": [self._deliver, partial(self._return, line)],
            "accepted": [self._deliver, self._accept],
            "invoiced": [self._deliver, self._accept, self._invoice],
            "paid": [self._deliver, self._accept, self._invoice, self._declare, self._confirm],
        }
        for offset, (hour, step) in zip(days, enumerate(steps[stage], 9), strict=False):
            self._at(offset, hour, partial(step, position))

    def _deliver(self, position: int) -> None:
        contract = self.contract
        name = self.data.get("name")
        delivery_actions.deliver(
            self._milestone(position),
            by=self._owner(),
            notes="Tout ce que le jalon annonce est livré; la démonstration a eu lieu à distance.",
            reference=f"v0.{position}.0",
            repository=self.data["repository"],
            archive=uploads.checked(source(name, contract, position), field="archive", types=uploads.ARCHIVES)
            if name
            else None,
        )

    def _checks(self, position: int, *, missed: int = 0) -> dict[int, tuple[bool, str]]:
        criteria = list(self._milestone(position).criteria.all())
        return {row.pk: (rank < len(criteria) - missed, "") for rank, row in enumerate(criteria)}

    def _accept(self, position: int) -> None:
        delivery_actions.accept(self._milestone(position), by=self.staff.buyer, checks=self._checks(position))

    def _return(self, line: dict[str, Any], position: int) -> None:
        delivery_actions.send_back(
            self._milestone(position), by=self.staff.buyer, checks=self._checks(position, missed=1),
            reason=line["reason"], cure_by=self._due(line["days"][2]),
        )  # fmt: skip

    def _invoice(self, position: int) -> None:
        invoice_actions.issue(self._milestone(position), by=self._owner())

    def _declare(self, position: int) -> None:
        invoice = self._milestone(position).invoices.get()
        offset = self.data["milestones"][position - 1]["days"][3]
        self._verify_attestation()
        payment_actions.declare_outside(
            invoice, by=self.staff.second_officer, reference=f"VIR-{invoice.number}", paid_on=self._due(offset)
        )

    def _confirm(self, position: int) -> None:
        payment_actions.confirm(self._milestone(position).invoices.get().payments.get(), by=self._owner())

    # --- Ending ------------------------------------------------------------------------------------------------------
    def _evaluate(self) -> None:
        end_actions.evaluate(
            self.contract, by=self.staff.buyer, quality=5, deadlines=5, communication=4, satisfactory=True,
            comment=self.data["evaluation"],
        )  # fmt: skip

    def _reuse(self) -> None:
        body = PublicBody.objects.get(name=self.data["reused_by"])
        buyer = body.memberships.filter(role="buyer").earliest("pk").user
        reuse_actions.declare_reuse(self.contract, body=body, by=buyer, note=self.data["reuse_note"])


def source(name: str, contract: Contract, position: int) -> SimpleUploadedFile:
    """A small source archive with what a passport looks for: licence, publiccode.yml, bill of materials."""
    licence = contract.licence
    summary = contract.opportunity.teaser
    publiccode = {
        "publiccodeYmlVersion": "0.5.0",
        "name": name,
        "url": f"{contract.repository}.git",
        "platforms": ["web"],
        "developmentStatus": "beta",
        "softwareType": "standalone/web",
        "description": {
            "fr": {
                "shortDescription": summary[:150],
                "longDescription": (summary + " " + contract.opportunity.description.replace("\n", " "))[:1_500],
                "features": ["Installation en une commande", "Interface accessible, en français"],
            }
        },
        "legal": {"license": licence},
        "maintenance": {"type": "community", "contacts": [{"name": contract.vendor.legal_name}]},
        "localisation": {"localisationReady": True, "availableLanguages": ["fr"]},
    }
    bom = {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "components": [{"type": "library", "name": "django", "version": "5.2"}],
    }  # fmt: skip
    files = {
        "LICENSE": f"SPDX-License-Identifier: {licence}\n\nLe texte complet est publié par l’organisme.\n",
        "README.md": f"# {name}\n\n{summary}\n",
        # JSON is YAML.
        "publiccode.yml": json.dumps(publiccode, ensure_ascii=False, indent=2),
        "bom.json": json.dumps(bom, indent=2),
        "src/app.py": f'"""{name}, livraison {position}."""\n',
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"{name.lower().replace(' ', '-')}/{path}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return SimpleUploadedFile(f"v0.{position}.0.tar.gz", packed.getvalue())


def payout_accounts(people: cast.People) -> None:
    """The demo's vendors are known to Stripe, when there is one (the simulator that `make run` starts)."""
    if stripe_gateway.enabled():
        for vendor in people.vendors.values():
            payout_account.open_account(vendor, by=vendor.memberships.get(role="owner").user)
