"""Reinstalls between the worker, which allows, and the installer, which does: rows, keys, and what is said."""
