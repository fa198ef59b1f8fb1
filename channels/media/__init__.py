"""Pictures, voices and files that patients send: fetched within their three days, kept encrypted, looked at before use."""
