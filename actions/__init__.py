"""What the bot can do: rasa-sdk custom actions, each a thin translation between a tracker and the services below."""
