// Pops jobs and answers them, at most once: the job in its hand dies with it. Needs redigo, nothing of Tempest.
package main

import (
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"
)

func main() {
	fmt.Println("worker.go works for", queue)
	for {
		fmt.Println(work())
		time.Sleep(500 * time.Millisecond)
	}
}

func work() error {
	store, err := dial()
	if err != nil {
		return err
	}
	defer store.Close()
	for {
		popped, err := redis.ByteSlices(store.Do("BLPOP", "{"+queue+"}:high", queue, "{"+queue+"}:low", 3))
		if err == redis.ErrNil {
			continue
		} else if err != nil {
			return err
		}
		if mailbox, entry := run(popped[1]); entry != nil {
			length, err := redis.Int(store.Do("RPUSH", mailbox, entry))
			if err != nil {
				return err
			} else if length == 1 { // a new list: its reader may be gone for good (P-47)
				store.Do("EXPIRE", mailbox, 21600)
			}
		}
	}
}
