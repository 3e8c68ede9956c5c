"""The one database: how it is opened, kept up to date and spoken to. It knows nobody's tables."""
