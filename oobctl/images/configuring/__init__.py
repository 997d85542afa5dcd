"""How a new operating system is set up: what can be chosen, and the files that it becomes."""
