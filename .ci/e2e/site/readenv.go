//go:build ignore

// Reads a JSON list of .env texts from a file and prints the product's result for each. null means a fault.
package main

import (
	"encoding/json"
	"log"
	"os"

	"example.com/turnkey/app/settings/envfile"
)

func main() {
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var texts []string
	if err := json.Unmarshal(data, &texts); err != nil {
		log.Fatal(err)
	}
	read := make([]map[string]string, len(texts))
	for i, text := range texts {
		values, faults := envfile.Parse([]byte(text))
		if len(faults) == 0 {
			read[i] = values
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(read); err != nil {
		log.Fatal(err)
	}
}
