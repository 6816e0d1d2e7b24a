module example.com/asyncio

go 1.26
