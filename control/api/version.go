package api

import (
	"runtime"
	"runtime/debug"
)

// version is set by the build: -ldflags "-X crdb/control/api.version=1.2.3".
var version = "0.1.0-dev"

// Build describes a binary.
type Build struct {
	Version         string `json:"version"`
	Commit          string `json:"commit,omitempty"`
	Go              string `json:"go"`
	Platform        string `json:"platform"`
	ProtocolVersion int    `json:"protocol_version"`
	FormatVersion   int    `json:"format_version"`
}

// Version describes the running binary.
func Version() Build {
	b := Build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		ProtocolVersion: ProtocolVersion, FormatVersion: FormatVersion}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Commit = s.Value
			}
		}
	}
	return b
}
