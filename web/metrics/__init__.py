"""/metrics: what was last read of each server, and the controller itself, as Prometheus takes it."""
