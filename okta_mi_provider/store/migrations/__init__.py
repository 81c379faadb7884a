"""Migrations of the store; see `okta_mi_provider.store.upgrade`."""
