"""Neural branching: a trained and frozen parent, and specialised branches that grow on its hidden layers."""
