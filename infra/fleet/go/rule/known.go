package rule

// Known is what is known of the rules of a service.
type Known struct {
	// Last is the last good rule, nil before the first one.
	Last *Rule
	// IsFollowed is false when the document that came last cannot be followed.
	IsFollowed bool
}

// VersionAt is the version that a key gets by where it stands, "" when none that may be given is there.
//
// It is what the rule gives. Where there is no rule to follow, or that version has no instances, it is the first that
// has some of stable by the rule, the named fallback ("": none is named), what is live by the last good rule, and its
// stable version, which was live before; never a canary that was not promoted. The Node client does the same.
func (k Known) VersionAt(position float64, fallback string, has func(version string) bool) string {
	var candidates []string
	if k.IsFollowed && k.Last != nil {
		candidates = append(candidates, k.Last.VersionAt(position), k.Last.StableVersion)
	}
	candidates = append(candidates, fallback)
	if k.Last != nil {
		candidates = append(candidates, k.Last.live(), k.Last.StableVersion)
	}
	for _, version := range candidates {
		if version != "" && has(version) {
			return version
		}
	}
	return ""
}
