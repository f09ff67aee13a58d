"""The field tables. Each row defines one field completely."""
