"""Keeping an installation: backup, restore, doctor, erasing a person, export, and talking to a running server."""
