import os

pytest_plugins = ["tests.support.budget", "tests.support.database", "tests.support.service"]

# What the person at the keyboard has configured for their own service must not steer a test.
for name in [*os.environ]:
    if name in {"DATABASE_URL", "PORT"} or (name.startswith("RECTIFY_") and not name.startswith("RECTIFY_TEST_")):
        del os.environ[name]
