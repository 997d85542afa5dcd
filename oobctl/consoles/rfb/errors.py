"""What is wrong with a stream of RFB."""


class BrokenStream(Exception):
    """The other side does not keep to RFB, or sends what it was not asked for. The sentence says what came."""
