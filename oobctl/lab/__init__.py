"""The virtual rack: real BMC stacks and real virtual machines on loopback, for trying and testing."""
