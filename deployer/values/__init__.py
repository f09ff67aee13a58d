"""Parsers and printers for the formats of values, one file per format."""
