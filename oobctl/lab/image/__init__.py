"""The small operating system that the rack's servers boot: how it is built and what is in it."""
