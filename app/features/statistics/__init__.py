"""Figures over items: definitions, statistics, the dashboard and frozen figures."""
