"""What is owed when the award goes elsewhere than first, and a reversal that is taken back."""

from marketplace.models import LedgerPayload, OutgoingEmail
from proposals.award import actions as award_actions
from tests.test_evaluation_pages import NBSP, after, again, main_of, page, text_of

__all__ = ["after"]  # a fixture


def test_not_the_first_everybody_reads_why(cast, client, after):
    """The officer before confirming, the vendors that are not retained, and the public."""
    why = "La première s’est <désistée>."
    opportunity, (first, second) = cast.scored()
    award_actions.recommend(opportunity, second, by=cast.buyer, justification=why)
    client.force_login(cast.officer)
    body = main_of(client.get(page("confirm", opportunity))).replace(NBSP, " ")
    assert "Cette proposition est au rang 2" in body and "elle sera publique" in body
    award_actions.confirm(again(opportunity), by=cast.officer)
    lost = OutgoingEmail.objects.get(template="emails/proposal_not_awarded.txt", to=cast.vendor_owner)
    assert why in lost.body and "n’était pas au premier rang" in lost.body
    assert why not in OutgoingEmail.objects.get(template="emails/proposal_awarded.txt").body
    shown = "La première s’est &lt;désistée&gt;."
    for person_, proposal, told in ((cast.vendor_owner, first, True), (cast.rival_owner, second, False)):
        client.force_login(person_)
        assert (shown in text_of(client.get(proposal.get_absolute_url()))) == told
    client.logout()
    public = main_of(client.get(page("award", opportunity)))
    assert shown in public and "<h2>Justification</h2>" in public


def test_the_first_has_nothing_to_justify(cast, client, after):
    opportunity, (first, _second) = cast.scored()
    award_actions.recommend(opportunity, first, by=cast.buyer, justification="Superflue")
    client.force_login(cast.officer)
    assert "Cette proposition est au rang" not in main_of(client.get(page("confirm", opportunity))).replace(NBSP, " ")
    award_actions.confirm(again(opportunity), by=cast.officer)
    assert "Superflue" not in text_of(client.get(page("award", opportunity)))
    assert not OutgoingEmail.objects.filter(body__contains="Superflue", template__contains="proposal_").exists()


def test_who_asked_for_the_reversal_may_take_it_back(cast, client, after):
    opportunity, _proposals = cast.awarded()
    url = page("withdraw_reversal", opportunity)
    client.force_login(cast.officer)
    assert client.post(url).status_code == 409  # nothing asked
    client.post(page("reverse", opportunity), {"step": "request", "reason": "Erreur de calcul"})
    assert url in main_of(client.get(page("reverse", opportunity)))
    for who, status in (("second_officer", 403), ("auditor", 403), ("outsider", 404), ("vendor_owner", 404)):
        client.force_login(getattr(cast, who))
        assert client.post(url).status_code == status, who
    client.force_login(cast.officer)
    assert client.get(url).status_code == 405
    assert client.post(url).status_code == 302
    row = again(opportunity)
    assert (row.state, row.reversal_requested_by, row.reversal_reason) == ("awarded", None, "")
    actions = [act.action for act in LedgerPayload.objects.about(opportunity.ledger_subject())]
    assert actions[-2:] == ["opportunity.request_reversal", "opportunity.withdraw_reversal"]
    client.force_login(cast.second_officer)
    assert client.post(page("reverse", opportunity), {"step": "confirm"}).status_code in {403, 409, 422}
    assert again(opportunity).state == "awarded"
