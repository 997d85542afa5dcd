"""The messages of RFB (RFC 6143), as far as a screen and its viewers speak it. No input or output here."""
