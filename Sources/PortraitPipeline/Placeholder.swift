// Filled by the networks.
