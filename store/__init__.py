"""MongoDB behind the core's ports; the only home of mongoengine.

Writes are majority-acknowledged and journaled; each transition of a job is one compare-and-set
inside one transaction with the event that tells of it.
"""
