package peer

import (
	"google.golang.org/protobuf/proto"

	"crdb/proto/peerpb"
)

// Publish sends a PUBLISH to all other regions: best effort, to those that
// follow this instance now and read fast enough. It copies its arguments and
// never blocks.
func (r *Replicator) Publish(channel, payload []byte) {
	var data []byte
	for _, l := range r.allLinks() {
		f := l.feed.Load()
		if f == nil {
			continue
		}
		if data == nil {
			if len(channel)+len(payload) > maxPublish {
				l.out.dropped.Add(1)
				continue
			}
			// Marshal copies, and fails for no message of this type.
			data, _ = proto.Marshal(&peerpb.Publish{Channel: channel, Payload: payload})
		}
		if !f.news.put(data) {
			l.out.dropped.Add(1)
			continue
		}
		l.out.publishes.Add(1)
		signal(f.wake)
	}
}
