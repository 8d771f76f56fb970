// The way to Redis, as the environment gives it.
package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// redis://[[user]:password@]host[:port][/db]
var form = regexp.MustCompile(`^redis://(?:((?:[^%:@/]|%[\da-fA-F]{2})*):((?:[^%@/]|%[\da-fA-F]{2})*)@)?` +
	`([\w.-]+|\[[\da-fA-F:.]+\])(?::(\d{1,5}))?(?:/(\d{0,5}))?$`)

var (
	queue   = getenv("TEMPEST_QUEUES", "tempest")
	address = form.FindStringSubmatch(getenv("TEMPEST_REDIS_URL", "redis://localhost"))
)

func init() {
	if strings.Contains(queue, ",") {
		refuse("TEMPEST_QUEUES: this worker serves one queue, and takes no comma")
	}
	if address == nil || len(address[4]) == 5 && address[4] > "65535" {
		refuse("TEMPEST_REDIS_URL: it is not of the form redis://[[user]:password@]host[:port][/db]")
	}
}

func refuse(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}

// getenv takes what is empty as not set.
func getenv(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// dial returns a connection on which nothing waits for more than 5 s.
func dial() (redis.Conn, error) {
	patience := 5 * time.Second
	user, _ := url.PathUnescape(address[1]) // what cannot be decoded is not of the form
	password, _ := url.PathUnescape(address[2])
	db, _ := strconv.Atoi(address[5])
	port := address[4]
	if port == "" {
		port = "6379"
	}
	return redis.Dial("tcp", net.JoinHostPort(strings.Trim(address[3], "[]"), port),
		redis.DialUsername(user), redis.DialPassword(password), redis.DialDatabase(db),
		redis.DialConnectTimeout(patience), redis.DialReadTimeout(patience), redis.DialWriteTimeout(patience))
}

type command []any

// together has all of the commands carried out, or none.
func together(store redis.Conn, commands ...command) error {
	store.Send("MULTI")
	for _, c := range commands {
		store.Send(c[0].(string), c[1:]...)
	}
	_, err := store.Do("EXEC")
	return err
}
