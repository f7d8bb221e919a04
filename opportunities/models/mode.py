"""What an occasion's award mode means for its prices and its notes."""

from typing import Any

from django.utils.translation import gettext as _

from opportunities.enums import AwardMode


def amount_label(mode: str) -> str:
    """What a notice's amount is called, wherever it is shown: a ceiling, or what is paid whoever wins."""
    fixed = mode == AwardMode.QUALITY_FIXED
    return _("Montant forfaitaire, avant taxes") if fixed else _("Montant maximal, avant taxes")


class ByMode:
    """Mixed into Opportunity."""

    award_mode: Any  # fields of the model
    notes_frozen_at: Any

    @property
    def asks_price(self) -> bool:
        return bool(self.award_mode != AwardMode.QUALITY_FIXED)

    @property
    def amount_label(self) -> str:
        return amount_label(self.award_mode)

    @property
    def default_minimum(self) -> int | None:
        """The least score of a criterion that announces none."""
        return AwardMode(self.award_mode).default_minimum

    @property
    def prices_wait(self) -> bool:
        """Prices are not read yet: they are unveiled by an act, after which notes are frozen."""
        return AwardMode(self.award_mode).price_waits and self.notes_frozen_at is None

    @property
    def scores_quality(self) -> bool:
        return bool(self.award_mode != AwardMode.PRICE)
