"""The counts themselves: set-based SQL, a file a subject. Nothing here is fit to be shown: see `content.insight.tables`."""
