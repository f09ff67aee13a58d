"""Parsers and printers for the small languages inside values: one file each."""
