"""What users import: generators and the mapper for arrays in the units of the data, and their saved folders."""
