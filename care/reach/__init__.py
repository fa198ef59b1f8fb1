"""Word to staff who are away from the screen: their own telephone and WeCom."""
