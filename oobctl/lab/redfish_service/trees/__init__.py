"""A Redfish service made of a tree of resources, captured or written by hand: it keeps state and behaves as named."""
