"""What is asked: public bodies, occasions and what hangs from them."""

from opportunities.models.body import BodyMembership, PublicBody
from opportunities.models.opportunity import Opportunity
from opportunities.models.parts import Addendum, Attachment, Criterion, Skill

__all__ = ["Addendum", "Attachment", "BodyMembership", "Criterion", "Opportunity", "PublicBody", "Skill"]
