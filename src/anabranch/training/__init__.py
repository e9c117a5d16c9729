"""Training: the open door (`setup`) and the easy one (`train`)."""
