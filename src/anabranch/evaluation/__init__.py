"""How right a policy is."""
