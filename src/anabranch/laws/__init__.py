"""The laws L1-L10 of the contract: `check` tests all of them, each of the other files one or two."""
