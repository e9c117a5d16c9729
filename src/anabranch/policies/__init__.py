"""What looks at a state: networks, tables and backward policies."""
