"""Long checks that are run whole before an issue is resolved (docs/operations.md), and sampled by the tests."""
