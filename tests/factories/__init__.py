"""What tests are made of: throw-away servers, and rows in a line."""
