"""Hundreds of PDFs that mean harm or are broken, made here: none to download, none by chance.

Each module holds one kind in its `CASES`; `builder.py` writes the files.
"""
