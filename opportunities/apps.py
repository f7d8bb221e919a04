from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from marketplace.ledger.grants import APPEND, KEEP, ROWS


class OpportunitiesConfig(AppConfig):
    name = "opportunities"
    verbose_name = _("Occasions")
    rights = {
        "addendum": APPEND,
        "attachment": ROWS,
        "bodymembership": ROWS,
        "criterion": ROWS,
        "noticeversion": APPEND,
        "opportunity": ROWS,  # a draft is deleted; `notice_stays` keeps what was published
        "opportunity_skills": ROWS,
        "publicbody": KEEP,
        "skill": KEEP,
    }
