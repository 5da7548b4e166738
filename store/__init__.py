"""What is remembered: tables, queries and migrations, on SQLite and PostgreSQL."""
