package control

import "time"

const (
	maxDatabases    = 128 // instances on one node
	maxTasks        = 256 // tasks remembered, running ones included
	maxRunningTasks = 4   // and as many recoveries
	maxQueuedTasks  = 64
	maxNotes        = 256 // creates and deletes a coordinator has under way
	maxWarnings     = 64  // of one task
	maxGivenUp      = 256 // changes that follow one configuration and were given up: for members that are away
	maxRequests     = 128 // admin requests at work at a time
	maxAsked        = 16  // databases at a time of which others are asked, for each purpose
	maxExports      = 2   // dump files being written at a time

	maxFile = 64 << 20 // bytes of one that is read: a record may hold some configurations, in earlier builds each with a thousand former instances

	resultTTL    = 500 * time.Second // a finished task is remembered this long
	maxResultTTL = 24 * time.Hour

	callTimeout    = 5 * time.Second  // one call to another node
	prepareTimeout = 60 * time.Second // a member asks what became of a create after this
	maxPrepare     = time.Hour        // more than that no coordinator can say
	commitTimeout  = 20 * time.Second // a coordinator gives up and aborts after this
	retryEvery     = 200 * time.Millisecond
	janitorEvery   = 5 * time.Second
	maxServePause  = 10 * time.Second // between two tries to get a database's port
	settleTimeout  = 10 * time.Minute // a task waits so long for regions to catch up
	drainTimeout   = 10 * time.Second

	defaultLagTolerance = 100 * time.Millisecond
)
