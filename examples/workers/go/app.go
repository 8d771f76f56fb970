// What this worker answers: put yours into handle. The rest makes a reply of a job (docs/protocol.md, P-10 to P-42).
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"
)

type request struct {
	Method, URL string
	Headers     map[string]any // a string, or a list of them
	Body        body
}

type response struct {
	status  int
	headers map[string]any
	body    body
}

// failure refuses a request: the client sees the status, the message is for the log of the front.
type failure struct {
	Status  int    `json:"status,omitempty"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
}

func (f *failure) Error() string { return f.Message }

var text = map[string]any{"content-type": "text/plain; charset=utf-8"}

func handle(r request) (*response, error) {
	target, err := url.ParseRequestURI(r.URL)
	if err != nil {
		return nil, &failure{Status: 400, Message: err.Error()}
	}
	query := target.Query()
	switch r.Method + " " + target.Path {
	case "GET /", "HEAD /":
		return &response{200, text, body("Hello from Go\n")}, nil
	case "GET /json":
		answer, err := json.Marshal(map[string]string{"method": r.Method, "name": query.Get("name")})
		return &response{200, map[string]any{"content-type": "application/json"}, answer}, err
	case "POST /echo":
		kind, ok := r.Headers["content-type"]
		if !ok {
			kind = "application/octet-stream"
		}
		return &response{200, map[string]any{"content-type": kind}, r.Body}, nil
	case "GET /cookies":
		cookies := []string{"a=1; Path=/", "b=2; Path=/"}
		return &response{200, map[string]any{"set-cookie": cookies}, body("two cookies\n")}, nil
	case "GET /error":
		return nil, &failure{Status: 409, Message: "out of stock"}
	case "GET /slow":
		ms, err := strconv.Atoi(query.Get("ms"))
		time.Sleep(time.Duration(ms) * time.Millisecond)
		return &response{200, text, body("slow")}, err
	}
	return &response{404, text, body("not found\n")}, nil
}

// run returns the mailbox that waits for a reply to this job, and the reply; nothing where nobody waits, or this is no job.
func run(raw []byte) (mailbox string, entry []byte) {
	var (
		action, id string
		args       []json.RawMessage
		respondTo  *string
		number     json.Number
	)
	job := []json.RawMessage{}
	err := json.Unmarshal(raw, &job)
	if err == nil && len(job) != 4 {
		err = errors.New("not an array of four")
	}
	for n, element := range []any{&action, &args, &respondTo} {
		if err == nil {
			err = json.Unmarshal(job[n], element)
		}
	}
	if err == nil && json.Unmarshal(job[3], &id) != nil {
		err = json.Unmarshal(job[3], &number)
		id = number.String()
	}
	// No list of a queue's, {queue}:held and the like, waits for a reply (P-10).
	if err == nil && respondTo != nil && (*respondTo == "" || (*respondTo)[0] == '{') {
		err = errors.New("respond_to names no mailbox")
	}
	if err != nil {
		log.Printf("not a job: %.100q %v", raw, err)
		return "", nil
	}
	reply := []any{"answer", id, nil}
	if reply[2], err = answer(action, args); err != nil {
		var refused *failure
		if !errors.As(err, &refused) {
			refused = &failure{Message: err.Error()}
		}
		reply = []any{"fail", id, refused}
	}
	if respondTo == nil {
		return "", nil
	}
	entry, err = json.Marshal(reply)
	if err != nil {
		log.Print(err)
	}
	return *respondTo, entry
}

func answer(action string, args []json.RawMessage) (result any, err error) {
	if action != "url" {
		return nil, &failure{Code: "NO_HANDLER", Message: "no handler for " + action}
	}
	if len(args) == 0 {
		return nil, &failure{Code: "BAD_REQUEST", Message: "no request"}
	}
	var r request
	if err := json.Unmarshal(args[0], &r); err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	done, err := handle(r)
	if err != nil {
		return nil, err
	}
	return []any{done.status, done.headers, done.body}, nil
}

// A body is bytes: text in JSON, or else base64 (P-20).
type body []byte

func (b body) MarshalJSON() ([]byte, error) {
	if utf8.Valid(b) {
		return json.Marshal(string(b))
	}
	return json.Marshal(map[string][]byte{"base64": b})
}

func (b *body) UnmarshalJSON(data []byte) error {
	var binary struct{ Base64 []byte }
	if json.Unmarshal(data, &binary) == nil {
		*b = binary.Base64
		return nil
	}
	var text string
	err := json.Unmarshal(data, &text)
	*b = body(text)
	return err
}
