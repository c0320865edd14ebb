"""Where the CSV files are: folders, files and pipes (`files`), S3 (`s3`), the web (`https`)."""
