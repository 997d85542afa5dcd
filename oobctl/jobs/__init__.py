"""Durable jobs: steps that survive a crash, on a lease that keeps two jobs off one server."""
