"""Looks an installation over as a support engineer would; every finding that is not fine comes with its cure."""
