"""What the engines of the search are tested against, where it is not the thing itself."""
