// SPDX-License-Identifier: MIT

// A Varlink client that knows nothing of the interface, of a library that others wrote: it calls
// GetStatus, follows Monitor for five replies, and fails where an answer is not what it takes.
//
//	generic ADDRESS
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/varlink/go/varlink"
)

const replies = 5

func status(ctx context.Context, c *varlink.Connection) error {
	var reply map[string]map[string]json.RawMessage

	if err := c.Call(ctx, "org.vdsotime.Time.GetStatus", nil, &reply); err != nil {
		return err
	}
	if len(reply["daemon"]["version"]) == 0 || len(reply["page"]["on"]) == 0 {
		return fmt.Errorf("GetStatus says nothing of daemon and page")
	}
	return nil
}

func monitor(ctx context.Context, c *varlink.Connection) error {
	parameters := map[string]int{"intervalNSec": 10000000, "count": replies}
	receive, err := c.Send(ctx, "org.vdsotime.Time.Monitor", parameters, varlink.More)
	if err != nil {
		return err
	}
	last := int64(0)
	for n := 1; ; n++ {
		var reply struct {
			Timestamps []struct {
				Clock    string `json:"clock"`
				TimeNSec int64  `json:"timeNSec"`
			} `json:"timestamps"`
		}
		flags, err := receive(ctx, &reply)
		if err != nil {
			return err
		}
		if len(reply.Timestamps) != 5 || reply.Timestamps[1].Clock != "MONOTONIC" ||
			reply.Timestamps[1].TimeNSec <= last {
			return fmt.Errorf("Monitor, reply %d: %v", n, reply)
		}
		last = reply.Timestamps[1].TimeNSec
		if (flags&varlink.Continues != 0) != (n < replies) {
			return fmt.Errorf("Monitor, reply %d: continues is wrong", n)
		}
		if n == replies {
			return nil
		}
	}
}

func run(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := varlink.NewConnection(ctx, address)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := status(ctx, c); err != nil {
		return err
	}
	return monitor(ctx, c)
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generic:", err)
		os.Exit(1)
	}
}
