package tokenizer

import "strings"

// Stops looks for stop strings in a text that arrives in pieces. What may be the beginning of a stop string is held
// back until that is decided. It is not safe for concurrent use.
type Stops struct {
	stops   []string
	held    string
	matched string
}

// NewStops returns a matcher of the given strings; empty ones are ignored.
func NewStops(stops ...string) *Stops {
	s := &Stops{}
	for _, stop := range stops {
		if stop != "" {
			s.stops = append(s.stops, stop)
		}
	}
	return s
}

// Feed takes the next piece and returns the text that is certain to stand before any stop string. Once one is found
// stopped is true, text is all that stood before it, and further pieces are dropped. Of several stop strings the one
// that begins first wins, the longest of those that begin there.
func (s *Stops) Feed(piece string) (text string, stopped bool) {
	if s.matched != "" {
		return "", true
	}
	s.held += piece
	at, found := len(s.held), ""
	for _, stop := range s.stops {
		i := strings.Index(s.held, stop)
		if i >= 0 && (i < at || i == at && len(stop) > len(found)) {
			at, found = i, stop
		}
	}
	begun := s.begun(at)
	if found != "" && begun >= at {
		text, s.held, s.matched = s.held[:at], "", found
		return text, true
	}
	at = min(at, begun)
	text, s.held = s.held[:at], s.held[at:]
	return text, false
}

// begun returns where the first unfinished stop string may begin, at most limit.
func (s *Stops) begun(limit int) int {
	longest := 0
	for _, stop := range s.stops {
		longest = max(longest, len(stop))
	}
	for i := max(0, len(s.held)-longest+1); i < limit; i++ {
		for _, stop := range s.stops {
			if len(stop) > len(s.held)-i && strings.HasPrefix(stop, s.held[i:]) {
				return i
			}
		}
	}
	return limit
}

// Flush returns what is held back, at the end of a text.
func (s *Stops) Flush() string {
	text := s.held
	s.held = ""
	return text
}

// Matched returns the stop string that was found, "" if none.
func (s *Stops) Matched() string { return s.matched }
