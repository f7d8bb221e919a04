"""The administrator's tables of the ground floor. Nothing is deleted here; the ledger and the outbox are only read.

What an administrator must not learn stays out: password hashes, one-time links, messages about unopened proposals,
payloads of the ledger. Sign-in goes through the site's own page, with its limits on attempts.
"""

from datetime import UTC, datetime
from typing import Any

from allauth.account import admin as allauth_admin  # noqa: F401 - imported first: it registers what is taken away below
from allauth.account.models import EmailAddress
from allauth.mfa import admin as mfa_admin  # noqa: F401 - same reason
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin
from django.contrib.auth import admin as auth_admin  # noqa: F401 - same reason
from django.contrib.auth.models import Group
from django.db.models import Max, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.accounts import actions
from marketplace.administration import Administered, ListOnly
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.models import LedgerEntry, OutgoingEmail, Terms, User
from marketplace.requests import PersonRequest
from marketplace.terms import actions as terms_actions
from marketplace.texts import PlainTexts

# Rights come from memberships, not from groups; addresses and second factors belong to their owners.
admin.site.unregister([Group, EmailAddress, Authenticator])

RIGHTS = ("is_active", "is_auditor", "is_staff")


class UserForm(PlainTexts, forms.ModelForm):
    """Rights, name and language. One active administrator always remains."""

    reason = forms.CharField(
        label=gettext_lazy("Motif"),
        required=False,
        max_length=500,
        widget=forms.Textarea({"rows": 3}),
        help_text=gettext_lazy("Exigé pour désactiver un compte. La personne le lit, et le registre le garde."),
    )

    class Meta:
        model = User
        fields = ["name", "language", *RIGHTS]
        help_texts = {"language": gettext_lazy("Celle de ses courriels.")}

    def clean(self) -> dict[str, Any]:
        super().clean()
        data = self.cleaned_data
        if self.initial.get("is_active") and not data.get("is_active") and not data.get("reason"):
            self.add_error("reason", _("Dites pourquoi ce compte est désactivé."))
        stays = data.get("is_staff") and data.get("is_active")
        if not stays:
            # Locked, so that two administrators cannot remove each other at once.
            administrators = User.objects.select_for_update().filter(is_staff=True, is_active=True)
            if {person.pk for person in administrators} == {self.instance.pk}:
                message = _("C’est la dernière personne qui administre la plateforme : elle doit le rester.")
                self.add_error("is_active" if data.get("is_staff") else "is_staff", message)
        # Under the row's lock: a membership accepted at the same instant waits, or is seen here.
        person = self.instance.locked()
        # Whoever administers neither scores, awards nor audits: the powers stay in different hands.
        if data.get("is_staff") and data.get("is_auditor"):
            self.add_error("is_auditor", _("Une même personne ne peut pas administrer et vérifier."))
        for right in ("is_staff", "is_auditor"):
            if data.get(right) and (why := person.why_not_platform_wide()):
                self.add_error(right, why)
        if data.get("is_staff") and person.body_memberships.exists():
            self.add_error("is_staff", _("Cette personne agit pour un organisme : elle ne peut pas administrer."))
        return data


@admin.register(User)
class UserAdmin(Administered):
    """People sign up by themselves; rights are given and taken here, with a trace in the ledger."""

    form = UserForm
    fields = ["email", "confirmed", "name", "language", *RIGHTS, "reason", "public_id", "date_joined", "last_login"]
    readonly_fields = ["email", "confirmed", "public_id", "date_joined", "last_login"]
    list_display = ["email", "name", *RIGHTS]
    list_filter = [*RIGHTS, "language"]
    search_fields = ["email", "name"]
    ordering = ["email"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(description=gettext_lazy("adresse confirmée"), boolean=True)
    def confirmed(self, obj: User) -> bool:
        return EmailAddress.objects.filter(user=obj, email=obj.email, verified=True).exists()

    def save_model(  # type: ignore[override]  # only people reach the administration
        self, request: PersonRequest, obj: User, form: forms.ModelForm, change: bool
    ) -> None:
        at, whom = clock.now(), f"person:{obj.public_id}"
        obj.is_superuser = obj.is_staff  # one right: to administer
        form.changed_data = [name for name in form.changed_data if name != "reason"]  # no column of the person
        before = {name: form.initial.get(name) for name in form.changed_data}
        super().save_model(request, obj, form, change)
        rights = {name: getattr(obj, name) for name in RIGHTS if name in form.changed_data}
        if rights:
            ledger.record("person.rights", whom, by=request.user, at=at, **rights)
        if "is_active" in rights:
            actions.activity_changed(obj, by=request.user, at=at, reason=form.cleaned_data["reason"])
        for right in rights.keys() - {"is_active"}:
            actions.rights_changed(obj, right=right, at=at)
        edited = {name: [before[name], getattr(obj, name)] for name in form.changed_data if name not in RIGHTS}
        if edited:
            ledger.record("person.edit", whom, by=request.user, at=at, changes=edited)


class TermsForm(PlainTexts, forms.ModelForm):
    """A new version. The texts that people accepted are never edited."""

    class Meta:
        model = Terms
        fields = ["kind", "in_force_at", "changes_fr", "changes_en", "text_fr", "text_en"]
        help_texts = {
            "changes_fr": gettext_lazy(
                "Quelques phrases : envoyées à chaque personne, et montrées à qui doit accepter."
            ),
            "in_force_at": gettext_lazy(
                "Les personnes sont averties dès maintenant; on leur demande d’accepter dès ce moment."
            ),
        }

    def clean_in_force_at(self) -> datetime:
        instant: datetime = self.cleaned_data["in_force_at"]
        if instant < clock.now():
            raise forms.ValidationError(_("Des conditions ne peuvent pas s’appliquer avant d’exister."))
        return instant

    def clean(self) -> dict[str, Any]:
        super().clean()
        data = self.cleaned_data
        later = Terms.objects.filter(kind=data.get("kind")).exists()
        for field in ("changes_fr", "changes_en") if later else ():
            if not data.get(field):
                self.add_error(field, _("Ce champ est obligatoire."))
        return data


@admin.register(Terms)
class TermsAdmin(Administered):
    form = TermsForm
    list_display = ["kind", "version", "in_force_at"]
    list_filter = ["kind"]
    ordering = ["kind", "-version"]

    def has_change_permission(self, request: HttpRequest, obj: Terms | None = None) -> bool:
        return False

    def save_model(  # type: ignore[override]  # only people reach the administration
        self, request: PersonRequest, obj: Terms, form: forms.ModelForm, change: bool
    ) -> None:
        last = Terms.objects.filter(kind=obj.kind).aggregate(last=Max("version"))["last"] or 0
        obj.version = last + 1
        super().save_model(request, obj, form, change)
        since = ledger.instant(obj.in_force_at.astimezone(UTC))
        subject = f"terms:{obj.kind}-{obj.version}"
        at = clock.now()
        ledger.record("terms.add", subject, by=request.user, at=at, in_force_at=since)
        told = terms_actions.tell(obj, at=at)
        self.message_user(request, _("Personnes averties par courriel : %d.") % told)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ListOnly):
    """What everybody sees, and who acted; neither sealed acts, nor numbers that would count them, nor payloads."""

    list_display = ["at", "action", "actor", "subject", "hash"]
    search_fields = ["action"]
    search_hint = gettext_lazy("Action, personne, objet ou empreinte, en entier.")
    ordering = ["-seq"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerEntry]:
        return LedgerEntry.objects.public().order_by(*self.ordering)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LedgerEntry], search_term: str
    ) -> tuple[QuerySet[LedgerEntry], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(Q(action=term) | Q(actor=term) | Q(subject=term) | Q(hash=term)), False


@admin.register(OutgoingEmail)
class OutgoingEmailAdmin(ListOnly):
    """What was sent to whom and when, except what concerns an unopened proposal; never the text."""

    list_display = ["created_at", "address", "subject", "sent_at", "attempts", "last_error", "held"]
    list_filter = ["held", "language"]
    search_fields = ["address", "subject"]
    ordering = ["-created_at", "-pk"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutgoingEmail]:
        return super().get_queryset(request).filter(confidential=False).defer("body")
