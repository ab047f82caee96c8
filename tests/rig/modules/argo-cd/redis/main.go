// A stand-in for Redis on loopback, for the rig's Argo CD: `argo-redis ADDRESS PASSWORD` serves until it is ended.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/alicebob/miniredis/v2"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: argo-redis ADDRESS PASSWORD")
		os.Exit(2)
	}
	server := miniredis.NewMiniRedis()
	server.RequireAuth(os.Args[2])
	if err := server.StartAddr(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// Its clock stands still unless it is moved; keys must end as they do in Redis.
	for range time.Tick(time.Second) {
		server.FastForward(time.Second)
	}
}
