"""Global, local and masked views of events, as pre-training shows them."""
