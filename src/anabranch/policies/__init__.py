"""Policies: from a state to logits, and from logits to the distributions over its edges.

A `Policy` maps what it sees of one state (an observation) to `Heads`: raw logits of the forward actions, optionally
logits of the backward actions, and the log flow of the state. Masks are no part of a policy: `masked_log_softmax` in
`heads` is the one place where logits become log-probabilities of what is allowed.

A recipe (`MLP`, `Tabular`, `Network`) is a frozen dataclass that draws the initial parameters of a policy. A run keeps
the recipe in its configuration, so that the network can be rebuilt, and several seeds draw parameters of their own.
Backward policies in `backward` turn a state, and a head where they are learned, into P_B.
"""
