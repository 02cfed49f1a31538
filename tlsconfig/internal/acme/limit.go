package acme

import "context"

const (
	maxLoading = 32 // hosts that read the store at once when the process starts
	maxAsking  = 8  // hosts that ask the CA at once when they should renew
)

// limit is how many may do something at once.
type limit chan struct{}

// do waits for its turn and calls f. It returns an error if ctx is done before.
func (l limit) do(ctx context.Context, f func() error) error {
	select {
	case l <- struct{}{}:
		defer func() { <-l }()
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}
