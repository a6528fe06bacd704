"""The change log: what somebody did to the site, and when."""
