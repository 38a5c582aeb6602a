"""The bundled PDF resume parser: a process of its own, reached over HTTP only.

It stands at the end of the worker's call (`POST /parse/pdf`) and imports nothing of the rest of the
project, so that it can be replaced by any service which keeps the same contract.
"""
