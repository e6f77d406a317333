"""Files on this machine: films that an assistant looks at, and pictures, clips and sounds that become references."""
