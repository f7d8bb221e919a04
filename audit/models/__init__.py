"""The auditors’ tables: monitorings, signals, samples, reviews of awards."""

from audit.models.monitoring import TEXT_MAX, Monitoring, MonitoringFile, MonitoringNote
from audit.models.redflag import FlagPeers, RedFlag
from audit.models.review import AwardReview
from audit.models.sample import NOTE_MAX, PlanCheck, SamplingPlan

__all__ = [
    "AwardReview",
    "FlagPeers",
    "Monitoring",
    "MonitoringFile",
    "MonitoringNote",
    "NOTE_MAX",
    "PlanCheck",
    "RedFlag",
    "SamplingPlan",
    "TEXT_MAX",
]
