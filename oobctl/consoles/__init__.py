"""A server's screen and its serial line, for several people at once."""
