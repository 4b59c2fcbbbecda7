"""Networks, priors, objectives and densities of codes."""
