"""What has to do with this machine alone: threads, temporary files, full disks, terminals."""
