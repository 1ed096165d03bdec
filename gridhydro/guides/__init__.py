"""Pages that go through a task from end to end; what they show is run by the tests."""
