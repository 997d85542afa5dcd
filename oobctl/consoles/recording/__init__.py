"""What a console showed, kept: sealed files that are played back, and that nobody changes unseen."""
