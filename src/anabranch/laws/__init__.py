"""The laws of the contract: `check` puts them together, the other files refute one or two each."""
