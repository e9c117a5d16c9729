"""What an object is worth."""
