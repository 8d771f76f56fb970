// Says that this worker is here (P-76, P-100, P-101), so that what it holds when it dies is found by others.
package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

var (
	boot    = random(8)
	workers = "{" + queue + "}:workers"
	record  = fmt.Sprintf(`{"role":"worker","queues":[%q],"pid":%d,"patience":2500}`, queue, os.Getpid())
	beating sync.Mutex
)

func beat(store redis.Conn) error {
	now, err := redis.Int64s(store.Do("TIME"))
	if err != nil {
		return err
	}
	return together(store, command{"HSET", "tempest:nodes", boot, record}, command{"HINCRBY", "tempest:beats", boot, 1},
		command{"ZADD", workers, now[0] * 1000, boot})
}

// beats is for a goroutine of its own: a handler that computes for long must not look dead.
func beats() {
	for ; ; time.Sleep(500 * time.Millisecond) {
		store, err := dial()
		if err != nil {
			continue // who works hears of it as well
		}
		for err == nil {
			time.Sleep(500 * time.Millisecond)
			beating.Lock()
			err = beat(store)
			beating.Unlock()
		}
		store.Close()
	}
}

func leave(store redis.Conn) error {
	beating.Lock() // for good: a beat would bring it back
	return together(store, command{"HDEL", "tempest:nodes", boot}, command{"HDEL", "tempest:beats", boot}, command{"ZREM", workers, boot})
}

func random(length int) string {
	bytes := make([]byte, length)
	if _, err := rand.Read(bytes); err != nil {
		panic(err)
	}
	return fmt.Sprintf("%x", bytes)
}
