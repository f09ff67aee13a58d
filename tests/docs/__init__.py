"""What README.md and docs/ show is run, and shows what it says."""
