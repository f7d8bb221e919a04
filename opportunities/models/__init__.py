"""What is asked: public bodies, occasions and what hangs from them."""

from opportunities.models.body import BodyMembership, PublicBody
from opportunities.models.opportunity import Opportunity
from opportunities.models.parts import Addendum, Attachment, Criterion, Skill
from opportunities.models.version import NoticeVersion

__all__ = [
    "Addendum",
    "Attachment",
    "BodyMembership",
    "Criterion",
    "NoticeVersion",
    "Opportunity",
    "PublicBody",
    "Skill",
]
