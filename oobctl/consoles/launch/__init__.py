"""BMCs' own consoles through the gateway: a host name for each session, and what passes to and fro."""
