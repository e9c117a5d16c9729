"""Training: the open door (`trainer`) and the easy one (`train`)."""
