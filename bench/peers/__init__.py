"""One folder per peer: its app, run in its own environment, and what to install there."""
