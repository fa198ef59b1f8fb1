"""WeChat service account: codec, callback, client, quota. Nothing here touches the database."""
