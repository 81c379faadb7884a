"""Reads what calls the vendor's `mi-okta-usersync`: crontabs and shell scripts. Text in, values out; runs nothing."""
