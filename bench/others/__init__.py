"""The same work by this product, by Redmine and by Request Tracker, on one PostgreSQL: `python -m bench others`."""
