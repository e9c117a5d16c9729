"""What the field measures on samples."""
