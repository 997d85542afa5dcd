"""The panel and the REST API."""
