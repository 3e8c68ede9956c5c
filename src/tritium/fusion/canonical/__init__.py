"""What an answer says, kind by kind: each file reads one kind of answer out of free text into one comparable string."""
