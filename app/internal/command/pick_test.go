package command

func pick[T any](cond bool, yes, no T) T {
	if cond {
		return yes
	}
	return no
}
