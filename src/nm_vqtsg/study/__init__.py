"""What a study is: its files, its steps and what each of them depends on. All of it is told here, and once."""
