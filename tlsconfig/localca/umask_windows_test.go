package localca

func umask(int) int { return 0 }
