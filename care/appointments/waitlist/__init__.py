"""候补: who waits for a place is offered the next one, held for a while, in the order they came."""
