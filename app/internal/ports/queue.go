package ports

import (
	"net"
	"os"
	"sync"
)

// Emptying returns ln with a Close that takes the connections out of the system's queue first, and an Accept that
// returns them afterwards. Their clients are connected already, and a plain Close would reset them. A connection that
// is made at that very moment is still lost. No other process may use the socket.
func Emptying(ln net.Listener) net.Listener { return &emptying{Listener: ln} }

type emptying struct {
	net.Listener
	mu    sync.Mutex // held by Close until queue is set
	queue []net.Conn
}

func (l *emptying) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		return conn, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return nil, err
	}
	conn, l.queue = l.queue[0], l.queue[1:]
	return conn, nil
}

func (l *emptying) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var files []*os.File
	if tcp, ok := l.Listener.(*net.TCPListener); ok {
		files = stopListening(tcp)
	}
	err := l.Listener.Close()
	for _, file := range files { // only now, as this takes time
		if conn, err := net.FileConn(file); err == nil {
			l.queue = append(l.queue, conn)
		}
		file.Close() // conn is a copy
	}
	return err
}
