"""A logger for runs that the same process started and listens to (`pipelines.runs`)."""

import logging

import dagster as dg

RUN_LOGGER = logging.getLogger("overplay.runs")
RUN_LOGGER.setLevel(logging.DEBUG)
RUN_LOGGER.propagate = False


@dg.logger(description="Hands messages to whoever started the run in the same process.")
def listener(_: dg.InitLoggerContext) -> logging.Logger:
    """Return the logger that listeners attach to."""
    return RUN_LOGGER
