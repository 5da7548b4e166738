"""The REST API under `/api/v1`: one file per resource, its shapes in `shapes`, who may do what in `permissions`."""
