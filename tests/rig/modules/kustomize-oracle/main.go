// The oracle of random trees and of whole histories: the real kustomize, many builds in one process.
//
// Reads one JSON request a line, answers one JSON line each: {"yaml": …} or {"error": …}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Request names a folder on disk, or holds the files themselves; Root is the folder that is built.
type Request struct {
	Files map[string]string `json:"files"`
	Root  string            `json:"root"`
	// Anywhere lifts the rule that files lie below the folder that names them.
	Anywhere bool `json:"anywhere"`
	// AsListed keeps the order of the resources; otherwise it is kustomize's legacy order.
	AsListed bool `json:"asListed"`
}

type Answer struct {
	Yaml  string `json:"yaml"`
	Error string `json:"error,omitempty"`
}

func build(request Request) (answer Answer) {
	// kustomize panics at some inputs; to its caller that is a refusal like any other.
	defer func() {
		if problem := recover(); problem != nil {
			answer = Answer{Error: fmt.Sprintf("panic: %v", problem)}
		}
	}()
	disk := filesys.MakeFsOnDisk()
	if request.Files != nil {
		disk = filesys.MakeFsInMemory()
		for path, text := range request.Files {
			if err := disk.WriteFile(filepath.Join("/", path), []byte(text)); err != nil {
				return Answer{Error: err.Error()}
			}
		}
	}
	options := krusty.MakeDefaultOptions()
	options.PluginConfig = types.DisabledPluginConfig()
	options.Reorder = krusty.ReorderOptionLegacy
	if request.AsListed {
		options.Reorder = krusty.ReorderOptionNone
	}
	if request.Anywhere {
		options.LoadRestrictions = types.LoadRestrictionsNone
	}
	made, err := krusty.MakeKustomizer(options).Run(disk, request.Root)
	if err != nil {
		return Answer{Error: err.Error()}
	}
	text, err := made.AsYaml()
	if err != nil {
		return Answer{Error: err.Error()}
	}
	return Answer{Yaml: string(text)}
}

func main() {
	// What is deprecated is of no interest here.
	log.SetOutput(io.Discard)
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stderr = null
	}
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	decoder := json.NewDecoder(in)
	for {
		var request Request
		if err := decoder.Decode(&request); err == io.EOF {
			return
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := encoder.Encode(build(request)); err != nil {
			os.Exit(1)
		}
		if err := out.Flush(); err != nil {
			os.Exit(1)
		}
	}
}
