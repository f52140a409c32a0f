package main

import (
	"path/filepath"
	"strings"
	"testing"

	"crdb/control/api"
)

func TestMoveGolden(t *testing.T) {
	sound, broken := newNode(), newNode()
	sound.result, broken.result = `{"bytes":5,"keys":1}`, `{"error_code":"internal_error","description":"disk full"}`
	refused, halfway := newNode(), newNode()
	for _, n := range []*node{refused, halfway} {
		n.task.Status, n.task.Errors = api.TaskFailed, []api.TaskError{{Description: "the database is not empty", Code: api.CodeBadRequest}}
	}
	refused.moved = api.Moved{Bytes: 9}
	dir := t.TempDir()
	out := filepath.Join(dir, "dump.rdb")
	for _, c := range []struct {
		name string
		node *node
		args []string
		code int
	}{
		{"export_stdout", sound, []string{"crdb", "export", "cart", "--file", "-"}, 0},
		{"export_broken", broken, []string{"crdb", "export", "--name", "cart", "--file", "-"}, 1},
		{"export_file", sound, []string{"crdb", "export", "cart", "--file", out}, 0},
		{"export_again", sound, []string{"crdb", "export", "cart", "--file", out}, 1},
		{"export_no_file", sound, []string{"crdb", "export", "cart", "--file", dir, "--force"}, 1},
		{"import", newNode(), []string{"crdb", "import", "cart", "--file", "testdata/one.rdb", "--merge"}, 0},
		{"import_json", newNode(), []string{"crdb", "import", "--name", "cart", "--file", "testdata/one.rdb", "-o", "json"}, 0},
		{"import_refused", refused, []string{"crdb", "import", "cart", "--file", "testdata/one.rdb"}, 1},
		{"import_halfway", halfway, []string{"crdb", "import", "cart", "--file", "testdata/one.rdb"}, 1},
		{"import_database_20", newNode(), []string{"crdb", "import", "cart", "--file", "testdata/database20.rdb", "--flush"}, 1},
		{"import_no_dump", newNode(), []string{"crdb", "import", "cart", "--file", "cli_test.go"}, 1},
		{"import_directory", newNode(), []string{"crdb", "import", "cart", "--file", dir}, 1},
		{"usage_export_no_file", newNode(), []string{"crdb", "export", "cart"}, 2},
		{"usage_import_two_modes", newNode(), []string{"crdb", "import", "cart", "--file", "x", "--flush", "--replace"}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs, code := cli(t, c.node, c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			story := "$ crdb-cli " + strings.Join(c.args, " ") + "\n" + out + "--- stderr\n" + errs
			golden(t, c.name, strings.ReplaceAll(story, dir, "DIR"))
		})
	}
}
