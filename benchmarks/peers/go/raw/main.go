// The same writes with nobody who decides: requests that are read from standard input, made over client-go's own
// connections, so many at a time, each answer read to its end.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

var workers = flag.Int("workers", 16, "requests that are made at a time")

// Request is one write; those of a line are made one after the other.
type Request struct {
	Method      string          `json:"method"`
	Path        string          `json:"path"`
	ContentType string          `json:"contentType"`
	Body        json.RawMessage `json:"body"`
}

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	lines, err := read(os.Stdin)
	if err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	http, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	queue, failed := make(chan []Request, len(lines)), make(chan error, len(lines))
	for _, line := range lines {
		queue <- line
	}
	close(queue)
	began := time.Now()
	var group sync.WaitGroup
	for range *workers {
		group.Go(func() {
			for line := range queue {
				for _, request := range line {
					if err := send(http, config.Host, request); err != nil {
						failed <- err
						break
					}
				}
			}
		})
	}
	group.Wait()
	seconds := time.Since(began).Seconds()
	close(failed)
	for err := range failed {
		return err
	}
	count := 0
	for _, line := range lines {
		count += len(line)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"writes": count, "seconds": seconds})
}

func read(input io.Reader) (lines [][]Request, err error) {
	scanner := bufio.NewScanner(input)
	scanner.Buffer(nil, 1<<24)
	for scanner.Scan() {
		var line []Request
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, scanner.Err()
}

func send(client *http.Client, host string, wanted Request) error {
	request, err := http.NewRequest(wanted.Method, host+wanted.Path, bytes.NewReader(wanted.Body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", wanted.ContentType)
	request.Header.Set("Accept", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s", wanted.Method, wanted.Path, said)
	}
	return nil
}
