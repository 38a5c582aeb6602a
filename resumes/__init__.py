"""The core: the words and rules of the product. Standard library only, no I/O.

Everything else (`webapp`, `tasks`, `realtime`, `store`) depends on this package and never on each
other; what the use cases need from outside is declared in `ports.py`.
"""
