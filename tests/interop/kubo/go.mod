module webpool.test/interop/kubo

go 1.26.5

require github.com/ipfs/kubo v0.43.0
