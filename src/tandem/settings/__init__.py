"""The pages of users about themselves: account, invitation, forgotten password, second factor, OpenID."""
