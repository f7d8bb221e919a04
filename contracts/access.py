"""How a view finds what an address names, for those who may see it; everybody else gets 404."""

from collections.abc import Callable
from datetime import datetime

from django.http import Http404
from django.shortcuts import get_object_or_404

import marketplace.converters  # noqa: F401 - registers `code`, which their addresses hold
from contracts import rules
from contracts.models import Contract, Invoice, Milestone
from marketplace.dates import clock
from marketplace.files.downloads import Response
from marketplace.ledger import entries as ledger
from marketplace.models import User
from marketplace.requests import PersonRequest


def contract_of(request: PersonRequest, number: str, *, at: datetime, among: Callable = rules.reads_all) -> Contract:
    """The contract, for people of whom `among(contract, user)` is true: by default its parties and auditors.

    404 for everybody else, administrators included.
    """
    contract = get_object_or_404(Contract.objects.visible_to(request.user, at=at).for_list(), number=number)
    if not among(contract, request.user):
        raise Http404
    return contract


def milestone_of(contract: Contract, position: int) -> Milestone:
    milestone = get_object_or_404(contract.milestones.select_related("accepted_by"), position=position)
    milestone.contract = contract
    return milestone


def invoice_of(request: PersonRequest, number: str, *, at: datetime) -> Invoice:
    """An invoice, for the people of its parties and for auditors."""
    rows = Invoice.objects.visible_to(request.user, at=at).for_list().select_related("accepted_by", "about")
    return get_object_or_404(rows, number=number)


def for_people_of_bodies(user: User) -> None:
    """404 for whoever neither works for a public body nor audits them."""
    if not (user.is_auditor or user.body_memberships.exists()):
        raise Http404


def keep_read(contract: Contract, user: User, response: Response, *, file: str) -> Response:
    """The same response: a paper of both parties. That somebody else reads it is kept in the ledger (`file`: which)."""
    if not rules.is_party(contract, user):
        ledger.record_read("file", contract.ledger_subject(), by=user, at=clock.now(), file=file)
    return response
