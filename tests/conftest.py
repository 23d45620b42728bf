import os

from hypothesis import settings

pytest_plugins = ["tests.support.budget", "tests.support.database", "tests.support.service"]

# What the person at the keyboard has configured for their own service must not steer a test.
for name in [*os.environ]:
    if name in {"DATABASE_URL", "PORT"} or (name.startswith("RECTIFY_") and not name.startswith("RECTIFY_TEST_")):
        del os.environ[name]

# What stops a change is the same for everybody: a new example is looked for on purpose, with RECTIFY_TEST_EXAMPLES=new.
settings.register_profile("same", derandomize=True)
settings.register_profile("new")
settings.load_profile(os.environ.get("RECTIFY_TEST_EXAMPLES", "same"))
