"""Docker engines behind the `Engine` protocol, real and simulated."""
