"""Who the person is to us: opting out and in, binding, what we hold of them."""
