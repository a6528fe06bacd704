"""The shared board; holds no figures of its own."""
