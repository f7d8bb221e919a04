"""Any page of a due occasion opens it: the opening needs no background job to be on time."""

import logging

from proposals.deposit import sealing
from proposals.opening import actions

logger = logging.getLogger(__name__)


class OpenDueOccasions:
    """For views that take an occasion's `number`. One cheap query; the opening itself is idempotent."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view_func, view_args, view_kwargs):
        if "number" not in view_kwargs:
            return
        try:
            actions.open_if_due(view_kwargs["number"])
        except (sealing.KeyUnavailable, actions.FilesUnavailable) as error:
            # The page still shows the occasion, closed; operators must act, then it opens by itself.
            logger.critical("%s cannot be opened yet: %s.", view_kwargs["number"], type(error).__name__)
