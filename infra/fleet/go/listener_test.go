package main

import (
	"context"
	"errors"
	"testing"

	"github.com/nacos-group/nacos-sdk-go/v2/vo"
)

const allToCanary = `{"rules":[{"type":"weight","condition":{"canaryVersion":"v2","canaryWeight":100,"stableVersion":"v1"}}]}`

// fakeNacos fails the first readings, then answers, and keeps the callback.
type fakeNacos struct {
	failures int
	text     string
	onChange func(namespace, group, dataID, text string)
}

func (f *fakeNacos) GetConfig(vo.ConfigParam) (string, error) {
	if f.failures > 0 {
		f.failures--
		return "", errors.New("not connected yet")
	}
	return f.text, nil
}

func (f *fakeNacos) ListenConfig(param vo.ConfigParam) error {
	f.onChange = param.OnChange
	return nil
}

func TestTheRuleIsReadAlthoughTheFirstReadingFails(t *testing.T) {
	nacos := &fakeNacos{failures: 1, text: allToCanary}
	l := &listener{service: "checkout", fallback: "v0"}
	if err := l.follow(context.Background(), nacos, vo.ConfigParam{}); err != nil {
		t.Fatal(err)
	}
	if got := l.versionFor("ann"); got != "v2" {
		t.Errorf("ann gets %s", got)
	}
}

func TestChangesAreFollowedAndWhatCannotBeReadMeansTheFallback(t *testing.T) {
	nacos := &fakeNacos{text: ""}
	l := &listener{service: "checkout", fallback: "v0"}
	if err := l.follow(context.Background(), nacos, vo.ConfigParam{}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ text, version string }{
		{"", "v0"},
		{allToCanary, "v2"},
		{`{"serviceName":"checkout","rules":[],"enabled":true}`, "v0"},
		{allToCanary, "v2"},
		{"{", "v0"},
		{allToCanary, "v2"},
		{"", "v0"},
	} {
		nacos.onChange("", "", "", step.text)
		if got := l.versionFor("ann"); got != step.version {
			t.Errorf("after %q ann gets %s, want %s", step.text, got, step.version)
		}
	}
}

func TestAStopEndsTheFirstReading(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	l := &listener{service: "checkout", fallback: "v0"}
	err := l.follow(ctx, &fakeNacos{failures: 1_000}, vo.ConfigParam{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}
