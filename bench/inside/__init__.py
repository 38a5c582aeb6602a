"""What runs in a peer's own virtual environment: the standard library and that peer, no more."""
