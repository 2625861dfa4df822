package main

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nacos-group/nacos-sdk-go/v2/vo"
)

const promoted = `{"rules":[{"type":"weight","condition":{"canaryVersion":"v2","canaryWeight":100,"stableVersion":"v1"}}],"managedBy":{"promoted":true}}`

func everything(string) bool { return true }

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
	if got := l.versionFor("ann", everything); got != "v2" {
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
		if got := l.versionFor("ann", everything); got != step.version {
			t.Errorf("after %q ann gets %s, want %s", step.text, got, step.version)
		}
	}
}

func TestAFallbackThatNobodyRunsIsReplacedByWhatIsLive(t *testing.T) {
	for _, each := range []struct{ fallback, document, gone, has, version string }{
		{"v1", promoted, "", "v2", "v2"},
		{"v1", promoted, "{", "v2", "v2"},
		{"v1", promoted, "", "v1", "v1"},
		{"", promoted, "", "v2", "v2"},
		{"v1", promoted, "", "v9", ""},
		{"v0", allToCanary, "", "v2", ""},
	} {
		nacos := &fakeNacos{text: each.document}
		l := &listener{service: "checkout", fallback: each.fallback}
		if err := l.follow(context.Background(), nacos, vo.ConfigParam{}); err != nil {
			t.Fatal(err)
		}
		nacos.onChange("", "", "", each.gone)
		got := l.versionFor("ann", func(version string) bool { return version == each.has })
		if got != each.version {
			t.Errorf("%+v: ann gets %q", each, got)
		}
	}
}

func TestTheAnswerNamesAVersionThatRunsOrSaysThatNoneDoes(t *testing.T) {
	nacos := &fakeNacos{text: promoted}
	l := &listener{service: "checkout", fallback: "v1"}
	if err := l.follow(context.Background(), nacos, vo.ConfigParam{}); err != nil {
		t.Fatal(err)
	}
	nacos.onChange("", "", "", "")
	for _, each := range []struct {
		query  string
		status int
		body   string
	}{
		{"key=ann", 200, `{"key":"ann","version":"v1"}`},
		{"key=ann&has=v2", 200, `{"key":"ann","version":"v2"}`},
		{"key=ann&has=v1&has=v2", 200, `{"key":"ann","version":"v1"}`},
		{"key=ann&has=v9", 503, `{"key":"ann","version":null}`},
	} {
		answer := httptest.NewRecorder()
		handler(l).ServeHTTP(answer, httptest.NewRequest("GET", "/version?"+each.query, nil))
		if body := strings.TrimSpace(answer.Body.String()); answer.Code != each.status || body != each.body {
			t.Errorf("%s: answered %d %s", each.query, answer.Code, body)
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
