// Package rule reads the controller's rule document and says which version a key gets by it.
package rule

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// Rule is a weight rule that can be followed.
type Rule struct {
	CanaryVersion string
	// Percent of keys that get the canary, 0 to 100; 0 when the document is switched off.
	CanaryWeight  float64
	StableVersion string
	// The controller has promoted the canary: it is what is live now, and StableVersion is what was.
	IsPromoted bool
}

type document struct {
	Rules     []json.RawMessage `json:"rules"`
	Enabled   any               `json:"enabled"`
	ManagedBy json.RawMessage   `json:"managedBy"`
}

type entry struct {
	Type      string     `json:"type"`
	Condition *condition `json:"condition"`
}

type condition struct {
	CanaryVersion string   `json:"canaryVersion"`
	CanaryWeight  *float64 `json:"canaryWeight"`
	StableVersion string   `json:"stableVersion"`
}

// Parse reads the first rule of type "weight". The error says why there is none; the caller then uses its safe
// default. An empty text, which is how the SDK reports a deleted document, is such an error.
func Parse(text string) (Rule, error) {
	if text == "" {
		return Rule{}, errors.New("there is no rule document")
	}
	var read document
	if err := json.Unmarshal([]byte(text), &read); err != nil {
		return Rule{}, fmt.Errorf("the rule document cannot be read: %w", err)
	}
	for _, raw := range read.Rules {
		var each struct {
			Type any `json:"type"`
		}
		// Rules of other types are others' business, whatever they look like.
		if json.Unmarshal(raw, &each) != nil || each.Type != "weight" {
			continue
		}
		rule, err := parseWeight(raw, read.Enabled != false)
		rule.IsPromoted = err == nil && isPromoted(read.ManagedBy)
		return rule, err
	}
	return Rule{}, errors.New(`the rule document has no rule of type "weight"`)
}

func parseWeight(raw json.RawMessage, enabled bool) (Rule, error) {
	var read entry
	if err := json.Unmarshal(raw, &read); err != nil {
		return Rule{}, fmt.Errorf("the weight rule cannot be read: %w", err)
	}
	c := read.Condition
	if c == nil || c.CanaryVersion == "" || c.StableVersion == "" {
		return Rule{}, errors.New("canaryVersion and stableVersion must both be names")
	}
	if c.CanaryWeight == nil || !(*c.CanaryWeight >= 0 && *c.CanaryWeight <= 100) {
		return Rule{}, errors.New("canaryWeight must be a number from 0 to 100")
	}
	rule := Rule{CanaryVersion: c.CanaryVersion, CanaryWeight: *c.CanaryWeight, StableVersion: c.StableVersion}
	if !enabled {
		rule.CanaryWeight = 0
	}
	return rule, nil
}

// isPromoted reads the controller's mark. An owner that looks otherwise is somebody else's, and no reason to refuse.
func isPromoted(managedBy json.RawMessage) bool {
	var owner struct {
		Promoted any `json:"promoted"`
	}
	return json.Unmarshal(managedBy, &owner) == nil && owner.Promoted == true
}

// Position is where a key stands between 0 (inclusive) and 100 (exclusive): the same for ever for one key of one
// service, so whoever got the canary at 5 % keeps it at 25 %. The Node client computes the same.
func Position(service, key string) float64 {
	digest := sha256.Sum256([]byte(service + "\n" + key))
	return float64(binary.BigEndian.Uint32(digest[:4])) / (1 << 32) * 100
}

// VersionAt is the version that a key gets by where it stands.
func (r Rule) VersionAt(position float64) string {
	if position < r.CanaryWeight {
		return r.CanaryVersion
	}
	return r.StableVersion
}

// live is what was judged good last: stable, and after a promotion the canary.
func (r Rule) live() string {
	if r.IsPromoted {
		return r.CanaryVersion
	}
	return r.StableVersion
}
