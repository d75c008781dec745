// Renders templates as Go does, for go.json: reads a JSON list of sources, writes a list of [source, text or null].
//
//	go run render.go < sources.json > go.json
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/template"
)

type values struct {
	Name, Namespace, IngressDomain string
	Annotations, Labels            map[string]string
}

func render(source string) any {
	given := values{
		"m", "a", "example.com",
		map[string]string{"a.b/c": "x", "foo": "y", "m": "z", "Name": "nn"},
		map[string]string{"team": "t", "x": "w"},
	}
	parsed, err := template.New("").Option("missingkey=error").Parse(source)
	if err != nil {
		return nil
	}
	var text strings.Builder
	if err := parsed.Execute(&text, given); err != nil {
		return nil
	}
	return text.String()
}

func main() {
	var sources []string
	if err := json.NewDecoder(os.Stdin).Decode(&sources); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	pairs := [][2]any{}
	for _, source := range sources {
		pairs = append(pairs, [2]any{source, render(source)})
	}
	_ = json.NewEncoder(os.Stdout).Encode(pairs)
}
