"""What a user types besides the workflow: `panda-lartpc <command>`."""
