//go:build race

package cpu

// underRace: the race detector makes loops twenty times slower, so that tests leave out
// their largest cases.
const underRace = true
