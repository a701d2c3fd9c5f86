"""What erasing people takes: names, tombstones, the book of erasures, receipts, and a look whether all is gone."""
