package rule

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// vectors are shared with the tests of the Node client: both must read and choose alike.
type vectors struct {
	Documents []struct {
		Name string `json:"name"`
		Text string `json:"text"`
		Rule *Rule  `json:"rule"`
	} `json:"documents"`
	Choices []struct {
		Name string `json:"name"`
		// The last good rule, and whether it is the one to follow now.
		Last       *Rule    `json:"last"`
		IsFollowed bool     `json:"isFollowed"`
		Fallback   string   `json:"fallback"`
		Position   float64  `json:"position"`
		Has        []string `json:"has"`
		Version    string   `json:"version"`
	} `json:"choices"`
	Positions []struct {
		Service  string  `json:"service"`
		Key      string  `json:"key"`
		Position float64 `json:"position"`
	} `json:"positions"`
}

func load(t *testing.T) vectors {
	t.Helper()
	text, err := os.ReadFile("../../vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var read vectors
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

func TestDocumentsAreReadAsTheNodeClientReadsThem(t *testing.T) {
	for _, each := range load(t).Documents {
		rule, err := Parse(each.Text)
		if each.Rule == nil {
			if err == nil {
				t.Errorf("%s: read %+v, but there is no rule", each.Name, rule)
			}
			continue
		}
		if err != nil || rule != *each.Rule {
			t.Errorf("%s: read %+v, %v; want %+v", each.Name, rule, err, *each.Rule)
		}
	}
}

func TestKeysStandWhereTheNodeClientHasThem(t *testing.T) {
	for _, each := range load(t).Positions {
		got := Position(each.Service, each.Key)
		if math.Abs(got-each.Position) > 1e-5 {
			t.Errorf("%s, %s stands at %f, want %f", each.Service, each.Key, got, each.Position)
		}
	}
}

func TestVersionsAreChosenAsTheNodeClientChoosesThem(t *testing.T) {
	for _, each := range load(t).Choices {
		known := Known{Last: each.Last, IsFollowed: each.IsFollowed}
		got := known.VersionAt(each.Position, each.Fallback, func(version string) bool {
			return slices.Contains(each.Has, version)
		})
		if got != each.Version {
			t.Errorf("%s: got %q, want %q", each.Name, got, each.Version)
		}
	}
}

func TestTheSplitIsMonotonousAndCloseToTheWeight(t *testing.T) {
	few := Rule{CanaryVersion: "v2", CanaryWeight: 5, StableVersion: "v1"}
	more := Rule{CanaryVersion: "v2", CanaryWeight: 25, StableVersion: "v1"}
	const keys = 20_000
	counts := map[string]int{}
	for number := range keys {
		key := strings.Repeat("k", number%7) + string(rune('a'+number%26)) + string(rune(number))
		position := Position("checkout", key)
		if few.VersionAt(position) == "v2" && more.VersionAt(position) != "v2" {
			t.Fatalf("%q lost the canary when the weight rose", key)
		}
		counts[more.VersionAt(position)]++
	}
	// Five standard deviations of a fair draw.
	play := 5 * math.Sqrt(keys*0.25*0.75)
	if math.Abs(float64(counts["v2"])-keys*0.25) > play {
		t.Errorf("%d of %d keys got the canary at 25 %%", counts["v2"], keys)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"rules":[{"type":"weight","condition":{"canaryVersion":"a","canaryWeight":5,"stableVersion":"b"}}]}`)
	f.Add(`{"rules":[null,1,{"type":1}],"enabled":false}`)
	f.Fuzz(func(t *testing.T, text string) {
		rule, err := Parse(text)
		if err == nil && (rule.CanaryVersion == "" || rule.StableVersion == "" || !(rule.CanaryWeight >= 0 && rule.CanaryWeight <= 100)) {
			t.Errorf("%q was read as %+v", text, rule)
		}
	})
}
