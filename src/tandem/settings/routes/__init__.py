"""Routes of sign-in, of my account and of the workspace's settings."""

from tandem.settings.routes import account, sign_in, workspace

ROUTES = [*sign_in.ROUTES, *account.ROUTES, *workspace.ROUTES]
