"""SMS: templates with their limits, Alibaba Cloud's API and its callbacks. Nothing here touches the
database."""
