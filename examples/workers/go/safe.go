// Pops jobs and answers them; one that dies in its hand goes to another worker (P-70 ff). Needs redigo, nothing of Tempest.
package main

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"
)

var held = "{" + queue + "}:held:" + boot

func main() {
	stopping, _ := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	go beats()
	fmt.Println("safe.go works for", queue)
	for stopping.Err() == nil {
		if err := work(stopping); err != nil {
			fmt.Println(err)
			time.Sleep(500 * time.Millisecond)
		}
	}
}

func work(stopping context.Context) error {
	store, err := dial()
	if err != nil {
		return err
	}
	defer store.Close()
	err = beat(store) // before it pops: what it holds must be found
	for err == nil {
		var raw []byte
		raw, err = redis.Bytes(store.Do("LINDEX", held, 0)) // what stands here is its own, and nothing else (P-72)
		if err == nil {
			err = finish(store, raw)
		} else if err == redis.ErrNil && stopping.Err() == nil {
			_, err = store.Do("BLMOVE", queue, held, "LEFT", "RIGHT", 2)
		} else if err == redis.ErrNil {
			return leave(store)
		}
	}
	return err
}

func finish(store redis.Conn, raw []byte) error {
	remove := command{"LREM", held, 1, raw}
	mailbox, entry := run(raw)
	if entry == nil {
		return together(store, remove)
	}
	return together(store, command{"RPUSH", mailbox, entry}, command{"EXPIRE", mailbox, 21600}, remove)
}
