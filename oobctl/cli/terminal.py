"""What others say, on a person's terminal."""


def plain(line: str) -> str:
    """What a BMC or an installer says steers nobody's terminal."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in line)
