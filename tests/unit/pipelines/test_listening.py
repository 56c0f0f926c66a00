import logging

import dagster as dg

from pipelines.listening import RUN_LOGGER, listener


def test_messages_reach_whoever_listens_and_nobody_else() -> None:
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())
    logger = listener(dg.build_init_logger_context())
    assert logger is RUN_LOGGER
    logger.addHandler(handler)
    try:
        logger.debug("hello")
    finally:
        logger.removeHandler(handler)
    assert heard == ["hello"]
    assert not RUN_LOGGER.propagate, "the root logger hears nothing"
