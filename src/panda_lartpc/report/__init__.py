"""What people read: tables, figures, the event display and the report."""
