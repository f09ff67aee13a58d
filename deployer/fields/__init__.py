"""The field tables: everything known about a field is one row."""
