// What net/http serves beside the worker in Go: the same answer, with as many headers as a front sends.
package main

import (
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
)

func main() {
	// A path, or an address with a port.
	at, network := os.Args[1], "tcp"
	if strings.HasPrefix(at, "/") {
		network = "unix"
	}
	listener, err := net.Listen(network, at)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.Serve(listener, http.HandlerFunc(hello)))
}

func hello(response http.ResponseWriter, _ *http.Request) {
	response.Header().Set("content-type", "text/plain; charset=utf-8")
	response.Header().Set("x-request-id", "0123456789abcdef-123456-0123456789abcdef")
	io.WriteString(response, "Hello from Go\n")
}
