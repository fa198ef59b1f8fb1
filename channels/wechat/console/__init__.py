"""What WeChat's own console does until the developer mode switches it off: menu, welcome text, keyword replies."""
