"""The contest of recommenders: ours and the peers on the same rows, judged alike."""
