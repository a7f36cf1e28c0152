package main

import (
	"github.com/urfave/cli/v2"

	"github.com/potion-engine/potion/cuda"
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/bench"
)

// energyMeter counts the energy of the device that the flags name, nil where nothing does or
// it may not be read.
func energyMeter(c *cli.Context, info engine.Info) bench.Meter {
	switch info.Kind {
	case "cpu":
		if m, err := bench.OpenRAPL(bench.PowerCap); err == nil {
			return m
		}
	case "cuda":
		d, err := parseDevice(c.String("device"))
		if err != nil {
			return nil
		}
		if m, err := cuda.OpenEnergyMeter(d.number); err == nil {
			return m
		}
	}
	return nil
}
