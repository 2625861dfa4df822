package main

import (
	"context"
	"log"
	"sync"
	"sync/atomic"
	"time"

	"canary-controller/infra/fleet/go/rule"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"
)

const firstPause = 200 * time.Millisecond
const longestPause = 10 * time.Second

// source is the part of the SDK's client that a listener needs.
type source interface {
	GetConfig(param vo.ConfigParam) (string, error)
	ListenConfig(param vo.ConfigParam) error
}

// listener holds what is known of the rule. Readers need no lock, and see either what was before a change or after it.
type listener struct {
	service string
	// For everyone while no rule can be followed; "" for what was live last.
	fallback string
	known    atomic.Pointer[rule.Known]
	// The SDK may call back for two changes at once.
	updating sync.Mutex
}

// follow reads the document until that has worked once, then listens, and returns. The order matters: the SDK calls
// back only for what differs from its file of the last reading, so a listener that was never read for stays silent.
func (l *listener) follow(ctx context.Context, from source, document vo.ConfigParam) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		text, err := from.GetConfig(document)
		if err == nil {
			l.update(text)
			break
		}
		log.Printf("the first reading failed, everyone gets %s: %v", l.everyone(), err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	document.OnChange = func(_, _, _, text string) { l.update(text) }
	return from.ListenConfig(document)
}

// update takes a document over. One that cannot be followed means the safe default, never the rule before it.
func (l *listener) update(text string) {
	l.updating.Lock()
	defer l.updating.Unlock()
	read, err := rule.Parse(text)
	if err != nil {
		l.known.Store(&rule.Known{Last: l.knownNow().Last})
		log.Printf("%v; everyone gets %s", err, l.everyone())
		return
	}
	l.known.Store(&rule.Known{Last: &read, IsFollowed: true})
	log.Printf("%g %% of the keys get %s, the others %s", read.CanaryWeight, read.CanaryVersion, read.StableVersion)
}

func (l *listener) knownNow() rule.Known {
	if known := l.known.Load(); known != nil {
		return *known
	}
	return rule.Known{}
}

// everyone says for the log who gets all keys while no rule can be followed.
func (l *listener) everyone() string {
	all := func(string) bool { return true }
	if version := l.knownNow().VersionAt(0, l.fallback, all); version != "" {
		return version
	}
	return "no version"
}

// versionFor is the version that a key gets now, of those that have instances; "" when none of them may be given.
func (l *listener) versionFor(key string, has func(version string) bool) string {
	return l.knownNow().VersionAt(rule.Position(l.service, key), l.fallback, has)
}
