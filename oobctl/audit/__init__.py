"""The record of who did what, where, why it was allowed, and what the hardware said afterwards."""
