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

// Feed takes the next piece and returns the text that is certain to stand before any stop string. Once one is found,
// stopped is true, text is all that stood before it, and further pieces are dropped. Of several stop strings the one
// that begins first wins.
func (s *Stops) Feed(piece string) (text string, stopped bool) {
	if s.matched != "" {
		return "", true
	}
	s.held += piece
	at, found := s.find()
	if begun := s.begun(); begun < at {
		return s.release(begun), false
	}
	s.matched = found
	text = s.release(at)
	if found != "" {
		s.held = ""
	}
	return text, found != ""
}

// Flush ends the text and returns what was held back before any stop string.
func (s *Stops) Flush() string {
	at, found := s.find()
	text := s.release(at)
	if found != "" {
		s.matched = found
	}
	s.held = ""
	return text
}

// Matched returns the stop string that was found, "" if none.
func (s *Stops) Matched() string { return s.matched }

// find returns the first stop string in held, or the end of held.
func (s *Stops) find() (at int, stop string) {
	at = len(s.held)
	for _, candidate := range s.stops {
		i := strings.Index(s.held, candidate)
		if i >= 0 && (i < at || i == at && len(candidate) > len(stop)) {
			at, stop = i, candidate
		}
	}
	return at, stop
}

// begun returns where the first stop string begins that further pieces may complete, or the end of held.
func (s *Stops) begun() int {
	first := len(s.held)
	for _, stop := range s.stops {
		for i := max(0, len(s.held)-len(stop)+1); i < first; i++ {
			if strings.HasPrefix(stop, s.held[i:]) {
				first = i
			}
		}
	}
	return first
}

func (s *Stops) release(n int) string {
	text := s.held[:n]
	s.held = s.held[n:]
	return text
}
