"""Logs in production: one JSON object a line. Never a request's body, a form's values or a local variable."""

import logging

import structlog


class JsonFormatter(structlog.stdlib.ProcessorFormatter):
    def __init__(self) -> None:
        super().__init__(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
            ],
        )

    def format(self, record: logging.LogRecord) -> str:
        # Django attaches the request to its warnings; it would be printed with the user's name in it.
        record.__dict__.pop("request", None)
        return super().format(record)
