// Command cel-go evaluates rules as CEL expressions over events.
//
// Arguments: file of rules, file of events, number of passes. Prints the least CPU time of a pass with the matches of each rule.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"cel.dev/cel-go/cel"
)

// Events are parsed and evaluated in parts, as all engines do.
const part = 10_000

type rule struct {
	index   int
	program cel.Program
}

// shard is what is known about one kind of events.
type shard struct {
	rules []rule
	// Names of text fields, and of the same in lower case.
	texts, lowered []string
}

type event struct {
	shard      *shard
	fields     map[string]any
	activation cel.Activation
}

type ruleFile struct {
	Fields map[string]map[string]string
	Rules  []struct{ ID, Kind, Rule string }
}

func load(file ruleFile) (map[string]*shard, error) {
	shards := map[string]*shard{}
	environments := map[string]*cel.Env{}
	for kind, fields := range file.Fields {
		known := &shard{}
		var variables []cel.EnvOption
		for name, typ := range fields {
			if typ == "number" {
				variables = append(variables, cel.Variable(name, cel.IntType))
				continue
			}
			variables = append(variables, cel.Variable(name, cel.StringType), cel.Variable(name+"_lower", cel.StringType))
			known.texts = append(known.texts, name)
			known.lowered = append(known.lowered, name+"_lower")
		}
		environment, err := cel.NewEnv(variables...)
		if err != nil {
			return nil, err
		}
		shards[kind], environments[kind] = known, environment
	}
	for index, text := range file.Rules {
		environment := environments[text.Kind]
		ast, issues := environment.Compile(text.Rule)
		if issues.Err() != nil {
			return nil, fmt.Errorf("rule %s: %w", text.ID, issues.Err())
		}
		program, err := environment.Program(ast, cel.EvalOptions(cel.OptOptimize))
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", text.ID, err)
		}
		known := shards[text.Kind]
		known.rules = append(known.rules, rule{index, program})
	}
	return shards, nil
}

func parse(lines [][]byte, shards map[string]*shard) ([]event, error) {
	events := make([]event, len(lines))
	for index, line := range lines {
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		fields := map[string]any{}
		if err := decoder.Decode(&fields); err != nil {
			return nil, err
		}
		kind, _ := fields["kind"].(string)
		known := shards[kind]
		for name, value := range fields {
			if number, ok := value.(json.Number); ok {
				whole, err := number.Int64()
				if err != nil {
					return nil, err
				}
				fields[name] = whole
			}
		}
		// Space for the fields in lower case, so that the map does not grow in what is measured.
		for _, name := range known.lowered {
			fields[name] = ""
		}
		activation, err := cel.NewActivation(fields)
		if err != nil {
			return nil, err
		}
		events[index] = event{known, fields, activation}
	}
	return events, nil
}

func evaluate(events []event, counts []uint64) error {
	for _, one := range events {
		for index, name := range one.shard.texts {
			text, _ := one.fields[name].(string)
			one.fields[one.shard.lowered[index]] = strings.ToLower(text)
		}
		for _, rule := range one.shard.rules {
			result, _, err := rule.program.Eval(one.activation)
			if err != nil {
				return err
			}
			if result.Value() == true {
				counts[rule.index]++
			}
		}
	}
	return nil
}

func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func run(rulesFile, eventsFile string, passes int) error {
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		return err
	}
	var file ruleFile
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	shards, err := load(file)
	if err != nil {
		return err
	}
	input, err := os.ReadFile(eventsFile)
	if err != nil {
		return err
	}
	var lines [][]byte
	for scanner := bufio.NewScanner(bytes.NewReader(input)); scanner.Scan(); {
		lines = append(lines, bytes.Clone(scanner.Bytes()))
	}
	best := time.Duration(1<<63 - 1)
	counts := make([]uint64, len(file.Rules))
	for range passes {
		clear(counts)
		var spent time.Duration
		for from := 0; from < len(lines); from += part {
			events, err := parse(lines[from:min(from+part, len(lines))], shards)
			if err != nil {
				return err
			}
			// What parsing left is not evaluation's to clear away.
			runtime.GC()
			before := cpu()
			if err := evaluate(events, counts); err != nil {
				return err
			}
			spent += cpu() - before
		}
		best = min(best, spent)
	}
	byRule := map[string]uint64{}
	var matches uint64
	for index, text := range file.Rules {
		byRule[text.ID] = counts[index]
		matches += counts[index]
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"engine": "cel-go", "events": len(lines), "matches": matches, "cpu_s": best.Seconds(), "by_rule": byRule,
	})
}

func main() {
	passes, err := strconv.Atoi(os.Args[3])
	if err == nil {
		err = run(os.Args[1], os.Args[2], passes)
	}
	if err != nil {
		log.Fatal(err)
	}
}
