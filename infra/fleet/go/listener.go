package main

import (
	"context"
	"log"
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

// listener holds the rule in use. Readers need no lock, and see either the old rule or the new one.
type listener struct {
	service  string
	fallback string
	current  atomic.Pointer[rule.Rule]
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
		log.Printf("the first reading failed, everyone gets %s: %v", l.fallback, err)
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
	read, err := rule.Parse(text)
	if err != nil {
		l.current.Store(nil)
		log.Printf("%v; everyone gets %s", err, l.fallback)
		return
	}
	l.current.Store(&read)
	log.Printf("%g %% of the keys get %s, the others %s", read.CanaryWeight, read.CanaryVersion, read.StableVersion)
}

// versionFor is the version that a key gets now.
func (l *listener) versionFor(key string) string {
	if current := l.current.Load(); current != nil {
		return current.VersionFor(l.service, key)
	}
	return l.fallback
}
