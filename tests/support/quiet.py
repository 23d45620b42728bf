"""Less said: what is done thousands of times, or broken on purpose, costs more to report than to do."""

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    """For a conftest that names it."""
    silent = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=silent, cache_logger_on_first_use=False)  # no logger stays silent afterwards
    yield
    structlog.reset_defaults()
