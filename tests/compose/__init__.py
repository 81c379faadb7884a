"""`make compose-test`: docker-compose.yaml, run for real by whatever container engine there is."""
