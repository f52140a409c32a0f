package api

import "time"

// The states of a task. The last two are final.
const (
	TaskQueued   = "queued"
	TaskStarted  = "started"
	TaskFinished = "finished"
	TaskFailed   = "failed"
)

// The operations a task can be.
const (
	OpCreate  = "create_crdb"
	OpDelete  = "delete_crdb"
	OpFlush   = "flush_crdb"
	OpUpdate  = "update_crdb"
	OpAdd     = "add_instance"
	OpRemove  = "remove_instance"
	OpPurge   = "purge_instance"
	OpRecover = "recover_instance"
	OpImport  = "import_crdb"
	OpBackup  = "backup_crdb"
	OpRestore = "restore_crdb"
	OpRelease = "release_held"
)

// Task is one change of a database on its way.
type Task struct {
	ID        string      `json:"id"`
	GUID      string      `json:"crdb_guid"`
	Operation string      `json:"operation"`
	Status    string      `json:"status"`
	Worker    string      `json:"worker_name"`
	Queued    time.Time   `json:"queued"`
	Started   *time.Time  `json:"started,omitempty"`
	Ended     *time.Time  `json:"ended,omitempty"`
	Errors    []TaskError `json:"errors,omitempty"`
	Warnings  []string    `json:"warnings,omitempty"` // what somebody should know although the task goes on
	Progress  Progress    `json:"progress"`
	Moved     *Moved      `json:"moved,omitempty"` // of imports, backups and restores
}

// TaskError says what failed on which cluster.
type TaskError struct {
	Cluster     string `json:"cluster_name,omitempty"`
	Description string `json:"description"`
	Code        string `json:"error_code"`
}

// Progress says how far a task is, in percent.
type Progress struct {
	Worker   int               `json:"worker"`
	Step     string            `json:"step,omitempty"`
	Clusters []ClusterProgress `json:"clusters,omitempty"`
}

// ClusterProgress says how far a task is on one cluster, in percent.
type ClusterProgress struct {
	Name     string `json:"name"`
	Progress int    `json:"progress"`
}

// Final reports whether the task has ended.
func (t *Task) Final() bool { return t.Status == TaskFinished || t.Status == TaskFailed }

// DryRun is the answer to a create that was only to be checked.
type DryRun struct {
	OK       bool      `json:"ok"`
	Database *Database `json:"crdb"`
}
