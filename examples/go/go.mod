module span

go 1.19
