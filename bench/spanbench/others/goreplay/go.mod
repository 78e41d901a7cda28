module goreplay

go 1.13
