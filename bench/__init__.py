"""`make bench`: our broker beside its peers, on one machine, in one run.

`python -m bench run` starts the servers, runs every part round-robin over the peers and writes
docs/performance.json; `python -m bench report` makes the tables of docs/performance.md from it.
Nothing of the service imports this, and it is the only code of ours that installs peers.
"""
